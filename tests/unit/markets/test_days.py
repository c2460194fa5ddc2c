"""The business day: by schedule, after a standstill, around changes of the clock, and as seen by reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.markets import invariants, queries
from counterfoil.modules.markets.days import opens_by_itself_ms
from counterfoil.modules.markets.deadlines import follow_schedules
from counterfoil.modules.markets.facts import DayClosed, DayOpened
from counterfoil.modules.markets.interface import CalendarKind, DaySchedule, MarketsReject, MarketStatus
from counterfoil.modules.markets.messages import CloseDay, OpenDay, OpenMarket, SetCalendar
from counterfoil.modules.markets.records import CALENDARS, DAY_CLOSES, MARKETS, NEVER_MS, RULEBOOKS, DayClose
from counterfoil.modules.markets.rules import set_calendar
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, Calendar, IsoDate, add_days, date_of
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from tests.unit.markets.world import (
    BOTH,
    BY_HAND,
    FRIDAY,
    HOLIDAY,
    MARKET,
    MONDAY,
    SCHEDULED,
    TUESDAY,
    WEDNESDAY,
    WEEKDAYS,
    MarketWorld,
)
from tests.unit.parties.world import DAY_MS, HOUR_MS, NOW_MS, party


def steps(facts: list[Any]) -> list[tuple[str, int]]:
    return [(type(fact).__name__, fact.date) for fact in facts]


def test_a_day_by_schedule() -> None:
    world = MarketWorld(SCHEDULED)
    assert steps(world.deadlines()) == [("DayOpened", MONDAY)], "it is 8 o'clock, and the day opens at 6"
    world.end_block()
    assert world.deadlines() == []
    assert not world.markets.past_cut_off(MARKET, NOW_MS + 20 * HOUR_MS - 1, free_of_payment=False)
    assert world.markets.past_cut_off(MARKET, NOW_MS + 20 * HOUR_MS, free_of_payment=False)
    assert not world.markets.past_cut_off(MARKET, NOW_MS + 20 * HOUR_MS, free_of_payment=True)
    assert world.markets.past_cut_off(MARKET, NOW_MS + 22 * HOUR_MS, free_of_payment=True)
    world.at(NOW_MS + 24 * HOUR_MS - 1)
    assert world.deadlines() == [], "UTC's midnight is 8 o'clock in the evening here, and closes at 8 exactly"
    world.end_block()
    world.at(NOW_MS + 24 * HOUR_MS)
    last = world.height - 1
    assert world.deadlines() == [DayClosed(MARKET, MONDAY, last, True)]
    world.end_block()
    assert world.market.status is MarketStatus.CLOSED
    assert world.market.business_date == MONDAY
    assert queries.close_height(world.state, MARKET, MONDAY) == last
    assert world.markets.next_change_ms() == NOW_MS + DAY_MS + 10 * HOUR_MS
    assert world.markets.past_cut_off(MARKET, world.time_ms, free_of_payment=True)


def test_days_missed_are_caught_up_in_bounded_steps() -> None:
    world = MarketWorld(SCHEDULED)
    world.at(NOW_MS + 8 * DAY_MS + 16 * HOUR_MS)  # Tuesday of the next week, noon
    last = world.height - 1
    first = world.deadlines(limit=5)
    assert steps(first) == [
        ("DayOpened", MONDAY),
        ("DayClosed", MONDAY),
        ("DayOpened", TUESDAY),
        ("DayClosed", TUESDAY),
        ("DayOpened", WEDNESDAY),
    ]
    world.end_block()
    rest = world.deadlines(limit=100)
    assert steps(rest) == [
        ("DayClosed", WEDNESDAY),
        ("DayOpened", 20131010),
        ("DayClosed", 20131010),
        ("DayOpened", 20131011),
        ("DayClosed", 20131011),
        ("DayOpened", 20131015),
    ], "neither the weekend nor the holiday is a business day"
    world.end_block()
    assert world.deadlines() == []
    assert queries.close_height(world.state, MARKET, MONDAY) == last
    assert queries.close_height(world.state, MARKET, WEDNESDAY) == last + 1
    assert queries.close_height(world.state, MARKET, HOLIDAY) == last + 1


def test_two_markets_are_followed_in_the_order_of_their_codes() -> None:
    world = MarketWorld(SCHEDULED)
    world.act(
        OpenMarket(party("operator"), "XAMS", "Amsterdam", FRIDAY, SCHEDULED, WEEKDAYS, WEEKDAYS), *BOTH
    )
    world.end_block()
    assert [fact.market for fact in world.deadlines() if isinstance(fact, DayOpened)] == ["XAMS", MARKET]
    world.end_block()


def test_a_step_that_fails_does_not_go_on_for_ever() -> None:
    world = MarketWorld(SCHEDULED)
    offered = 0
    for _ in follow_schedules(world.markets_books, world.block, 100):
        offered += 1
    assert offered == 1


def test_by_hand_on_the_evening_before_but_not_further() -> None:
    world = MarketWorld()
    world.open(MONDAY)
    world.close(MONDAY)
    world.open(TUESDAY)
    assert world.refused(CloseDay(MARKET, TUESDAY), *BOTH) is MarketsReject.DATE_IS_AHEAD
    world.end_block(hours=24)
    world.close(TUESDAY)
    assert world.market.business_date == TUESDAY


def test_scheduled_to_open_on_the_evening_before() -> None:
    schedule = DaySchedule(-5 * 60, 18 * 60)
    world = MarketWorld(msgspec.structs.replace(BY_HAND, schedule=schedule))
    assert world.market.changes_ms == NOW_MS - HOUR_MS, "Sunday evening at 7 in New York"
    assert steps(world.deadlines()) == [("DayOpened", MONDAY)]
    world.end_block()
    world.at(NOW_MS + 23 * HOUR_MS)
    assert steps(world.deadlines()) == [("DayClosed", MONDAY), ("DayOpened", TUESDAY)]
    world.end_block()


def test_closed_early_by_hand_and_opened_by_schedule() -> None:
    world = MarketWorld(SCHEDULED)
    world.deadlines()
    world.end_block()
    world.close(MONDAY)
    assert world.deadlines() == []
    world.at(NOW_MS + DAY_MS + 10 * HOUR_MS)
    assert steps(world.deadlines()) == [("DayOpened", TUESDAY)]
    world.end_block()


def test_the_clock_changes_between_two_openings() -> None:
    """On Sunday 3 November 2013 New York went back an hour, so that Monday's 6 o'clock is an hour later by UTC."""
    friday, monday = 20131101, 20131104
    world = MarketWorld(SCHEDULED)
    world.at(NOW_MS + 27 * DAY_MS)
    while world.market.business_date < friday:
        world.deadlines()
        world.end_block()
    world.at(NOW_MS + 27 * DAY_MS)
    world.deadlines()
    assert world.market.status is MarketStatus.CLOSED
    assert world.market.changes_ms == NOW_MS + 28 * DAY_MS + 11 * HOUR_MS
    world.at(world.market.changes_ms)
    assert steps(world.deadlines()) == [("DayOpened", monday)]


def test_a_calendar_that_changes_its_weekend() -> None:
    """From Monday on Friday and Saturday are free; what was before stays as it was."""
    world = MarketWorld()
    calendar = Calendar(0b0110000)
    world.act(SetCalendar(MARKET, CalendarKind.SETTLEMENT, "", MONDAY, calendar), *BOTH)
    world.end_block()
    is_open = [
        world.markets.is_business_day(MARKET, date, "") for date in (FRIDAY, 20131006, 20131011, 20131013)
    ]
    assert is_open == [True, False, False, True]
    assert world.markets.settlement_date(MARKET, FRIDAY, "", 5) == 20131013
    assert world.markets.is_trading_day(MARKET, 20131011)
    assert not world.markets.is_trading_day(MARKET, 20131013)


@pytest.mark.parametrize("days", [0, 1, 2, 3, 8, 250])
def test_the_recycling_period_counts_back_the_days_that_settlement_counts_forward(days: int) -> None:
    """A date is still tried exactly where so many business days after it are not before the business date."""
    world = MarketWorld(msgspec.structs.replace(BY_HAND, recycling_days=days))
    world.open(MONDAY)
    earliest = world.markets.recycled_from(MARKET)
    assert earliest == world.markets.recycled_from(MARKET)
    date = add_days(IsoDate(MONDAY), -400)
    while date <= MONDAY:
        last = world.markets.settlement_date(MARKET, date, "", days) if days else date
        assert (date >= earliest) is (last >= MONDAY), date
        date = add_days(date, 1)


def test_settlement_dates() -> None:
    world = MarketWorld()
    dollar = Calendar(SATURDAY_AND_SUNDAY, (IsoDate(WEDNESDAY),))
    world.act(SetCalendar(MARKET, CalendarKind.CURRENCY, "USD", MONDAY, dollar), *BOTH)
    settles = world.markets.settlement_date
    assert settles(MARKET, MONDAY, "", None) == 20131010
    assert settles(MARKET, MONDAY, "USD", None) == 20131011
    assert settles(MARKET, MONDAY, "JPY", None) == 20131010
    assert settles(MARKET, MONDAY, "", 0) == MONDAY
    assert settles(MARKET, 20131005, "", 0) == MONDAY
    assert settles(MARKET, 20131011, "", 1) == 20131015
    assert world.markets.is_business_day(MARKET, WEDNESDAY, "")
    assert not world.markets.is_business_day(MARKET, WEDNESDAY, "USD")
    assert not world.markets.is_business_day(MARKET, WEDNESDAY, "USD"), "remembered"
    assert not world.markets.is_business_day(MARKET, 20131032, "USD")
    assert not world.markets.is_trading_day(MARKET, 0)
    for date, days in ((20131032, 1), (0, 0), (99991230, 5), (MONDAY, -1), (MONDAY, 1_001), (2**63, 1)):
        with pytest.raises(Rejected) as caught:
            settles(MARKET, date, "", days)
        assert caught.value.code is MarketsReject.DATE_IS_INVALID


def test_what_is_remembered_of_a_calendar_ends_with_it() -> None:
    world = MarketWorld()
    assert world.markets.is_business_day(MARKET, TUESDAY, "")
    closed = Calendar(SATURDAY_AND_SUNDAY, (IsoDate(TUESDAY),))
    message = SetCalendar(MARKET, CalendarKind.SETTLEMENT, "", TUESDAY, closed)
    context = world.context(*BOTH)
    set_calendar(world.markets_books, message, context)
    assert not world.markets.is_business_day(MARKET, TUESDAY, "")
    world.state.books.reject()
    assert world.markets.is_business_day(MARKET, TUESDAY, "")


def test_the_close_of_a_date() -> None:
    world = MarketWorld()
    assert queries.day_close(world.state, MARKET, FRIDAY) is None, "before the ledger's first day"
    world.open(MONDAY)
    assert queries.day_close(world.state, MARKET, MONDAY) is None, "still open"
    closed_at, time_ms = world.height, world.time_ms
    world.close(MONDAY)
    assert queries.day_close(world.state, MARKET, MONDAY) == DayClose(closed_at, time_ms, False)
    assert queries.close_height(world.state, MARKET, TUESDAY) is None, "still to come"
    assert queries.close_height(world.state, MARKET, 20131006) is None
    assert queries.close_height(world.state, "XXXX", MONDAY) is None
    assert queries.close_height(world.state, "", MONDAY) is None
    assert queries.close_height(world.state, MARKET, -5) is None
    assert queries.market_codes(world.state) == (MARKET,)


def test_reads_as_of_a_height() -> None:
    world = MarketWorld()
    before = world.height - 1
    world.open(MONDAY)
    then, now = queries.market(world.state, MARKET, before), queries.market(world.state, MARKET)
    assert then is not None
    assert now is not None
    assert (then.status, now.status) == (MarketStatus.CLOSED, MarketStatus.OPEN)
    assert queries.rulebook(world.state, MARKET) == BY_HAND
    assert queries.rulebook(world.state, MARKET, 1) is None
    assert queries.calendar(world.state, MARKET, CalendarKind.TRADING) is not None
    assert queries.calendar(world.state, MARKET, CalendarKind.CURRENCY, "USD") is None


def test_questions_about_no_market() -> None:
    world = MarketWorld()
    for code in ("", "XXXX", "xn", "five5", "ééé1"):
        assert world.markets.find(code) is None
        with pytest.raises(Rejected) as caught:
            world.markets.require(code)
        assert caught.value.code is MarketsReject.MARKET_NOT_FOUND
        assert not world.markets.accepts_asset(code, bytes(20))
    assert not world.markets.accepts_asset(MARKET, b"")
    assert world.markets.business_date(MARKET) == FRIDAY


def test_a_market_whose_calendar_ends_stops_by_itself() -> None:
    world = MarketWorld(SCHEDULED)
    shelf = world.markets_books.markets
    shelf.put(MARKET.encode(), msgspec.structs.replace(world.market, business_date=99991231))
    world.state.books.accept()
    assert world.refused(OpenDay(MARKET, 99991231), *BOTH) is MarketsReject.DATE_HAS_BEEN
    assert opens_by_itself_ms(world.markets_books, MARKET, 99991231) == NEVER_MS
    assert date_of(9999, 12, 31) == 99991231


BROKEN: dict[str, Any] = {
    "a date that goes back": lambda w: w.state.books.shelf(MARKETS).put(
        MARKET.encode(), msgspec.structs.replace(w.market, business_date=FRIDAY)
    ),
    "a day without its close": lambda w: w.state.books.shelf(MARKETS).put(
        MARKET.encode(), msgspec.structs.replace(w.market, status=MarketStatus.CLOSED)
    ),
    "a market that ends": lambda w: w.state.books.shelf(MARKETS).delete(MARKET.encode()),
    "a close that changes": lambda w: w.state.books.shelf(DAY_CLOSES).put(
        MARKET.encode() + MONDAY.to_bytes(4, "big"), DayClose(1, 1, True)
    ),
    "a day that was closed before": lambda w: w.state.books.shelf(MARKETS).put(
        MARKET.encode(), msgspec.structs.replace(w.market, business_date=TUESDAY + 5)
    ),
    "a market without rules": lambda w: w.state.books.shelf(RULEBOOKS).delete(MARKET.encode()),
    "a market without calendar": lambda w: w.state.books.shelf(CALENDARS).delete(
        MARKET.encode() + bytes((CalendarKind.SETTLEMENT, 0, 0, 0))
    ),
    "a rulebook that missed its date": lambda w: w.markets_books.amendments.put(
        MARKET.encode() + MONDAY.to_bytes(4, "big"), BY_HAND
    ),
}


@pytest.mark.parametrize("how", list(BROKEN))
def test_invariants_see_what_is_wrong(how: str) -> None:
    world = MarketWorld()
    world.open(MONDAY)
    world.close(MONDAY)
    world.open(TUESDAY)
    BROKEN[how](world)
    world.state.books.accept()
    with pytest.raises(InvariantViolation):
        world.end_block()


def test_full_checks_pass_over_a_sound_ledger() -> None:
    world = MarketWorld(SCHEDULED)
    world.deadlines()
    world.end_block()
    invariants.check_all(world.markets_books)
