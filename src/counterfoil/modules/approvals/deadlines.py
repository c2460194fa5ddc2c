"""Proposals lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.rules import lapse
from counterfoil.modules.module import ActionContext, BlockContext


def lapse_proposals(
    books: ApprovalsBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block.

    What is left over lapses in the next block; until then it can no more be approved than if it had lapsed.
    """
    now = block.time_ms.to_bytes(8, "big")
    first = [key for key, _ in islice(books.lapses.scan(), limit)]
    for key in first:
        if key[:8] > now:
            return
        yield _lapse_of(books, key[8:])


def _lapse_of(books: ApprovalsBooks, proposal_id: bytes) -> Callable[[ActionContext], None]:
    return lambda context: lapse(books, proposal_id, context)
