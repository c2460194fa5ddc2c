"""Earmarks lapse when their time has come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from counterfoil.modules.holdings import marks
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.records import PostingReason
from counterfoil.modules.module import ActionContext, BlockContext, expired

Act = Callable[[ActionContext], None]


def lapse_earmarks(books: HoldingsBooks, block: BlockContext, limit: int) -> list[Act]:
    """Earmarks whose expiry the block's time has reached, the earliest first; at most `limit` in a block."""
    return [partial(_lapse, books, earmark_id) for earmark_id in expired(books.expiries, block, limit)]


def _lapse(books: HoldingsBooks, earmark_id: bytes, context: ActionContext) -> None:
    if books.earmarks.find(earmark_id) is not None:
        marks.release(books, context, earmark_id, None, PostingReason.EXPIRED)
