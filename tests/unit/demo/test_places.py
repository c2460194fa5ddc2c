"""The demonstration's calendars against those that the exchanges and banks published."""

from __future__ import annotations

import pytest

from counterfoil.demo.places import offsets_of, place_of
from counterfoil.primitives.calendars import IsoDate, is_business_day, local_minutes, settlement_date


def test_new_york_in_2013() -> None:
    place = place_of("USD", IsoDate(20131007), IsoDate(20131010))
    exchange = [day for day in place.trading.holidays if day // 10_000 == 2013]
    banks = [day for day in place.currency.holidays if day // 10_000 == 2013]
    assert [day for day in exchange if day not in place.settlement.holidays] == [20130329]
    assert exchange == [
        *(20130101, 20130121, 20130218, 20130329, 20130527, 20130704, 20130902, 20131128, 20131225)
    ]
    assert banks == [
        *(20130101, 20130121, 20130218, 20130527, 20130704, 20130902, 20131014, 20131111, 20131128, 20131225)
    ]


def test_columbus_day_is_a_trading_day_and_no_day_of_payment() -> None:
    place = place_of("USD", IsoDate(20131007), IsoDate(20131010))
    assert is_business_day(IsoDate(20131014), place.trading)
    assert is_business_day(IsoDate(20131014), place.settlement)
    assert not is_business_day(IsoDate(20131014), place.currency)
    dates = [
        settlement_date(IsoDate(traded), place.cycle_days(IsoDate(traded)), place.settlement, place.currency)
        for traded in (20131007, 20131008, 20131009, 20131010)
    ]
    assert dates == [20131010, 20131011, 20131015, 20131016]


@pytest.mark.parametrize(
    ("trade_date", "currency", "days"),
    [
        (20131007, "USD", 3),
        (20170901, "USD", 3),
        (20170905, "USD", 2),
        (20240524, "USD", 2),
        (20240528, "USD", 1),
        (20141003, "EUR", 3),
        (20141006, "EUR", 2),
        (20240311, "JPY", 2),
    ],
)
def test_the_settlement_cycle_of_the_day(trade_date: int, currency: str, days: int) -> None:
    assert (
        place_of(currency, IsoDate(trade_date), IsoDate(trade_date)).cycle_days(IsoDate(trade_date)) == days
    )


def test_the_euro_in_2024() -> None:
    place = place_of("EUR", IsoDate(20240311), IsoDate(20240311))
    days = [day for day in place.currency.holidays if day // 10_000 == 2024]
    assert days == [20240101, 20240329, 20240401, 20240501, 20241225, 20241226]


def test_holidays_on_weekends() -> None:
    place = place_of("USD", IsoDate(20200601), IsoDate(20220601))
    exchange, banks = place.trading.holidays, place.currency.holidays
    assert IsoDate(20200703) in exchange
    assert IsoDate(20200703) not in banks
    assert IsoDate(20210705) in exchange
    assert IsoDate(20210705) in banks
    assert IsoDate(20211231) not in exchange


def test_the_clock_of_new_york_changes_twice_a_year() -> None:
    offsets = offsets_of("America/New_York", IsoDate(20131007), IsoDate(20131007))
    assert local_minutes(1381152600000, offsets) == 9 * 60 + 30
    assert local_minutes(1386945000000, offsets) == 9 * 60 + 30
    assert len(offsets.transitions) == 9
