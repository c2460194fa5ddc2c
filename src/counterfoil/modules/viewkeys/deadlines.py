"""Grants end when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.rules_views import end_grant


def end_grants(
    books: ViewKeysBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has run out at this block's time: the earliest first, at most `limit` in a block."""
    now = block.time_ms.to_bytes(8, "big")
    first = [key for key, _ in islice(books.grant_ends.scan(), limit)]
    for key in first:
        if key[:8] > now:
            return
        yield _end_of(books, key[8:28], key[28:])


def _end_of(books: ViewKeysBooks, node: bytes, grantee: bytes) -> Callable[[ActionContext], None]:
    return lambda context: end_grant(books, context, node, grantee)
