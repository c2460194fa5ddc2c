"""Motions lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.rules import lapse_motion
from counterfoil.modules.module import ActionContext, BlockContext, expired


def lapse_motions(
    books: ConsortiumBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block."""
    for motion_id in expired(books.lapses, block, limit):
        yield partial(lapse_motion, books, motion_id)
