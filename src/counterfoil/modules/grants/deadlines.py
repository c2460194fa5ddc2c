"""Grants lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.rules import lapse
from counterfoil.modules.module import ActionContext, BlockContext, expired


def lapse_views(
    books: GrantsBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block.

    What is left over lapses in the next block; it shows nothing any more until then.
    """
    for grant_id in expired(books.lapses, block, limit):
        yield partial(lapse, books, grant_id)
