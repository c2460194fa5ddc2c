"""Trades: for each message the valid rows first, then one row for each reject in order of precedence; then lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.markets.records import Market
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.messages import Amend, Cancel, Instruct
from counterfoil.modules.trades import queries
from counterfoil.modules.trades.facts import (
    TradeAmended,
    TradeCancelled,
    TradeConfirmed,
    TradeRecorded,
)
from counterfoil.modules.trades.interface import Capacity, TradeStatus, TradeTerms
from counterfoil.modules.trades.messages import AmendTrade, CancelTrade, ConfirmTrade, RecordTrade
from counterfoil.modules.trades.records import INSTRUCTIONS_MAX
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.codec import AMOUNT_MAX, Message, decode_exact, encode
from counterfoil.primitives.outcome import RejectCode
from tests.unit.settlement.messages import both, deliver, receive, terms
from tests.unit.settlement.world import MARKET, World, account, instrument, party, told

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


def venue(world: World) -> None:
    """The exchange operates the venue XNYS on this ledger."""
    found = world.markets.require(MARKET)
    changed: Market = msgspec.structs.replace(found, operator=party("exchange"))
    world.markets_books.markets.put(b"XNYS", changed)
    world.keep()


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
]


def the(world: World) -> bytes:
    found = world.trades.by_reference("XNYS", "T-1")
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
    (TradesReject.PARTY_IS_NOT_INVOLVED, {"party": party("third")}, ("third",), None),
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


def test_a_trade_has_a_bounded_number_of_instructions(world: World) -> None:
    trade_id = record(world)
    confirm(world)
    world.trades.linked(
        world.context(), trade_id, tuple(number.to_bytes(32, "big") for number in range(INSTRUCTIONS_MAX))
    )
    world.keep()
    refused = world.refused(deliver(trade=trade_id), "seller")
    assert refused is TradesReject.TRADE_HAS_TOO_MANY_INSTRUCTIONS


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
    assert world.trades.by_reference("XNYS", "T-1") is None
    world.end_block()
    assert queries.trade(world.state, trade_id) is None
    past = queries.trade(world.state, trade_id, 4)
    assert past is not None
    assert past.status is TradeStatus.CONFIRMED
    assert queries.by_reference(world.state, "XNYS", "T-1", 4) == trade_id


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


def test_references_are_the_venues_own_and_end_with_their_window(world: World) -> None:
    record(world)
    other = RecordTrade(terms(venue="XOFF"), party("seller"))
    assert world.refused(other, "seller") is None
    again = RecordTrade(terms(), party("seller"))
    world.forget_references()
    assert world.refused(again, "seller") is TradesReject.REFERENCE_IS_USED, "the trade lives"
    world.act(CancelTrade(the(world), party("seller")), "seller")
    assert (
        world.refused(again, "seller") is TradesReject.REFERENCE_IS_USED
        or world.refused(again, "seller") is None
    )
    world.forget_references()
    assert world.refused(again, "seller") is None


def test_live_trades_are_listed(world: World) -> None:
    first = record(world)
    second = record(world, trade_reference="T-2", instrument_id=instrument("other"), buyer=party("third"))
    world.end_block()
    assert [one for one, _ in queries.live_trades(world.state)] == sorted((first, second))
    assert [one for one, _ in queries.live_trades(world.state, party("third"))] == [second]
    assert [one for one, _ in queries.live_trades(world.state, b"", instrument("share"))] == [first]
    assert queries.live_trades(world.state, status=TradeStatus.CONFIRMED) == []


def test_terms_travel(world: World) -> None:
    found: TradeTerms = terms(seller_capacity=Capacity.MATCHED_PRINCIPAL)
    assert decode_exact(encode(found), TradeTerms) == found
