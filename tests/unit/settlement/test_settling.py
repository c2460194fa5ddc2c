"""Instructions by one side and by both: what settles at once, what matches, what waits and what wakes it."""

from __future__ import annotations

import msgspec
import pytest

from counterfoil.modules.holdings.interface import Direction, Posting
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.markets.interface import MatchingField
from counterfoil.modules.settlement import queries
from counterfoil.modules.settlement.facts import (
    DeliverySettled,
    InstructionAccepted,
    InstructionMatched,
    InstructionPending,
    InstructionSettled,
)
from counterfoil.modules.settlement.interface import (
    MatchingStatus,
    Method,
    Partial,
    Priority,
    SettlementStatus,
)
from counterfoil.modules.settlement.messages import Amend, Instruct
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.trades.facts import TradeRecorded, TradeSettled
from counterfoil.primitives.codec import decode_exact, encode
from counterfoil.primitives.outcome import Rejected
from tests.unit.settlement.messages import both, deliver, free, receive
from tests.unit.settlement.world import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    account,
    by,
    instrument,
    party,
    told,
)

ALLOWED = Partial.ALLOWED


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def funded(world: World) -> World:
    """Both sides hold something of both, so that no holding is born or ends."""
    world.give("seller's", "share", 1_000)
    world.give("buyer's", "usd", 50_000)
    world.give("seller's", "usd", 1)
    world.give("buyer's", "share", 1)
    world.end_block()
    return world


def instruct(world: World, message: Instruct) -> bytes:
    """The instruction's id; signed by the party that instructs."""
    name = "seller" if message.party == party("seller") else "buyer"
    return world.act(message, name).created[0]


# ---- both sides together ----


def test_both_sides_settle_at_once_and_only_four_holdings_change(funded: World) -> None:
    funded.act(both(), "seller", "buyer")

    assert funded.changed_tables() == {50}
    funded.end_block()
    assert funded.held("seller's", "share") == (900, 0)
    assert funded.held("buyer's", "share") == (101, 0)
    assert funded.held("seller's", "usd") == (5_001, 0)
    assert funded.held("buyer's", "usd") == (45_000, 0)


def test_what_both_sides_are_told_when_they_settle_at_once(funded: World) -> None:
    message = both()
    context = funded.act(message, "seller", "buyer")

    (settled,) = told(context, DeliverySettled)
    assert (settled.trade_id, settled.delivery_id, settled.receipt_id) == tuple(context.created)
    assert settled.terms == message.trade
    assert (settled.delivery_reference, settled.receipt_reference) == ("S-1", "B-1")
    assert (settled.settlement_date, settled.business_date) == (MONDAY, MONDAY)
    sides = [funded.holdings.require_account(account(name)).relationship for name in ("seller's", "buyer's")]
    assert [to for fact, to in context.facts if fact is settled] == [tuple(sides)]
    postings = told(context, Posting)
    assert len(postings) == 4
    assert {posting.reference for posting in postings} == {settled.delivery_id}
    assert sum(posting.quantity for posting in postings if posting.direction is Direction.DEBIT) == 5_100


@pytest.mark.parametrize(
    "change",
    [
        {"settlement_date": TUESDAY},
        {"delivery_hold": True},
        {"receipt_hold": True},
        {"quantity": 1_001},
        {"amount": 50_001},
    ],
)
def test_what_cannot_settle_at_once_becomes_a_trade_and_a_matched_pair(
    funded: World, change: dict[str, object]
) -> None:
    context = funded.act(both(**change), "seller", "buyer")

    trade_id, delivery_id, receipt_id = context.created
    trade = funded.trades.require_confirmed(trade_id)
    assert trade.instructions == (delivery_id, receipt_id)
    delivery, receipt = funded.live(delivery_id), funded.live(receipt_id)
    assert (delivery.counterpart, receipt.counterpart) == (receipt_id, delivery_id)
    assert delivery.matched is not None
    assert delivery.matched.business_date == MONDAY
    assert len(told(context, TradeRecorded)) == 1
    assert len(told(context, InstructionAccepted)) == 2
    assert len(told(context, InstructionMatched)) == 2
    assert len(told(context, InstructionPending)) == 2
    funded.end_block()


