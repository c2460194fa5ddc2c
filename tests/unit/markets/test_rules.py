"""Founding, amending, opening and closing: valid first, then each reject in order of precedence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.markets.interface import (
    CalendarKind,
    DaySchedule,
    MarketStatus,
    MatchingField,
    RegistrationApprover,
)
from counterfoil.modules.markets.messages import (
    AcceptAsset,
    AmendRulebook,
    CloseDay,
    HandOverMarket,
    OpenDay,
    OpenMarket,
    SetCalendar,
    WithdrawAsset,
)
from counterfoil.modules.markets.records import (
    ACCEPTED_ASSETS_MAX,
    AMENDMENTS_MAX,
    CALENDAR_VERSIONS_MAX,
    NEVER_MS,
    AcceptedAsset,
)
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.interface import PartyStatus
from counterfoil.modules.parties.messages import RevokeParty
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.calendars import (
    SATURDAY_AND_SUNDAY,
    TRANSITIONS_MAX,
    Calendar,
    IsoDate,
    UtcOffsets,
)
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.unit.markets.world import (
    BOTH,
    BY_HAND,
    FRIDAY,
    HOLIDAY,
    MARKET,
    MONDAY,
    OPEN_MARKET,
    SCHEDULED,
    TUESDAY,
    WEDNESDAY,
    WEEKDAYS,
    MarketWorld,
)
from tests.unit.parties.world import DAY_MS, HOUR_MS, NOW_MS, World, makers_and_checkers, party, tags

BACKWARDS = Calendar(SATURDAY_AND_SUNDAY, (IsoDate(20131225), IsoDate(20131014)))
NEVER_OPEN = Calendar(0b1111111)

RULEBOOK_ROWS: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    (None, {"schedule": DaySchedule(-1_440, 0), "cut_off_dvp_minute": 0, "cut_off_fop_minute": -1}),
    (None, {"schedule": DaySchedule(0, 2_879)}),
    (None, {"matching_fields": (), "amount_tolerance": AMOUNT_MAX}),
    (MarketsReject.DATE_IS_INVALID, {"effective_from": 20131032}),
    (MarketsReject.TIME_ZONE_IS_INVALID, {"time_zone": ""}),
    (MarketsReject.TIME_ZONE_IS_INVALID, {"time_zone": "z" * 65}),
    (MarketsReject.TIME_ZONE_IS_INVALID, {"offsets": UtcOffsets(())}),
    (MarketsReject.TIME_ZONE_IS_INVALID, {"offsets": UtcOffsets(((2, 0), (1, 60)))}),
    (MarketsReject.TIME_ZONE_IS_INVALID, {"offsets": UtcOffsets(((0, 961),))}),
    (
        MarketsReject.TIME_ZONE_IS_INVALID,
        {"offsets": UtcOffsets(tuple((number, 0) for number in range(TRANSITIONS_MAX + 1)))},
    ),
    (MarketsReject.SCHEDULE_IS_INVALID, {"schedule": DaySchedule(-1_441, None)}),
    (MarketsReject.SCHEDULE_IS_INVALID, {"schedule": DaySchedule(1_440, None)}),
    (MarketsReject.SCHEDULE_IS_INVALID, {"schedule": DaySchedule(None, 2_880)}),
    (MarketsReject.SCHEDULE_IS_INVALID, {"schedule": DaySchedule(None, -1)}),
    (MarketsReject.SCHEDULE_IS_INVALID, {"schedule": DaySchedule(600, 600)}),
    (MarketsReject.SETTLEMENT_CYCLE_IS_INVALID, {"settlement_cycle_days": -1}),
    (MarketsReject.SETTLEMENT_CYCLE_IS_INVALID, {"settlement_cycle_days": 61}),
    (MarketsReject.MATCHING_IS_INVALID, {"matching_fields": (MatchingField.TRADE_DATE,) * 2}),
    (MarketsReject.MATCHING_IS_INVALID, {"amount_tolerance": -1}),
    (MarketsReject.REGISTRATION_POLICY_IS_INVALID, {"registration_policy": ()}),
    (
        MarketsReject.REGISTRATION_POLICY_IS_INVALID,
        {"registration_policy": (RegistrationApprover.NOTARY, RegistrationApprover.ISSUER)},
    ),
    (MarketsReject.CUT_OFF_IS_INVALID, {"cut_off_dvp_minute": 2_880}),
    (MarketsReject.CUT_OFF_IS_INVALID, {"cut_off_fop_minute": -1_441}),
    (MarketsReject.CUT_OFF_IS_INVALID, {"schedule": DaySchedule(None, 17 * 60)}),
    (MarketsReject.PARTIAL_MINIMUM_IS_INVALID, {"partial_minimum": -1}),
    (MarketsReject.RECYCLING_IS_INVALID, {"recycling_days": 251}),
]


def rulebook_rows(field: str) -> list[tuple[Any, dict[str, Any], tuple[str, ...]]]:
    return [
        (expected, {field: msgspec.structs.replace(BY_HAND, **changes)}, BOTH)
        for expected, changes in RULEBOOK_ROWS
    ]


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, BOTH),
        (PartiesReject.PARTY_NOT_FOUND, {"operator": b""}, BOTH),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"operator": party("broker")}, makers_and_checkers("broker")),
        (PartiesReject.MAKER_IS_MISSING, {}, ("operator",)),
        (PartiesReject.CHECKER_IS_MISSING, {}, BOTH[:1]),
        (MarketsReject.MARKET_CODE_IS_INVALID, {"market": "nyse"}, BOTH),
        (MarketsReject.MARKET_CODE_IS_INVALID, {"market": ""}, BOTH),
        (MarketsReject.MARKET_CODE_IS_INVALID, {"market": "XOFF"}, BOTH),
        (MarketsReject.MARKET_CODE_IS_INVALID, {"market": "XXXX"}, BOTH),
        (MarketsReject.NAME_IS_INVALID, {"name": ""}, BOTH),
        (MarketsReject.NAME_IS_INVALID, {"name": "n" * 65}, BOTH),
        (MarketsReject.NAME_IS_INVALID, {"name": "New\x07York"}, BOTH),
        (MarketsReject.DATE_IS_INVALID, {"last_date": 0}, BOTH),
        *rulebook_rows("rulebook"),
        (MarketsReject.DATE_IS_AHEAD, {"last_date": TUESDAY}, BOTH),
        (MarketsReject.CALENDAR_IS_INVALID, {"trading": BACKWARDS}, BOTH),
        (MarketsReject.CALENDAR_IS_INVALID, {"settlement": NEVER_OPEN}, BOTH),
    ],
)
def test_open_market(expected: Any, changes: dict[str, Any], signers: tuple[str, ...]) -> None:
    world = World()
    world.time_ms += 12 * HOUR_MS
    world.end_block()
    message = msgspec.structs.replace(OPEN_MARKET, **changes)
    assert world.refused(message, *signers) is expected
    if expected is None:
        market = world.markets.require(MARKET)
        assert (market.status, market.business_date) == (MarketStatus.CLOSED, FRIDAY)
        assert tags(world.facts) == ["MarketOpened"]
        assert world.facts[0][1] == (PUBLIC,)
        assert world.refused(OPEN_MARKET, *BOTH) is MarketsReject.MARKET_EXISTS
    world.end_block()


def test_a_day_begins_by_the_clock_on_the_markets_wall() -> None:
    """At 8 in the evening in New York it is the next day by UTC."""
    world = World()
    world.time_ms = NOW_MS + 2 * HOUR_MS
    world.end_block()
    monday = msgspec.structs.replace(OPEN_MARKET, last_date=MONDAY)
    assert world.refused(monday, *BOTH) is MarketsReject.DATE_IS_AHEAD
    world.time_ms += 2 * HOUR_MS
    world.end_block()
    assert world.refused(monday, *BOTH) is None


def amended(world: MarketWorld, date: int = TUESDAY, **changes: Any) -> AmendRulebook:
    return AmendRulebook(MARKET, msgspec.structs.replace(BY_HAND, effective_from=date, **changes))


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (MarketsReject.MARKET_NOT_FOUND, {"market": "XXXX"}, BOTH),
        (MarketsReject.MARKET_NOT_FOUND, {"market": "no such market"}, BOTH),
        (PartiesReject.MAKER_IS_MISSING, {}, ("operator",)),
        (PartiesReject.MAKER_IS_MISSING, {}, makers_and_checkers("broker")),
        *rulebook_rows("rulebook"),
        (
            MarketsReject.EFFECTIVE_DATE_IS_PAST,
            {"rulebook": msgspec.structs.replace(BY_HAND, effective_from=FRIDAY)},
            BOTH,
        ),
    ],
)
def test_amend_rulebook(expected: Any, changes: dict[str, Any], signers: tuple[str, ...]) -> None:
    world = MarketWorld()
    message = msgspec.structs.replace(AmendRulebook(MARKET, BY_HAND), **changes)
    assert world.refused(message, *signers) is expected
    world.end_block()


def test_amendments_have_a_limit() -> None:
    world = MarketWorld()
    for number in range(AMENDMENTS_MAX):
        world.act(amended(world, 20140101 + number if number < 31 else 20140201), *BOTH)
    assert world.refused(amended(world, 20140301), *BOTH) is MarketsReject.TOO_MANY_AMENDMENTS
    assert world.refused(amended(world, 20140101, settlement_cycle_days=2), *BOTH) is None
    world.end_block()


SET = SetCalendar(MARKET, CalendarKind.CURRENCY, "USD", TUESDAY, WEEKDAYS)


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, BOTH),
        (None, {"kind": CalendarKind.SETTLEMENT, "currency": ""}, BOTH),
        (MarketsReject.MARKET_NOT_FOUND, {"market": ""}, BOTH),
        (PartiesReject.MAKER_IS_MISSING, {}, ("operator",)),
        (MarketsReject.CURRENCY_IS_INVALID, {"currency": ""}, BOTH),
        (MarketsReject.CURRENCY_IS_INVALID, {"currency": "XAU"}, BOTH),
        (MarketsReject.CURRENCY_IS_INVALID, {"kind": CalendarKind.TRADING}, BOTH),
        (MarketsReject.DATE_IS_INVALID, {"effective_from": 1}, BOTH),
        (MarketsReject.EFFECTIVE_DATE_IS_PAST, {"effective_from": FRIDAY}, BOTH),
        (MarketsReject.CALENDAR_IS_INVALID, {"calendar": BACKWARDS}, BOTH),
    ],
)
def test_set_calendar(expected: Any, changes: dict[str, Any], signers: tuple[str, ...]) -> None:
    world = MarketWorld()
    assert world.refused(msgspec.structs.replace(SET, **changes), *signers) is expected
    world.end_block()


def test_calendar_versions_have_a_limit() -> None:
    world = MarketWorld()
    for number in range(CALENDAR_VERSIONS_MAX):
        world.act(msgspec.structs.replace(SET, effective_from=20140101 + number), *BOTH)
    later = msgspec.structs.replace(SET, effective_from=20140201)
    assert world.refused(later, *BOTH) is MarketsReject.TOO_MANY_AMENDMENTS
    sooner = msgspec.structs.replace(SET, effective_from=20140105)
    assert world.refused(sooner, *BOTH) is None, "it takes the place of the later ones"
    assert world.refused(later, *BOTH) is None


@pytest.mark.parametrize(
    ("expected", "market", "date", "signers", "opened"),
    [
        (None, MARKET, MONDAY, BOTH, False),
        (MarketsReject.MARKET_NOT_FOUND, "XXXX", MONDAY, BOTH, False),
        (PartiesReject.MAKER_IS_MISSING, MARKET, MONDAY, ("operator",), False),
        (PartiesReject.CHECKER_IS_MISSING, MARKET, MONDAY, BOTH[:1], False),
        (MarketsReject.DAY_IS_OPEN, MARKET, MONDAY, BOTH, True),
        (MarketsReject.DAY_IS_OPEN, MARKET, TUESDAY, BOTH, True),
        (MarketsReject.DATE_IS_INVALID, MARKET, 20131007_0, BOTH, False),
        (MarketsReject.DATE_IS_INVALID, MARKET, -1, BOTH, False),
        (MarketsReject.DATE_HAS_BEEN, MARKET, FRIDAY, BOTH, False),
        (MarketsReject.DATE_IS_A_HOLIDAY, MARKET, 20131005, BOTH, False),
        (MarketsReject.DATE_IS_A_HOLIDAY, MARKET, HOLIDAY, BOTH, False),
        (MarketsReject.BUSINESS_DAY_IS_SKIPPED, MARKET, TUESDAY, BOTH, False),
    ],
)
def test_open_day(expected: Any, market: str, date: int, signers: tuple[str, ...], opened: bool) -> None:
    world = MarketWorld()
    if opened:
        world.open(MONDAY)
    assert world.refused(OpenDay(market, date), *signers) is expected
    if expected is None:
        assert (world.market.status, world.market.business_date) == (MarketStatus.OPEN, MONDAY)
        assert world.markets.is_open(MARKET)
        assert tags(world.facts) == ["DayOpened"]
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "market", "date", "signers", "opened"),
    [
        (None, MARKET, MONDAY, BOTH, True),
        (MarketsReject.MARKET_NOT_FOUND, "XXXX", MONDAY, BOTH, True),
        (PartiesReject.MAKER_IS_MISSING, MARKET, MONDAY, ("operator",), True),
        (MarketsReject.DAY_IS_NOT_OPEN, MARKET, MONDAY, BOTH, False),
        (MarketsReject.DATE_IS_NOT_THE_BUSINESS_DATE, MARKET, TUESDAY, BOTH, True),
        (MarketsReject.DATE_IS_NOT_THE_BUSINESS_DATE, MARKET, 2**64 - 1, BOTH, True),
    ],
)
def test_close_day(expected: Any, market: str, date: int, signers: tuple[str, ...], opened: bool) -> None:
    world = MarketWorld()
    if opened:
        world.open(MONDAY)
    assert world.refused(CloseDay(market, date), *signers) is expected
    if expected is None:
        assert world.refused(CloseDay(market, date), *BOTH) is MarketsReject.DAY_IS_NOT_OPEN
        assert world.refused(OpenDay(market, MONDAY), *BOTH) is MarketsReject.DATE_HAS_BEEN
        assert world.refused(OpenDay(market, TUESDAY), *BOTH) is MarketsReject.CLOSE_IS_IN_THIS_BLOCK
        world.end_block()
        assert world.refused(OpenDay(market, TUESDAY), *BOTH) is None
        assert world.refused(CloseDay(market, TUESDAY), *BOTH) is MarketsReject.DATE_IS_AHEAD
    world.end_block()


ASSET = b"e" * 20


@pytest.mark.parametrize(
    ("expected", "message", "signers", "known"),
    [
        (None, AcceptAsset(MARKET, ASSET, FRIDAY), BOTH, None),
        (None, AcceptAsset(MARKET, ASSET, WEDNESDAY), BOTH, None),
        (None, AcceptAsset(MARKET, ASSET, TUESDAY), BOTH, AcceptedAsset(FRIDAY, WEDNESDAY)),
        (MarketsReject.MARKET_NOT_FOUND, AcceptAsset("", ASSET, FRIDAY), BOTH, None),
        (PartiesReject.MAKER_IS_MISSING, AcceptAsset(MARKET, ASSET, FRIDAY), ("operator",), None),
        (MarketsReject.ASSET_IS_INVALID, AcceptAsset(MARKET, b"", FRIDAY), BOTH, None),
        (MarketsReject.DATE_IS_INVALID, AcceptAsset(MARKET, ASSET, 0), BOTH, None),
        (MarketsReject.EFFECTIVE_DATE_IS_PAST, AcceptAsset(MARKET, ASSET, FRIDAY - 1), BOTH, None),
        (MarketsReject.ASSET_IS_ACCEPTED, AcceptAsset(MARKET, ASSET, FRIDAY), BOTH, AcceptedAsset(FRIDAY)),
        (
            MarketsReject.ASSET_IS_ACCEPTED,
            AcceptAsset(MARKET, ASSET, WEDNESDAY),
            BOTH,
            AcceptedAsset(FRIDAY, TUESDAY),
        ),
    ],
)
def test_accept_asset(
    expected: Any, message: AcceptAsset, signers: tuple[str, ...], known: AcceptedAsset | None
) -> None:
    world = MarketWorld()
    if known is not None:
        world.markets_books.accepted_assets.put(MARKET.encode() + ASSET, known)
        world.state.books.accept()
    assert world.refused(message, *signers) is expected
    if expected is None:
        started = known is not None or message.accepted_from == FRIDAY
        assert world.markets.accepts_asset(MARKET, ASSET) is started
    world.end_block()


def test_accepted_assets_have_a_limit() -> None:
    world = MarketWorld()
    for number in range(ACCEPTED_ASSETS_MAX):
        key = MARKET.encode() + number.to_bytes(20, "big")
        world.markets_books.accepted_assets.put(key, AcceptedAsset(FRIDAY))
    world.state.books.accept()
    assert world.refused(AcceptAsset(MARKET, ASSET, FRIDAY), *BOTH) is MarketsReject.TOO_MANY_ASSETS


@pytest.mark.parametrize(
    ("expected", "message", "signers", "known"),
    [
        (None, WithdrawAsset(MARKET, ASSET, MONDAY), BOTH, AcceptedAsset(FRIDAY)),
        (MarketsReject.MARKET_NOT_FOUND, WithdrawAsset("", ASSET, MONDAY), BOTH, AcceptedAsset(FRIDAY)),
        (PartiesReject.MAKER_IS_MISSING, WithdrawAsset(MARKET, ASSET, MONDAY), ("operator",), None),
        (MarketsReject.ASSET_IS_NOT_ACCEPTED, WithdrawAsset(MARKET, ASSET, MONDAY), BOTH, None),
        (MarketsReject.ASSET_IS_NOT_ACCEPTED, WithdrawAsset(MARKET, b"", MONDAY), BOTH, None),
        (
            MarketsReject.ASSET_IS_NOT_ACCEPTED,
            WithdrawAsset(MARKET, ASSET, MONDAY),
            BOTH,
            AcceptedAsset(FRIDAY, TUESDAY),
        ),
        (MarketsReject.DATE_IS_INVALID, WithdrawAsset(MARKET, ASSET, -5), BOTH, AcceptedAsset(FRIDAY)),
        (
            MarketsReject.EFFECTIVE_DATE_IS_PAST,
            WithdrawAsset(MARKET, ASSET, FRIDAY),
            BOTH,
            AcceptedAsset(FRIDAY),
        ),
        (
            MarketsReject.EFFECTIVE_DATE_IS_PAST,
            WithdrawAsset(MARKET, ASSET, TUESDAY),
            BOTH,
            AcceptedAsset(WEDNESDAY),
        ),
    ],
)
def test_withdraw_asset(
    expected: Any, message: WithdrawAsset, signers: tuple[str, ...], known: AcceptedAsset | None
) -> None:
    world = MarketWorld()
    if known is not None:
        world.markets_books.accepted_assets.put(MARKET.encode() + ASSET, known)
        world.state.books.accept()
    assert world.refused(message, *signers) is expected
    if expected is None:
        assert world.markets.accepts_asset(MARKET, ASSET)
        world.open(MONDAY)
        assert not world.markets.accepts_asset(MARKET, ASSET)
        assert world.markets_books.accepted_assets.find(MARKET.encode() + ASSET) is None


def test_an_amendment_is_in_force_from_its_day_on() -> None:
    world = MarketWorld()
    world.act(amended(world, WEDNESDAY, settlement_cycle_days=1), *BOTH)
    world.act(amended(world, TUESDAY, settlement_cycle_days=2, cut_off_dvp_minute=15 * 60), *BOTH)
    world.open(MONDAY)
    assert world.markets.rulebook(MARKET).settlement_cycle_days == 3
    world.close(MONDAY)
    assert world.markets.rulebook(MARKET).settlement_cycle_days == 3
    world.open(TUESDAY)
    assert world.markets.rulebook(MARKET).settlement_cycle_days == 2
    assert world.market.cut_off_dvp_ms == NOW_MS + DAY_MS + 19 * HOUR_MS
    world.time_ms += DAY_MS
    world.end_block()
    world.close(TUESDAY)
    world.open(WEDNESDAY)
    assert world.markets.rulebook(MARKET).settlement_cycle_days == 1
    assert list(world.markets_books.amendments.scan()) == []


def test_several_amendments_that_fall_on_closed_days() -> None:
    world = MarketWorld()
    world.act(amended(world, 20131005, settlement_cycle_days=1), *BOTH)
    world.act(amended(world, 20131006, settlement_cycle_days=2), *BOTH)
    world.open(MONDAY)
    assert world.markets.rulebook(MARKET).settlement_cycle_days == 2
    assert list(world.markets_books.amendments.scan()) == []


def test_the_schedule_follows_what_is_amended_while_closed() -> None:
    world = MarketWorld()
    assert world.market.changes_ms == NEVER_MS == world.markets.next_change_ms()
    world.act(AmendRulebook(MARKET, msgspec.structs.replace(SCHEDULED, effective_from=MONDAY)), *BOTH)
    assert world.market.changes_ms == NOW_MS + 10 * HOUR_MS == world.markets.next_change_ms()
    closed = Calendar(SATURDAY_AND_SUNDAY, (IsoDate(MONDAY),))
    message = SetCalendar(MARKET, CalendarKind.SETTLEMENT, "", MONDAY, closed)
    world.act(message, *BOTH)
    assert world.market.changes_ms == NOW_MS + DAY_MS + 10 * HOUR_MS
    world.end_block()


def test_the_rejects_keep_their_market_to_themselves() -> None:
    world = MarketWorld()
    other = OpenMarket(party("depository"), "XDEP", "Depository", FRIDAY, BY_HAND, WEEKDAYS, WEEKDAYS)
    world.act(other, *makers_and_checkers("depository"))
    assert world.refused(OpenDay("XDEP", MONDAY), *BOTH) is PartiesReject.MAKER_IS_MISSING
    world.open(MONDAY)
    assert not world.markets.is_open("XDEP")


# ---- another operator ----

NEXT = makers_and_checkers("depository")
REGULATOR = makers_and_checkers("regulator")
HAND_OVER = HandOverMarket(MARKET, party("operator"), party("depository"))
BY_REGULATOR = {"authority": party("regulator")}


@pytest.mark.parametrize(
    ("expected", "changes", "signers", "status"),
    [
        (None, {}, BOTH + NEXT, PartyStatus.ACTIVE),
        (None, {}, BOTH + NEXT, PartyStatus.WINDING_DOWN),
        (None, BY_REGULATOR, REGULATOR + NEXT, PartyStatus.SUSPENDED),
        (None, BY_REGULATOR, REGULATOR + NEXT, PartyStatus.REVOKED),
        (None, BY_REGULATOR, REGULATOR + NEXT, PartyStatus.WINDING_DOWN),
        (None, BY_REGULATOR, REGULATOR + NEXT, PartyStatus.TERMINATED),
        (MarketsReject.MARKET_NOT_FOUND, {"market": "XLON"}, BOTH + NEXT, PartyStatus.ACTIVE),
        (MarketsReject.AUTHORITY_MAY_NOT_HAND_OVER, BY_REGULATOR, REGULATOR + NEXT, PartyStatus.ACTIVE),
        (
            MarketsReject.AUTHORITY_MAY_NOT_HAND_OVER,
            {"authority": party("depository")},
            NEXT,
            PartyStatus.REVOKED,
        ),
        (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, BOTH + NEXT, PartyStatus.REVOKED),
        (PartiesReject.CHECKER_IS_MISSING, {}, BOTH[:1] + NEXT, PartyStatus.ACTIVE),
        (PartiesReject.MAKER_IS_MISSING, {}, ("operator", *NEXT), PartyStatus.ACTIVE),
        (PartiesReject.MAKER_IS_MISSING, BY_REGULATOR, ("regulator", *NEXT), PartyStatus.REVOKED),
        (
            MarketsReject.OPERATOR_RUNS_THE_MARKET,
            {"operator": party("operator")},
            BOTH,
            PartyStatus.ACTIVE,
        ),
        (PartiesReject.PARTY_NOT_FOUND, {"operator": b"nobody"}, BOTH + NEXT, PartyStatus.ACTIVE),
        (
            PartiesReject.PARTY_LACKS_THE_ROLE,
            {"operator": party("broker")},
            BOTH + makers_and_checkers("broker"),
            PartyStatus.ACTIVE,
        ),
        (
            PartiesReject.PARTY_LACKS_THE_ROLE,
            {**BY_REGULATOR, "operator": party("regulator")},
            REGULATOR,
            PartyStatus.REVOKED,
        ),
        (PartiesReject.MAKER_IS_MISSING, {}, BOTH, PartyStatus.ACTIVE),
        (PartiesReject.CHECKER_IS_MISSING, {}, BOTH + NEXT[:1], PartyStatus.ACTIVE),
    ],
)
def test_hand_over_market(
    expected: Any, changes: dict[str, Any], signers: tuple[str, ...], status: PartyStatus
) -> None:
    world = MarketWorld()
    world.change("operator", status=status)
    assert world.refused(msgspec.structs.replace(HAND_OVER, **changes), *signers) is expected
    assert world.market.operator == party("operator" if expected else "depository")
    if expected is None:
        assert world.facts[0][1] == (PUBLIC,)


def test_nobody_who_is_not_active_takes_a_market_over() -> None:
    world = MarketWorld()
    for status in (PartyStatus.ADMITTED, PartyStatus.SUSPENDED, PartyStatus.WINDING_DOWN):
        world.change("depository", status=status)
        assert world.refused(HAND_OVER, *BOTH, *NEXT) is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_the_day_is_the_new_operators_from_the_next_message_on() -> None:
    """Handed over in the middle of a day by a regulator, since its operator is gone."""
    world = MarketWorld(SCHEDULED)
    world.open(MONDAY)
    world.act(RevokeParty(party("regulator"), party("operator"), "It is gone."), "regulator")
    assert world.refused(CloseDay(MARKET, MONDAY), *BOTH) is PartiesReject.PARTY_IS_NOT_ACTIVE
    world.act(msgspec.structs.replace(HAND_OVER, **BY_REGULATOR), *REGULATOR, *NEXT)
    kept = msgspec.structs.replace(world.market, operator=party("operator"))
    assert (kept.status, kept.business_date) == (MarketStatus.OPEN, MONDAY)
    for message in (CloseDay(MARKET, MONDAY), amended(world, TUESDAY)):
        assert world.refused(message, *BOTH) is PartiesReject.MAKER_IS_MISSING
    world.act(amended(world, TUESDAY), *NEXT)
    world.act(CloseDay(MARKET, MONDAY), *NEXT)
    world.end_block()
    back = HandOverMarket(MARKET, party("depository"), party("operator"))
    assert world.refused(back, *NEXT, *BOTH) is PartiesReject.PARTY_IS_NOT_ACTIVE
