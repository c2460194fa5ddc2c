"""Any sequence of good and bad messages: nothing is lost, nothing waits that is not live, and both ways to instruct
come to the same holdings."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.modules.settlement.interface import Linkage, Partial, Position, Priority
from counterfoil.modules.settlement.messages import Allocate, Amend, Cancel, Deallocate, SignOff
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.primitives.outcome import Rejected
from tests.unit.settlement.messages import both, deliver, free, receive
from tests.unit.settlement.world import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    account,
    instrument,
    party,
)

MEMBERS = ("seller", "buyer", "third")
EVERYBODY = (*MEMBERS, "depository")
FRIDAY = 20131011
DATES = (MONDAY, TUESDAY, WEDNESDAY, THURSDAY)


class Life:
    """A market in which anything may be asked, by a dice of its own: most of it good, some of it bad."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.world = World()
        self.count = 0
        self.day = 0
        self.known: list[bytes] = []
        self.references: dict[str, list[str]] = {member: [] for member in MEMBERS}
        for member in MEMBERS:
            for name, quantity in (("share", 50), ("usd", 500)):
                self.world.give(f"{member}'s", name, quantity)
        self.world.set_rulebook(partial_minimum=5, amount_tolerance=10)
        self.world.end_block()

    def act(self, message: Any) -> None:
        try:
            context = self.world.act(message, *EVERYBODY)
        except Rejected:
            return
        self.known += [one for one in context.created if self.world.settlement.find(one) is not None]

    def rarely(self) -> bool:
        return self.dice.randrange(6) == 0

    def fields(self, member: str, prefix: str = "") -> dict[str, Any]:
        self.count += 1
        reference = f"R-{self.count}"
        linkages: tuple[Linkage, ...] = ()
        if self.references[member] and self.rarely():
            other = self.dice.choice(self.references[member][-4:])
            linkages = (Linkage(self.dice.choice(list(Position)), other),)
        self.references[member].append(reference)
        return {
            f"{prefix}reference": reference,
            f"{prefix}hold": self.rarely(),
            f"{prefix}partial": self.dice.choice(list(Partial)),
            f"{prefix}priority": self.dice.choice((Priority.TOP, Priority.NORMAL)),
            f"{prefix}linkages": linkages,
        }

    def terms(self) -> dict[str, Any]:
        date = self.dice.choice(DATES) if self.rarely() else DATES[self.day]
        return {
            "quantity": self.dice.randint(1, 60),
            "amount": self.dice.choice((1, 100, 105, 400)),
            "settlement_date": date,
        }

    def step_both(self) -> None:
        seller, buyer = self.dice.sample(MEMBERS, 2)
        message = both(
            seller=party(seller),
            buyer=party(buyer),
            trade_reference=f"T-{self.count}",
            delivery_account=account(f"{seller}'s"),
            receipt_account=account(f"{buyer}'s"),
            **self.fields(seller, "delivery_"),
            **self.fields(buyer, "receipt_"),
            **self.terms(),
        )
        self.act(message)

    def step_each(self) -> None:
        """One side instructs, and mostly the other does too."""
        seller, buyer = self.dice.sample(MEMBERS, 2)
        common = self.terms()
        is_free = self.rarely()
        for make, me, other in self.dice.sample([(deliver, seller, buyer), (receive, buyer, seller)], 2):
            message = make(
                party=party(me),
                account=account(f"{me}'s"),
                counterparty=party(other),
                **common,
                **self.fields(me),
            )
            self.act(free(message) if is_free else message)
            if self.rarely():
                return

    def step_amend(self) -> None:
        if not self.known:
            return
        one = self.dice.choice(self.known[-8:])
        self.act(
            self.dice.choice(
                (
                    Amend(one, hold=False),
                    Amend(one, hold=True),
                    Amend(one, linkages=()),
                    Amend(one, priority=self.dice.choice(list(Priority))),
                    Amend(one, partial=Partial.ALLOWED),
                    Allocate(one, self.dice.randint(0, 30)),
                    Allocate(one),
                    Deallocate(one),
                    Cancel(one),
                    SignOff(one),
                )
            )
        )

    def step_day(self) -> None:
        kind = self.dice.randrange(6)
        if kind == 0:
            self.open_next()
        elif kind == 1:
            sign_off = self.rarely()
            self.world.set_rulebook(partial_minimum=5, amount_tolerance=10, sign_off_required=sign_off)
        elif kind < 5:
            holder = self.dice.choice(MEMBERS)
            self.world.give(f"{holder}'s", self.dice.choice(("share", "usd")), 40)
        else:
            holder = self.dice.choice(MEMBERS)
            field = self.dice.choice(("frozen_debits", "frozen_credits"))
            self.world.change_account(f"{holder}'s", **{field: self.rarely()})
        self.world.keep()

    def open_next(self) -> None:
        self.day = min(self.day + 1, len(DATES) - 1)
        self.world.set_day(DATES[self.day])
        self.world.keep()

    def live(self) -> int:
        steps = (self.step_both, self.step_each, self.step_each, self.step_amend, self.step_day)
        for _ in range(self.dice.randint(1, 40)):
            self.dice.choice(steps)()
            if self.dice.randrange(3) == 0:
                self.world.retry_limit = self.dice.choice((3, 5, 100))
                self.world.end_block()
        self.world.retry_limit = 100
        for member in MEMBERS:
            self.world.change_account(f"{member}'s", frozen_debits=False, frozen_credits=False)
        self.world.set_day(FRIDAY)
        self.world.keep()
        for count in range(20):
            self.world.end_block()
            if not self.world.last_retried:
                return count
        raise AssertionError("the retries never come to rest")


