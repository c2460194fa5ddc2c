"""Motions lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.rules import lapse_motion
from counterfoil.modules.module import ActionContext, BlockContext


def lapse_motions(
    books: ConsortiumBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block."""
    now = block.time_ms.to_bytes(8, "big")
    first = [key for key, _ in islice(books.lapses.scan(), limit)]
    for key in first:
        if key[:8] > now:
            return
        yield _lapse_of(books, key[8:])


def _lapse_of(books: ConsortiumBooks, motion_id: bytes) -> Callable[[ActionContext], None]:
    return lambda context: lapse_motion(books, motion_id, context)
