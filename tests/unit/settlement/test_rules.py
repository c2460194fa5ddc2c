"""Instructions: for each message the valid rows first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.records import AccountKind
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.markets.records import CalendarKind, DatedCalendar, MarketCalendar
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.modules.parties.interface import Mandate
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.interface import Linkage, Method, Partial, Position, Priority
from counterfoil.modules.settlement.messages import (
    Allocate,
    Amend,
    Cancel,
    Deallocate,
    Instruct,
    RefuseSignOff,
    SignOff,
)
from counterfoil.modules.settlement.records import LINKS_MAX, Link
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, Calendar
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.outcome import RejectCode
from tests.unit.settlement.messages import both, deliver, receive
from tests.unit.settlement.world import (
    MARKET,
    MONDAY,
    SATURDAY,
    TUESDAY,
    World,
    account,
    instrument,
    party,
    signer,
)

Prepare = Callable[[World], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[str, ...], Prepare | None]
NOBODY = b"nobody".ljust(20)
NOTHING = b"nothing".ljust(32)
SHORT = b"x"
TOO_LARGE = AMOUNT_MAX + 1


@pytest.fixture
def world() -> World:
    world = World()
    world.give("seller's", "share", 1_000)
    world.give("buyer's", "usd", 50_000)
    world.give("client's", "share", 1_000)
    return world


def check(world: World, message: Message, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
        world.keep()
    assert world.refused(msgspec.structs.replace(message, **changes), *signers) is expected


def closed_at_weekends(world: World) -> None:
    for kind, currency in ((CalendarKind.SETTLEMENT, b"\0\0\0"), (CalendarKind.CURRENCY, b"USD")):
        calendar = Calendar(SATURDAY_AND_SUNDAY, (TUESDAY,) if currency == b"USD" else ())
        world.markets_books.calendars.put(
            MARKET.encode() + bytes((kind,)) + currency, MarketCalendar((DatedCalendar(MONDAY, calendar),))
        )


def suspend(name: str) -> Prepare:
    return lambda world: world.set_status(name, InstrumentStatus.SUSPENDED)


def sent(*names: str, **changes: Any) -> Prepare:
    return lambda world: world.act(deliver(**changes), *(names or ("seller",)))


def many_links(world: World) -> None:
    target = world.act(deliver(reference="TARGET"), "seller").created[0]
    links = tuple(Link(Position.BEFORE, number.to_bytes(32, "big")) for number in range(LINKS_MAX))
    world.settlement_books.instructions.put(target, msgspec.structs.replace(world.live(target), links=links))


def after(*references: str) -> tuple[Linkage, ...]:
    return tuple(Linkage(Position.AFTER, reference) for reference in references)


SELLER = ("seller",)

INSTRUCT: list[Row] = [
    (None, {}, SELLER, None),
    (None, {"reference": "R" * 35, "trade_reference": "T" * 52, "client": "C" * 35}, SELLER, None),
    (None, {"party": party("client"), "account": account("client's")}, ("client",), None),
    (None, {"party": party("seller"), "account": account("client's")}, SELLER, None),
    (None, {"priority": Priority.RESERVED}, SELLER, lambda world: operate(world, "seller")),
    (None, {"settlement_date": SATURDAY}, SELLER, None),
    (None, {"trade_date": 20130930, "settlement_date": 20131003}, SELLER, None),
    (None, {"linkages": after("OTHER")}, SELLER, sent(reference="OTHER")),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"reference": ""}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"reference": "R" * 36}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"reference": "Ⅰ"}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"reference": "A\n"}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"common_reference": "R" * 36}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"trade_reference": "T" * 53}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"client": "\x7f"}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"counterparty_client": "é"}, SELLER, None),
    (SettlementReject.TRANSACTION_TYPE_IS_UNKNOWN, {"transaction_type": "XXXX"}, SELLER, None),
    (SettlementReject.AMOUNT_IS_INVALID, {"amount": -1}, SELLER, None),
    (SettlementReject.AMOUNT_IS_INVALID, {"amount": TOO_LARGE}, SELLER, None),
    (SettlementReject.METHOD_IS_INCONSISTENT, {"method": Method.FREE}, SELLER, None),
    (SettlementReject.METHOD_IS_INCONSISTENT, {"amount": 0}, SELLER, None),
    (SettlementReject.METHOD_IS_INCONSISTENT, {"asset": b""}, SELLER, None),
    (
        SettlementReject.METHOD_IS_INCONSISTENT,
        {"method": Method.FREE, "asset": b"", "amount": 0, "cash_account": account("seller's")},
        SELLER,
        None,
    ),
    (SettlementReject.INSTRUMENT_IS_THE_ASSET, {"asset": instrument("share")}, SELLER, None),
    (MarketsReject.MARKET_NOT_FOUND, {"market": "XXXX"}, SELLER, None),
    (MarketsReject.MARKET_NOT_FOUND, {"market": "nowhere"}, SELLER, None),
    (SettlementReject.DATE_IS_INVALID, {"trade_date": 20131332}, SELLER, None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": -1}, SELLER, None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": 2**64 - 1}, SELLER, None),
    (SettlementReject.DATE_IS_INVALID, {"trade_date": TUESDAY}, SELLER, None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": 20231020}, SELLER, None),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": NOBODY}, SELLER, None),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": SHORT}, SELLER, None),
    (InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE, {}, SELLER, suspend("share")),
    (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"quantity": 0}, SELLER, None),
    (InstrumentsReject.QUANTITY_IS_TOO_LARGE, {"quantity": TOO_LARGE}, SELLER, None),
    (SettlementReject.PAYMENT_METHOD_DOES_NOT_FIT, {"method": Method.PVP}, SELLER, None),
    (
        SettlementReject.PAYMENT_METHOD_DOES_NOT_FIT,
        {"instrument_id": instrument("eur")},
        SELLER,
        None,
    ),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"asset": NOBODY}, SELLER, None),
    (InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE, {}, SELLER, suspend("usd")),
    (SettlementReject.ASSET_IS_NOT_ACCEPTED, {"asset": instrument("other")}, SELLER, None),
    (
        SettlementReject.ASSET_IS_NOT_ACCEPTED,
        {},
        SELLER,
        lambda world: world.markets_books.accepted_assets.delete(MARKET.encode() + instrument("usd")),
    ),
    (
        SettlementReject.SETTLEMENT_DATE_IS_NO_BUSINESS_DAY,
        {"settlement_date": SATURDAY},
        SELLER,
        closed_at_weekends,
    ),
    (
        SettlementReject.SETTLEMENT_DATE_IS_NO_BUSINESS_DAY,
        {"settlement_date": TUESDAY},
        SELLER,
        closed_at_weekends,
    ),
    (PartiesReject.PARTY_NOT_FOUND, {"party": NOBODY}, SELLER, None),
    (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, SELLER, lambda world: world.suspend("seller")),
    (PartiesReject.PARTY_NOT_FOUND, {"counterparty": SHORT}, SELLER, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"account": NOBODY}, SELLER, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"account": b""}, SELLER, None),
    (HoldingsReject.ACCOUNT_IS_CLOSED, {}, SELLER, lambda world: world.close_account("seller's")),
    (
        SettlementReject.PARTY_DOES_NOT_HOLD_THE_ACCOUNT,
        {"account": account("buyer's")},
        ("seller", "buyer"),
        None,
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"account": account("buyer's")}, SELLER, None),
    (
        SettlementReject.SIDES_USE_THE_SAME_ACCOUNT,
        {"counterparty_account": account("seller's")},
        SELLER,
        None,
    ),
    (SettlementReject.PRIORITY_IS_RESERVED, {"priority": Priority.RESERVED}, SELLER, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {}, ("buyer",), None),
    (
        PartiesReject.SIGNER_IS_NOT_AUTHORISED,
        {"party": party("seller"), "account": account("client's")},
        ("client",),
        None,
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"cash_account": NOBODY}, SELLER, None),
    (TradesReject.TRADE_NOT_FOUND, {"trade": NOTHING}, SELLER, None),
    (SettlementReject.REFERENCE_IS_USED, {}, SELLER, sent()),
    (SettlementReject.TOO_MANY_LINKAGES, {"linkages": after(*"ABCDEFGHI")}, SELLER, None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"linkages": after("")}, SELLER, None),
    (SettlementReject.LINKED_INSTRUCTION_NOT_FOUND, {"linkages": after("OTHER")}, SELLER, None),
    (SettlementReject.LINKED_INSTRUCTION_NOT_FOUND, {"linkages": after("S-1")}, SELLER, None),
    (
        SettlementReject.LINKAGE_IS_CIRCULAR,
        {"linkages": after("OTHER", "OTHER")},
        SELLER,
        sent(reference="OTHER"),
    ),
    (SettlementReject.TOO_MANY_LINKS, {"linkages": after("TARGET")}, SELLER, many_links),
]


def operate(world: World, name: str) -> None:
    found = world.markets.require(MARKET)
    world.markets_books.markets.put(MARKET.encode(), msgspec.structs.replace(found, operator=party(name)))


@pytest.mark.parametrize("row", INSTRUCT)
def test_instruct(world: World, row: Row) -> None:
    check(world, deliver(), row)


def test_a_receipt_needs_authority_over_the_cash_account_that_pays(world: World) -> None:
    message = receive(cash_account=account("seller's"))
    assert world.refused(message, "buyer") is HoldingsReject.ACCOUNT_NOT_FOUND
    assert world.refused(message, "buyer", "seller") is None
    assert world.refused(deliver(cash_account=account("buyer's")), "seller") is None


@pytest.mark.parametrize(
    ("quantity", "amount", "delivers", "receives"),
    [(100, 5_000, False, False), (100, 5_001, True, True), (5_001, 1, True, False), (5_000, 1, False, False)],
)
def test_a_limit_looks_at_what_is_given_up_whatever_is_asked_for_it(
    world: World, quantity: int, amount: int, delivers: bool, receives: bool
) -> None:
    refusal = HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT
    for name in ("seller", "buyer"):
        clerk = party(name) + signer(f"clerk of {name}")
        world.parties_books.mandates.put(clerk, Mandate((), (), amount_limit=5_000))
    world.keep()
    what = {"quantity": quantity, "amount": amount}
    assert world.refused(deliver(**what), "clerk of seller") is (refusal if delivers else None)
    assert world.refused(receive(**what), "clerk of buyer") is (refusal if receives else None)
    assert world.refused(both(**what), "clerk of seller", "buyer") is (refusal if delivers else None)
    assert world.refused(both(**what), "seller", "clerk of buyer") is (refusal if receives else None)
    live = world.act(deliver(**what), "seller").created[0]
    assert world.refused(Cancel(live), "clerk of seller") is (refusal if delivers else None)


def test_a_reference_is_used_up_for_its_window_and_while_its_instruction_lives(world: World) -> None:
    instruction_id = world.act(deliver(), "seller").created[0]
    world.forget_references()
    assert world.refused(deliver(), "seller") is SettlementReject.REFERENCE_IS_USED
    world.act(Cancel(instruction_id), "seller")
    assert world.refused(deliver(), "seller") is None
    world.act(deliver(), "seller")
    assert world.refused(receive(reference="S-1"), "buyer") is None, "a reference is its member's own"


TRADE_ROWS: list[tuple[RejectCode | None, dict[str, Any]]] = [
    (None, {}),
    (TradesReject.TRADE_DOES_NOT_AGREE, {"instrument_id": instrument("other")}),
    (TradesReject.TRADE_DOES_NOT_AGREE, {"asset": instrument("eur")}),
    (TradesReject.TRADE_DOES_NOT_AGREE, {"trade_date": 20131004}),
    (TradesReject.TRADE_NOT_FOUND, {"party": party("third"), "account": account("third's")}),
    (TradesReject.QUANTITY_EXCEEDS_THE_TRADE, {"quantity": 101}),
]


@pytest.mark.parametrize("row", TRADE_ROWS)
def test_an_instruction_agrees_with_the_trade_it_names(
    world: World, row: tuple[RejectCode | None, dict[str, Any]]
) -> None:
    expected, changes = row
    trade_id = world.act(both(delivery_hold=True), "seller", "buyer").created[0]
    message = deliver(**{"trade": trade_id, "reference": "S-2", **changes})
    assert world.refused(message, "seller", "third") is expected


BOTH: list[Row] = [
    (None, {}, ("seller", "buyer"), None),
    (None, {"delivery_priority": Priority.RESERVED}, ("seller", "buyer"), lambda w: operate(w, "seller")),
    (TradesReject.REFERENCE_IS_MALFORMED, {"trade_reference": ""}, ("seller", "buyer"), None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"delivery_reference": ""}, ("seller", "buyer"), None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"receipt_reference": "R" * 36}, ("seller", "buyer"), None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"common_reference": "\n"}, ("seller", "buyer"), None),
    (SettlementReject.TRANSACTION_TYPE_IS_UNKNOWN, {"transaction_type": ""}, ("seller", "buyer"), None),
    (
        SettlementReject.METHOD_IS_INCONSISTENT,
        {"amount": 0, "asset": b"", "receipt_cash_account": account("buyer's")},
        ("seller", "buyer"),
        None,
    ),
    (MarketsReject.MARKET_NOT_FOUND, {"market": ""}, ("seller", "buyer"), None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": 20131301}, ("seller", "buyer"), None),
    (SettlementReject.DATE_IS_INVALID, {"trade_date": TUESDAY}, ("seller", "buyer"), None),
    (InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE, {}, ("seller", "buyer"), suspend("share")),
    (
        InstrumentsReject.QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS,
        {"quantity": 55},
        ("seller", "buyer"),
        lambda world: world.change_instrument("share", settlement_unit=10),
    ),
    (InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE, {}, ("seller", "buyer"), suspend("usd")),
    (SettlementReject.ASSET_IS_NOT_ACCEPTED, {"asset": instrument("other")}, ("seller", "buyer"), None),
    (
        SettlementReject.SETTLEMENT_DATE_IS_NO_BUSINESS_DAY,
        {"settlement_date": SATURDAY},
        ("seller", "buyer"),
        closed_at_weekends,
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"delivery_account": NOBODY}, ("seller", "buyer"), None),
    (
        HoldingsReject.ACCOUNT_IS_CLOSED,
        {},
        ("seller", "buyer"),
        lambda world: world.close_account("buyer's"),
    ),
    (SettlementReject.TRADE_DOES_NOT_AGREE, {"seller": party("third")}, ("seller", "buyer", "third"), None),
    (SettlementReject.TRADE_DOES_NOT_AGREE, {"buyer": party("third")}, ("seller", "buyer", "third"), None),
    (
        SettlementReject.SIDES_USE_THE_SAME_ACCOUNT,
        {"buyer": party("seller"), "receipt_account": account("seller's")},
        ("seller", "buyer"),
        None,
    ),
    (
        TradesReject.CLIENT_ACCOUNT_IS_NOT_SERVED,
        {"seller_client": account("buyer's")},
        ("seller", "buyer"),
        None,
    ),
    (
        SettlementReject.PRIORITY_IS_RESERVED,
        {"receipt_priority": Priority.RESERVED},
        ("seller", "buyer"),
        None,
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {}, ("buyer",), None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {}, ("seller",), None),
    (
        PartiesReject.SIGNER_IS_NOT_AUTHORISED,
        {"delivery_account": account("client's")},
        ("client", "buyer"),
        None,
    ),
    (
        HoldingsReject.ACCOUNT_NOT_FOUND,
        {"receipt_cash_account": account("third's")},
        ("seller", "buyer"),
        None,
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"delivery_cash_account": SHORT}, ("seller", "buyer"), None),
    (
        TradesReject.REFERENCE_IS_USED,
        {"delivery_reference": "S-2", "receipt_reference": "B-2"},
        ("seller", "buyer"),
        lambda world: world.act(both(), "seller", "buyer"),
    ),
    (SettlementReject.REFERENCE_IS_USED, {}, ("seller", "buyer"), sent()),
    (
        SettlementReject.REFERENCE_IS_USED,
        {},
        ("seller", "buyer"),
        lambda world: world.act(receive(), "buyer"),
    ),
    (
        SettlementReject.LINKED_INSTRUCTION_NOT_FOUND,
        {"receipt_linkages": after("OTHER")},
        ("seller", "buyer"),
        None,
    ),
]


@pytest.mark.parametrize("row", BOTH)
def test_instruct_both(world: World, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
        world.keep()
    assert world.refused(both(**changes), *signers) is expected


def test_a_suspended_side_enters_nothing_even_by_its_accounts_signers(world: World) -> None:
    world.change_account("seller's", signers=(signer("third"),), threshold=1)
    world.suspend("seller")
    world.keep()
    assert world.refused(both(), "third", "buyer") is PartiesReject.PARTY_IS_NOT_ACTIVE
    assert world.refused(deliver(), "third") is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_a_live_reference_older_than_the_window_is_not_given_twice(world: World) -> None:
    """Whether it would wait for its date, or could settle at once."""
    world.give("seller's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    world.act(both(delivery_hold=True), "seller", "buyer")
    world.forget_references()
    for date in (TUESDAY, MONDAY):
        message = both(settlement_date=date, trade_reference="T-2")
        assert world.refused(message, "seller", "buyer") is SettlementReject.REFERENCE_IS_USED
        message = both(settlement_date=date, delivery_reference="S-2", receipt_reference="B-2")
        assert world.refused(message, "seller", "buyer") is TradesReject.REFERENCE_IS_USED


# ---- messages about one's own instruction ----

Make = Callable[[World, bytes], Message]
OwnRow = tuple[RejectCode | None, Make, tuple[str, ...], Prepare | None]


def amend(**changes: Any) -> Make:
    return lambda _world, instruction_id: Amend(instruction_id, **changes)


def of(kind: Callable[..., Message], *arguments: Any) -> Make:
    return lambda _world, instruction_id: kind(instruction_id, *arguments)


def held_pair(world: World) -> None:
    """Match it: the receipt is on hold, so that nothing settles."""
    world.act(receive(hold=True), "buyer")


AMEND: list[OwnRow] = [
    (None, amend(hold=True), SELLER, None),
    (None, amend(hold=True), SELLER, held_pair),
    (None, amend(priority=Priority.TOP), SELLER, None),
    (None, amend(partial=Partial.ALLOWED), SELLER, None),
    (None, amend(linkages=after("OTHER")), SELLER, sent(reference="OTHER")),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: Amend(NOTHING, hold=True)), SELLER, None),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: Amend(SHORT, hold=True)), SELLER, None),
    (SettlementReject.INSTRUCTION_NOT_FOUND, amend(hold=True), ("buyer",), None),
    (SettlementReject.PRIORITY_IS_RESERVED, amend(priority=Priority.RESERVED), SELLER, None),
    (SettlementReject.TOO_MANY_LINKAGES, amend(linkages=after(*"ABCDEFGHI")), SELLER, None),
    (SettlementReject.LINKED_INSTRUCTION_NOT_FOUND, amend(linkages=after("OTHER")), SELLER, None),
    (SettlementReject.LINKAGE_IS_CIRCULAR, amend(linkages=after("S-1")), SELLER, None),
    (SettlementReject.NOTHING_CHANGES, amend(), SELLER, None),
    (
        SettlementReject.NOTHING_CHANGES,
        amend(hold=False, priority=Priority.NORMAL, partial=Partial.NOT_ALLOWED, linkages=()),
        SELLER,
        None,
    ),
]

ALLOCATE: list[OwnRow] = [
    (None, of(Allocate), SELLER, None),
    (None, of(Allocate, 40), SELLER, None),
    (None, of(Allocate, 100), SELLER, held_pair),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: Allocate(NOTHING)), SELLER, None),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(Allocate), ("buyer",), None),
    (
        SettlementReject.INSTRUCTION_IS_ALLOCATED,
        of(Allocate),
        SELLER,
        lambda world: world.act(Allocate(only(world)), "seller"),
    ),
    (SettlementReject.ALLOCATION_IS_OUT_OF_RANGE, of(Allocate, 101), SELLER, None),
    (SettlementReject.ALLOCATION_IS_OUT_OF_RANGE, of(Allocate, -1), SELLER, None),
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
        of(Allocate),
        SELLER,
        lambda world: world.change_account("seller's", frozen_debits=True),
    ),
    (
        HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
        of(Allocate),
        SELLER,
        lambda world: world.pledge("seller's", "share", 901),
    ),
]

DEALLOCATE: list[OwnRow] = [
    (None, of(Deallocate), SELLER, lambda world: world.act(Allocate(only(world)), "seller")),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: Deallocate(NOTHING)), SELLER, None),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(Deallocate), ("buyer",), None),
    (SettlementReject.INSTRUCTION_IS_NOT_ALLOCATED, of(Deallocate), SELLER, None),
]

CANCEL: list[OwnRow] = [
    (None, of(Cancel), SELLER, None),
    (None, of(Cancel), SELLER, held_pair),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: Cancel(NOTHING)), SELLER, None),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(Cancel), ("buyer",), None),
    (
        SettlementReject.CANCELLATION_IS_REQUESTED,
        of(Cancel),
        SELLER,
        lambda world: (held_pair(world), world.act(Cancel(only(world)), "seller")),
    ),
]


def to_sign_off(world: World) -> None:
    world.set_rulebook(sign_off_required=True)
    held_pair(world)


OPERATOR = ("depository",)

SIGN_OFF: list[OwnRow] = [
    (None, of(SignOff), OPERATOR, to_sign_off),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: SignOff(NOTHING)), OPERATOR, to_sign_off),
    (SettlementReject.INSTRUCTION_IS_NOT_MATCHED, of(SignOff), OPERATOR, None),
    (SettlementReject.SIGN_OFF_IS_NOT_AWAITED, of(SignOff), OPERATOR, held_pair),
    (
        SettlementReject.SIGN_OFF_IS_NOT_AWAITED,
        of(SignOff),
        OPERATOR,
        lambda world: (to_sign_off(world), world.act(SignOff(only(world)), "depository")),
    ),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, of(SignOff), SELLER, to_sign_off),
]

REFUSE_SIGN_OFF: list[OwnRow] = [
    (None, of(RefuseSignOff, "Not before the prospectus."), OPERATOR, to_sign_off),
    (SettlementReject.INSTRUCTION_NOT_FOUND, of(lambda _: RefuseSignOff(NOTHING, "")), OPERATOR, to_sign_off),
    (SettlementReject.INSTRUCTION_IS_NOT_MATCHED, of(RefuseSignOff, ""), OPERATOR, None),
    (SettlementReject.SIGN_OFF_IS_NOT_AWAITED, of(RefuseSignOff, ""), OPERATOR, held_pair),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, of(RefuseSignOff, ""), SELLER, to_sign_off),
    (SettlementReject.NARRATIVE_IS_MALFORMED, of(RefuseSignOff, ""), OPERATOR, to_sign_off),
    (SettlementReject.NARRATIVE_IS_MALFORMED, of(RefuseSignOff, "n" * 211), OPERATOR, to_sign_off),
]


def only(world: World) -> bytes:
    found = world.settlement.by_reference(party("seller"), "S-1")
    assert found is not None
    return found


@pytest.mark.parametrize("row", [*AMEND, *ALLOCATE, *DEALLOCATE, *CANCEL, *SIGN_OFF, *REFUSE_SIGN_OFF])
def test_messages_about_a_live_instruction(world: World, row: OwnRow) -> None:
    expected, make, signers, prepare = row
    instruction_id = world.act(deliver(), "seller").created[0]
    if prepare is not None:
        prepare(world)
        world.keep()
    assert world.refused(make(world, instruction_id), *signers) is expected


def test_what_the_operator_alone_may_follows_the_market_to_its_next_operator(world: World) -> None:
    world.act(deliver(), "seller")
    to_sign_off(world)
    reserved = deliver(party=party("depository"), account=account("kept"), priority=Priority.RESERVED)
    world.open_account("kept", "depository", "depository", AccountKind.OWN)
    world.keep()
    assert world.refused(reserved, "depository") is None
    found = world.markets.require(MARKET)
    world.markets_books.markets.put(
        MARKET.encode(), msgspec.structs.replace(found, operator=party("exchange"))
    )
    world.keep()
    assert world.refused(reserved, "depository") is SettlementReject.PRIORITY_IS_RESERVED
    assert world.refused(SignOff(only(world)), "depository") is PartiesReject.SIGNER_IS_NOT_AUTHORISED
    world.act(SignOff(only(world)), "exchange")


def test_a_free_receipt_needs_nothing_to_be_allocated(world: World) -> None:
    message: Instruct = receive(method=Method.FREE, asset=b"", amount=0)
    instruction_id = world.act(message, "buyer").created[0]
    assert world.refused(Allocate(instruction_id), "buyer") is SettlementReject.NOTHING_TO_ALLOCATE
