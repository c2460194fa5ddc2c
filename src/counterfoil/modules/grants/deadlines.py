"""Grants lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.rules import lapse
from counterfoil.modules.module import ActionContext, BlockContext


def lapse_views(
    books: GrantsBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block.

    What is left over lapses in the next block; it shows nothing any more until then.
    """
    now = block.time_ms.to_bytes(8, "big")
    first = [key for key, _ in islice(books.lapses.scan(), limit)]
    for key in first:
        if key[:8] > now:
            return
        yield _lapse_of(books, key[8:])


def _lapse_of(books: GrantsBooks, grant_id: bytes) -> Callable[[ActionContext], None]:
    return lambda context: lapse(books, grant_id, context)
