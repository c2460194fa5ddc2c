from __future__ import annotations

import pytest

from counterfoil.primitives.calendars import (
    BUSINESS_DAYS_MAX,
    FRIDAY_AND_SATURDAY,
    HOLIDAYS_MAX,
    SATURDAY_AND_SUNDAY,
    BusinessDayConvention,
    Calendar,
    IsoDate,
    add_business_days,
    adjust,
    check_calendar,
    date_of_day,
    is_business_day,
    next_business_day,
    previous_business_day,
    settlement_date,
)
from counterfoil.primitives.codec import Decoder, encode

FOLLOWING = BusinessDayConvention.FOLLOWING
MODIFIED = BusinessDayConvention.MODIFIED_FOLLOWING
PRECEDING = BusinessDayConvention.PRECEDING
UNADJUSTED = BusinessDayConvention.UNADJUSTED


def dates(*values: int) -> tuple[IsoDate, ...]:
    return tuple(IsoDate(value) for value in values)


WEEKENDS = Calendar(SATURDAY_AND_SUNDAY)
EXCHANGE = Calendar(SATURDAY_AND_SUNDAY, dates(20131128, 20131225))
BANKS = Calendar(SATURDAY_AND_SUNDAY, dates(20131014, 20131111, 20131128, 20131225))
"""United States, autumn 2013: on Columbus Day and Veterans Day the exchange traded and the banks were shut."""
CHINA = Calendar(
    SATURDAY_AND_SUNDAY, dates(20131001, 20131002, 20131003, 20131004, 20131007), dates(20131012)
)
"""The National Day week of 2013, worked off on a Saturday."""
TEL_AVIV = Calendar(FRIDAY_AND_SATURDAY)


@pytest.mark.parametrize(
    ("date", "calendars", "is_open"),
    [
        (20131011, (EXCHANGE,), True),
        (20131012, (EXCHANGE,), False),
        (20131014, (EXCHANGE,), True),
        (20131014, (BANKS,), False),
        (20131014, (EXCHANGE, BANKS), False),
        (20131012, (CHINA,), True),
        (20131012, (CHINA, EXCHANGE), False),
        (20131007, (CHINA,), False),
        (20131011, (TEL_AVIV,), False),
        (20131013, (TEL_AVIV,), True),
        (20131013, (), True),
    ],
)
def test_business_days(date: IsoDate, calendars: tuple[Calendar, ...], is_open: bool) -> None:
    assert is_business_day(date, *calendars) is is_open


@pytest.mark.parametrize(
    ("trade_date", "cycle", "calendars", "expected"),
    [
        (20131007, 3, (EXCHANGE, BANKS), 20131010),
        (20131009, 3, (EXCHANGE, BANKS), 20131015),
        (20131010, 3, (EXCHANGE, BANKS), 20131016),
        (20131011, 3, (EXCHANGE, BANKS), 20131017),
        (20131014, 3, (EXCHANGE, BANKS), 20131017),  # traded on a bank holiday: settles with Friday's trades
        (20131014, 0, (EXCHANGE, BANKS), 20131015),
        (20131015, 0, (EXCHANGE, BANKS), 20131015),
        (20131011, 1, (CHINA,), 20131012),
        (20131010, 1, (TEL_AVIV,), 20131013),
        (20131010, 2, (TEL_AVIV, WEEKENDS), 20131015),
        (20131230, 2, (WEEKENDS,), 20140101),
    ],
)
def test_settlement_dates(
    trade_date: IsoDate, cycle: int, calendars: tuple[Calendar, ...], expected: int
) -> None:
    assert settlement_date(trade_date, cycle, *calendars) == expected


def test_steps_and_counting_in_both_directions() -> None:
    friday, monday, tuesday = dates(20131011, 20131014, 20131015)
    assert next_business_day(friday, BANKS) == tuesday
    assert next_business_day(friday, EXCHANGE) == monday
    assert previous_business_day(tuesday, BANKS) == friday
    assert add_business_days(tuesday, -1, BANKS) == friday
    assert add_business_days(tuesday, -2, BANKS) == 20131010
    assert add_business_days(monday, 0, BANKS) == monday
    assert add_business_days(friday, BUSINESS_DAYS_MAX, WEEKENDS) == 20170811


@pytest.mark.parametrize(
    ("date", "convention", "expected"),
    [
        (20130830, FOLLOWING, 20130830),
        (20130831, UNADJUSTED, 20130831),
        (20130831, FOLLOWING, 20130902),
        (20130831, MODIFIED, 20130830),
        (20130831, PRECEDING, 20130830),
        (20130907, MODIFIED, 20130909),
        (20130901, PRECEDING, 20130830),
        (20131231, MODIFIED, 20131231),
        (20221231, MODIFIED, 20221230),
        (20221231, FOLLOWING, 20230102),
    ],
)
def test_conventions(date: IsoDate, convention: BusinessDayConvention, expected: int) -> None:
    assert adjust(date, convention, WEEKENDS) == expected


def test_the_numbers_of_the_conventions_never_change() -> None:
    assert [(c.value, c.name) for c in BusinessDayConvention] == [
        (0, "UNADJUSTED"),
        (1, "FOLLOWING"),
        (2, "MODIFIED_FOLLOWING"),
        (3, "PRECEDING"),
    ]


def test_counting_has_a_limit_and_calendars_that_never_open_do_not_hang() -> None:
    workdays = Calendar(SATURDAY_AND_SUNDAY)
    weekends = Calendar(0b0011111)
    today = IsoDate(20131007)
    for days in (BUSINESS_DAYS_MAX + 1, -BUSINESS_DAYS_MAX - 1, 10**30):
        with pytest.raises(ValueError, match="At most 1000"):
            add_business_days(today, days, workdays)
    for find in (next_business_day, previous_business_day):
        with pytest.raises(ValueError, match="no common business day"):
            find(today, workdays, weekends)
    with pytest.raises(ValueError, match="no common business day"):
        adjust(today, FOLLOWING, workdays, weekends)
    with pytest.raises(ValueError, match="0 days or more"):
        settlement_date(today, -1, workdays)
    with pytest.raises(ValueError, match="outside the years"):
        next_business_day(IsoDate(99991231), workdays)


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        (Calendar(0b1111111), "at least one day open"),
        (Calendar(128), "at least one day open"),
        (Calendar(-1), "at least one day open"),
        (Calendar(0, dates(20131014, 20131014)), "ascend"),
        (Calendar(0, dates(20131015, 20131014)), "ascend"),
        (Calendar(0, dates(20130229)), "not a date"),
        (Calendar(SATURDAY_AND_SUNDAY, (), dates(20131013, 20131012)), "ascend"),
        (Calendar(SATURDAY_AND_SUNDAY, (), dates(20131014)), "no weekend day"),
        (Calendar(SATURDAY_AND_SUNDAY, dates(20131012), dates(20131012)), "both a holiday"),
        (Calendar(0, tuple(date_of_day(n) for n in range(HOLIDAYS_MAX + 1))), "at most 4000 holidays"),
    ],
)
def test_calendars_that_are_refused(calendar: Calendar, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_calendar(calendar)


@pytest.mark.parametrize("calendar", [WEEKENDS, EXCHANGE, BANKS, CHINA, TEL_AVIV, Calendar(0)])
def test_calendars_are_records(calendar: Calendar) -> None:
    assert check_calendar(calendar) is calendar
    assert Decoder(Calendar).exact(encode(calendar)) == calendar
