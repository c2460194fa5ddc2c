"""Sealed receipts: the same bytes at every node, provable against the receipts root, opened by whom they are for.

docs/explanation/sealing.md has the layout, and why no nonce ever meets two plaintexts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b, sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.primitives.digests import RECEIPT, RECEIPT_LEAF, SEALED_RECEIPT
from counterfoil.sealing.view_keys import WINDOW_BITS, ViewKey
from counterfoil.state.receipts import SealedReceipt, hidden_receipt

TAG_BYTES = 8
SALT_BYTES = 16
NONCE_BYTES = 12
SEALED_OVERHEAD = TAG_BYTES + 16
"""So many bytes a sealed receipt is longer than what is in it."""

_MARK_BYTES = TAG_BYTES + SALT_BYTES
_MARKS_IN_RUN = 2
_RUN_PERSON = b"receipt run"

Draft = tuple["ReceiptKeys", bytes]
"""Whose keys a receipt is sealed with, and its plaintext."""


class OpenedReceipt(NamedTuple):
    """place: its index among the block's receipts. salt: with the plaintext it gives the leaf."""

    place: int
    plaintext: bytes
    salt: bytes


class ReceiptKeys:
    """One node's receipt keys for a window of blocks, ready to seal and open. Costly to make: keep it."""

    __slots__ = ("_run", "decrypt", "encrypt", "window")

    def __init__(self, key: ViewKey, height: int) -> None:
        secrets = key.receipts(height)
        cipher = AESGCM(secrets.aes)
        self.encrypt: Callable[[bytes, bytes, None], bytes] = cipher.encrypt
        self.decrypt: Callable[[bytes, bytes, None], bytes] = cipher.decrypt
        self.window = height >> WINDOW_BITS
        self._run = blake2b(key=secrets.prf, person=_RUN_PERSON, digest_size=_MARK_BYTES * _MARKS_IN_RUN).copy

    def serves(self, height: int) -> bool:
        """Whether a block lies in the window of these keys."""
        return height >> WINDOW_BITS == self.window

    def marks(self, height: int) -> Iterator[bytes]:
        """Of the node's receipts in a block, in their order: tag (8) and salt (16) of each, without end."""
        height8, number = height.to_bytes(8, "big"), 0
        while True:
            run = self._run()
            run.update(height8 + number.to_bytes(4, "big"))
            both = run.digest()
            yield both[:_MARK_BYTES]
            yield both[_MARK_BYTES:]
            number += 1


class SealedBlock(NamedTuple):
    """Of a block's receipts, each list in the order of their places: for everybody to keep; salts; leaves."""

    receipts: list[SealedReceipt]
    salts: list[bytes]
    leaves: list[bytes]


def seal_receipts(height: int, drafts: Iterable[Draft]) -> SealedBlock:
    """Seal receipts, each for its node, in the order in which the block made them.

    One loop without calls into our own code: a settlement has four receipts and more.
    """
    made = SealedBlock([], [], [])
    keep, keep_salt, keep_leaf = made.receipts.append, made.salts.append, made.leaves.append
    all_marks: dict[ReceiptKeys, Iterator[bytes]] = {}
    find_marks = all_marks.get
    for keys, plaintext in drafts:
        marks = find_marks(keys)
        if marks is None:
            marks = all_marks[keys] = keys.marks(height)
        mark = next(marks)
        salt = mark[TAG_BYTES:]
        hidden = sha256(RECEIPT + salt + plaintext).digest()
        sealed = mark[:TAG_BYTES] + keys.encrypt(hidden[:NONCE_BYTES], plaintext, None)
        keep(SealedReceipt(sealed, hidden))
        keep_salt(salt)
        keep_leaf(sha256(RECEIPT_LEAF + hidden + sha256(SEALED_RECEIPT + sealed).digest()).digest())
    return made


def open_receipt(keys: ReceiptKeys, salt: bytes, receipt: SealedReceipt) -> bytes | None:
    """The plaintext, or None where these keys, this salt and this receipt do not belong together."""
    try:
        plaintext = keys.decrypt(receipt.hidden[:NONCE_BYTES], receipt.sealed[TAG_BYTES:], None)
    except (InvalidTag, ValueError):
        return None
    return plaintext if hidden_receipt(salt, plaintext) == receipt.hidden else None


def open_own(
    keys: Iterable[ReceiptKeys], height: int, receipts: Sequence[SealedReceipt]
) -> list[OpenedReceipt]:
    """What these nodes' keys open of a block's receipts, in the order of their places.

    Costs one digest for each node, and a decryption for each receipt that carries one of its tags. Only what fits its
    leaf is given: a receipt that opens to something else than its digest says is left out.
    """
    places = {one.sealed[:TAG_BYTES]: place for place, one in enumerate(receipts) if one.sealed}
    opened: list[OpenedReceipt] = []
    for own in keys:
        for mark in own.marks(height):
            place = places.get(mark[:TAG_BYTES])
            if place is None:
                break
            salt = mark[TAG_BYTES:]
            plaintext = open_receipt(own, salt, receipts[place])
            if plaintext is not None:
                opened.append(OpenedReceipt(place, plaintext, salt))
    opened.sort()
    return opened
