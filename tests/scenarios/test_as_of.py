"""The register as of any date: over a weekend and a holiday, at a height, at an instant, and of days that were none."""

from __future__ import annotations

import pytest

from counterfoil.primitives.calendars import Calendar, IsoDate
from counterfoil.sdk import LedgerError, messages
from tests.scenarios.floor import Floor

FRIDAY, SATURDAY, MONDAY, TUESDAY = "2024-01-05", "2024-01-06", "2024-01-08", "2024-01-09"
WEEKENDS = 0b1100000


@pytest.fixture
def holidays(floor: Floor) -> Floor:
    """Monday the 8th is a holiday; it is Friday, and a sale is due two business days later."""
    depository = floor.client("depository")
    for kind in (messages.CalendarKind.TRADING, messages.CalendarKind.SETTLEMENT):
        calendar = Calendar(WEEKENDS, (IsoDate(20240108),))
        depository.send(messages.SetCalendar(floor.market.market, kind, "", 20240103, calendar))
    floor.ledger.advance_to(FRIDAY)
    return floor


def test_the_register_of_each_day(holidays: Floor) -> None:
    floor = holidays
    on_friday = floor.register()
    floor.sells("broker-a", "broker-b", 1_000, 10_000_00)
    at_noon = floor.ledger.node.height
    floor.sells("broker-a", "broker-b", 2_000, 20_000_00)
    floor.ledger.advance_to_day_close()
    later = floor.sells("investor-a", "investor-b", 500, 5_000_00)
    assert later.why_not == ("LATE", "LATE"), (
        "entry goes on day and night; settlement waits for a business day"
    )

    # The market rests on Saturday, Sunday and the holiday.
    for day in (SATURDAY, "2024-01-07", MONDAY):
        assert floor.ledger.advance_to(day) == 20240105
        assert not later.settled
    assert floor.ledger.advance_to(TUESDAY) == 20240109
    assert later.settled
    floor.ledger.advance_to_day_close()

    friday, tuesday = floor.register(FRIDAY), floor.register(TUESDAY)
    assert friday["Broker A"] == on_friday["Broker A"] - 3_000
    assert friday["Investor B"] == on_friday["Investor B"]
    assert tuesday["Investor B"] == on_friday["Investor B"] + 500
    assert floor.register(at_noon)["Broker A"] == on_friday["Broker A"] - 1_000

    # A date on which the market rests is as the close before it; an instant has its zone, and lies on any day.
    assert floor.register(SATURDAY) == floor.register(MONDAY) == friday
    assert floor.register("2024-01-07T12:00:00+01:00") == friday
    assert floor.register("2024-01-09T12:00:00Z") == tuesday
    assert sum(friday.values()) == sum(tuesday.values()) == 1_000_000


@pytest.mark.parametrize("day", ["2024-01-09", "2024-01-10", "2023-12-29"])
def test_a_day_that_is_not_over_has_no_register(holidays: Floor, day: str) -> None:
    """Nor has one that was over before the market began: it is refused, not answered with the nearest."""
    holidays.ledger.advance_to(TUESDAY)
    with pytest.raises(LedgerError) as refused:
        holidays.register(day)
    assert refused.value.name == "MOMENT_IS_NOT_ON_RECORD"
    assert "was not closed" in refused.value.facts["detail"]


def test_a_day_under_way_is_closed_before_it_is_on_record(holidays: Floor) -> None:
    with pytest.raises(LedgerError):
        holidays.register(FRIDAY)
    holidays.ledger.advance_to_day_close()
    assert holidays.register(FRIDAY) == holidays.register()
