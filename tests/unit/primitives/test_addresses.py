from __future__ import annotations

from hashlib import sha256
from itertools import permutations

import pytest

from counterfoil.primitives import bech32m
from counterfoil.primitives.addresses import (
    POLICY_KEYS_MAX,
    AddressKind,
    address_of,
    address_of_policy,
    from_text,
    parse_text,
    policy_bytes,
    to_text,
)

KEY = b"\x01" + bytes(range(32))
OTHER = b"\x01" + bytes(range(32, 64))
THIRD = b"\x02" + bytes(range(33))
ADDRESS = address_of(KEY)


def test_an_address_is_the_key_hashed_twice() -> None:
    inner = sha256(b"\x02a" + KEY).digest()
    assert sha256(b"\x02b" + inner).digest()[:20] == ADDRESS
    assert ADDRESS.hex() == "3e1c8216f94a42efa2cbe1e6efc0323f1606ae8c"


def test_texts_are_what_they_were() -> None:
    assert {kind.value: to_text(kind, ADDRESS) for kind in AddressKind} == {
        "cfk": "cfk18cwgy9heffpwlgktu8nwlspj8utqdt5vjq5ret",
        "cfp": "cfp18cwgy9heffpwlgktu8nwlspj8utqdt5v3pfqjg",
        "cfa": "cfa18cwgy9heffpwlgktu8nwlspj8utqdt5vwn0lsh",
        "cfi": "cfi18cwgy9heffpwlgktu8nwlspj8utqdt5vy4n4ra",
    }


@pytest.mark.parametrize("kind", list(AddressKind))
def test_text_and_back(kind: AddressKind) -> None:
    text = to_text(kind, ADDRESS)
    assert len(text) == 42
    assert from_text(text, kind) == ADDRESS
    assert from_text(text.upper(), kind) == ADDRESS
    assert parse_text(text) == (kind, ADDRESS)


SIGNER_TEXT = to_text(AddressKind.SIGNER, ADDRESS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (to_text(AddressKind.ACCOUNT, ADDRESS), "address of an account .*, where a signer's address"),
        (to_text(AddressKind.PARTY, ADDRESS), "address of a party"),
        (SIGNER_TEXT[:-1] + ("q" if SIGNER_TEXT[-1] != "q" else "p"), "checksum"),
        (SIGNER_TEXT.capitalize(), "mixes capital"),
        (SIGNER_TEXT[:20], "checksum"),
        ("", "no separator"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "whole byte|prefix 'bc'"),
        ("a1lqfn3a", "prefix 'a'"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_text(text, AddressKind.SIGNER)


def test_an_address_of_another_length_is_refused_both_ways() -> None:
    for length in (0, 19, 21, 32):
        with pytest.raises(ValueError, match="20 bytes"):
            to_text(AddressKind.PARTY, bytes(length))
        with pytest.raises(ValueError, match=f"holds {length} bytes"):
            from_text(bech32m.encode("cfp", bytes(length)), AddressKind.PARTY)


def test_a_policy_has_one_address_however_its_keys_are_named() -> None:
    addresses = {address_of_policy(2, keys) for keys in permutations((KEY, OTHER, THIRD))}
    assert len(addresses) == 1
    assert len(addresses.pop()) == 20


def test_a_policy_of_one_key_is_that_key() -> None:
    assert address_of_policy(1, (KEY,)) == ADDRESS


def test_the_bytes_of_a_policy() -> None:
    assert policy_bytes(1, (OTHER, KEY)) == b"\x00\x01\x02" + b"\x21" + KEY + b"\x21" + OTHER


def test_different_policies_have_different_addresses() -> None:
    policies = [(1, (KEY,)), (1, (OTHER,)), (1, (KEY, OTHER)), (2, (KEY, OTHER)), (2, (KEY, THIRD))]
    assert len({address_of_policy(threshold, keys) for threshold, keys in policies}) == len(policies)


@pytest.mark.parametrize(
    ("threshold", "keys", "message"),
    [
        (0, (KEY,), "threshold is 1 to"),
        (2, (KEY,), "threshold is 1 to"),
        (0, (), "threshold is 1 to"),
        (1, (), "threshold is 1 to"),
        (-1, (KEY, OTHER), "threshold is 1 to"),
        (2, (KEY, OTHER, KEY), "stands twice"),
        (1, (KEY, b"\x01"), "2 to 255 bytes"),
        (1, (KEY, b"\x01" * 256), "2 to 255 bytes"),
        (1, (KEY, b"\x00" + KEY), "kept for policies"),
        (1, tuple(b"\x01" + bytes([n]) for n in range(POLICY_KEYS_MAX + 1)), "at most 16 keys"),
    ],
)
def test_policies_that_are_refused(threshold: int, keys: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        address_of_policy(threshold, keys)


@pytest.mark.parametrize("key", [b"", b"\x01", b"\x00" + bytes(32), b"\x01" * 256])
def test_what_is_no_tagged_key_has_no_address(key: bytes) -> None:
    with pytest.raises(ValueError, match="tagged key|Algorithm 0"):
        address_of(key)
