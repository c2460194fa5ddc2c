"""Business days of a market: calendars whose versions take effect on dates, counted day by day."""

from __future__ import annotations

from counterfoil.modules.markets.records import CalendarKind, MarketCalendar
from counterfoil.primitives.calendars import (
    BUSINESS_DAYS_MAX,
    CLOSED_DAYS_MAX,
    Calendar,
    IsoDate,
    add_days,
    check_date,
    is_business_day,
)
from counterfoil.primitives.identifiers import is_mic
from counterfoil.state.books import Shelf

NO_CURRENCY = b"\0\0\0"


def calendar_key(market: str, kind: CalendarKind, currency: str = "") -> bytes:
    """8 bytes. A currency that is no code of three ASCII characters has a key under which nothing lies."""
    code = currency.encode() if len(currency) == 3 and currency.isascii() else NO_CURRENCY
    return market.encode() + bytes((kind,)) + code if is_mic(market) else b""


def on_date(versions: MarketCalendar, date: IsoDate) -> Calendar:
    """The version in force on a date; the first where the date is before all."""
    in_force = versions.versions[0]
    for version in versions.versions:
        if version.effective_from > date:
            break
        in_force = version
    return in_force.calendar


class BusinessDays:
    """The days on which all of some calendars of a market are open."""

    def __init__(
        self, shelf: Shelf[MarketCalendar], market: str, kind: CalendarKind, currency: str = ""
    ) -> None:
        found = [shelf.find(calendar_key(market, kind))]
        if currency:
            found.append(shelf.find(calendar_key(market, CalendarKind.CURRENCY, currency)))
        self._calendars = [calendar for calendar in found if calendar is not None]

    def is_open(self, date: IsoDate) -> bool:
        """ValueError where `date` is no date."""
        check_date(date)
        return all(is_business_day(date, on_date(calendar, date)) for calendar in self._calendars)

    def after(self, date: IsoDate) -> IsoDate:
        """The first open day after `date`. ValueError where there is none within `CLOSED_DAYS_MAX` days."""
        for _ in range(CLOSED_DAYS_MAX):
            date = add_days(date, 1)
            if self.is_open(date):
                return date
        raise ValueError(f"No business day within {CLOSED_DAYS_MAX} days.")

    def back(self, date: IsoDate, days: int) -> IsoDate:
        """The `days`-th open day before `date`; for 0 the date itself. ValueError as `after` and `add`."""
        if not 0 <= days <= BUSINESS_DAYS_MAX:
            raise ValueError(f"Between 0 and {BUSINESS_DAYS_MAX} business days are counted.")
        for _ in range(days):
            date = self._before(date)
        return date

    def _before(self, date: IsoDate) -> IsoDate:
        for _ in range(CLOSED_DAYS_MAX):
            date = add_days(date, -1)
            if self.is_open(date):
                return date
        raise ValueError(f"No business day within {CLOSED_DAYS_MAX} days.")

    def add(self, date: IsoDate, days: int) -> IsoDate:
        """The `days`-th open day after `date`; for 0 the date itself, or the next that is open. ValueError as
        `after`, for a negative number and beyond `BUSINESS_DAYS_MAX`."""
        if not 0 <= days <= BUSINESS_DAYS_MAX:
            raise ValueError(f"Between 0 and {BUSINESS_DAYS_MAX} business days are counted.")
        if days == 0 and not self.is_open(date):
            days = 1
        for _ in range(days):
            date = self.after(date)
        return date
