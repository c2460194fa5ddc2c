"""What a side, or the operator, does with a live instruction: hold, allocate, link, cancel, sign off."""

from __future__ import annotations

import pytest

from counterfoil.modules.holdings.interface import AccountKind, EarmarkReason
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.settlement import queries
from counterfoil.modules.settlement.facts import (
    CancellationRequested,
    InstructionAmended,
    InstructionCancelled,
    InstructionSettled,
    SettlementSignedOff,
)
from counterfoil.modules.settlement.interface import (
    CancellationStatus,
    Linkage,
    Partial,
    Position,
    ProcessingStatus,
)
from counterfoil.modules.settlement.messages import (
    Allocate,
    Amend,
    Cancel,
    Deallocate,
    RefuseSignOff,
    SignOff,
)
from counterfoil.modules.settlement.reasons import Reason
from tests.unit.settlement.messages import both, deliver, free, receive
from tests.unit.settlement.world import THURSDAY, TUESDAY, WEDNESDAY, World, account, party, signer, told


@pytest.fixture
def world() -> World:
    world = World()
    world.give("seller's", "share", 1_000)
    world.give("buyer's", "usd", 50_000)
    world.end_block()
    return world


def pair(world: World, number: int = 1, **changes: object) -> tuple[bytes, bytes]:
    """Both sides instruct; (delivery, receipt)."""
    fields = {
        "trade_reference": f"T-{number}",
        "delivery_reference": f"S-{number}",
        "receipt_reference": f"B-{number}",
        **changes,
    }
    _, delivery_id, receipt_id = world.act(both(**fields), "seller", "buyer").created
    return delivery_id, receipt_id


def link(position: Position, *references: str) -> tuple[Linkage, ...]:
    return tuple(Linkage(position, reference) for reference in references)


# ---- hold and release ----


def test_hold_and_release_of_either_side(world: World) -> None:
    delivery_id, receipt_id = pair(world, delivery_hold=True, receipt_hold=True)
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("BOTH", "BOTH")
    context = world.act(Amend(delivery_id, hold=False), "seller")
    assert [fact.hold for fact in told(context, InstructionAmended)] == [False]
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("PRCY", "PREA")
    world.act(Amend(delivery_id, hold=True), "seller")
    world.act(Amend(receipt_id, hold=False), "buyer")
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("PREA", "PRCY")
    world.end_block()
    context = world.act(Amend(delivery_id, hold=False), "seller")
    assert len(told(context, InstructionSettled)) == 2
    world.end_block()


def test_what_is_held_matches_all_the_same(world: World) -> None:
    delivery_id = world.act(deliver(hold=True), "seller").created[0]
    world.act(receive(), "buyer")
    assert world.reason(delivery_id) == Reason.YOUR_INSTRUCTION_IS_HELD
    world.end_block()


def test_hold_takes_a_pair_out_of_its_queue_and_release_puts_it_back(world: World) -> None:
    delivery_id, _ = pair(world, settlement_date=TUESDAY)
    world.act(Amend(delivery_id, hold=True), "seller")
    assert world.live(delivery_id).queue == b""
    world.end_block()
    world.act(Amend(delivery_id, hold=False), "seller")
    assert world.reason(delivery_id) == Reason.SETTLEMENT_DATE_IS_AHEAD
    world.end_block()
    world.set_day(TUESDAY)
    world.end_block()
    assert world.settlement.find(delivery_id) is None


def test_allowing_parts_later_settles_a_part(world: World) -> None:
    world.set_rulebook(partial_minimum=1)
    delivery_id, receipt_id = pair(world, quantity=2_000, amount=10_000, delivery_partial=Partial.ALLOWED)
    assert world.live(delivery_id).settled_quantity == 0
    world.act(Amend(receipt_id, partial=Partial.ALLOWED), "buyer")
    assert world.live(delivery_id).settled_quantity == 1_000
    world.end_block()


# ---- allocation ----


