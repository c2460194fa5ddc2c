"""A day on which a member cannot deliver: reasons, settlement in parts, the days after, an agreed end."""

from __future__ import annotations

from counterfoil.sdk import messages
from tests.scenarios.floor import Floor


def test_a_short_seller_delivers_in_parts_over_two_days(floor: Floor) -> None:
    # Broker A has 100,000 and sold 130,000; both sides take what there is.
    deal = floor.sells("broker-a", "broker-b", 130_000, 1_300_000_00, in_parts=True)
    assert deal.open_quantity == 30_000
    assert deal.why_not == ("LACK", "CLAC")
    assert floor.money("broker-a") == 10_000_000_00 + 1_000_000_00, "paid for what came, and for nothing else"
    line = floor.client("broker-a").instruction(deal.delivery)
    assert line.words.startswith("Your account holds too little")
    assert line.remedy

    # The day ends without the rest; it is tried again and not forgotten.
    floor.ledger.advance_to_day_close()
    assert deal.open_quantity == 30_000
    floor.ledger.advance_to("2024-01-03")
    assert deal.why_not == ("LACK", "CLAC")
    assert floor.client("broker-a").instruction(deal.delivery).failing, "its date is over"

    # A part of the rest arrives, then the last of it.
    floor.gives("investor-a", "broker-a", 10_000)
    assert deal.open_quantity == 20_000
    floor.gives("investor-a", "broker-a", 20_000)
    assert deal.settled
    assert (floor.shares("broker-a"), floor.shares("broker-b")) == (0, 230_000)
    assert floor.money("broker-a") == 10_000_000_00 + 1_300_000_00, "the parts paid add up to the whole"


def test_a_buyer_without_money_waits_and_is_told_why(floor: Floor) -> None:
    deal = floor.sells("broker-a", "broker-b", 100_000, 15_000_000_00)
    assert deal.why_not == ("CMON", "MONY")
    assert floor.shares("broker-a") == 100_000, "delivery and payment, or neither"
    trustee = floor.client("trustee")
    trustee.send(
        messages.Mint(
            floor.market.euro, floor.ledger.account("broker-b"), 5_000_000_00, "BANK-77", floor.ledger.today
        )
    )
    assert deal.settled, "it is tried again when what it waits for arrives"
    assert floor.money("broker-b") == 0


def test_neither_side_may_leave_alone_and_both_may_together(floor: Floor) -> None:
    deal = floor.sells("broker-a", "broker-b", 200_000, 2_000_000_00)
    seller, buyer = floor.client("broker-a"), floor.client("broker-b")
    seller.send(messages.Cancel(deal.delivery))
    assert not deal.settled, "matched is irrevocable for one side"
    assert seller.instruction(deal.delivery).cancellation == "CONF", "it waits for the other side's consent"
    buyer.send(messages.Cancel(deal.receipt))
    assert floor.reason("broker-a", deal.delivery) is None
    told = [fact for one in seller.history(business=deal.delivery) for fact in one.facts]
    assert type(told[-1]).__name__ == "InstructionCancelled"
    assert floor.shares("broker-b") == 100_000


def test_a_held_instruction_settles_when_it_is_released(floor: Floor) -> None:
    deal = floor.sells("broker-a", "broker-b", 100, 1_000_00, hold=True)
    assert deal.why_not == ("PREA", "PRCY")
    floor.client("broker-a").send(messages.Amend(deal.delivery, hold=False))
    assert deal.settled


def test_what_is_due_later_waits_for_its_date(floor: Floor) -> None:
    deal = floor.sells("broker-a", "broker-b", 100, 1_000_00, due=20240104)
    assert deal.why_not == ("FUTU", "FUTU")
    floor.ledger.advance_to("2024-01-03")
    assert not deal.settled
    floor.ledger.advance_to("2024-01-04")
    assert deal.settled
