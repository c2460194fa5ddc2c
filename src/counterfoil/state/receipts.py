"""Receipts: for each action and stakeholder, what happened and what it may know of it.

A receipt's leaf hides its plaintext behind a salt and has a place for the digest of its sealed form. Results are not
part of the block that is decided: executing nodes keep receipts beside it, provable against the receipts root.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import EMPTY, RECEIPT, RECEIPT_LEAF, SEALED_RECEIPT


class MessageResult(Record):
    """number: 0 for accepted, otherwise the reject's. objects: identities that the message created, in order."""

    number: int
    objects: tuple[bytes, ...] = ()


class TransactionResult(Record):
    """number: 0 where the transaction took effect (with ALL_OR_NOTHING: every message did)."""

    id: bytes
    number: int
    messages: tuple[MessageResult, ...]


class ToldResult(Record):
    """message: its place in the transaction. number: 0 for accepted, otherwise the reject's."""

    message: int
    number: int


class Receipt(Record):
    """action: a transaction's id, or a deadline's or retry's own. position: the action's place in the block.

    results: of those messages of the transaction that told the stakeholder something; a signer whose transaction told
    nobody anything, or was rejected in part, learns all of them (empty for deadlines and retries). facts: encoded
    facts, in the order in which they came about.
    """

    action: bytes
    height: int
    position: int
    stakeholder: bytes
    results: tuple[ToldResult, ...]
    facts: tuple[msgspec.Raw, ...]


class KeptReceipt(Record):
    """A receipt as a node keeps it: enough to show it and its leaf."""

    stakeholder: bytes
    salt: bytes
    plaintext: bytes


class BlockResults(Record):
    """What a node keeps beside a block: results in order of execution, receipts in order of their leaves."""

    results: tuple[TransactionResult, ...]
    receipts: tuple[KeptReceipt, ...]


class SealedReceipt(Record):
    """A receipt as it is kept for everybody, in the order of the block's leaves.

    sealed: for one stakeholder. hidden: salted digest of what is in it (32 bytes). Of a receipt that is for everybody
    both are empty, and plaintext and salt (16 bytes) stand here instead.
    """

    sealed: bytes
    hidden: bytes
    plaintext: bytes = b""
    salt: bytes = b""

    def leaf(self) -> bytes:
        """Its leaf in the block's receipts root, which anybody can compute."""
        if self.plaintext:
            return receipt_leaf(self.salt, self.plaintext)
        return sealed_leaf(self.hidden, sealed_digest(self.sealed))


class SealedReceipts(Record):
    """All receipts of one block."""

    height: int
    receipts: tuple[SealedReceipt, ...]


def hidden_receipt(salt: bytes, plaintext: bytes) -> bytes:
    """The salted digest of a receipt, which tells nothing of it: 32 bytes."""
    return sha256(RECEIPT + salt + plaintext).digest()


def sealed_digest(sealed: bytes) -> bytes:
    """What a leaf holds of a receipt's sealed form: zero where there is none."""
    return sha256(SEALED_RECEIPT + sealed).digest() if sealed else EMPTY


def receipt_leaf(salt: bytes, plaintext: bytes, sealed_digest: bytes = EMPTY) -> bytes:
    return sealed_leaf(hidden_receipt(salt, plaintext), sealed_digest)


def sealed_leaf(hidden: bytes, sealed_digest: bytes) -> bytes:
    """The leaf from the salted digest of the receipt and the digest of its sealed form."""
    return sha256(RECEIPT_LEAF + hidden + sealed_digest).digest()