def test_what_is_allocated_settles_though_nothing_else_is_available(world: World) -> None:
    delivery_id, receipt_id = pair(world, settlement_date=TUESDAY)
    world.act(Allocate(delivery_id), "seller")
    world.act(Allocate(receipt_id, 3_000), "buyer")
    assert world.held("seller's", "share") == (900, 100)
    assert world.held("buyer's", "usd") == (47_000, 3_000)
    earmark = world.holdings.earmark_of(world.live(delivery_id).earmark)
    assert earmark is not None
    assert (earmark.reason, earmark.owner) == (EarmarkReason.SETTLEMENT, delivery_id)
    world.end_block()

    world.pledge("seller's", "share", 900)
    world.pledge("buyer's", "usd", 45_000)
    world.set_day(TUESDAY)
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("seller's", "share") == (0, 900)
    assert world.held("buyer's", "usd") == (0, 45_000)
    assert world.held("seller's", "usd") == (5_000, 0)


def test_what_is_allocated_cannot_be_used_twice(world: World) -> None:
    delivery_id, _ = pair(world, settlement_date=TUESDAY)
    world.act(Allocate(delivery_id), "seller")
    other_id, _ = pair(world, 2, quantity=901)
    assert world.reason(other_id) == Reason.LACK_OF_SECURITIES
    world.end_block()
    world.act(Deallocate(delivery_id), "seller")
    world.end_block()
    assert world.settlement.find(other_id) is None


def test_parts_come_out_of_the_allocation_first(world: World) -> None:
    world.set_rulebook(partial_minimum=1)
    allowed = {"delivery_partial": Partial.ALLOWED, "receipt_partial": Partial.ALLOWED}
    delivery_id, receipt_id = pair(world, quantity=2_000, amount=10_000, settlement_date=TUESDAY, **allowed)
    world.act(Allocate(delivery_id, 400), "seller")
    world.act(Allocate(receipt_id, 6_000), "buyer")
    world.end_block()
    world.pledge("seller's", "share", 600)
    world.set_day(TUESDAY)
    world.end_block()
    assert world.live(delivery_id).settled_quantity == 400
    assert world.live(delivery_id).earmark == b""
    assert world.live(receipt_id).earmark != b""
    assert world.held("buyer's", "usd") == (44_000, 4_000)
    world.act(Cancel(delivery_id), "seller")
    world.act(Cancel(receipt_id), "buyer")
    assert world.held("buyer's", "usd") == (48_000, 0)
    world.end_block()


def test_money_allocated_beyond_the_need_is_let_go(world: World) -> None:
    world.set_rulebook(amount_tolerance=100)
    receipt_id = world.act(receive(), "buyer").created[0]
    world.act(Allocate(receipt_id), "buyer")
    world.act(deliver(amount=4_950), "seller")
    assert world.held("buyer's", "usd") == (45_050, 0)
    world.end_block()


def test_an_unmatched_instruction_may_be_allocated_and_cancelled(world: World) -> None:
    delivery_id = world.act(deliver(), "seller").created[0]
    world.act(Allocate(delivery_id), "seller")
    world.end_block()
    context = world.act(Cancel(delivery_id), "seller")
    assert [fact.reason for fact in told(context, InstructionCancelled)] == [Reason.CANCELLED_BY_YOURSELF]
    assert world.held("seller's", "share") == (1_000, 0)
    assert world.settlement.by_reference(party("seller"), "S-1") is None
    world.end_block()


# ---- cancellation ----


def test_a_matched_pair_ends_when_both_sides_cancel(world: World) -> None:
    delivery_id, receipt_id = pair(world, settlement_date=TUESDAY)
    trade_id = world.live(delivery_id).trade
    world.end_block()
    context = world.act(Cancel(delivery_id), "seller")
    assert len(told(context, CancellationRequested)) == 2
    assert world.live(delivery_id).cancellation is CancellationStatus.REQUESTED
    assert world.live(delivery_id).processing is ProcessingStatus.PENDING_CANCELLATION
    assert world.live(receipt_id).cancellation is CancellationStatus.NONE
    statuses = queries.statuses(world.live(delivery_id), world.markets)
    assert (statuses.processing, statuses.cancellation, statuses.code) == ("PDGCXL", "CONF", "FUTU")
    world.end_block()
    context = world.act(Cancel(receipt_id), "buyer")
    assert len(told(context, InstructionCancelled)) == 2
    assert world.settlement.find(delivery_id) is None
    assert world.trades.require(trade_id).instructions == ()
    world.end_block()


