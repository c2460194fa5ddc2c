"""Making one block's receipts, and sealing them once it is committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from counterfoil.machine.recipients import Recipients
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import keyed_function
from counterfoil.sealing.receipts import seal_receipts
from counterfoil.state.receipts import (
    KeptReceipt,
    MessageResult,
    Receipt,
    SealedReceipt,
    ToldResult,
    hidden_receipt,
    sealed_digest,
    sealed_leaf,
)


class ReceiptBook:
    """Gathers one block's receipts in order: (action, stakeholder, plaintext)."""

    def __init__(self, height: int) -> None:
        self._height = height
        self.drafts: list[tuple[bytes, bytes, bytes]] = []

    def add(
        self,
        action: bytes,
        position: int,
        contexts: Iterable[ActionContext],
        results: tuple[MessageResult, ...] = (),
        signers: tuple[bytes, ...] = (),
    ) -> None:
        """Receipts of one action: to everyone who was told a fact, of the messages that told it and no others.

        results, signers: of a transaction. Where nobody was told anything, or a message was rejected, each signer gets
        a receipt with all results.
        """
        told: dict[bytes, tuple[list[msgspec.Raw], list[ToldResult]]] = {}
        for context in contexts:
            accepted = ToldResult(context.message_index, 0)
            for fact, stakeholders in context.facts:
                raw = msgspec.Raw(encode(fact))
                for stakeholder in stakeholders:
                    heard = told.get(stakeholder)
                    if heard is None:
                        told[stakeholder] = ([raw], [accepted])
                    else:
                        heard[0].append(raw)
                        if heard[1][-1] is not accepted:
                            heard[1].append(accepted)
        for stakeholder, (facts, heard_results) in told.items():
            self._draft(action, position, stakeholder, tuple(heard_results) if results else (), tuple(facts))
        if not told or any(result.number for result in results):
            everything = tuple(ToldResult(index, result.number) for index, result in enumerate(results))
            for signer in signers:
                self._draft(action, position, signer, everything, ())

    def _draft(
        self,
        action: bytes,
        position: int,
        stakeholder: bytes,
        results: tuple[ToldResult, ...],
        facts: tuple[msgspec.Raw, ...],
    ) -> None:
        plaintext = encode(Receipt(action, self._height, position, stakeholder, results, facts))
        self.drafts.append((action, stakeholder, plaintext))


class BlockReceipts(NamedTuple):
    """A block's receipts in order: their leaves, as this node keeps them, and as everybody may (on a sealed ledger)."""

    leaves: list[bytes]
    kept: tuple[KeptReceipt, ...]
    sealed: tuple[SealedReceipt, ...]


def finished(book: ReceiptBook, salt_key: bytes) -> BlockReceipts:
    """On a ledger that is not sealed. salt_key: the block's own (32 bytes)."""
    leaves: list[bytes] = []
    kept: list[KeptReceipt] = []
    salt_of = keyed_function(salt_key)
    for place, (action, stakeholder, plaintext) in enumerate(book.drafts):
        salt = salt_of(action + stakeholder + place.to_bytes(4, "big"))
        kept.append(KeptReceipt(stakeholder, salt, plaintext))
        leaves.append(sealed_leaf(hidden_receipt(salt, plaintext), sealed_digest(b"")))
    return BlockReceipts(leaves, tuple(kept), ())


def sealed(book: ReceiptBook, salt_key: bytes, recipients: Recipients, height: int) -> BlockReceipts:
    """Each sealed for its stakeholder; what is for everybody stays as it is."""
    keys_of = recipients.keys
    drafts = [
        (keys_of(stakeholder), plaintext)
        for _, stakeholder, plaintext in book.drafts
        if stakeholder != PUBLIC
    ]
    made = seal_receipts(height, drafts)
    kept: list[KeptReceipt] = []
    if len(drafts) == len(book.drafts):
        for (_, stakeholder, plaintext), salt in zip(book.drafts, made.salts, strict=True):
            kept.append(KeptReceipt(stakeholder, salt, plaintext))
        return BlockReceipts(made.leaves, tuple(kept), tuple(made.receipts))
    salt_of, own = keyed_function(salt_key), zip(*made, strict=True)
    leaves: list[bytes] = []
    receipts: list[SealedReceipt] = []
    for place, (action, stakeholder, plaintext) in enumerate(book.drafts):
        if stakeholder == PUBLIC:
            salt = salt_of(action + stakeholder + place.to_bytes(4, "big"))
            receipt = SealedReceipt(b"", b"", plaintext, salt)
            leaf = receipt.leaf()
        else:
            receipt, salt, leaf = next(own)
        kept.append(KeptReceipt(stakeholder, salt, plaintext))
        leaves.append(leaf)
        receipts.append(receipt)
    return BlockReceipts(leaves, tuple(kept), tuple(receipts))
