"""What time alone does to redemptions: one that its issuer does not answer lapses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.rules import lapse_redemption
from counterfoil.modules.module import ActionContext, BlockContext

Act = Callable[[ActionContext], None]


def lapse_redemptions(books: CashBooks, block: BlockContext, limit: int) -> Iterator[Act]:
    """On open markets, those requested earliest first; at most `limit` in a block."""
    for key, _ in books.markets.outlived(books.open_redemptions, limit):
        yield partial(lapse_redemption, books, key[8:])
