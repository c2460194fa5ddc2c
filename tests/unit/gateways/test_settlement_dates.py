"""Terms to dates: days counted, on the settlement calendar and not the trading one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.gateways.trade_files import SettlementTerms, business_days, intended_settlement_date
from counterfoil.gateways.trade_files.generator import DemoDay
from counterfoil.gateways.trade_files.settlement_dates import REGULAR_CYCLE_DAYS_MAX
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, Calendar, IsoDate, days_between

BANKS = Calendar(weekend=SATURDAY_AND_SUNDAY, holidays=(IsoDate(20131014),))
ROW = next(DemoDay().rows())

DAYS = [
    (SettlementTerms.CASH, 3, 0),
    (SettlementTerms.NEXT_DAY, 3, 1),
    (SettlementTerms.REGULAR, 3, 3),
    (SettlementTerms.SELLERS, 3, 4),
    (SettlementTerms.REGULAR, 0, 0),
    (SettlementTerms.SELLERS, 1, 2),
    (SettlementTerms.SELLERS, 0, 2),
    (SettlementTerms.NEXT_DAY, 0, 1),
]


@pytest.mark.parametrize(("terms", "cycle", "days"), DAYS)
def test_terms_are_business_days(terms: SettlementTerms, cycle: int, days: int) -> None:
    assert business_days(terms, cycle) == days


@pytest.mark.parametrize("cycle", [-1, REGULAR_CYCLE_DAYS_MAX + 1])
def test_a_cycle_has_limits(cycle: int) -> None:
    with pytest.raises(ValueError):
        business_days(SettlementTerms.REGULAR, cycle)


def test_an_agreed_date_is_not_counted() -> None:
    with pytest.raises(ValueError):
        business_days(SettlementTerms.AGREED_DATE, 3)


DATES = [
    (20131007, SettlementTerms.CASH, 20131007),
    (20131007, SettlementTerms.NEXT_DAY, 20131008),
    (20131007, SettlementTerms.REGULAR, 20131010),
    (20131008, SettlementTerms.REGULAR, 20131011),
    (20131009, SettlementTerms.REGULAR, 20131015),  # over the weekend and the bank holiday
    (20131010, SettlementTerms.REGULAR, 20131016),
    (20131009, SettlementTerms.SELLERS, 20131016),
    (20131014, SettlementTerms.CASH, 20131015),  # the exchange traded, the banks did not pay
    (20131014, SettlementTerms.NEXT_DAY, 20131015),
]


@pytest.mark.parametrize(("traded", "terms", "settles"), DATES)
def test_dates_of_october_2013(traded: int, terms: SettlementTerms, settles: int) -> None:
    row = replace(ROW, trade_date=IsoDate(traded), settlement_terms=terms)
    assert intended_settlement_date(row, 3, BANKS) == settles


def test_a_stated_date_stays() -> None:
    agreed = IsoDate(20131013)
    row = replace(ROW, settlement_terms=SettlementTerms.AGREED_DATE, settlement_date=agreed)
    assert intended_settlement_date(row, 3, BANKS) == agreed


def test_a_sellers_option_is_between_two_and_sixty_calendar_days() -> None:
    for cycle in range(REGULAR_CYCLE_DAYS_MAX + 1):
        for day in range(7, 12):
            row = replace(ROW, trade_date=IsoDate(20131000 + day), settlement_terms=SettlementTerms.SELLERS)
            settles = intended_settlement_date(row, cycle, BANKS)
            assert 2 <= days_between(row.trade_date, settles) <= 60
