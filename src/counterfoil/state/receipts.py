"""Receipts: for each action and stakeholder, what happened and what it may know of it.

A receipt's leaf hides its plaintext behind a salt and has a place for the digest of its sealed form. Results are not
part of the block that is decided: executing nodes keep receipts beside it, provable against the receipts root.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import EMPTY, RECEIPT, RECEIPT_LEAF


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


def receipt_leaf(salt: bytes, plaintext: bytes, sealed_digest: bytes = EMPTY) -> bytes:
    hidden = sha256(RECEIPT + salt + plaintext).digest()
    return sha256(RECEIPT_LEAF + hidden + sealed_digest).digest()
