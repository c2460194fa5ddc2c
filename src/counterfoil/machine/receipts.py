"""Making one block's receipts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import keyed_function
from counterfoil.state.receipts import KeptReceipt, MessageResult, Receipt, ToldResult, receipt_leaf


class ReceiptBook:
    """Gathers one block's receipts and their leaves in order. `block_key` salts them."""

    def __init__(self, height: int, block_key: bytes) -> None:
        self._height = height
        self._salt = keyed_function(block_key)
        self.kept: list[KeptReceipt] = []
        self.leaves: list[bytes] = []

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
            self._keep(action, position, stakeholder, tuple(heard_results) if results else (), tuple(facts))
        if not told or any(result.number for result in results):
            everything = tuple(ToldResult(index, result.number) for index, result in enumerate(results))
            for signer in signers:
                self._keep(action, position, signer, everything, ())

    def _keep(
        self,
        action: bytes,
        position: int,
        stakeholder: bytes,
        results: tuple[ToldResult, ...],
        facts: tuple[msgspec.Raw, ...],
    ) -> None:
        plaintext = encode(Receipt(action, self._height, position, stakeholder, results, facts))
        salt = self._salt(action + stakeholder + len(self.kept).to_bytes(4, "big"))
        self.kept.append(KeptReceipt(stakeholder, salt, plaintext))
        self.leaves.append(receipt_leaf(salt, plaintext))
