"""What must hold of markets after every block, whatever was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.markets.books import MarketsBooks, date_key
from counterfoil.modules.markets.counting import calendar_key
from counterfoil.modules.markets.records import DAY_CLOSES, MARKETS, CalendarKind, Market, MarketStatus
from counterfoil.primitives.outcome import ensure

Changed = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: MarketsBooks, changed: Changed) -> None:
    """Business dates only rise, each closed day is on record once, and a market never loses its rules."""
    for key, (before, now) in changed.get(MARKETS.number, {}).items():
        ensure(now is not None, "a market ended")
        if before is not None:
            ensure(before.business_date <= now.business_date, "a business date went back")
            was_open = before.status is MarketStatus.OPEN
            if was_open and (now.business_date, now.status) != (before.business_date, before.status):
                closed = books.day_closes.find(key + date_key(before.business_date))
                ensure(closed is not None, "a day ended without a record of its close")
        _check_market(books, key, now)
    for _, (before, now) in changed.get(DAY_CLOSES.number, {}).items():
        ensure(before is None and now is not None, "a day was closed twice")


def check_all(books: MarketsBooks) -> None:
    for key, market in list(books.markets.scan()):
        _check_market(books, key, market)


def _check_market(books: MarketsBooks, key: bytes, market: Market) -> None:
    ensure(books.rulebooks.find(key) is not None, "a market has no rulebook")
    for kind in (CalendarKind.TRADING, CalendarKind.SETTLEMENT):
        ensure(books.calendars.find(calendar_key(key.decode(), kind)) is not None, "a market has no calendar")
    if market.status is MarketStatus.OPEN:
        closed = books.day_closes.find(key + date_key(market.business_date))
        ensure(closed is None, "a day is open that was closed")
    for amendment_key, amendment in books.amendments.scan(key):
        ensure(
            amendment_key == key + date_key(amendment.effective_from)
            and amendment.effective_from > market.business_date,
            "a rulebook missed its date",
        )