def test_a_cash_account_of_its_own_pays(world: World) -> None:
    world.give("seller's", "share", 100)
    world.give("buyer's cash", "usd", 5_000)
    world.change_account("buyer's", default_cash_account=account("buyer's cash"))

    world.act(both(), "seller", "buyer")

    assert world.held("buyer's cash", "usd") == (0, 0)
    assert world.held("buyer's", "share") == (100, 0)
    assert world.held("seller's", "usd") == (5_000, 0)
    world.end_block()


def test_two_accounts_of_one_cash_account_settle_without_moving_money(world: World) -> None:
    world.give("seller's", "share", 100)
    shared = account("buyer's cash")
    world.act(both(delivery_cash_account=shared, receipt_cash_account=shared), "seller", "buyer")
    assert world.held("buyer's", "share") == (100, 0)
    assert world.held("buyer's cash", "usd") == (0, 0)
    world.end_block()


def test_free_of_payment_by_both_sides(world: World) -> None:
    world.give("seller's", "share", 100)
    world.act(both(amount=0, asset=b""), "seller", "buyer")
    assert world.held("buyer's", "share") == (100, 0)
    world.end_block()


def test_payment_versus_payment(world: World) -> None:
    world.give("seller's", "eur", 100)
    world.give("buyer's", "usd", 5_000)
    world.act(both(instrument_id=instrument("eur")), "seller", "buyer")
    assert world.held("buyer's", "eur") == (100, 0)
    assert world.held("seller's", "usd") == (5_000, 0)
    world.end_block()


def test_the_servicer_trades_for_its_client(world: World) -> None:
    world.give("client's", "share", 100)
    world.give("buyer's", "usd", 5_000)
    message = both(delivery_account=account("client's"), seller_client=account("client's"))
    world.act(message, "seller", "buyer")
    assert world.held("client's", "usd") == (5_000, 0)
    world.end_block()


# ---- matching ----


def test_two_instructions_that_agree_match_and_settle(funded: World) -> None:
    delivery_id = instruct(funded, deliver())
    assert funded.reason(delivery_id) == Reason.NO_MATCH
    funded.end_block()

    context = funded.act(receive(), "buyer")

    assert len(told(context, InstructionMatched)) == 2
    settled = told(context, InstructionSettled)
    assert [(fact.reference, fact.quantity, fact.amount, fact.open_quantity) for fact in settled] == [
        ("S-1", 100, 5_000, 0),
        ("B-1", 100, 5_000, 0),
    ]
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None
    assert funded.settlement.by_reference(party("seller"), "S-1") is None
    assert funded.held("buyer's", "share") == (101, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 99},
        {"amount": 4_999},
        {"asset": instrument("eur")},
        {"instrument_id": instrument("other")},
        {"settlement_date": TUESDAY},
        {"transaction_type": "TURN"},
        {"counterparty": party("third")},
    ],
)
def test_what_differs_does_not_match(funded: World, change: dict[str, object]) -> None:
    instruct(funded, deliver())
    receipt_id = instruct(funded, receive(**change))
    assert funded.live(receipt_id).matching is MatchingStatus.UNMATCHED
    assert funded.reason(receipt_id) == Reason.NO_MATCH
    assert funded.settlement.why_pending(receipt_id, funded.time_ms) is Reason.NO_MATCH
    funded.end_block()


@pytest.mark.parametrize(
    ("field", "change"),
    [
        (MatchingField.TRADE_DATE, {"trade_date": 20131004}),
        (MatchingField.COMMON_REFERENCE, {"common_reference": "C-1"}),
        (MatchingField.TRADE_REFERENCE, {"trade_reference": "T-1"}),
        (MatchingField.CLIENTS, {"client": "C"}),
        (MatchingField.CLIENTS, {"counterparty_client": "C"}),
    ],
)
def test_the_rulebook_names_further_matching_fields(
    funded: World, field: MatchingField, change: dict[str, object]
) -> None:
    instruct(funded, deliver())
    receipt_id = instruct(funded, receive(**change))
    assert funded.settlement.find(receipt_id) is None, "without the field it matches and settles"
    funded.set_rulebook(matching_fields=(field,))
    instruct(funded, deliver(reference="S-2"))
    receipt_id = instruct(funded, receive(**{**change, "reference": "B-2"}))
    assert funded.reason(receipt_id) == Reason.NO_MATCH
    funded.end_block()


