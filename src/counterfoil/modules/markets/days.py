"""How a business day begins and ends, whoever or whatever begins and ends it."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from counterfoil.modules.markets.books import MarketsBooks, date_key, market_key
from counterfoil.modules.markets.counting import BusinessDays
from counterfoil.modules.markets.facts import DayClosed, DayOpened
from counterfoil.modules.markets.records import (
    NEVER_MS,
    CalendarKind,
    DayClose,
    Market,
    MarketStatus,
    Rulebook,
)
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.primitives.calendars import IsoDate, time_of_local


def business_days(books: MarketsBooks, market: str) -> BusinessDays:
    """The market's own: the days of its settlement calendar."""
    return BusinessDays(books.calendars, market, CalendarKind.SETTLEMENT)


def next_date(books: MarketsBooks, market: str, business_date: int) -> IsoDate | None:
    """The business day after a date; None where the calendar has none within a year."""
    try:
        return business_days(books, market).after(IsoDate(business_date))
    except ValueError:
        return None


def rulebook_on(books: MarketsBooks, market: str, date: int) -> Rulebook:
    """The rulebook that will be in force on a date that has not begun yet."""
    key = market_key(market)
    rulebook = cast(Rulebook, books.rulebooks.find(key))
    for _, amendment in books.amendments.scan(key):
        if amendment.effective_from <= date:
            rulebook = amendment
    return rulebook


def opens_by_itself_ms(books: MarketsBooks, market: str, business_date: int) -> int:
    """When the schedule opens the day after a business date; `NEVER_MS` where nothing opens it."""
    date = next_date(books, market, business_date)
    if date is None:
        return NEVER_MS
    rulebook = rulebook_on(books, market, date)
    minute = rulebook.schedule.opens_minute
    return NEVER_MS if minute is None else time_of_local(date, minute, rulebook.offsets)


def begin_day(
    books: MarketsBooks, context: ActionContext, market: str, date: IsoDate, scheduled: bool
) -> None:
    """Open a business day; a rulebook whose date has come is in force from now on."""
    key = market_key(market)
    found = cast(Market, books.markets.find(key))
    rulebook = rulebook_on(books, market, date)
    for amendment_key, amendment in list(books.amendments.scan(key)):
        if amendment.effective_from <= date:
            books.amendments.delete(amendment_key)
    if rulebook is not books.rulebooks.find(key):
        books.rulebooks.put(key, rulebook)
    for asset_key, asset in list(books.accepted_assets.scan(key)):
        if 0 < asset.accepted_until <= date:
            books.accepted_assets.delete(asset_key)
    closes_minute = rulebook.schedule.closes_minute
    offsets = rulebook.offsets
    books.markets.put(
        key,
        Market(
            operator=found.operator,
            name=found.name,
            status=MarketStatus.OPEN,
            business_date=date,
            cut_off_dvp_ms=time_of_local(date, rulebook.cut_off_dvp_minute, offsets),
            cut_off_fop_ms=time_of_local(date, rulebook.cut_off_fop_minute, offsets),
            changes_ms=NEVER_MS if closes_minute is None else time_of_local(date, closes_minute, offsets),
            closed_height=found.closed_height,
        ),
    )
    context.tell(DayOpened(market, date, rulebook.effective_from, scheduled), PUBLIC)


def end_day(books: MarketsBooks, context: ActionContext, market: str, scheduled: bool) -> None:
    """Close the business day.

    By its operator the day ends with the block in which it is closed. What its schedule closes had ended before the
    first block that noticed it, so that its last block is the one before.
    """
    key = market_key(market)
    found = cast(Market, books.markets.find(key))
    date = found.business_date
    height = context.height - 1 if scheduled else context.height
    books.day_closes.put(key + date_key(date), DayClose(height, context.time_ms, scheduled))
    books.markets.put(
        key,
        replace(
            found,
            status=MarketStatus.CLOSED,
            changes_ms=opens_by_itself_ms(books, market, date),
            closed_height=height,
        ),
    )
    context.tell(DayClosed(market, date, height, scheduled), PUBLIC)
