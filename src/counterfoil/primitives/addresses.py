"""Addresses: twenty bytes that stand for a signer, a party, an account or an instrument, and their text.

A signer's address is its public key, hashed twice: the key stays unknown until it first signs, and nobody has to be
asked for an address. As text an address is bech32m under a prefix that names its kind, so that an account cannot be
pasted where a party belongs and a mistyped character is found.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

from counterfoil.primitives import bech32m
from counterfoil.primitives.digests import ADDRESS_INNER, ADDRESS_OUTER

ADDRESS_LENGTH = 20
"""Bytes. 160 bits: nobody finds a second key for an address, and its text still fits on a line (42 characters)."""
TAGGED_KEY_LENGTH_MAX = 255
"""Bytes of algorithm and key together; its length is written in one byte inside a policy."""
POLICY_KEYS_MAX = 16
"""Keys of one multi-signature policy: every one of them may have to be checked for one transaction."""
POLICY_ALGORITHM = 0
"""The algorithm byte that no key has: it marks what is hashed as a policy."""


class AddressKind(StrEnum):
    """What an address stands for; the value is the prefix of its text."""

    SIGNER = "cfk"
    PARTY = "cfp"
    ACCOUNT = "cfa"
    INSTRUMENT = "cfi"


def address_of(public_key_tagged: bytes) -> bytes:
    """The address of a key: 20 bytes. `public_key_tagged` is one algorithm byte (not 0), then the key."""
    _check_tagged_key(public_key_tagged)
    return _hashed_twice(public_key_tagged)


def address_of_policy(threshold: int, keys: tuple[bytes, ...]) -> bytes:
    """The address of "any `threshold` of these keys": 20 bytes, the same in whatever order the keys are named.

    `keys` are tagged keys, all different; of one key it is that key's own address. ValueError as `policy_bytes`.
    """
    return _hashed_twice(policy_bytes(threshold, keys))


def policy_bytes(threshold: int, keys: tuple[bytes, ...]) -> bytes:
    """What the address of a policy is hashed from; no two policies have the same bytes.

    A policy of one key is that key. Any other is one byte 0, one byte threshold, one byte number of keys, then the
    keys in ascending order, each after one byte of its length. ValueError where the threshold is not 1 to the number
    of keys, a key repeats or is malformed, or there are more than `POLICY_KEYS_MAX`.
    """
    if len(keys) > POLICY_KEYS_MAX:
        raise ValueError(f"A policy has at most {POLICY_KEYS_MAX} keys, not {len(keys)}.")
    if not 1 <= threshold <= len(keys):
        raise ValueError(f"A threshold is 1 to the number of keys ({len(keys)}), not {threshold}.")
    for key in keys:
        _check_tagged_key(key)
    if len(keys) == 1:
        return keys[0]
    in_order = sorted(keys)
    if any(one == following for one, following in pairwise(in_order)):
        raise ValueError("A key stands twice in the policy; each signer counts once.")
    written = bytes((POLICY_ALGORITHM, threshold, len(keys)))
    return written + b"".join(bytes((len(key),)) + key for key in in_order)


def to_text(kind: AddressKind, address: bytes) -> str:
    """The text of an address (42 characters). ValueError where it is not 20 bytes."""
    if len(address) != ADDRESS_LENGTH:
        raise ValueError(f"An address has {ADDRESS_LENGTH} bytes, not {len(address)}.")
    return bech32m.encode(kind.value, address)


def from_text(text: str, kind: AddressKind) -> bytes:
    """The 20 bytes of an address of that kind. ValueError says what is wrong with the text."""
    found, address = parse_text(text)
    if found is not kind:
        raise ValueError(
            f"This is the address of {_with_article(found)} ({found}1…), where {_with_article(kind)}'s address "
            f"({kind}1…) is needed."
        )
    return address


def parse_text(text: str) -> tuple[AddressKind, bytes]:
    """The kind and the 20 bytes of an address of any kind. ValueError says what is wrong with the text."""
    try:
        prefix, address = bech32m.decode(text)
    except ValueError as error:
        raise ValueError(f"Not an address: {error}") from None
    try:
        kind = AddressKind(prefix)
    except ValueError:
        raise ValueError(f"Not an address of this ledger: no kind has the prefix {prefix[:20]!a}.") from None
    if len(address) != ADDRESS_LENGTH:
        raise ValueError(f"Not an address: it holds {len(address)} bytes, where {ADDRESS_LENGTH} belong.")
    return kind, address


def _hashed_twice(data: bytes) -> bytes:
    return sha256(ADDRESS_OUTER + sha256(ADDRESS_INNER + data).digest()).digest()[:ADDRESS_LENGTH]


def _check_tagged_key(key: bytes) -> None:
    if not 2 <= len(key) <= TAGGED_KEY_LENGTH_MAX:
        raise ValueError(f"A tagged key has 2 to {TAGGED_KEY_LENGTH_MAX} bytes, not {len(key)}.")
    if key[0] == POLICY_ALGORITHM:
        raise ValueError("Algorithm 0 is no signature algorithm; it is kept for policies.")


def _with_article(kind: AddressKind) -> str:
    name = kind.name.lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