def test_clients_match_crosswise(funded: World) -> None:
    funded.set_rulebook(matching_fields=(MatchingField.CLIENTS,))
    instruct(funded, deliver(client="ANN", counterparty_client="BEN"))
    receipt_id = instruct(funded, receive(client="BEN", counterparty_client="ANN"))
    assert funded.settlement.find(receipt_id) is None
    funded.end_block()


def test_amounts_match_within_the_tolerance_and_the_deliverers_is_paid(funded: World) -> None:
    funded.set_rulebook(amount_tolerance=200)
    instruct(funded, deliver(amount=5_100))
    instruct(funded, deliver(amount=4_950, reference="S-2"))
    far_id = instruct(funded, receive(amount=4_500))
    assert funded.reason(far_id) == Reason.AMOUNT_DIFFERS
    near_id = instruct(funded, receive(amount=5_000, reference="B-2"))
    assert funded.settlement.find(near_id) is None
    assert funded.held("seller's", "usd") == (4_951, 0)
    assert funded.settlement.by_reference(party("seller"), "S-1") is not None
    funded.end_block()


def test_the_earliest_of_equals_matches_first(funded: World) -> None:
    first = instruct(funded, deliver())
    second = instruct(funded, deliver(reference="S-2"))
    instruct(funded, receive())
    assert funded.settlement.find(first) is None
    assert funded.settlement.find(second) is not None
    funded.end_block()


def test_named_accounts_must_agree(funded: World) -> None:
    instruct(funded, deliver(counterparty_account=account("buyer's cash")))
    receipt_id = instruct(funded, receive())
    assert funded.reason(receipt_id) == Reason.ACCOUNT_DIFFERS
    instruct(
        funded, receive(account=account("buyer's cash"), reference="B-2", cash_account=account("buyer's"))
    )
    assert funded.held("buyer's cash", "share") == (100, 0)
    funded.end_block()


def test_instructions_settle_their_trade(funded: World) -> None:
    funded.set_day(MONDAY, is_open=False)
    context = funded.act(both(quantity=500), "seller", "buyer")
    trade_id = context.created[0]
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.end_block()
    assert funded.trades.find(trade_id) is None
    assert [
        fact.settled_quantity for action in funded.last_retried for fact in told(action, TradeSettled)
    ] == [500]


def test_one_sided_instructions_are_linked_to_a_live_trade(funded: World) -> None:
    held = funded.act(both(quantity=300, delivery_hold=True), "seller", "buyer")
    trade_id = held.created[0]
    instruct(funded, deliver(trade=trade_id, reference="S-2"))
    assert len(funded.trades.require(trade_id).instructions) == 3
    instruct(funded, receive(trade=trade_id, reference="B-2"))
    assert funded.trades.require(trade_id).settled_quantity == 100
    assert len(funded.trades.require(trade_id).instructions) == 2
    funded.end_block()


# ---- waiting and trying again ----


def test_receipts_of_today_fund_deliveries_of_today(world: World) -> None:
    """A chain: third delivers to the seller, who delivers to the buyer, though it held nothing."""
    world.give("buyer's", "usd", 5_000)
    late = world.act(both(), "seller", "buyer").created[1]
    assert (world.reason(late), world.reason(world.live(late).counterpart)) == ("LACK", "CLAC")
    world.end_block()
    assert world.settlement.find(late) is not None

    world.give("third's", "share", 100)
    chain = both(
        seller=party("third"),
        buyer=party("seller"),
        amount=0,
        asset=b"",
        trade_reference="T-2",
        delivery_account=account("third's"),
        receipt_account=account("seller's"),
        delivery_reference="X-1",
        receipt_reference="X-2",
    )
    world.act(chain, "third", "seller")
    world.end_block()
    assert world.settlement.find(late) is None
    assert world.held("buyer's", "share") == (100, 0)
    assert world.changed_tables() == set()


