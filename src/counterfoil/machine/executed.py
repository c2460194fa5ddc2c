"""A block that was executed, before it is committed, discarded or set aside."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.machine.receipts import ReceiptBook
from counterfoil.modules.module import BlockContext
from counterfoil.sealing.epochs import Epoch
from counterfoil.state.books import Aside
from counterfoil.state.receipts import TransactionResult


class Executed(NamedTuple):
    """A block that was applied and is neither committed nor discarded. epoch: in force for it, on a sealed ledger."""

    block: BlockContext
    items_digest: bytes
    book: ReceiptBook
    results: list[TransactionResult]
    expiries: list[int]
    epoch: Epoch | None


class SetAside(NamedTuple):
    """An executed block that was taken off the books and can be brought back (`Machine.set_aside`)."""

    executed: Executed
    changes: Aside
    used: list[tuple[bytes, int]]
