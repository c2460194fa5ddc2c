"""Earmarks lapse when their time has come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from counterfoil.modules.holdings import marks
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.records import PostingReason
from counterfoil.modules.module import ActionContext, BlockContext

Act = Callable[[ActionContext], None]


def lapse_earmarks(books: HoldingsBooks, block: BlockContext, limit: int) -> list[Act]:
    """Earmarks whose expiry the block's time has reached, the earliest first; at most `limit` in a block."""
    due: list[Act] = []
    for key, _ in books.expiries.scan():
        if int.from_bytes(key[:8], "big") > block.time_ms or len(due) == limit:
            break
        due.append(partial(_lapse, books, key[8:]))
    return due


def _lapse(books: HoldingsBooks, earmark_id: bytes, context: ActionContext) -> None:
    if books.earmarks.find(earmark_id) is not None:
        marks.release(books, context, earmark_id, None, PostingReason.EXPIRED)