@given(st.integers(0, 2**32 - 1))
def test_any_life_keeps_the_books(seed: int) -> None:
    """Invariants hold after every block; at rest, whatever could settle has."""
    life = Life(seed)
    life.live()
    world = life.world
    for one in dict.fromkeys(life.known):
        live = world.settlement.find(one)
        if live is not None and live.counterpart:
            assert world.settlement.why_pending(one, world.time_ms) is not None


@pytest.mark.parametrize("priority", [Priority.TOP, Priority.NORMAL])
@given(
    st.integers(0, 120),
    st.integers(0, 6_000),
    st.sampled_from(list(Partial)),
    st.sampled_from((0, 1, 50)),
    st.booleans(),
)
def test_both_ways_to_instruct_come_to_the_same(
    priority: Priority, shares: int, dollars: int, partial: Partial, minimum: int, free_of_payment: bool
) -> None:
    """One transaction by both sides, or two instructions that match: the same holdings, and the same reasons."""
    outcomes = []
    for together in (True, False):
        world = World()
        world.set_rulebook(partial_minimum=minimum)
        if shares:
            world.give("seller's", "share", shares)
        if dollars:
            world.give("buyer's", "usd", dollars)
        world.end_block()
        paid: dict[str, Any] = {"amount": 0, "asset": b""} if free_of_payment else {}
        if together:
            message = both(
                delivery_partial=partial, receipt_partial=partial, delivery_priority=priority, **paid
            )
            world.act(message, "seller", "buyer")
        else:
            for one, name in (
                (deliver(partial=partial, priority=priority), "seller"),
                (receive(partial=partial), "buyer"),
            ):
                world.act(free(one) if free_of_payment else one, name)
        reasons = []
        for name, reference in (("seller", "S-1"), ("buyer", "B-1")):
            found = world.settlement.by_reference(party(name), reference)
            live = world.settlement.find(found) if found is not None else None
            reasons.append(
                (live.reason, live.settled_quantity, live.settled_amount) if live is not None else None
            )
        world.end_block()
        held = [world.held(f"{name}'s", what) for name in ("seller", "buyer") for what in ("share", "usd")]
        outcomes.append((reasons, held))
    assert outcomes[0] == outcomes[1]


def test_terms_of_a_trade_are_what_was_signed() -> None:
    found: TradeTerms = both().trade
    assert found.instrument_id == instrument("share")
