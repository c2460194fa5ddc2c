"""What a market's schedule does by block time alone: it opens and closes business days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.days import begin_day, end_day, next_date
from counterfoil.modules.markets.records import Market, MarketStatus
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.primitives.calendars import IsoDate


def follow_schedules(
    books: MarketsBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """Market by market in the order of their codes.

    After a standstill the missed days are opened and closed one after the other, each on record, at most `limit`
    steps a block.
    """
    steps = 0
    for key in [key for key, _ in books.markets.scan()]:
        market = cast(Market, books.markets.find(key))
        while market.changes_ms <= block.time_ms and steps < limit:
            steps += 1
            yield _step(books, key)
            before, market = market, cast(Market, books.markets.find(key))
            if market is before:
                break


def _step(books: MarketsBooks, key: bytes) -> Callable[[ActionContext], None]:
    def act(context: ActionContext) -> None:
        code = key.decode()
        market = cast(Market, books.markets.find(key))
        if market.status is MarketStatus.OPEN:
            end_day(books, context, code, scheduled=True)
        else:
            date = cast(IsoDate, next_date(books, code, market.business_date))
            begin_day(books, context, code, date, scheduled=True)

    return act
