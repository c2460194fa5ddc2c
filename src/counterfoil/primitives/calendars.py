"""Dates, business days, settlement dates and local time, by integer arithmetic.

A date is the integer yyyymmdd, so that it sorts, reads and compares as itself; day numbers (days since 1 January
1970) are only for counting. A calendar and the offsets of a time zone are data of the ledger, put there by those who
know; nothing here asks the machine that it runs on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import IntEnum
from typing import NewType

from counterfoil.primitives.codec import Record

IsoDate = NewType("IsoDate", int)
"""A day of the Gregorian calendar as yyyymmdd, for example 20131007."""

YEAR_MIN = 1000
YEAR_MAX = 9999
"""A date has eight digits."""
HOLIDAYS_MAX = 4_000
"""Of one calendar: a century of the longest national lists."""
BUSINESS_DAYS_MAX = 1_000
"""How far one call counts: cycles and grace periods are days or weeks, and a rule must not run long."""
CLOSED_DAYS_MAX = 400
"""How many days in a row may be closed; calendars that never open together must not hang a rule."""
OFFSET_MINUTES_MAX = 16 * 60
"""No zone was ever further from UTC."""
TRANSITIONS_MAX = 512
"""Of one zone: two a year for two and a half centuries."""

SATURDAY_AND_SUNDAY = 0b1100000
FRIDAY_AND_SATURDAY = 0b0110000
"""Weekends as a bit mask: bit 0 is Monday, bit 6 Sunday."""

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_DAYS_TO_1970 = 719_468
"""From 1 March of the year 0, where counting is easiest, to 1 January 1970."""
_EVERY_DAY = 0b1111111
_DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


# ---- dates ----


def date_of(year: int, month: int, day: int) -> IsoDate:
    """ValueError where there is no such day."""
    return check_date(year * 10_000 + month * 100 + day if 0 <= month <= 99 and 0 <= day <= 99 else 0)


def is_date(value: int) -> bool:
    """Whether an integer is a day of the years 1000 to 9999 written yyyymmdd."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    if not (YEAR_MIN <= year <= YEAR_MAX and 1 <= month <= 12):
        return False
    leap_day = month == 2 and _is_leap(year)
    return 1 <= day <= _DAYS_OF_MONTH[month - 1] + leap_day


def check_date(value: int) -> IsoDate:
    """`value` as a date, or ValueError."""
    if not is_date(value):
        raise ValueError(f"{_shown(value)} is not a date written yyyymmdd.")
    return IsoDate(value)


def date_text(date: IsoDate) -> str:
    """As ISO 8601 writes it: 20131007 is "2013-10-07"."""
    return f"{date // 10_000:04d}-{date // 100 % 100:02d}-{date % 100:02d}"


def parse_date(text: str) -> IsoDate:
    """The date of "2013-10-07" or "20131007". ValueError where it is neither."""
    digits = text[:4] + text[5:7] + text[8:] if len(text) == 10 and text[4] == text[7] == "-" else text
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        raise ValueError(f"{text[:20]!a} is not a date: yyyy-mm-dd, such as 2013-10-07.")
    return check_date(int(digits))


def day_number(date: IsoDate) -> int:
    """Days since 1 January 1970 (negative before). ValueError where `date` is no date."""
    check_date(date)
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    # Years that begin in March put the leap day last, so that the months before it never shift.
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - _DAYS_TO_1970


