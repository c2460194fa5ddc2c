from __future__ import annotations

import pytest

from counterfoil.primitives.calendars import (
    IsoDate,
    add_days,
    check_date,
    date_of,
    date_of_day,
    date_text,
    day_number,
    days_between,
    is_date,
    parse_date,
    weekday,
)

DAYS = [
    (19700101, 0, 3),
    (19691231, -1, 2),
    (20131007, 15_985, 0),
    (20000229, 11_016, 1),
    (20000301, 11_017, 2),
    (19000228, -25_509, 2),
    (19000301, -25_508, 3),
    (10000101, -354_285, 2),
    (99991231, 2_932_896, 4),
]


@pytest.mark.parametrize(("date", "number", "day_of_week"), DAYS)
def test_day_numbers_and_weekdays(date: IsoDate, number: int, day_of_week: int) -> None:
    assert day_number(date) == number
    assert date_of_day(number) == date
    assert weekday(date) == day_of_week


@pytest.mark.parametrize(
    "value",
    [
        0,
        -20131007,
        9991231,
        100000101,
        20130001,
        20131301,
        20130100,
        20130132,
        20130229,
        19000229,
        20130431,
        10**30,
    ],
)
def test_what_is_no_date_is_refused(value: int) -> None:
    assert not is_date(value)
    with pytest.raises(ValueError, match="not a date"):
        check_date(value)
    with pytest.raises(ValueError, match="not a date"):
        day_number(IsoDate(value))


def test_numbers_outside_the_years_are_refused() -> None:
    for number in (-354_286, 2_932_897, 10**40, -(10**40)):
        with pytest.raises(ValueError, match="outside the years"):
            date_of_day(number)
    with pytest.raises(ValueError, match="outside the years"):
        add_days(IsoDate(99991231), 1)


def test_parts_and_text() -> None:
    assert date_of(2013, 10, 7) == 20131007
    assert date_text(IsoDate(20131007)) == "2013-10-07"
    assert parse_date("2013-10-07") == parse_date("20131007") == 20131007
    assert add_days(IsoDate(20131231), 1) == 20140101
    assert days_between(IsoDate(20131007), IsoDate(20141007)) == 365
    assert days_between(IsoDate(20131008), IsoDate(20131007)) == -1


@pytest.mark.parametrize(
    "parts", [(2013, 2, 29), (2013, 13, 1), (2013, 1, 132), (2013, 0, 100), (2013, 1, -1)]
)
def test_parts_that_make_no_date(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not a date"):
        date_of(*parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2013-10-7",
        "2013/10/07",
        "2013-1007",
        "07-10-2013",
        "2013-02-29",
        "+2013107",
        "2013-10-07 ",
        "２０１３-10-07",
    ],
)
def test_texts_that_are_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_date(text)