def test_one_sides_wish_does_not_stop_a_matched_pair(world: World) -> None:
    delivery_id, _ = pair(world, settlement_date=TUESDAY)
    world.act(Cancel(delivery_id), "seller")
    world.set_day(TUESDAY)
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("buyer's", "share") == (100, 0)


# ---- sign-off ----


def test_the_operator_signs_off(world: World) -> None:
    world.set_rulebook(sign_off_required=True)
    delivery_id, receipt_id = pair(world)
    assert (world.reason(delivery_id), world.reason(receipt_id)) == ("CVAL", "CVAL")
    world.end_block()
    context = world.act(SignOff(receipt_id), "depository")
    assert len(told(context, SettlementSignedOff)) == 2
    assert world.settlement.find(delivery_id) is None
    world.end_block()


def test_sign_off_comes_with_matching_of_one_sided_instructions(world: World) -> None:
    world.set_rulebook(sign_off_required=True)
    world.act(deliver(), "seller")
    receipt_id = world.act(receive(), "buyer").created[0]
    assert world.reason(receipt_id) == Reason.SIGN_OFF_IS_AWAITED
    world.act(SignOff(receipt_id), "depository")
    assert world.settlement.find(receipt_id) is None
    world.end_block()


def test_the_operator_refuses(world: World) -> None:
    world.set_rulebook(sign_off_required=True)
    delivery_id, _ = pair(world)
    world.act(Allocate(delivery_id), "seller")
    context = world.act(RefuseSignOff(delivery_id, "No prospectus."), "depository")
    cancelled = told(context, InstructionCancelled)
    assert [(fact.reason, fact.narrative) for fact in cancelled] == [("CTHP", "No prospectus.")] * 2
    assert world.held("seller's", "share") == (1_000, 0)
    world.end_block()


# ---- linkages ----


def test_after_waits_for_the_other_to_settle(world: World) -> None:
    first, _ = pair(world, delivery_hold=True)
    second, second_receipt = pair(world, 2, delivery_linkages=link(Position.AFTER, "S-1"))
    assert (world.reason(second), world.reason(second_receipt)) == ("LINK", "LINK")
    world.end_block()
    world.act(Amend(first, hold=False), "seller")
    assert world.settlement.find(second) is not None
    world.end_block()
    assert world.settlement.find(second) is None


def test_before_makes_the_other_wait(world: World) -> None:
    second, _ = pair(world, 2, settlement_date=TUESDAY)
    first, _ = pair(
        world, settlement_date=TUESDAY, delivery_hold=True, delivery_linkages=link(Position.BEFORE, "S-2")
    )
    world.end_block()
    world.set_day(TUESDAY)
    world.end_block()
    assert world.reason(second) == Reason.LINKED_INSTRUCTION_IS_PENDING
    world.act(Amend(first, hold=False), "seller")
    world.end_block()
    assert world.settlement.find(second) is None


def test_a_linkage_may_be_removed_at_either_end(world: World) -> None:
    first, _ = pair(world, delivery_hold=True)
    second, _ = pair(world, 2, delivery_linkages=link(Position.AFTER, "S-1"))
    third, _ = pair(world, 3, delivery_linkages=link(Position.AFTER, "S-1"))
    world.act(Amend(second, linkages=()), "seller")
    assert world.settlement.find(second) is None
    world.act(Amend(first, linkages=()), "seller")
    world.end_block()
    assert world.settlement.find(third) is None


def test_what_waits_for_a_cancelled_one_waits_until_it_is_unlinked(world: World) -> None:
    first = world.act(deliver(), "seller").created[0]
    second, _ = pair(world, 2, delivery_linkages=link(Position.AFTER, "S-1"))
    world.act(Cancel(first), "seller")
    world.end_block()
    assert world.settlement.why_pending(second, world.time_ms) is Reason.LINKED_INSTRUCTION_IS_PENDING
    world.act(Amend(second, linkages=()), "seller")
    assert world.settlement.find(second) is None
    world.end_block()