def test_money_that_arrives_wakes_what_waits_for_it(world: World) -> None:
    world.give("seller's", "share", 100)
    delivery_id, receipt_id = world.act(both(), "seller", "buyer").created[1:]
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("CMON", "MONY")
    world.end_block()
    world.give("buyer's", "usd", 4_999)
    world.end_block()
    assert world.last_retried == []
    world.give("buyer's", "usd", 1)
    world.end_block()
    assert world.settlement.find(delivery_id) is None


def test_what_lacks_securities_then_money_changes_its_queue(world: World) -> None:
    delivery_id = world.act(both(), "seller", "buyer").created[1]
    world.end_block()
    world.give("seller's", "share", 100)
    world.end_block()
    assert world.reason(delivery_id) == Reason.COUNTERPARTY_LACKS_MONEY
    world.give("buyer's", "usd", 5_000)
    world.end_block()
    assert world.settlement.find(delivery_id) is None


def test_retries_go_by_priority_then_date_then_entry(world: World) -> None:
    world.give("buyer's", "usd", 100_000)
    world.set_day(TUESDAY)
    made = {}
    for number, (name, priority, date) in enumerate(
        (
            ("normal late", Priority.NORMAL, TUESDAY),
            ("normal", Priority.NORMAL, MONDAY),
            ("high second", Priority.HIGH, MONDAY),
            ("top", Priority.TOP, TUESDAY),
            ("high", Priority.HIGH, MONDAY),
        )
    ):
        message = both(
            trade_reference=f"T{number}",
            settlement_date=date,
            delivery_reference=f"S{number}",
            receipt_reference=f"B{number}",
            receipt_priority=priority,
        )
        made[name] = world.act(message, "seller", "buyer").created[1]
    world.act(Amend(made["high"], priority=Priority.HIGH), "seller")
    world.end_block()
    world.give("seller's", "share", 400)
    world.end_block()
    settled = [
        fact.instruction_id for action in world.last_retried for fact in told(action, InstructionSettled)
    ]
    assert settled[::2] == [made[name] for name in ("top", "high second", "high", "normal")]
    assert world.settlement.find(made["normal late"]) is not None


def test_smaller_ones_pass_what_is_too_large(world: World) -> None:
    world.give("buyer's", "usd", 100_000)
    large = world.act(both(quantity=500), "seller", "buyer").created[1]
    small = world.act(
        both(quantity=10, trade_reference="T-2", delivery_reference="S-2", receipt_reference="B-2"),
        "seller",
        "buyer",
    ).created[1]
    world.end_block()
    world.give("seller's", "share", 60)
    world.end_block()
    assert world.settlement.find(small) is None
    assert world.settlement.find(large) is not None


def waiting_sales(world: World, count: int) -> list[bytes]:
    world.give("buyer's", "usd", 5_000 * count)
    made = []
    for number in range(count):
        message = both(
            trade_reference=f"T{number}", delivery_reference=f"S{number}", receipt_reference=f"B{number}"
        )
        made.append(world.act(message, "seller", "buyer").created[1])
    world.end_block()
    return made


@pytest.mark.parametrize("limit", [3, 4, 7, 100])
def test_retries_are_bounded_and_go_on_in_the_next_block(world: World, limit: int) -> None:
    made = waiting_sales(world, 12)
    world.retry_limit = limit
    world.give("seller's", "share", 1_100)
    for _ in range(12):
        world.end_block()
        assert len(world.last_retried) <= limit
    left = [one for one in made if world.settlement.find(one) is not None]
    assert left == made[-1:]
    assert list(world.settlement_books.risen.scan()) == []
    world.retry_limit = 100


def test_looking_in_vain_is_bounded_too(world: World) -> None:
    made = waiting_sales(world, 60)
    small = both(
        quantity=10, trade_reference="T-S", delivery_reference="S-S", receipt_reference="B-S", amount=1
    )
    made.append(world.act(small, "seller", "buyer").created[1])
    world.end_block()
    world.retry_limit = 3
    world.give("seller's", "share", 10)
    world.end_block()
    assert world.settlement.find(made[-1]) is not None
    for _ in range(6):
        world.end_block()
    assert world.settlement.find(made[-1]) is None


