"""Sealed receipts: the same bytes at every node, provable against the receipts root, opened by whom they are for.

docs/explanation/sealing.md has the layout, and why no nonce ever meets two plaintexts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.sealing.view_keys import WINDOW_BITS, ViewKey
from counterfoil.state.receipts import SealedReceipt, hidden_receipt

TAG_BYTES = 8
NONCE_BYTES = 12
SEALED_OVERHEAD = TAG_BYTES + NONCE_BYTES + 16
"""So many bytes a sealed receipt is longer than what is in it."""
TAGS_IN_RUN = 8

_NONCE_PERSON = b"receipt nonce"
_TAG_PERSON = b"receipt tag"
_BOUND = b"counterfoil receipt 1"


class OpenedReceipt(NamedTuple):
    """place: its index among the block's receipts."""

    place: int
    plaintext: bytes
    salt: bytes


def bound_to(chain_id: str, height: int) -> bytes:
    """What every receipt of a block is bound to; its place follows in four bytes."""
    chain = chain_id.encode()
    return _BOUND + bytes([len(chain)]) + chain + height.to_bytes(8, "big")


class ReceiptKeys:
    """One node's receipt keys for a window of blocks, ready to seal and open. Costly to make: keep it."""

    __slots__ = ("_decrypt", "_encrypt", "_prf", "window")

    def __init__(self, key: ViewKey, height: int) -> None:
        secrets = key.receipts(height)
        cipher = AESGCM(secrets.aes)
        self._encrypt: Callable[[bytes, bytes, bytes], bytes] = cipher.encrypt
        self._decrypt: Callable[[bytes, bytes, bytes], bytes] = cipher.decrypt
        self._prf = secrets.prf
        self.window = height >> WINDOW_BITS

    def tags(self, height: int, run: int) -> bytes:
        """Eight tags (64 bytes): those of the node's receipts 8·run to 8·run + 7 in a block."""
        data = height.to_bytes(8, "big") + run.to_bytes(4, "big")
        return blake2b(data, key=self._prf, person=_TAG_PERSON, digest_size=TAG_BYTES * TAGS_IN_RUN).digest()

    def seal(self, tag: bytes, bound: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """(sealed, salt). bound: `bound_to` and the receipt's place."""
        drawn = blake2b(bound + plaintext, key=self._prf, person=_NONCE_PERSON, digest_size=28).digest()
        nonce = drawn[:NONCE_BYTES]
        return tag + nonce + self._encrypt(nonce, plaintext, bound), drawn[NONCE_BYTES:]

    def open(self, bound: bytes, sealed: bytes) -> tuple[bytes, bytes] | None:
        """(plaintext, salt), or None where these keys, this place and these bytes do not belong together."""
        nonce = sealed[TAG_BYTES : TAG_BYTES + NONCE_BYTES]
        try:
            plaintext = self._decrypt(nonce, sealed[TAG_BYTES + NONCE_BYTES :], bound)
        except (InvalidTag, ValueError):
            return None
        drawn = blake2b(bound + plaintext, key=self._prf, person=_NONCE_PERSON, digest_size=28).digest()
        return (plaintext, drawn[NONCE_BYTES:]) if drawn[:NONCE_BYTES] == nonce else None


class BlockSealer:
    """Seals the receipts of one block, in the order of their places."""

    def __init__(self, chain_id: str, height: int) -> None:
        self._bound = bound_to(chain_id, height)
        self._height = height
        self._tags: dict[ReceiptKeys, Iterator[bytes]] = {}

    def seal(self, keys: ReceiptKeys, place: int, plaintext: bytes) -> tuple[bytes, bytes]:
        """(sealed, salt) of the receipt at a place, for the node whose keys are given."""
        tags = self._tags.get(keys)
        if tags is None:
            tags = self._tags[keys] = _tags(keys, self._height)
        return keys.seal(next(tags), self._bound + place.to_bytes(4, "big"), plaintext)


def open_own(
    keys: Iterable[ReceiptKeys], chain_id: str, height: int, receipts: Sequence[SealedReceipt]
) -> list[OpenedReceipt]:
    """What these nodes' keys open of a block's receipts, in the order of their places.

    Costs one digest for each node, and a decryption for each receipt that carries one of its tags. Only what fits its
    leaf is given: a receipt that opens to something else than its digest says is left out.
    """
    places = {one.sealed[:TAG_BYTES]: place for place, one in enumerate(receipts) if one.sealed}
    bound = bound_to(chain_id, height)
    opened: list[OpenedReceipt] = []
    for own in keys:
        for tag in _tags(own, height):
            place = places.get(tag)
            if place is None:
                break
            one = receipts[place]
            found = own.open(bound + place.to_bytes(4, "big"), one.sealed)
            if found is not None and hidden_receipt(found[1], found[0]) == one.hidden:
                opened.append(OpenedReceipt(place, *found))
    opened.sort()
    return opened


def _tags(keys: ReceiptKeys, height: int) -> Iterator[bytes]:
    run = 0
    while True:
        eight = keys.tags(height, run)
        for at in range(0, len(eight), TAG_BYTES):
            yield eight[at : at + TAG_BYTES]
        run += 1
