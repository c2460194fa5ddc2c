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
    due: list[bytes] = []
    for market_key in books.markets.open_markets():
        kept_from = books.markets.recycled_from(market_key.decode())
        for key, _ in books.open_redemptions.scan(market_key):
            if len(due) == limit or int.from_bytes(key[4:8], "big") >= kept_from:
                break
            due.append(key[8:])
    for redemption_id in due:
        yield partial(lapse_redemption, books, redemption_id)