def test_an_unchanged_reason_is_no_action(world: World) -> None:
    waiting_sales(world, 1)
    world.give("seller's", "share", 50)
    world.end_block()
    assert world.last_retried == []


# ---- dates and the day ----


def test_what_is_due_later_settles_when_the_market_opens_on_its_date(funded: World) -> None:
    delivery_id = funded.act(both(settlement_date=WEDNESDAY), "seller", "buyer").created[1]
    assert funded.reason(delivery_id) == Reason.SETTLEMENT_DATE_IS_AHEAD
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.end_block()
    assert funded.last_retried == []
    funded.set_day(WEDNESDAY, is_open=False)
    funded.end_block()
    assert funded.last_retried == []
    funded.set_day(WEDNESDAY)
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None


def test_a_date_on_which_the_market_did_not_open_is_caught_up(funded: World) -> None:
    delivery_id = funded.act(both(settlement_date=TUESDAY), "seller", "buyer").created[1]
    funded.end_block()
    funded.set_day(THURSDAY)
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None


def test_entry_goes_on_while_the_market_is_closed(funded: World) -> None:
    funded.set_day(MONDAY, is_open=False)
    delivery_id = funded.act(both(), "seller", "buyer").created[1]
    assert funded.reason(delivery_id) == Reason.MARKET_DEADLINE_HAS_PASSED
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None


def test_each_kind_of_settlement_has_its_cut_off(funded: World) -> None:
    funded.set_day(MONDAY, cut_off_dvp_ms=funded.time_ms)
    delivery_id = funded.act(both(), "seller", "buyer").created[1]
    assert funded.reason(delivery_id) == Reason.MARKET_DEADLINE_HAS_PASSED
    message = both(
        amount=0, asset=b"", trade_reference="T-2", delivery_reference="S-2", receipt_reference="B-2"
    )
    funded.act(message, "seller", "buyer")
    assert funded.held("buyer's", "share") == (101, 0)
    funded.end_block()
    funded.set_day(MONDAY, cut_off_fop_ms=funded.time_ms)
    late = funded.act(
        both(amount=0, asset=b"", trade_reference="T-3", delivery_reference="S-3", receipt_reference="B-3"),
        "seller",
        "buyer",
    ).created[1]
    assert funded.reason(late) == Reason.MARKET_DEADLINE_HAS_PASSED
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.end_block()
    assert funded.settlement.find(late) is None
    assert funded.settlement.find(delivery_id) is None


def test_due_ones_are_tried_in_bounded_steps(funded: World) -> None:
    funded.give("seller's", "share", 10_000)
    funded.give("buyer's", "usd", 100_000)
    made = []
    for number in range(10):
        message = both(
            settlement_date=TUESDAY,
            trade_reference=f"T{number}",
            delivery_reference=f"S{number}",
            receipt_reference=f"B{number}",
            delivery_priority=Priority.HIGH if number == 9 else Priority.NORMAL,
        )
        made.append(funded.act(message, "seller", "buyer").created[1])
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.retry_limit = 4
    funded.end_block()
    assert [funded.settlement.find(one) is None for one in made] == [True, True, *([False] * 7), True]
    for _ in range(4):
        funded.end_block()
    assert not any(funded.settlement.find(one) for one in made)


# ---- blocked accounts and instruments ----


@pytest.mark.parametrize(
    ("holder", "field", "reasons"),
    [
        ("seller's", "frozen_debits", ("BLOC", "PRSY")),
        ("buyer's", "frozen_credits", ("PRSY", "BLOC")),
        ("buyer's", "frozen_debits", ("PRSY", "BLOC")),
        ("seller's", "frozen_credits", ("BLOC", "PRSY")),
    ],
)
def test_a_frozen_account_keeps_its_pairs_pending_until_the_order_is_lifted(
    funded: World, holder: str, field: str, reasons: tuple[str, str]
) -> None:
    funded.change_account(holder, **{field: True})
    delivery_id, receipt_id = funded.act(both(), "seller", "buyer").created[1:]
    assert (funded.reason(delivery_id), funded.reason(receipt_id)) == reasons
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.end_block()
    assert not funded.last_retried
    funded.change_account(holder, **{field: False})
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None


