"""RFC 9497, appendix A.1: OPRF and VOPRF over ristretto255 with SHA-512; and that shares lead to the same tags.

What the registrar evaluates directly must be what the blinded protocol would have led to, so that registrars who each
hold a share of the key, and see blinded numbers alone, can take its place without any tag becoming another.
"""

from __future__ import annotations

from hashlib import sha512
from itertools import combinations

import pytest
import rbcl

from counterfoil.realnames.tags import OPRF, VOPRF, TagFunction, _expand, derive_secret, person_input

SEED, INFO = b"\xa3" * 32, b"test key"
BLIND = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
ORDER = 2**252 + 27742317777372353535851937790883648493

KEYS = {
    OPRF: ("5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e", None),
    VOPRF: (
        "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909",
        "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e",
    ),
}
VECTORS = [
    (
        OPRF,
        "00",
        "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
        "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
        "527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3"
        "ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6",
    ),
    (
        OPRF,
        "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
        "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
        "b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
        "f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4"
        "f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73",
    ),
    (
        VOPRF,
        "00",
        "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
        "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
        "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
        "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
    ),
    (
        VOPRF,
        "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
        "cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c",
        "60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468",
        "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60"
        "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
    ),
]


@pytest.mark.parametrize("mode", KEYS)
def test_keys_are_derived(mode: int) -> None:
    secret, public = KEYS[mode]
    assert derive_secret(SEED, INFO, mode).hex() == secret
    if public is not None:
        assert TagFunction(bytes.fromhex(secret), mode).public_key.hex() == public


@pytest.mark.parametrize(("mode", "data", "blinded", "evaluated", "output"), VECTORS)
def test_evaluation(mode: int, data: str, blinded: str, evaluated: str, output: str) -> None:
    function = TagFunction(bytes.fromhex(KEYS[mode][0]), mode)
    assert function.evaluate(bytes.fromhex(data)).hex() == output


@pytest.mark.parametrize(("mode", "data", "blinded", "evaluated", "output"), VECTORS)
def test_the_blinded_way_leads_to_the_same(
    mode: int, data: str, blinded: str, evaluated: str, output: str
) -> None:
    """Client blinds, server multiplies, client takes the blinding off and hashes: with the vectors' own blinding."""
    given, blind, secret = bytes.fromhex(data), bytes.fromhex(BLIND), bytes.fromhex(KEYS[mode][0])
    element = _element(given, mode)
    sent = rbcl.crypto_scalarmult_ristretto255(blind, element)
    assert bytes(sent).hex() == blinded
    answer = rbcl.crypto_scalarmult_ristretto255(secret, sent)
    assert bytes(answer).hex() == evaluated
    assert _finished(given, blind, answer).hex() == output


def test_any_two_of_three_shares_make_the_tag_that_the_whole_key_makes() -> None:
    """The later step: nobody has the key, nobody sees the number, and every tag on the ledger stays what it was."""
    secret = derive_secret(SEED, INFO)
    key, slope = int.from_bytes(secret, "little"), 0x1234567890ABCDEF
    shares = {at: (key + slope * at) % ORDER for at in (1, 2, 3)}
    given, blind = person_input("MY-NRIC", "800101-14-5566"), bytes.fromhex(BLIND)
    sent = rbcl.crypto_scalarmult_ristretto255(blind, _element(given, VOPRF))
    expected = TagFunction(secret).evaluate(given)
    for some in combinations(shares, 2):
        answer = bytes(32)
        for at in some:
            (other,) = [one for one in some if one != at]
            weight = other * pow(other - at, -1, ORDER) % ORDER
            part = rbcl.crypto_scalarmult_ristretto255(_scalar(shares[at] * weight), sent)
            answer = rbcl.crypto_core_ristretto255_add(answer, part)
        assert _finished(given, blind, answer) == expected


def _element(data: bytes, mode: int) -> bytes:
    domain = b"HashToGroup-OPRFV1-" + bytes([mode]) + b"-ristretto255-SHA512"
    return bytes(rbcl.crypto_core_ristretto255_from_hash(_expand(data, domain)))


def _finished(data: bytes, blind: bytes, answer: bytes) -> bytes:
    inverse = _scalar(pow(int.from_bytes(blind, "little"), -1, ORDER))
    issued = bytes(rbcl.crypto_scalarmult_ristretto255(inverse, answer))
    sized = (len(part).to_bytes(2, "big") + part for part in (data, issued))
    return sha512(b"".join(sized) + b"Finalize").digest()


def _scalar(number: int) -> bytes:
    return (number % ORDER).to_bytes(32, "little")
