"""Trades: for each message the valid rows first, then one row for each reject in order of precedence; then lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.records import AccountKind, relationship_of
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.markets.records import Market
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Mandate
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement import queries as settlement_queries
from counterfoil.modules.settlement.messages import Amend, Cancel, Instruct, InstructBoth
from counterfoil.modules.trades import queries
from counterfoil.modules.trades.facts import (
    TradeAmended,
    TradeCancelled,
    TradeConfirmed,
    TradeLapsed,
    TradeRecorded,
)
from counterfoil.modules.trades.interface import THE_VENUES, Capacity, TradeStatus, TradeTerms
from counterfoil.modules.trades.messages import AmendTrade, CancelTrade, ConfirmTrade, RecordTrade
from counterfoil.modules.trades.records import INSTRUCTIONS_MAX
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.codec import AMOUNT_MAX, Message, decode_exact, encode
from counterfoil.primitives.outcome import RejectCode
from counterfoil.state.state import State
from tests.unit.settlement.messages import both, deliver, receive, terms
from tests.unit.settlement.world import (
    MARKET,
    MONDAY,
    SATURDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    account,
    instrument,
    party,
    signer,
    told,
)

Prepare = Callable[[World], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[str, ...], Prepare | None]
NOTHING = b"nothing".ljust(32)
NOBODY = b"nobody".ljust(20)
TOO_LARGE = AMOUNT_MAX + 1
SELLER = ("seller",)


@pytest.fixture
def world() -> World:
    return World()


def record(world: World, recorder: str = "seller", **changes: Any) -> bytes:
    return world.act(RecordTrade(terms(**changes), party(recorder)), recorder).created[0]


def venue(world: World, operator: str = "exchange") -> None:
    """The exchange operates the venue XNYS on this ledger, which is open and trades on weekdays."""
    found = world.markets.require(MARKET)
    changed: Market = msgspec.structs.replace(found, operator=party(operator))
    world.markets_books.markets.put(b"XNYS", changed)
    world.set_rulebook("XNYS")
    world.set_trading_calendar("XNYS")
    world.keep()


def closed_on_monday(world: World) -> None:
    venue(world)
    world.set_trading_calendar("XNYS", MONDAY)


FORM: list[tuple[RejectCode | None, dict[str, Any]]] = [
    (None, {}),
    (None, {"trade_reference": "T" * 52, "venue": "XOFF"}),
    (None, {"amount": 0, "asset": b""}),
    (None, {"quantity": AMOUNT_MAX, "price": AMOUNT_MAX, "price_scale": 18, "amount": AMOUNT_MAX}),
    (None, {"seller_client": account("client's"), "seller_capacity": Capacity.AGENT}),
    (TradesReject.REFERENCE_IS_MALFORMED, {"trade_reference": ""}),
    (TradesReject.REFERENCE_IS_MALFORMED, {"trade_reference": "T" * 53}),
    (TradesReject.REFERENCE_IS_MALFORMED, {"trade_reference": "Ⅰ"}),
    (TradesReject.REFERENCE_IS_MALFORMED, {"trade_reference": "\n"}),
    (TradesReject.VENUE_IS_MALFORMED, {"venue": "nyse"}),
    (TradesReject.VENUE_IS_MALFORMED, {"venue": ""}),
    (TradesReject.EXECUTION_TIME_IS_INVALID, {"execution_time_ms": -1}),
    (TradesReject.EXECUTION_TIME_IS_INVALID, {"execution_time_ms": TOO_LARGE}),
    (TradesReject.TRADE_DATE_IS_INVALID, {"trade_date": 20130229}),
    (TradesReject.QUANTITY_IS_INVALID, {"quantity": 0}),
    (TradesReject.QUANTITY_IS_INVALID, {"quantity": TOO_LARGE}),
    (TradesReject.PRICE_IS_INVALID, {"price": -1}),
    (TradesReject.PRICE_IS_INVALID, {"price": TOO_LARGE}),
    (TradesReject.PRICE_IS_INVALID, {"price_scale": 19}),
    (TradesReject.PRICE_IS_INVALID, {"price_scale": -1}),
    (TradesReject.AMOUNT_IS_INVALID, {"amount": -1}),
    (TradesReject.AMOUNT_IS_INVALID, {"amount": TOO_LARGE}),
    (TradesReject.ASSET_IS_INCONSISTENT, {"amount": 0}),
    (TradesReject.ASSET_IS_INCONSISTENT, {"asset": b""}),
    (TradesReject.INSTRUMENT_IS_THE_ASSET, {"asset": instrument("share")}),
]


@pytest.mark.parametrize("row", FORM)
def test_the_form_of_terms(world: World, row: tuple[RejectCode | None, dict[str, Any]]) -> None:
    expected, changes = row
    assert world.refused(RecordTrade(terms(**changes), party("seller")), "seller") is expected
    held = both(delivery_hold=True, **changes)
    if "seller_client" not in changes:
        assert world.refused(held, "seller", "buyer") is expected
        trade_id = record(world)
        amended = AmendTrade(trade_id, terms(**{"price": 1, **changes}))
        if changes.keys() & {"trade_reference", "venue"} and expected is None:
            expected = TradesReject.IDENTITY_OF_THE_TRADE_CHANGES
        assert world.refused(amended, "seller") is expected


RECORD: list[Row] = [
    (None, {}, SELLER, None),
    (None, {"recorder": party("buyer")}, ("buyer",), None),
    (None, {"recorder": party("exchange")}, ("exchange",), venue),
    (None, {"terms": terms(trade_date=SATURDAY)}, SELLER, None),
    (TradesReject.TRADE_DATE_IS_NO_TRADING_DAY, {"terms": terms(trade_date=SATURDAY)}, SELLER, venue),
    (TradesReject.TRADE_DATE_IS_NO_TRADING_DAY, {}, SELLER, closed_on_monday),
    (None, {"terms": terms(venue="XOFF", trade_date=SATURDAY)}, SELLER, venue),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"terms": terms(instrument_id=NOBODY)}, SELLER, None),
    (
        InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
        {},
        SELLER,
        lambda world: world.set_status("share", InstrumentStatus.MATURED),
    ),
    (TradesReject.SIDE_IS_NOT_A_PARTY, {"terms": terms(seller=NOBODY)}, SELLER, None),
    (TradesReject.SIDE_IS_NOT_A_PARTY, {"terms": terms(buyer=b"")}, SELLER, None),
    (TradesReject.SIDE_IS_NOT_A_PARTY, {}, SELLER, lambda world: world.suspend("buyer")),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"terms": terms(asset=NOBODY)}, SELLER, None),
    (TradesReject.ASSET_IS_NOT_MONEY, {"terms": terms(asset=instrument("other"))}, SELLER, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"terms": terms(buyer_client=NOBODY)}, SELLER, None),
    (
        TradesReject.CLIENT_ACCOUNT_IS_NOT_SERVED,
        {"terms": terms(buyer_client=account("client's"))},
        SELLER,
        None,
    ),
    (TradesReject.RECORDER_IS_NOT_INVOLVED, {"recorder": party("third")}, ("third",), None),
    (TradesReject.RECORDER_IS_NOT_INVOLVED, {"recorder": party("exchange")}, ("exchange",), None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ("buyer",), None),
    (TradesReject.REFERENCE_IS_USED, {}, SELLER, record),
]


@pytest.mark.parametrize("row", RECORD)
def test_record_trade(world: World, row: Row) -> None:
    message = RecordTrade(terms(), party("seller"))
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
        world.keep()
    assert world.refused(msgspec.structs.replace(message, **changes), *signers) is expected


CONFIRM: list[Row] = [
    (None, {}, ("buyer",), None),
    (TradesReject.TRADE_NOT_FOUND, {"trade_id": NOTHING}, ("buyer",), None),
    (TradesReject.TRADE_NOT_FOUND, {"trade_id": b""}, ("buyer",), None),
    (TradesReject.TRADE_IS_CONFIRMED, {}, ("buyer",), lambda world: confirm(world)),
    (TradesReject.VERSION_IS_NOT_CURRENT, {"version": 0}, ("buyer",), None),
    (
        TradesReject.VERSION_IS_NOT_CURRENT,
        {},
        ("buyer",),
        lambda world: world.act(AmendTrade(the(world), terms(price=1)), "seller"),
    ),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, SELLER, None),
    (
        TradesReject.REFERENCE_IS_USED,
        {},
        ("buyer",),
        lambda world: record(world, "buyer", seller=party("third")),
    ),
]


def the(world: World, whose: str = "seller") -> bytes:
    found = world.trades.by_reference(party(whose) if whose else THE_VENUES, "XNYS", "T-1")
    assert found is not None
    return found


def confirm(world: World) -> None:
    world.act(ConfirmTrade(the(world), 1), "buyer")


def check(world: World, message: Message, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
        world.keep()
    assert world.refused(msgspec.structs.replace(message, **changes), *signers) is expected


@pytest.mark.parametrize("row", CONFIRM)
def test_confirm_trade(world: World, row: Row) -> None:
    check(world, ConfirmTrade(record(world), 1), row)


def instruct_it(world: World) -> None:
    confirm(world)
    world.act(deliver(trade=the(world)), "seller")


AMEND: list[Row] = [
    (None, {}, SELLER, None),
    (None, {}, ("seller", "buyer"), confirm),
    (TradesReject.TRADE_NOT_FOUND, {"trade_id": NOTHING}, SELLER, None),
    (TradesReject.IDENTITY_OF_THE_TRADE_CHANGES, {"terms": terms(venue="XOFF")}, SELLER, None),
    (TradesReject.IDENTITY_OF_THE_TRADE_CHANGES, {"terms": terms(trade_reference="T-2")}, SELLER, None),
    (TradesReject.IDENTITY_OF_THE_TRADE_CHANGES, {"terms": terms(seller=party("third"))}, SELLER, None),
    (TradesReject.IDENTITY_OF_THE_TRADE_CHANGES, {"terms": terms(buyer=party("third"))}, SELLER, None),
    (TradesReject.TRADE_DATE_IS_NO_TRADING_DAY, {}, SELLER, closed_on_monday),
    (TradesReject.SIDE_IS_NOT_A_PARTY, {}, SELLER, lambda world: world.suspend("buyer")),
    (TradesReject.NOTHING_CHANGES, {"terms": terms()}, SELLER, None),
    (TradesReject.TRADE_HAS_INSTRUCTIONS, {}, ("seller", "buyer"), instruct_it),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, SELLER, confirm),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ("buyer",), confirm),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ("buyer",), None),
]


@pytest.mark.parametrize("row", AMEND)
def test_amend_trade(world: World, row: Row) -> None:
    check(world, AmendTrade(record(world), terms(price=4_999)), row)


CANCEL: list[Row] = [
    (None, {}, SELLER, None),
    (None, {"party": party("buyer")}, ("buyer",), None),
    (None, {}, ("seller", "buyer"), confirm),
    (TradesReject.TRADE_NOT_FOUND, {"trade_id": NOTHING}, SELLER, None),
    (TradesReject.TRADE_NOT_FOUND, {"party": party("third")}, ("third",), None),
    (TradesReject.PARTY_IS_NOT_INVOLVED, {"party": party("third")}, ("third", "seller"), None),
    (TradesReject.TRADE_HAS_INSTRUCTIONS, {}, ("seller", "buyer"), instruct_it),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, SELLER, confirm),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ("buyer",), None),
]


@pytest.mark.parametrize("row", CANCEL)
def test_cancel_trade(world: World, row: Row) -> None:
    check(world, CancelTrade(record(world), party("seller")), row)


def test_only_a_confirmed_trade_is_instructed(world: World) -> None:
    trade_id = record(world)
    message: Instruct = deliver(trade=trade_id)
    assert world.refused(message, "seller") is TradesReject.TRADE_IS_NOT_CONFIRMED
    confirm(world)
    assert world.refused(message, "seller") is None


def test_a_trade_has_a_bounded_number_of_instructions_of_each_side(world: World) -> None:
    """So that one side cannot keep the other from instructing."""
    trade_id = record(world)
    confirm(world)
    many = tuple(number.to_bytes(32, "big") for number in range(INSTRUCTIONS_MAX))
    world.trades.linked(world.context(), trade_id, deliveries=many)
    world.keep()
    refused = world.refused(deliver(trade=trade_id), "seller")
    assert refused is TradesReject.TRADE_HAS_TOO_MANY_INSTRUCTIONS
    assert world.refused(receive(trade=trade_id), "buyer") is None


@pytest.mark.parametrize(
    ("limit", "signs", "changes", "fits"),
    [
        (5_000, "seller", {}, True),
        (4_999, "seller", {}, False),
        (5_000, "seller", {"amount": 1}, True),
        (99, "seller", {"amount": 1}, False),
        (99, "seller", {"amount": 0, "asset": b""}, False),
        (5_000, "buyer", {}, True),
        (1, "buyer", {"amount": 1}, True),
        (99, "buyer", {"amount": 0, "asset": b""}, False),
        (4_999, "exchange", {}, False),
        (99, "exchange", {"amount": 1}, False),
    ],
)
def test_a_mandates_limit_is_held_against_what_a_side_gives(
    world: World, limit: int, signs: str, changes: dict[str, Any], fits: bool
) -> None:
    """Also of what is free of payment, or sold for a cent."""
    venue(world)
    mandate = Mandate((), (), amount_limit=limit)
    world.parties_books.mandates.put(party(signs) + signer("client"), mandate)
    world.keep()
    expected = None if fits else PartiesReject.MANDATE_LIMIT_EXCEEDED
    assert world.refused(RecordTrade(terms(**changes), party(signs)), "client") is expected
    if signs == "buyer":
        trade_id = record(world, **changes)
        assert world.refused(ConfirmTrade(trade_id, 1), "client") is expected
    trade_id = record(world, signs, trade_reference="T-9", **changes)
    assert world.refused(CancelTrade(trade_id, party(signs)), "client") is expected
    small = terms(trade_reference="T-9", quantity=1, amount=1)
    assert world.refused(AmendTrade(trade_id, small), "client") is expected, "it is not his to make small"


# ---- lives ----


def test_recorded_amended_confirmed_and_settled(world: World) -> None:
    world.give("seller's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    context = world.act(RecordTrade(terms(price=1), party("seller")), "seller")
    (recorded,) = told(context, TradeRecorded)
    trade_id = recorded.trade_id
    assert recorded.status is TradeStatus.RECORDED
    assert context.facts[0][1] == (party("seller"), party("buyer"))
    world.end_block()
    (amended,) = told(world.act(AmendTrade(trade_id, terms()), "seller"), TradeAmended)
    assert amended.version == 2
    world.end_block()
    (confirmed,) = told(world.act(ConfirmTrade(trade_id, 2), "buyer"), TradeConfirmed)
    assert confirmed.party == party("buyer")
    world.end_block()
    world.act(deliver(trade=trade_id, trade_reference="T-1"), "seller")
    world.act(receive(trade=trade_id, trade_reference="T-1"), "buyer")
    assert world.trades.find(trade_id) is None
    for whose in ("seller", "buyer"):
        assert world.trades.by_reference(party(whose), "XNYS", "T-1") is None
    world.end_block()
    assert queries.trade(world.state, trade_id) is None
    past = queries.trade(world.state, trade_id, 4)
    assert past is not None
    assert past.status is TradeStatus.CONFIRMED
    for whose in ("seller", "buyer"):
        assert queries.by_reference(world.state, party(whose), "XNYS", "T-1", 4) == trade_id


def test_the_exchange_signs_for_both_sides_and_alone_takes_back(world: World) -> None:
    venue(world)
    trade_id = record(world, "exchange")
    assert world.trades.require_confirmed(trade_id).status is TradeStatus.EXCHANGE_SIGNED
    sides = CancelTrade(trade_id, party("seller"))
    assert world.refused(sides, "seller", "buyer") is TradesReject.PARTY_IS_NOT_INVOLVED
    world.act(AmendTrade(trade_id, terms(price=1)), "exchange")
    world.end_block()
    context = world.act(CancelTrade(trade_id, party("exchange")), "exchange")
    assert [fact.party for fact in told(context, TradeCancelled)] == [party("exchange")]
    assert context.facts[0][1] == (party("seller"), party("buyer"), party("exchange"))
    world.end_block()


def test_no_side_keeps_the_exchange_from_taking_a_trade_back(world: World) -> None:
    """By instructing, which it may do as often as it likes; the instructions are the sides' own and go on."""
    venue(world)
    world.give("seller's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    trade_id = record(world, "exchange")
    delivery_id = world.act(deliver(trade=trade_id, hold=True), "seller").created[0]
    refused = world.refused(AmendTrade(trade_id, terms(price=1)), "exchange")
    assert refused is TradesReject.TRADE_HAS_INSTRUCTIONS
    world.act(CancelTrade(trade_id, party("exchange")), "exchange")
    world.end_block()
    world.act(receive(), "buyer")
    world.act(Amend(delivery_id, hold=False), "seller")
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("buyer's", "share") == (100, 0)


def test_what_an_exchange_signed_follows_the_market_to_its_next_operator(world: World) -> None:
    venue(world)
    trade_id = record(world, "exchange")
    venue(world, "depository")
    before = CancelTrade(trade_id, party("exchange"))
    assert world.refused(before, "exchange") is TradesReject.TRADE_NOT_FOUND
    refused = world.refused(AmendTrade(trade_id, terms(price=1)), "exchange")
    assert refused is TradesReject.TRADE_NOT_FOUND
    world.act(AmendTrade(trade_id, terms(price=1)), "depository")
    context = world.act(CancelTrade(trade_id, party("depository")), "depository")
    assert context.facts[0][1] == (party("seller"), party("buyer"), party("depository"))
    world.end_block()


def test_one_member_on_both_sides_needs_nobody_else(world: World) -> None:
    trade_id = record(world, buyer=party("seller"))
    assert world.trades.require_confirmed(trade_id).status is TradeStatus.CONFIRMED
    world.act(AmendTrade(trade_id, terms(buyer=party("seller"), price=1)), "seller")
    world.act(CancelTrade(trade_id, party("seller")), "seller")
    world.end_block()


def test_a_trade_whose_instructions_are_cancelled_may_be_cancelled(world: World) -> None:
    trade_id = record(world)
    confirm(world)
    instruction_id = world.act(deliver(trade=trade_id), "seller").created[0]
    world.act(Amend(instruction_id, hold=True), "seller")
    world.act(Cancel(instruction_id), "seller")
    world.act(CancelTrade(trade_id, party("buyer")), "seller", "buyer")
    world.end_block()
    assert queries.live_trades(world.state) == []


# ---- references ----


def test_a_reference_is_used_for_its_window_and_as_long_as_the_trade_lives(world: World) -> None:
    record(world)
    other = RecordTrade(terms(venue="XOFF"), party("seller"))
    assert world.refused(other, "seller") is None
    again = RecordTrade(terms(), party("seller"))
    assert world.refused(again, "seller") is TradesReject.REFERENCE_IS_USED
    world.forget_references()
    assert world.refused(again, "seller") is TradesReject.REFERENCE_IS_USED, "the trade lives"
    world.act(CancelTrade(the(world), party("seller")), "seller")
    assert world.refused(again, "seller") is None


def test_nobody_uses_up_the_reference_of_another(world: World) -> None:
    """Whatever a member claims alone, its counterparty, third members and the exchange still have their own."""
    venue(world)
    record(world, "third", buyer=party("third"), seller=party("seller"))
    record(world, "third", trade_reference="T-2", buyer=party("third"), seller=party("buyer"))
    for reference in ("T-1", "T-2"):
        assert world.refused(both(trade_reference=reference), "seller", "buyer") is None
        for recorder in ("seller", "buyer", "exchange"):
            message = RecordTrade(terms(trade_reference=reference), party(recorder))
            assert world.refused(message, recorder) is None


def test_what_both_agreed_to_is_entered_once_in_whatever_way(world: World) -> None:
    world.give("seller's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    world.act(both(), "seller", "buyer")
    again = both(delivery_reference="S-2", receipt_reference="B-2")
    assert world.refused(again, "seller", "buyer") is TradesReject.REFERENCE_IS_USED
    for recorder in ("seller", "buyer"):
        message = RecordTrade(terms(), party(recorder))
        assert world.refused(message, recorder) is TradesReject.REFERENCE_IS_USED
    reverse = terms(seller=party("buyer"), buyer=party("seller"))
    assert world.refused(RecordTrade(reverse, party("buyer")), "buyer") is TradesReject.REFERENCE_IS_USED
    with_another = terms(buyer=party("third"))
    assert world.refused(RecordTrade(with_another, party("seller")), "seller") is (
        TradesReject.REFERENCE_IS_USED
    )


@pytest.mark.parametrize("recorder", ["seller", "exchange"])
def test_a_trade_that_lives_is_not_settled_a_second_time_past_the_window(world: World, recorder: str) -> None:
    venue(world)
    world.give("seller's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    record(world, recorder)
    if recorder == "seller":
        confirm(world)
    world.end_block()
    world.forget_references()
    assert world.refused(both(), "seller", "buyer") is TradesReject.REFERENCE_IS_USED


def test_what_the_exchange_signed_its_sides_do_not_enter_again(world: World) -> None:
    venue(world)
    record(world, "exchange")
    assert world.refused(both(), "seller", "buyer") is TradesReject.REFERENCE_IS_USED
    for recorder in ("seller", "buyer", "exchange"):
        message = RecordTrade(terms(), party(recorder))
        assert world.refused(message, recorder) is TradesReject.REFERENCE_IS_USED
    others = both(seller=party("third"), delivery_account=account("third's"), amount=0, asset=b"")
    assert world.refused(others, "third", "buyer") is TradesReject.REFERENCE_IS_USED


def test_the_exchange_is_not_kept_from_recording_by_what_a_side_claimed(world: World) -> None:
    venue(world)
    claimed = record(world)
    signed = record(world, "exchange")
    assert world.refused(ConfirmTrade(claimed, 1), "buyer") is TradesReject.REFERENCE_IS_USED
    assert the(world, "seller") == claimed
    assert (the(world, ""), the(world, "buyer")) == (signed, signed)
    world.end_block()
    world.act(CancelTrade(claimed, party("seller")), "seller")
    world.act(CancelTrade(signed, party("exchange")), "exchange")
    world.end_block()
    assert list(world.trades_books.references.scan()) == []


# ---- lapsing ----


def test_a_trade_that_nobody_instructs_lapses_with_the_recycling_period(world: World) -> None:
    """The venue is no market here: the home market of the instrument decides."""
    world.set_rulebook(recycling_days=2)
    first, second = record(world), record(world, trade_reference="T-2")
    for day in (TUESDAY, WEDNESDAY):
        world.set_day(day)
        world.end_block()
        world.end_block()
    world.act(ConfirmTrade(second, 1), "buyer")
    assert world.trades.find(first) is not None
    world.set_day(THURSDAY, is_open=False)
    world.end_block()
    world.end_block()
    assert world.trades.find(first) is not None, "the day is not open"
    world.set_day(THURSDAY)
    world.end_block()
    assert [world.trades.find(one) for one in (first, second)] == [None, None]
    lapsed = [entry for context in world.lapsed for entry in context.facts]
    sides = (party("seller"), party("buyer"))
    assert lapsed == [(TradeLapsed(one, 0), sides) for one in sorted((first, second))]
    assert world.trades_books.idle.first() is None
    assert world.trades_books.references.first() is None
    world.forget_references()
    record(world)


def test_the_exchange_is_told_of_what_it_signed_and_nobody_instructed(world: World) -> None:
    venue(world)
    world.set_rulebook("XNYS", recycling_days=0)
    trade_id = record(world, "exchange", seller_client=account("client's"))
    tuesday = msgspec.structs.replace(world.markets.require("XNYS"), business_date=TUESDAY)
    world.markets_books.markets.put(b"XNYS", tuesday)
    world.end_block()
    ((told_to,),) = [[told for _, told in context.facts] for context in world.lapsed]
    assert told_to == (party("seller"), party("buyer"), party("exchange"))
    world.end_block()
    assert queries.clients(world.state, trade_id) == (b"", b"")


def test_a_trade_lapses_only_once_its_instructions_have_ended(world: World) -> None:
    world.set_rulebook(recycling_days=1)
    trade_id = record(world)
    confirm(world)
    instruction_id = world.act(deliver(trade=trade_id, settlement_date=THURSDAY), "seller").created[0]
    for day in (TUESDAY, WEDNESDAY):
        world.set_day(day)
        world.end_block()
    assert world.trades.find(trade_id) is not None
    world.act(Cancel(instruction_id), "seller")
    assert world.trades.require(trade_id).idle_since == WEDNESDAY
    world.set_day(THURSDAY)
    world.end_block()
    world.end_block()
    assert world.trades.find(trade_id) is not None
    world.set_day(20131011)
    world.end_block()
    world.end_block()
    assert world.trades.find(trade_id) is None


@pytest.mark.parametrize("limit", [1, 3])
def test_lapsing_is_bounded_and_goes_on_in_the_next_block(world: World, limit: int) -> None:
    world.set_rulebook(recycling_days=0)
    for number in range(7):
        record(world, trade_reference=f"T-{number}")
    world.retry_limit = limit
    world.set_day(TUESDAY)
    left = 7
    while left:
        world.end_block()
        left = max(left - limit, 0)
        assert len(list(world.trades_books.idle.scan())) == left
    world.end_block()


# ---- what each side learns ----


def client_of_the_buyer(world: World) -> bytes:
    world.open_account("another client's", "client", "buyer", AccountKind.OWN)
    return account("another client's")


def shown(context: ActionContext) -> dict[bytes, tuple[bytes, bytes]]:
    """By whom it was told: the clients that the terms named to it."""
    return {
        stakeholder: (fact.terms.seller_client, fact.terms.buyer_client)
        for fact, stakeholders in context.facts
        if hasattr(fact, "terms")
        for stakeholder in stakeholders
    }


def test_each_side_learns_its_own_client_and_the_exchange_both(world: World) -> None:
    venue(world)
    mine, theirs = account("client's"), client_of_the_buyer(world)
    clients = {"seller_client": mine, "buyer_client": theirs}
    expected = {
        party("seller"): (mine, b""),
        party("buyer"): (b"", theirs),
        party("exchange"): (mine, theirs),
    }
    recorded = world.act(RecordTrade(terms(**clients), party("exchange")), "exchange")
    assert shown(recorded) == expected
    amended = world.act(AmendTrade(recorded.created[0], terms(**clients, price=1)), "exchange")
    assert shown(amended) == expected
    world.end_block()
    kept = queries.trade(world.state, recorded.created[0])
    assert kept is not None
    assert (kept.terms.seller_client, kept.terms.buyer_client) == (b"", b"")
    assert queries.clients(world.state, recorded.created[0]) == (mine, theirs)
    gone = terms(seller_client=mine, price=2)
    assert shown(world.act(AmendTrade(recorded.created[0], gone), "exchange"))[party("exchange")] == (
        mine,
        b"",
    )
    world.end_block()
    assert queries.clients(world.state, recorded.created[0]) == (mine, b"")
    assert queries.clients(world.state, recorded.created[0], world.state.height - 1) == (mine, theirs)


def test_who_records_for_both_of_its_clients_is_told_of_both(world: World) -> None:
    world.open_account("second client's", "client", "seller", AccountKind.OWN)
    clients = {"seller_client": account("client's"), "buyer_client": account("second client's")}
    context = world.act(RecordTrade(terms(buyer=party("seller"), **clients), party("seller")), "seller")
    assert shown(context) == {party("seller"): tuple(clients.values())}


@pytest.mark.parametrize("due", [True, False])
def test_what_both_sides_enter_names_to_each_its_own_client(world: World, due: bool) -> None:
    mine, theirs = account("client's"), client_of_the_buyer(world)
    if due:
        world.give("client's", "share", 100)
        world.give("another client's", "usd", 5_000)
    message: InstructBoth = both(
        seller_client=mine, buyer_client=theirs, delivery_account=mine, receipt_account=theirs
    )
    context = world.act(message, "seller", "buyer")
    if due:
        relations = [relationship_of(party(name), party("client")) for name in ("seller", "buyer")]
    else:
        relations = [party("seller"), party("buyer")]
    assert shown(context) == {relations[0]: (mine, b""), relations[1]: (b"", theirs)}
    world.end_block()
    for instruction_id in context.created[1:] if not due else ():
        assert world.live(instruction_id).counterparty_account == b""


def test_live_trades_are_listed(world: World) -> None:
    first = record(world)
    second = record(world, trade_reference="T-2", instrument_id=instrument("other"), buyer=party("third"))
    world.end_block()
    assert [one for one, _ in queries.live_trades(world.state)] == sorted((first, second))
    assert [one for one, _ in queries.live_trades(world.state, party("third"))] == [second]
    assert [one for one, _ in queries.live_trades(world.state, b"", instrument("share"))] == [first]
    assert queries.live_trades(world.state, status=TradeStatus.CONFIRMED) == []


def test_to_list_what_lives_nothing_that_ended_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = record(world)
    world.end_block()
    world.act(CancelTrade(ended, party("seller")), "seller")
    living = record(world, trade_reference="T-2")
    world.act(ConfirmTrade(living, 1), "buyer")
    instruction_id = world.act(deliver(trade=living, trade_reference="T-2"), "seller").created[0]
    world.end_block()
    asked: list[bytes] = []
    find = State.find

    def noted(state: State, table: Any, key: bytes) -> Any:
        asked.append(key)
        return find(state, table, key)

    monkeypatch.setattr(State, "find", noted)
    assert [one for one, _ in queries.live_trades(world.state)] == [living]
    assert [one for one, _ in settlement_queries.open_instructions(world.state)] == [instruction_id]
    assert asked == [living, instruction_id]


def test_terms_travel(world: World) -> None:
    found: TradeTerms = terms(seller_capacity=Capacity.MATCHED_PRINCIPAL)
    assert decode_exact(encode(found), TradeTerms) == found