def test_a_suspended_owner_keeps_its_pairs_pending(funded: World) -> None:
    delivery_id = funded.act(both(settlement_date=TUESDAY), "seller", "buyer").created[1]
    funded.end_block()
    funded.suspend("buyer")
    funded.set_day(TUESDAY)
    funded.end_block()
    assert funded.reason(delivery_id) == Reason.COUNTERPARTY_IS_BLOCKED


@pytest.mark.parametrize("name", ["share", "usd"])
def test_what_is_suspended_does_not_settle(funded: World, name: str) -> None:
    delivery_id = funded.act(both(settlement_date=TUESDAY), "seller", "buyer").created[1]
    funded.end_block()
    funded.set_day(TUESDAY)
    funded.set_status(name, InstrumentStatus.SUSPENDED)
    funded.end_block()
    assert funded.reason(delivery_id) == Reason.SECURITIES_ARE_BLOCKED
    funded.end_block()
    assert not funded.last_retried
    funded.set_status(name, InstrumentStatus.ACTIVE)
    funded.end_block()
    assert funded.settlement.find(delivery_id) is None


# ---- partial settlement ----


def partial_sale(world: World, **changes: object) -> tuple[bytes, bytes]:
    fields = {"delivery_partial": ALLOWED, "receipt_partial": ALLOWED, "amount": 5_001, **changes}
    _, delivery_id, receipt_id = world.act(both(**fields), "seller", "buyer").created
    return delivery_id, receipt_id


def test_a_part_settles_and_the_rest_stays_open(world: World) -> None:
    world.set_rulebook(partial_minimum=10)
    world.give("seller's", "share", 30)
    world.give("buyer's", "usd", 10_000)
    delivery_id, receipt_id = partial_sale(world)
    delivery, receipt = world.live(delivery_id), world.live(receipt_id)
    assert (delivery.settled_quantity, delivery.settled_amount) == (30, 1_500)
    assert (receipt.settled_quantity, receipt.settled_amount) == (30, 1_500)
    assert (delivery.reason, receipt.reason) == ("LACK", "CLAC")
    assert delivery.settlement is SettlementStatus.PARTIAL
    world.end_block()

    world.give("seller's", "share", 9)
    world.end_block()
    assert world.live(delivery_id).settled_quantity == 30, "less than the market's minimum"
    world.give("seller's", "share", 2)
    world.end_block()
    assert (world.live(delivery_id).settled_quantity, world.live(delivery_id).settled_amount) == (41, 2_050)
    world.give("seller's", "share", 60)
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("seller's", "usd") == (5_001, 0), "the parts sum to the instructed amount"
    assert world.held("seller's", "share") == (1, 0)


@pytest.mark.parametrize(
    ("minimum", "changes"),
    [
        (0, {}),
        (31, {}),
        (10, {"delivery_partial": Partial.NOT_ALLOWED}),
        (10, {"receipt_partial": Partial.NOT_ALLOWED}),
    ],
)
def test_parts_need_both_sides_and_the_market(world: World, minimum: int, changes: dict[str, object]) -> None:
    world.set_rulebook(partial_minimum=minimum)
    world.give("seller's", "share", 30)
    world.give("buyer's", "usd", 10_000)
    delivery_id, _ = partial_sale(world, **changes)
    assert world.live(delivery_id).settled_quantity == 0
    world.end_block()


def test_a_part_leaves_a_rest_that_can_be_delivered(world: World) -> None:
    world.change_instrument("share", minimum=20, multiple=10, settlement_unit=10)
    world.set_rulebook(partial_minimum=1)
    world.give("seller's", "share", 95)
    world.give("buyer's", "usd", 10_000)
    delivery_id, _ = partial_sale(world)
    assert world.live(delivery_id).settled_quantity == 80
    world.end_block()