def date_of_day(number: int) -> IsoDate:
    """The date of a day number, the inverse of `day_number`. ValueError outside the years 1000 to 9999."""
    era, day_of_era = divmod(number + _DAYS_TO_1970, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = 400 * era + year_of_era + (month <= 2)
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise ValueError(f"Day {_shown(number)} is outside the years {YEAR_MIN} to {YEAR_MAX}.")
    return IsoDate(year * 10_000 + month * 100 + day)


def weekday(date: IsoDate) -> int:
    """0 for Monday to 6 for Sunday."""
    return _weekday_of_day(day_number(date))


def add_days(date: IsoDate, days: int) -> IsoDate:
    return date_of_day(day_number(date) + days)


def days_between(start: IsoDate, end: IsoDate) -> int:
    """Calendar days from `start` to `end`; negative where `end` is earlier."""
    return day_number(end) - day_number(start)


# ---- business days ----


class Calendar(Record, frozen=True):
    """Which days are open: of a market's trading, of settlement, of a currency's payment system.

    `weekend` is a bit mask (bit 0 Monday); `holidays` are closed though no weekend; `extra_working_days` are open
    though weekend. Both lists ascend without repetition. Outside the years that the lists cover only weekends close:
    whoever publishes a calendar says how far it reaches.
    """

    weekend: int
    holidays: tuple[IsoDate, ...] = ()
    extra_working_days: tuple[IsoDate, ...] = ()


class BusinessDayConvention(IntEnum):
    """Where a date moves that falls on a closed day. The numbers are stored and never change."""

    UNADJUSTED = 0
    FOLLOWING = 1
    MODIFIED_FOLLOWING = 2
    PRECEDING = 3


def check_calendar(calendar: Calendar) -> Calendar:
    """The calendar itself, or ValueError: too long, not ascending, no dates, or contradicting itself."""
    if not 0 <= calendar.weekend < _EVERY_DAY:
        raise ValueError("A weekend is a bit mask of weekdays that leaves at least one day open.")
    for name, dates in (("holidays", calendar.holidays), ("extra working days", calendar.extra_working_days)):
        if len(dates) > HOLIDAYS_MAX:
            raise ValueError(f"A calendar has at most {HOLIDAYS_MAX} {name}, not {len(dates)}.")
        previous = 0
        for date in dates:
            check_date(date)
            if date <= previous:
                raise ValueError(f"The {name} must ascend without repetition; {date} comes after {previous}.")
            previous = date
    for date in calendar.extra_working_days:
        if not calendar.weekend >> weekday(date) & 1:
            raise ValueError(f"{date} is no weekend day, so it cannot be an extra working day.")
        if _contains(calendar.holidays, date):
            raise ValueError(f"{date} is both a holiday and an extra working day.")
    return calendar


def is_business_day(date: IsoDate, *calendars: Calendar) -> bool:
    """Whether every one of the calendars is open on `date` (with no calendar, every day is open)."""
    return _is_open(day_number(date), calendars)


def next_business_day(date: IsoDate, *calendars: Calendar) -> IsoDate:
    """The first day after `date` on which all calendars are open. ValueError where they never open together."""
    return date_of_day(_next_open(day_number(date), 1, calendars))


def previous_business_day(date: IsoDate, *calendars: Calendar) -> IsoDate:
    """The last day before `date` on which all calendars are open. ValueError where they never open together."""
    return date_of_day(_next_open(day_number(date), -1, calendars))


def add_business_days(date: IsoDate, days: int, *calendars: Calendar) -> IsoDate:
    """The `days`-th business day after `date` (before it, where negative); `date` itself, open or not, for 0.

    ValueError beyond `BUSINESS_DAYS_MAX`, or where the calendars never open together.
    """
    if abs(days) > BUSINESS_DAYS_MAX:
        raise ValueError(
            f"At most {BUSINESS_DAYS_MAX} business days are counted at once, not {_shown(days)}."
        )
    number = day_number(date)
    for _ in range(abs(days)):
        number = _next_open(number, 1 if days > 0 else -1, calendars)
    return date_of_day(number)


def adjust(date: IsoDate, convention: BusinessDayConvention, *calendars: Calendar) -> IsoDate:
    """`date` moved to an open day by the convention (ISDA Definitions section 4.12); an open day stays.

    FOLLOWING goes forward, PRECEDING back, MODIFIED_FOLLOWING forward unless that leaves the month, then back.
    """
    number = day_number(date)
    if convention is BusinessDayConvention.UNADJUSTED or _is_open(number, calendars):
        return date
    if convention is BusinessDayConvention.PRECEDING:
        return date_of_day(_next_open(number, -1, calendars))
    following = date_of_day(_next_open(number, 1, calendars))
    if convention is BusinessDayConvention.MODIFIED_FOLLOWING and following // 100 != date // 100:
        return date_of_day(_next_open(number, -1, calendars))
    return following


def settlement_date(trade_date: IsoDate, cycle_days: int, *calendars: Calendar) -> IsoDate:
    """The intended settlement date of a trade: T + `cycle_days`, on the settlement and the currency calendars joined.

    A day counts if it is a business day of every calendar. The trade date itself need not be one (a market may trade
    on a bank holiday); T+0 is then the next that is. ValueError for a negative cycle, or as `add_business_days`.
    """
    if cycle_days < 0:
        raise ValueError(f"A settlement cycle is 0 days or more, not {_shown(cycle_days)}.")
    if cycle_days == 0:
        return adjust(trade_date, BusinessDayConvention.FOLLOWING, *calendars)
    return add_business_days(trade_date, cycle_days, *calendars)


def _next_open(number: int, step: int, calendars: tuple[Calendar, ...]) -> int:
    for _ in range(CLOSED_DAYS_MAX):
        number += step
        if _is_open(number, calendars):
            return number
    raise ValueError(f"The calendars have no common business day within {CLOSED_DAYS_MAX} days.")


def _is_open(number: int, calendars: tuple[Calendar, ...]) -> bool:
    day_bit = 1 << _weekday_of_day(number)
    date = date_of_day(number)
    for calendar in calendars:
        if calendar.weekend & day_bit:
            if not _contains(calendar.extra_working_days, date):
                return False
        elif _contains(calendar.holidays, date):
            return False
    return True


def _contains(dates: tuple[IsoDate, ...], date: IsoDate) -> bool:
    position = bisect_left(dates, date)
    return position < len(dates) and dates[position] == date


def _weekday_of_day(number: int) -> int:
    return (number + 3) % 7  # 1 January 1970 was a Thursday


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**20 else "a number of more than twenty digits"


# ---- local time ----


class UtcOffsets(Record, frozen=True):
    """A time zone as data: pairs (from this `time_ms`, local time is this many minutes ahead of UTC), ascending.

    The first offset also holds before its time, the last one for ever after.
    """

    transitions: tuple[tuple[int, int], ...]


UTC = UtcOffsets(((0, 0),))


def check_offsets(offsets: UtcOffsets) -> UtcOffsets:
    """The offsets themselves, or ValueError: none, too many, not ascending, or further from UTC than any zone."""
    if not 1 <= len(offsets.transitions) <= TRANSITIONS_MAX:
        raise ValueError(f"A zone has 1 to {TRANSITIONS_MAX} offsets, not {len(offsets.transitions)}.")
    previous: int | None = None
    for from_time_ms, offset_minutes in offsets.transitions:
        if previous is not None and from_time_ms <= previous:
            raise ValueError("The times from which offsets hold must ascend without repetition.")
        if abs(offset_minutes) > OFFSET_MINUTES_MAX:
            raise ValueError(f"An offset is at most {OFFSET_MINUTES_MAX} minutes from UTC.")
        previous = from_time_ms
    return offsets


def offset_minutes(time_ms: int, offsets: UtcOffsets) -> int:
    """How many minutes local time is ahead of UTC at a moment."""
    return offsets.transitions[_period(time_ms, offsets)][1]


def local_date(time_ms: int, offsets: UtcOffsets) -> IsoDate:
    """The day that a calendar on the wall shows at a moment (milliseconds since 1970 UTC)."""
    return date_of_day((time_ms + offset_minutes(time_ms, offsets) * _MINUTE_MS) // _DAY_MS)


def local_minutes(time_ms: int, offsets: UtcOffsets) -> int:
    """The whole minutes since midnight that a clock on the wall shows at a moment: 0 to 1439."""
    return (time_ms + offset_minutes(time_ms, offsets) * _MINUTE_MS) % _DAY_MS // _MINUTE_MS


def time_of_local(date: IsoDate, minutes: int, offsets: UtcOffsets) -> int:
    """The first moment at which the clock on the wall shows `minutes` since midnight of `date`, or later.

    Where clocks go back that is the first of the two moments; where they skip it, the moment of the change.
    ValueError where `date` is no date.
    """
    local_ms = day_number(date) * _DAY_MS + minutes * _MINUTE_MS
    transitions = offsets.transitions
    position = _period(local_ms - OFFSET_MINUTES_MAX * _MINUTE_MS, offsets)
    while True:
        start_ms, offset = transitions[position]
        moment = local_ms - offset * _MINUTE_MS
        if position > 0:
            moment = max(moment, start_ms)
        if position + 1 == len(transitions) or moment < transitions[position + 1][0]:
            return moment
        position += 1


def _period(time_ms: int, offsets: UtcOffsets) -> int:
    """Which pair holds at a moment; the first one before all of them."""
    return max(0, bisect_right(offsets.transitions, time_ms, key=lambda pair: pair[0]) - 1)
