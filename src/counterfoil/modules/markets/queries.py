"""Reads about markets, as of now or of any past height."""

from __future__ import annotations

from bisect import bisect_right

from counterfoil.modules.markets.books import date_key, market_key
from counterfoil.modules.markets.counting import calendar_key
from counterfoil.modules.markets.records import (
    CALENDARS,
    DAY_CLOSES,
    MARKETS,
    RULEBOOKS,
    CalendarKind,
    DayClose,
    Market,
    MarketCalendar,
    MarketStatus,
    Rulebook,
)
from counterfoil.state.state import State
from counterfoil.state.tables import R, Table


def market_codes(state: State) -> tuple[str, ...]:
    """Every market's code, in their order."""
    return tuple(key.decode() for key in state.keys(MARKETS))


def market(state: State, code: str, height: int | None = None) -> Market | None:
    return _find(state, MARKETS, market_key(code), height)


def rulebook(state: State, code: str, height: int | None = None) -> Rulebook | None:
    """The one in force."""
    return _find(state, RULEBOOKS, market_key(code), height)


def calendar(
    state: State, code: str, kind: CalendarKind, currency: str = "", height: int | None = None
) -> MarketCalendar | None:
    return _find(state, CALENDARS, calendar_key(code, kind, currency), height)


def day_close(state: State, code: str, date: int) -> DayClose | None:
    """The close of business of a date: of that day, or where the market was closed on it, of the last day before.

    None where the date is not over by the market's books, or before its first day.
    """
    key = market_key(code)
    found = _find(state, MARKETS, key, None)
    if found is None or date > found.business_date:
        return None
    if date == found.business_date and found.status is MarketStatus.OPEN:
        return None
    closes = state.keys(DAY_CLOSES, key)
    position = bisect_right(closes, key + date_key(max(date, 0)))
    return state.find(DAY_CLOSES, closes[position - 1]) if position else None


def close_height(state: State, code: str, date: int) -> int | None:
    """The height at whose end a date's business was closed; None as `day_close`."""
    found = day_close(state, code, date)
    return found.height if found is not None else None


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    if not key:
        return None
    return state.find(table, key) if height is None else state.find_at(table, key, height)