def test_a_part_is_as_large_as_securities_and_money_allow(world: World) -> None:
    world.set_rulebook(partial_minimum=10)
    world.give("seller's", "share", 30)
    world.give("buyer's", "usd", 1_499)
    delivery_id, receipt_id = partial_sale(world)
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("CMON", "MONY")
    assert (world.live(delivery_id).settled_quantity, world.live(delivery_id).settled_amount) == (29, 1_450)
    world.end_block()
    world.give("buyer's", "usd", 5_000)
    world.end_block()
    assert world.reason(delivery_id) == Reason.LACK_OF_SECURITIES
    world.give("seller's", "share", 70)
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("seller's", "usd") == (5_001, 0)


def test_too_little_money_for_the_smallest_part_settles_nothing(world: World) -> None:
    world.set_rulebook(partial_minimum=10)
    world.give("seller's", "share", 30)
    world.give("buyer's", "usd", 499)
    delivery_id, _ = partial_sale(world)
    assert world.live(delivery_id).settled_quantity == 0
    world.give("buyer's", "usd", 1)
    world.end_block()
    assert (world.live(delivery_id).settled_quantity, world.live(delivery_id).settled_amount) == (10, 500)


# ---- dry run ----


def test_a_dry_run_says_why_and_changes_nothing(world: World) -> None:
    delivery_id, receipt_id = world.act(both(), "seller", "buyer").created[1:]
    world.end_block()
    world.give("seller's", "share", 100)
    assert world.reason(delivery_id) == "LACK", "as told at the last attempt"
    assert world.settlement.why_pending(delivery_id, world.time_ms) is Reason.COUNTERPARTY_LACKS_MONEY
    assert world.settlement.why_pending(receipt_id, world.time_ms) is Reason.LACK_OF_MONEY
    world.give("buyer's", "usd", 5_000)
    assert world.settlement.why_pending(delivery_id, world.time_ms) is None
    judgement = world.settlement.dry_run(receipt_id, world.time_ms)
    assert judgement is not None
    assert (judgement.quantity, judgement.amount) == (100, 5_000)
    assert world.settlement.find(delivery_id) is not None
    with pytest.raises(Rejected):
        world.settlement.why_pending(b"nothing".ljust(32), world.time_ms)


def test_free_instructions_by_one_side(world: World) -> None:
    world.give("seller's", "share", 100)
    instruct(world, free(deliver()))
    instruct(world, free(receive()))
    assert world.held("buyer's", "share") == (100, 0)
    world.end_block()


def test_payment_versus_payment_by_one_side(world: World) -> None:
    world.give("seller's", "eur", 100)
    world.give("buyer's", "usd", 5_000)
    change = {"method": Method.PVP, "instrument_id": instrument("eur")}
    instruct(world, deliver(**change))
    instruct(world, receive(**change))
    assert world.held("buyer's", "eur") == (100, 0)
    world.end_block()


def test_ended_instructions_are_found_in_the_past(funded: World) -> None:
    delivery_id = funded.act(both(settlement_date=TUESDAY), "seller", "buyer").created[1]
    funded.end_block()
    height = funded.state.height
    assert [one for one, _ in queries.open_instructions(funded.state, party=party("seller"))] == [delivery_id]
    statuses = queries.statuses(funded.live(delivery_id), funded.markets)
    assert (statuses.code, statuses.settlement, statuses.failing) == ("FUTU", "PDG", False)
    assert queries.waiting_counts(funded.state)["due"] == 1
    funded.set_day(TUESDAY)
    funded.end_block()
    assert queries.instruction(funded.state, delivery_id) is None
    past = queries.instruction(funded.state, delivery_id, height)
    assert past is not None
    assert past.reference == "S-1"
    assert queries.by_reference(funded.state, party("seller"), "S-1", height) == delivery_id
    assert queries.by_reference(funded.state, party("seller"), "S-1") is None


def test_messages_and_records_travel(funded: World) -> None:
    for message in (both(receipt_priority=Priority.HIGH), deliver(partial=ALLOWED)):
        assert decode_exact(encode(message), type(message)) == message
    delivery_id = funded.act(both(settlement_date=TUESDAY), "seller", "buyer").created[1]
    live = funded.live(delivery_id)
    again = decode_exact(encode(live), type(live))
    assert again == live
    assert msgspec.structs.asdict(again)["reason"] == "FUTU"
    assert by("seller") != by("buyer")
    funded.end_block()