@pytest.mark.parametrize("position", list(Position))
def test_who_may_use_one_account_does_not_hold_up_another_of_the_same_owner(
    world: World, position: Position
) -> None:
    world.open_account("seller's second", "seller", "depository", AccountKind.OWN)
    world.change_account("seller's second", signers=(signer("third"),), threshold=1)
    other = world.act(deliver(), "seller").created[0]
    links = {"account": account("seller's second"), "reference": "S-2", "linkages": link(position, "S-1")}
    free_to_name = position is Position.INFORMATION
    refusal = None if free_to_name else HoldingsReject.ACCOUNT_NOT_FOUND
    assert world.refused(deliver(**links), "third") is refusal
    assert world.refused(deliver(**links), "third", "seller") is None
    mine = world.act(deliver(**links), "third", "seller").created[0]
    again = Amend(mine, hold=True, linkages=link(position, "S-1"))
    assert world.refused(again, "third") is None
    assert world.settlement.find(other) is not None


def test_information_is_only_named(world: World) -> None:
    pair(world, delivery_hold=True)
    second, _ = pair(world, 2, delivery_linkages=link(Position.INFORMATION, "S-1"))
    assert world.settlement.find(second) is None
    world.end_block()


def test_linked_with_settles_all_or_none(world: World) -> None:
    first, first_receipt = pair(world, delivery_hold=True)
    second, _ = pair(world, 2, delivery_linkages=link(Position.WITH, "S-1"))
    third, third_receipt = pair(world, 3, amount=40_001, delivery_linkages=link(Position.WITH, "S-2"))
    assert [world.reason(one) for one in (first, second, third)] == ["PREA", "LINK", "LINK"]
    assert world.reason(first_receipt) == "PRCY"
    world.end_block()
    world.act(Amend(first, hold=False), "seller")
    assert [world.reason(one) for one in (first, second, third)] == ["CMON", "LINK", "LINK"]
    world.end_block()
    assert world.held("buyer's", "share") == (0, 0)
    world.give("buyer's", "usd", 1)
    world.end_block()
    assert not any(world.settlement.find(one) for one in (first, second, third, third_receipt))
    assert world.held("buyer's", "share") == (300, 0)
    assert world.held("buyer's", "usd") == (0, 0)
    assert world.held("seller's", "usd") == (50_001, 0)


def test_linked_ones_fund_each_other_though_neither_could_settle_alone(world: World) -> None:
    """The buyer has no euros for the one sale and no second share for the other until both settle together."""
    world.give("third's", "usd", 10_000)
    first = world.act(free(receive(reference="B-1", hold=True)), "buyer").created[0]
    world.act(free(deliver(reference="S-1")), "seller")
    onward = both(
        trade_reference="T-2",
        seller=party("buyer"),
        buyer=party("third"),
        amount=10_000,
        delivery_account=account("buyer's"),
        receipt_account=account("third's"),
        delivery_reference="B-2",
        receipt_reference="X-2",
        delivery_linkages=link(Position.WITH, "B-1"),
    )
    second = world.act(onward, "buyer", "third").created[1]
    world.act(Allocate(world.live(first).counterpart), "seller")
    world.end_block()
    world.act(Amend(first, hold=False), "buyer")
    assert world.settlement.find(second) is None
    assert world.held("third's", "share") == (100, 0)
    assert world.held("buyer's", "usd") == (60_000, 0)
    assert world.held("seller's", "share") == (900, 0)
    world.end_block()


def test_an_unmatched_partner_holds_the_others_back(world: World) -> None:
    unmatched = world.act(deliver(), "seller").created[0]
    second, _ = pair(world, 2, delivery_linkages=link(Position.WITH, "S-1"))
    assert world.reason(second) == Reason.LINKED_INSTRUCTION_IS_PENDING
    world.end_block()
    world.act(receive(), "buyer")
    assert world.settlement.find(unmatched) is None
    assert world.settlement.find(second) is None
    world.end_block()


