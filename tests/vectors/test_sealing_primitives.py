"""What sealing stands on against foreign vectors (HKDF, HPKE, X25519, AES-256-GCM), the library against the text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from counterfoil.primitives.hkdf import SIZE_MAX, expand, extract
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.sealing.derivation import NOTE, derive, info
from counterfoil.sealing.envelopes import seal_for
from counterfoil.sealing.opening_keys import SUITE_TAG, OpeningKey, is_opening_key
from tests.vectors import hpke_oracle as oracle

AEADS = {1: AEAD.AES_128_GCM, 2: AEAD.AES_256_GCM, 3: AEAD.CHACHA20_POLY1305}


def hkdf_cases(folder: Path) -> list[dict[str, str]]:
    text = (folder / "vectors" / "hkdf_rfc5869_sha256.txt").read_text()
    cases: list[dict[str, str]] = []
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if name.strip() == "COUNT":
            cases.append({})
        elif equals and cases:
            cases[-1][name.strip()] = value.strip()
    return cases


def wycheproof(folder: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found = json.loads((folder / "vectors" / "wycheproof" / name).read_text())
    return [(group, test) for group in found["testGroups"] for test in group["tests"]]


def test_hkdf_gives_the_keys_of_rfc_5869(shared_data: Path) -> None:
    cases = hkdf_cases(shared_data)
    assert len(cases) == 3
    for case in cases:
        key = extract(bytes.fromhex(case["salt"]), bytes.fromhex(case["IKM"]))
        assert key.hex() == case["PRK"]
        assert expand(key, bytes.fromhex(case["info"]), int(case["L"])).hex() == case["OKM"]


def test_hkdf_gives_the_keys_of_wycheproof(shared_data: Path) -> None:
    tests = wycheproof(shared_data, "hkdf_sha256_test.json")
    assert len(tests) > 50
    for _, test in tests:
        key = extract(bytes.fromhex(test["salt"]), bytes.fromhex(test["ikm"]))
        if test["result"] == "invalid":
            assert test["size"] > SIZE_MAX
            with pytest.raises(InvariantViolation):
                expand(key, bytes.fromhex(test["info"]), test["size"])
        else:
            assert expand(key, bytes.fromhex(test["info"]), test["size"]).hex() == test["okm"]


def test_hpke_opens_and_seals_what_rfc_9180_does(shared_data: Path) -> None:
    groups = json.loads((shared_data / "vectors" / "hpke_rfc9180_x25519_hkdfsha256.json").read_text())
    ours = [group for group in groups if group["mode"] == 0 and group["aead_id"] in AEADS]
    assert len(ours) == 3
    for group in ours:
        aead, shared_info = group["aead_id"], bytes.fromhex(group["info"])
        recipient, ephemeral = (
            oracle.derive_secret(bytes.fromhex(group["ikmR"])),
            bytes.fromhex(group["skEm"]),
        )
        assert recipient.hex() == group["skRm"]
        assert oracle.derive_secret(bytes.fromhex(group["ikmE"])) == ephemeral
        assert oracle.public(recipient).hex() == group["pkRm"]
        enc, sender = oracle.set_up_sender(oracle.public(recipient), shared_info, ephemeral, aead)
        receiver = oracle.set_up_recipient(enc, recipient, shared_info, aead)
        assert enc.hex() == group["enc"]
        assert sender.key.hex() == receiver.key.hex() == group["key"]
        for sequence, step in enumerate(group["encryptions"]):
            aad, plain, sealed = (bytes.fromhex(step[name]) for name in ("aad", "pt", "ct"))
            assert sender.seal(sequence, aad, plain) == sealed
            assert receiver.open(sequence, aad, sealed) == plain
        first = group["encryptions"][0]
        opened = openssl.hpke._decrypt_with_aad(
            Suite(KEM.X25519, KDF.HKDF_SHA256, AEADS[aead]),
            enc + bytes.fromhex(first["ct"]),
            X25519PrivateKey.from_private_bytes(recipient),
            shared_info,
            bytes.fromhex(first["aad"]),
        )
        assert opened.hex() == first["pt"]


def test_the_library_and_the_text_of_rfc_9180_open_each_others() -> None:
    secret, plain, parts = os.urandom(32), os.urandom(300), (b"chain", b"\x01")
    shared_info = info(NOTE, *parts)
    key = OpeningKey(secret)
    sealed = seal_for(key.public_key, NOTE, parts, plain)
    assert oracle.set_up_recipient(sealed[1:33], secret, shared_info, 2).open(0, b"", sealed[33:]) == plain
    enc, sender = oracle.set_up_sender(key.public_key, shared_info, os.urandom(32), 2)
    assert key.open(NOTE, parts, SUITE_TAG + enc + sender.seal(0, b"", plain)) == plain


def test_x25519_is_wycheproofs(shared_data: Path) -> None:
    """What the suite agrees keys with; a shared secret of zero is refused, by us before the library is asked."""
    refused = 0
    tests = wycheproof(shared_data, "x25519_test.json")
    assert len(tests) > 400
    for _, test in tests:
        public, shared = bytes.fromhex(test["public"]), test["shared"]
        private = X25519PrivateKey.from_private_bytes(bytes.fromhex(test["private"]))
        if not any(bytes.fromhex(shared)):
            refused += 1
            assert not is_opening_key(public)
            with pytest.raises(ValueError):
                private.exchange(X25519PublicKey.from_public_bytes(public))
            with pytest.raises(ValueError):
                seal_for(public, NOTE, (), b"")
            continue
        assert private.exchange(X25519PublicKey.from_public_bytes(public)).hex() == shared
        canonical = int.from_bytes(public, "little") < 2**255 - 19
        assert is_opening_key(public) == canonical
    assert refused > 10


def test_aes_gcm_is_wycheproofs(shared_data: Path) -> None:
    checked = 0
    for group, test in wycheproof(shared_data, "aes_gcm_test.json"):
        if group["keySize"] != 256 or group["ivSize"] != 96:
            continue
        checked += 1
        nonce, aad, plain = (bytes.fromhex(test[name]) for name in ("iv", "aad", "msg"))
        sealed = bytes.fromhex(test["ct"] + test["tag"])
        cipher = AESGCM(bytes.fromhex(test["key"]))
        if test["result"] == "valid":
            assert cipher.encrypt(nonce, plain, aad) == sealed
            assert cipher.decrypt(nonce, sealed, aad) == plain
        else:
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, aad)
    assert checked > 50


def test_one_derivation_is_written_out() -> None:
    """A value by hand, so that the format of `info` cannot change unnoticed."""
    key = bytes(range(32))
    assert info(b"child", b"ab", b"") == b"counterfoil sealing 1\x05child\x00\x00\x00\x02ab\x00\x00\x00\x00"
    assert derive(key, b"child", b"ab", b"") == oracle.hkdf_expand(key, info(b"child", b"ab", b""), 32)
    assert derive(key, b"child", b"ab", b"").hex() == (
        "2c5838266db1ac464ebc34e14a62889b38066fa7b643c8157acd697ea1754e96"
    )
