"""Proposals lapse when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.rules import lapse
from counterfoil.modules.module import ActionContext, BlockContext, expired


def lapse_proposals(
    books: ApprovalsBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """End what has expired at this block's time: the earliest first, at most `limit` in a block.

    What is left over lapses in the next block; until then it can no more be approved than if it had lapsed.
    """
    for proposal_id in expired(books.lapses, block, limit):
        yield partial(lapse, books, proposal_id)