@pytest.mark.parametrize(
    ("field", "reason"),
    [("frozen_debits", "BLOC"), ("frozen_credits", "BLOC")],
)
def test_a_blocked_account_holds_a_linked_group_back(world: World, field: str, reason: str) -> None:
    first, _ = pair(world, settlement_date=TUESDAY)
    second, _ = pair(world, 2, settlement_date=TUESDAY, delivery_linkages=link(Position.WITH, "S-1"))
    world.end_block()
    world.change_account("seller's", **{field: True})
    world.set_day(TUESDAY)
    world.end_block()
    assert sorted((world.reason(first), world.reason(second))) == sorted((reason, "LINK"))


def test_too_many_linked_ones_never_settle_together(world: World) -> None:
    made = [pair(world, 0, quantity=1, amount=1, delivery_hold=True)[0]]
    for number in range(1, 17):
        made.append(
            pair(
                world,
                number,
                quantity=1,
                amount=1,
                delivery_linkages=link(Position.WITH, f"S-{number - 1}"),
            )[0]
        )
    world.act(Amend(made[0], hold=False), "seller")
    assert world.reason(made[0]) == Reason.LINKED_INSTRUCTION_IS_PENDING
    world.act(Amend(made[16], linkages=()), "seller")
    world.end_block()
    assert world.settlement.find(made[16]) is None
    assert not any(world.settlement.find(one) for one in made), "whoever was freed is tried again"


# ---- recycling ----


def test_what_does_not_settle_in_its_recycling_period_is_cancelled(world: World) -> None:
    world.set_rulebook(recycling_days=2)
    delivery_id, receipt_id = pair(world, quantity=2_000)
    held = world.act(deliver(reference="S-9", quantity=1, hold=True), "seller").created[0]
    world.act(Allocate(delivery_id, 700), "seller")
    world.end_block()
    for day in (TUESDAY, WEDNESDAY):
        world.set_day(day)
        world.end_block()
        world.end_block()
    assert world.settlement.find(held) is not None
    assert world.held("seller's", "share") == (300, 700)
    world.set_day(THURSDAY, is_open=False)
    world.end_block()
    world.end_block()
    assert world.settlement.find(delivery_id) is not None
    world.set_day(THURSDAY)
    world.end_block()
    assert [world.settlement.find(one) for one in (delivery_id, receipt_id, held)] == [None] * 3
    assert world.held("seller's", "share") == (1_000, 0)
    cancelled = [fact for context in world.lapsed for fact, _ in context.facts]
    reasons = [fact.reason for fact in cancelled if isinstance(fact, InstructionCancelled)]
    assert reasons == [Reason.CANCELLED_BY_THE_SYSTEM] * 3
    assert world.settlement_books.recycled.first(b"") is None


def test_a_part_stays_settled_when_the_rest_is_given_up(world: World) -> None:
    world.set_rulebook(recycling_days=0, partial_minimum=1)
    parts = {"delivery_partial": Partial.ALLOWED, "receipt_partial": Partial.ALLOWED}
    delivery_id, _ = pair(world, quantity=2_000, amount=2_000, **parts)
    world.end_block()
    assert world.held("buyer's", "share") == (1_000, 0)
    world.set_day(TUESDAY)
    world.end_block()
    assert world.settlement.find(delivery_id) is None
    assert world.held("buyer's", "share") == (1_000, 0)


def test_what_is_entered_late_has_its_whole_period(world: World) -> None:
    world.set_rulebook(recycling_days=2)
    late = {"trade_date": 20120105, "settlement_date": 20120110}
    waiting = world.act(deliver(**late), "seller").created[0]
    world.end_block()
    world.act(receive(**late), "buyer")
    assert world.settlement.find(waiting) is None
    assert world.held("buyer's", "share") == (100, 0)


@pytest.mark.parametrize("limit", [1, 3])
def test_cancelling_is_bounded_and_goes_on_in_the_next_block(world: World, limit: int) -> None:
    world.set_rulebook(recycling_days=0)
    for number in range(7):
        world.act(deliver(reference=f"S-{number}"), "seller")
    world.end_block()
    world.retry_limit = limit
    world.set_day(TUESDAY)
    left = 7
    while left:
        world.end_block()
        left = max(left - limit, 0)
        assert len(list(world.settlement_books.recycled.scan())) == left
