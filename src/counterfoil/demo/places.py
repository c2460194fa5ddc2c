"""Where a demonstration market stands: time zone, calendars and settlement cycle, by the currency that it pays in.

New York (USD) and the euro area (EUR) have their real calendars, made by rule for any year from 1998 on; elsewhere only
weekends are closed, in UTC. One-off closings (storms, days of mourning) are not known. In New York the exchange and the
depository work on Columbus and Veterans Day while banks are closed; on Good Friday it is the exchange that is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from counterfoil.primitives.calendars import Calendar, IsoDate, UtcOffsets

SATURDAY_AND_SUNDAY = 0b1100000
YEARS_BEFORE, YEARS_AFTER = 1, 2
"""How far calendars and time zones reach around the demonstration's days."""

_DAY = timedelta(days=1)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6


@dataclass(frozen=True)
class Place:
    """zone: of the time zone database. Opening, cut-offs and close of the business day: minutes after local midnight.

    trading: days on which trades are made. settlement: on which the settlement system works, the market's business
    days. currency: on which payments are made. cycles: business days of a regular-way trade, by trade date.
    """

    zone: str
    opens_minute: int
    cut_off_dvp_minute: int
    cut_off_fop_minute: int
    closes_minute: int
    trading: Calendar
    settlement: Calendar
    currency: Calendar
    cycles: tuple[tuple[IsoDate, int], ...]

    def cycle_days(self, trade_date: IsoDate) -> int:
        return [days for since, days in self.cycles if since <= trade_date][-1]


def place_of(currency: str, first: IsoDate, last: IsoDate) -> Place:
    """The place whose currency this is, with calendars for the years around the dates."""
    years = range(first // 10_000 - YEARS_BEFORE, last // 10_000 + YEARS_AFTER + 1)
    weekends = Calendar(SATURDAY_AND_SUNDAY)
    if currency == "USD":
        return Place(
            zone="America/New_York",
            opens_minute=0,
            cut_off_dvp_minute=22 * 60,
            cut_off_fop_minute=23 * 60,
            closes_minute=23 * 60 + 30,
            trading=_calendar(day for year in years for day in _new_york_exchange(year)),
            settlement=_calendar(
                day for year in years for day in _new_york_exchange(year) if day != _good_friday(year)
            ),
            currency=_calendar(day for year in years for day in _federal_reserve(year)),
            cycles=((IsoDate(0), 3), (IsoDate(20170905), 2), (IsoDate(20240528), 1)),
        )
    closed = _calendar(day for year in years for day in _target(year)) if currency == "EUR" else weekends
    return Place(
        zone="Europe/Brussels" if currency == "EUR" else "UTC",
        opens_minute=7 * 60,
        cut_off_dvp_minute=18 * 60,
        cut_off_fop_minute=18 * 60 + 30,
        closes_minute=19 * 60,
        trading=closed,
        settlement=closed,
        currency=closed,
        cycles=((IsoDate(0), 3), (IsoDate(20141006), 2)),
    )


def offsets_of(zone: str, first: IsoDate, last: IsoDate) -> UtcOffsets:
    """A time zone's offsets from UTC around the dates, found by looking at every hour's beginning."""
    known = ZoneInfo(zone)
    moment = datetime(first // 10_000 - YEARS_BEFORE, 1, 1, tzinfo=UTC)
    end = datetime(last // 10_000 + YEARS_AFTER, 12, 31, tzinfo=UTC)
    transitions: list[tuple[int, int]] = []
    while moment < end:
        offset = moment.astimezone(known).utcoffset() or timedelta(0)
        minutes = offset // timedelta(minutes=1)
        if not transitions or transitions[-1][1] != minutes:
            transitions.append((int(moment.timestamp()) * 1_000, minutes))
        moment += timedelta(hours=1)
    return UtcOffsets(tuple(transitions))


def _calendar(days: Iterable[date]) -> Calendar:
    closed = sorted({_iso(day) for day in days if day.weekday() < _SATURDAY})
    return Calendar(SATURDAY_AND_SUNDAY, tuple(closed))


def _iso(day: date) -> IsoDate:
    return IsoDate(day.year * 10_000 + day.month * 100 + day.day)


def _federal_reserve(year: int) -> list[date]:
    """Holidays of the Federal Reserve banks. One on a Sunday is kept on Monday, one on a Saturday not at all."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= 2021:
        fixed.append(date(year, 6, 19))
    days = [day + _DAY if day.weekday() == _SUNDAY else day for day in fixed]
    return [
        *days,
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _last_monday_of_may(year),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 10, _MONDAY, 2),
        _nth(year, 11, _THURSDAY, 4),
    ]


def _new_york_exchange(year: int) -> list[date]:
    """Holidays of the New York Stock Exchange (Rule 7.2), which trades on Columbus and Veterans Day and keeps Good
    Friday. One on a Saturday is kept on Friday, unless that ends a year."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)]
    if year >= 2022:
        fixed.append(date(year, 6, 19))
    days = []
    for day in fixed:
        if day.weekday() == _SUNDAY:
            days.append(day + _DAY)
        elif day.weekday() == _SATURDAY and day.month != 1:
            days.append(day - _DAY)
        else:
            days.append(day)
    return [
        *days,
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _good_friday(year),
        _last_monday_of_may(year),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 11, _THURSDAY, 4),
    ]


def _target(year: int) -> list[date]:
    """Closing days of the euro's payment system, as they have been since 2002."""
    return [
        date(year, 1, 1),
        _good_friday(year),
        _easter(year) + _DAY,
        date(year, 5, 1),
        date(year, 12, 25),
        date(year, 12, 26),
    ]


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (number - 1)) * _DAY


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - last.weekday() * _DAY


def _good_friday(year: int) -> date:
    return _easter(year) - 2 * _DAY


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)
