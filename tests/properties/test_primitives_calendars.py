"""Dates against `datetime`, business days against a slow and obvious count, local time against `zoneinfo`."""

from __future__ import annotations

import datetime
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from counterfoil.primitives.calendars import (
    BusinessDayConvention,
    Calendar,
    IsoDate,
    UtcOffsets,
    add_business_days,
    add_days,
    adjust,
    check_calendar,
    check_offsets,
    date_of_day,
    date_text,
    day_number,
    days_between,
    is_business_day,
    is_date,
    local_date,
    local_minutes,
    next_business_day,
    parse_date,
    previous_business_day,
    settlement_date,
    time_of_local,
    weekday,
)

EPOCH = datetime.date(1970, 1, 1)
EPOCH_MOMENT = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MINUTE_MS = 60_000
YEAR_MS = 365 * 86_400_000

every_day = st.dates(datetime.date(1000, 1, 1), datetime.date(9999, 12, 31))
near_days = st.dates(datetime.date(2013, 9, 1), datetime.date(2014, 3, 31))


def iso(day: datetime.date) -> IsoDate:
    return IsoDate(day.year * 10_000 + day.month * 100 + day.day)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """A calendar that is open on two days a week at least, with a fair number of exceptions."""
    closed = draw(st.lists(st.integers(0, 6), max_size=5, unique=True))
    exceptions = sorted(draw(st.lists(near_days, max_size=40, unique=True)))
    holidays = [day for day in exceptions if day.weekday() not in closed or day.day % 3]
    extra = [day for day in exceptions if day.weekday() in closed and day not in holidays]
    weekend = sum(1 << day for day in closed)
    return check_calendar(Calendar(weekend, tuple(map(iso, holidays)), tuple(map(iso, extra))))


def is_open(day: datetime.date, joined: list[Calendar]) -> bool:
    """The definition, read aloud."""
    return all(
        iso(day) in calendar.extra_working_days
        or (not calendar.weekend >> day.weekday() & 1 and iso(day) not in calendar.holidays)
        for calendar in joined
    )


def open_days(joined: list[Calendar]) -> list[IsoDate]:
    days = (datetime.date(2013, 1, 1) + datetime.timedelta(n) for n in range(2 * 365))
    return [iso(day) for day in days if is_open(day, joined)]


@given(every_day)
def test_dates_agree_with_datetime(day: datetime.date) -> None:
    date = iso(day)
    assert is_date(date)
    assert day_number(date) == (day - EPOCH).days
    assert date_of_day((day - EPOCH).days) == date
    assert weekday(date) == day.weekday()
    assert date_text(date) == day.isoformat()
    assert parse_date(day.isoformat()) == date


