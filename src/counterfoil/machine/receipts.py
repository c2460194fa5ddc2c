"""Making one block's receipts."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import encode
from counterfoil.state.receipts import KeptReceipt, MessageResult, Receipt, receipt_leaf


class ReceiptBook:
    """Gathers one block's receipts and their leaves in order. `block_key` salts them."""

    def __init__(self, height: int, block_key: bytes) -> None:
        self._height = height
        self._key = block_key
        self.kept: list[KeptReceipt] = []
        self.leaves: list[bytes] = []

    def add(
        self,
        action: bytes,
        position: int,
        results: tuple[MessageResult, ...],
        contexts: Iterable[ActionContext],
        otherwise: tuple[bytes, ...],
    ) -> None:
        """Receipts of one action: to everyone who was told a fact, or to `otherwise` where nobody was."""
        told: dict[bytes, list[msgspec.Raw]] = {}
        for context in contexts:
            for fact, stakeholders in context.facts:
                raw = msgspec.Raw(encode(fact))
                for stakeholder in stakeholders:
                    heard = told.get(stakeholder)
                    if heard is None:
                        told[stakeholder] = [raw]
                    else:
                        heard.append(raw)
        if not told:
            told = {address: [] for address in otherwise}
        for stakeholder, facts in told.items():
            plaintext = encode(Receipt(action, self._height, position, stakeholder, results, tuple(facts)))
            salt = blake2b(action + stakeholder, key=self._key, digest_size=16).digest()
            self.kept.append(KeptReceipt(stakeholder, salt, plaintext))
            self.leaves.append(receipt_leaf(salt, plaintext))