@given(st.integers(0, 100_000_000))
def test_what_is_a_date_agrees_with_datetime(value: int) -> None:
    try:
        datetime.date(value // 10_000, value // 100 % 100, value % 100)
    except ValueError:
        assert not is_date(value)
    else:
        assert is_date(value) == (10_000_000 <= value <= 99_999_999)


@given(every_day, every_day)
def test_counting_days_there_and_back(start: datetime.date, end: datetime.date) -> None:
    days = days_between(iso(start), iso(end))
    assert days == (end - start).days
    assert add_days(iso(start), days) == iso(end)
    assert (iso(start) < iso(end)) == (start < end)


@given(near_days, st.lists(calendars(), max_size=3))
def test_open_days_are_those_of_the_definition(day: datetime.date, joined: list[Calendar]) -> None:
    assert is_business_day(iso(day), *joined) == is_open(day, joined)


@given(near_days, st.lists(calendars(), max_size=2), st.integers(-20, 20))
def test_business_days_are_counted_as_on_a_list(
    day: datetime.date, joined: list[Calendar], count: int
) -> None:
    days = open_days(joined)
    after = [date for date in days if date > iso(day)]
    before = [date for date in reversed(days) if date < iso(day)]
    assume(len(after) >= 20 and len(before) >= 20)
    assert next_business_day(iso(day), *joined) == after[0]
    assert previous_business_day(iso(day), *joined) == before[0]
    expected = iso(day) if count == 0 else after[count - 1] if count > 0 else before[-count - 1]
    assert add_business_days(iso(day), count, *joined) == expected
    if count >= 0:
        on_or_after = [date for date in days if date >= iso(day)]
        settles = settlement_date(iso(day), count, *joined)
        assert settles == (on_or_after[0] if count == 0 else after[count - 1])
        assert is_business_day(settles, *joined)


@given(near_days, calendars(), st.integers(-50, 50))
def test_from_an_open_day_there_and_back(day: datetime.date, calendar: Calendar, count: int) -> None:
    assume(is_open(day, [calendar]))
    there = add_business_days(iso(day), count, calendar)
    assert is_business_day(there, calendar)
    assert add_business_days(there, -count, calendar) == iso(day)


@given(near_days, calendars(), st.sampled_from(list(BusinessDayConvention)))
def test_an_adjusted_date_is_open_and_stays(
    day: datetime.date, calendar: Calendar, convention: BusinessDayConvention
) -> None:
    date = iso(day)
    adjusted = adjust(date, convention, calendar)
    if convention is BusinessDayConvention.UNADJUSTED or is_open(day, [calendar]):
        assert adjusted == date
        return
    assert is_business_day(adjusted, calendar)
    assert adjust(adjusted, convention, calendar) == adjusted
    following, preceding = next_business_day(date, calendar), previous_business_day(date, calendar)
    if convention is BusinessDayConvention.FOLLOWING:
        assert adjusted == following
    elif convention is BusinessDayConvention.PRECEDING:
        assert adjusted == preceding
    else:
        assert adjusted == (following if following // 100 == date // 100 else preceding)


ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Tokyo",
]
FIRST_MS, LAST_MS = 40 * YEAR_MS, 50 * YEAR_MS


def zone_minutes(time_ms: int, zone: ZoneInfo) -> int:
    offset = (EPOCH_MOMENT + datetime.timedelta(milliseconds=time_ms)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // datetime.timedelta(minutes=1)


@cache
def offsets_of(name: str) -> UtcOffsets:
    """Ten years of a zone, found by looking at every quarter of an hour of a day on which the offset changes."""
    zone, day_ms, quarter_ms = ZoneInfo(name), 86_400_000, 900_000
    found = [(FIRST_MS, zone_minutes(FIRST_MS, zone))]
    for start in range(FIRST_MS, LAST_MS, day_ms):
        if zone_minutes(start + day_ms, zone) != found[-1][1]:
            for moment in range(start, start + day_ms + 1, quarter_ms):
                minutes = zone_minutes(moment, zone)
                if minutes != found[-1][1]:
                    found.append((moment, minutes))
    return check_offsets(UtcOffsets(tuple(found)))


def wall(time_ms: int, offsets: UtcOffsets) -> tuple[IsoDate, int]:
    return local_date(time_ms, offsets), local_minutes(time_ms, offsets)


@given(st.sampled_from(ZONES), st.integers(FIRST_MS, LAST_MS))
def test_local_time_agrees_with_zoneinfo(name: str, time_ms: int) -> None:
    there = (EPOCH_MOMENT + datetime.timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(name))
    assert wall(time_ms, offsets_of(name)) == (iso(there.date()), there.hour * 60 + there.minute)


@given(st.sampled_from(ZONES), st.data())
def test_a_wall_time_is_its_first_moment(name: str, data: st.DataObject) -> None:
    offsets = offsets_of(name)
    changes = [from_time_ms for from_time_ms, _ in offsets.transitions]
    near_a_change = st.sampled_from(changes).flatmap(
        lambda t: st.integers(t - 200 * MINUTE_MS, t + 200 * MINUTE_MS)
    )
    start_ms = data.draw(st.integers(FIRST_MS, LAST_MS) | near_a_change)
    date, minutes = wall(start_ms, offsets)
    minutes = data.draw(st.sampled_from([minutes, max(0, minutes - 30), min(1439, minutes + 30)]))
    moment = time_of_local(date, minutes, offsets)
    assert wall(moment, offsets) >= (date, minutes)
    for earlier in range(1, 6 * 60):
        assert wall(moment - earlier * MINUTE_MS, offsets) < (date, minutes)
    assert wall(moment - 1, offsets) < (date, minutes)
