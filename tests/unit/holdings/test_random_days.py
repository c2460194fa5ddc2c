"""Whatever is asked of holdings, in whatever order: a dictionary says the same, and postings explain every balance."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.interface import Direction, EarmarkReason, SubBalance
from counterfoil.modules.holdings.queries import balances, statement
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.outcome import Rejected
from tests.unit.holdings.desk import ALICE, BOB, BROKER
from tests.unit.holdings.kept import KeptDesk, holders

ALL = 10**6
"""Stands for all that is available, or all of an earmark: what ends records is asked for often."""
QUANTITIES = st.sampled_from([ALL, ALL, 1, 10]) | st.integers(-1, 1_200)
EARMARKED_QUANTITIES = st.sampled_from([ALL, 1]) | st.integers(-1, 100)
SIGN = {Direction.CREDIT: 1, Direction.DEBIT: -1}


class Days(RuleBasedStateMachine):
    """Four accounts and one instrument; `available` and `aside` are the model."""

    earmarks = Bundle("earmarks")

    def __init__(self) -> None:
        super().__init__()
        self.desk = KeptDesk(flush_every=3)
        self.accounts = [
            self.desk.alice,
            self.desk.bob,
            self.desk.opened(BROKER),
            self.desk.opened(ALICE, joint_holders=(BOB,)),
        ]
        self.available = dict.fromkeys(self.accounts, 0)
        self.available[self.desk.alice] = 1_000
        self.aside = dict.fromkeys(self.accounts, 0)
        self.marks: dict[bytes, tuple[bytes, int, int]] = {}
        self.posted = {(account, part): 0 for account in self.accounts for part in (0, 1)}
        self.posted[self.desk.alice, 0] = 1_000

    def accept(self, context: ActionContext) -> None:
        total = 0
        for fact, _ in context.facts:
            if not isinstance(fact, Posting):
                continue
            change = SIGN[fact.direction] * fact.quantity
            total += change
            if fact.sub_balance is not SubBalance.ISSUED:
                self.posted[fact.account_id, int(fact.sub_balance)] += change
                assert self.posted[fact.account_id, int(fact.sub_balance)] == fact.balance_after
        assert total == 0

    def attempt(self, possible: bool, effect: Any, *arguments: Any) -> ActionContext | None:
        try:
            context = effect(*arguments)
        except Rejected:
            assert not possible
            return None
        assert possible
        if isinstance(context, ActionContext):
            self.accept(context)
        return context

    @rule(source=st.integers(0, 3), taking=st.integers(0, 3), quantity=QUANTITIES)
    def move(self, source: int, taking: int, quantity: int) -> None:
        giver, taker = self.accounts[source], self.accounts[taking]
        if quantity == ALL:
            quantity = self.available[giver]
        possible = giver != taker and 0 < quantity <= self.available[giver]
        if self.attempt(possible, self.desk.moved, giver, taker, quantity):
            self.available[giver] -= quantity
            self.available[taker] += quantity

    @rule(at=st.integers(0, 3), quantity=QUANTITIES)
    def issue(self, at: int, quantity: int) -> None:
        if self.attempt(quantity > 0, self.desk.issued, self.accounts[at], quantity):
            self.available[self.accounts[at]] += quantity

    @rule(at=st.integers(0, 3), quantity=QUANTITIES)
    def redeem(self, at: int, quantity: int) -> None:
        account = self.accounts[at]
        if quantity == ALL:
            quantity = self.available[account]
        possible = 0 < quantity <= self.available[account]
        if self.attempt(possible, self.desk.redeemed, account, quantity):
            self.available[account] -= quantity

    @rule(
        target=earmarks,
        at=st.integers(0, 3),
        quantity=EARMARKED_QUANTITIES,
        later_ms=st.sampled_from([0, 500, 2_500]),
    )
    def earmark(self, at: int, quantity: int, later_ms: int) -> bytes:
        account = self.accounts[at]
        if quantity == ALL:
            quantity = self.available[account]
        possible = 0 < quantity <= self.available[account]
        expiry_ms = self.desk.time_ms + later_ms if later_ms else 0
        context = self.desk.context()
        made: list[bytes] = []
        self.attempt(
            possible,
            lambda: self.desk.run(
                lambda: made.append(
                    self.desk.holdings.earmark(
                        context,
                        account,
                        self.desk.account(account),
                        self.desk.share,
                        self.desk.instruments.require(self.desk.share),
                        quantity,
                        EarmarkReason.LOCK_UP,
                        BROKER,
                        b"",
                        expiry_ms,
                    )
                ),
                context,
            ),
        )
        if not made:
            return b"\xff" * 32
        self.marks[made[0]] = (account, quantity, expiry_ms)
        self.set_aside(account, quantity)
        return made[0]

    def set_aside(self, account: bytes, quantity: int) -> None:
        self.available[account] -= quantity
        self.aside[account] += quantity

    def reduce(self, earmark_id: bytes, quantity: int) -> None:
        account, covered, expiry_ms = self.marks.pop(earmark_id)
        if covered > quantity:
            self.marks[earmark_id] = (account, covered - quantity, expiry_ms)

    @rule(earmark_id=earmarks, quantity=st.none() | QUANTITIES)
    def release(self, earmark_id: bytes, quantity: int | None) -> None:
        account, covered, _ = self.marks.get(earmark_id, (b"", 0, 0))
        if quantity == ALL:
            quantity = covered
        released = covered if quantity is None else quantity
        possible = bool(account) and 0 < released <= covered
        if self.attempt(possible, self.desk.released, earmark_id, quantity):
            self.set_aside(account, -released)
            self.reduce(earmark_id, released)

    @rule(earmark_id=consumes(earmarks), taking=st.integers(0, 3), quantity=QUANTITIES)
    def use(self, earmark_id: bytes, taking: int, quantity: int) -> None:
        account, covered, _ = self.marks.get(earmark_id, (b"", 0, 0))
        taker = self.accounts[taking]
        if quantity == ALL:
            quantity = covered
        possible = bool(account) and account != taker and 0 < quantity <= covered
        if self.attempt(possible, self.desk.moved_earmarked, earmark_id, taker, quantity):
            self.aside[account] -= quantity
            self.available[taker] += quantity
            self.reduce(earmark_id, quantity)

    @rule(later_ms=st.integers(1, 3_000))
    def pass_time(self, later_ms: int) -> None:
        for context in self.desk.next_block(later_ms):
            self.accept(context)
        for earmark_id, (account, covered, expiry_ms) in list(self.marks.items()):
            if 0 < expiry_ms <= self.desk.time_ms:
                self.set_aside(account, -covered)
                del self.marks[earmark_id]

    @invariant()
    def the_books_say_the_same(self) -> None:
        for account in self.accounts:
            assert self.desk.balance(account) == (self.available[account], self.aside[account])
        held = sum(self.available.values()) + sum(self.aside.values())
        assert self.desk.holdings.outstanding(self.desk.share) == held
        assert self.desk.holdings.encumbered(self.desk.share) == sum(self.aside.values())

    def teardown(self) -> None:
        desk = self.desk
        desk.check()
        state = desk.kept
        for account in self.accounts:
            for height in range(state.height):
                told = statement(state, account, height)
                opening = sum(line.total for line in told.opening)
                changes = sum(line.available_change + line.earmarked_change for line in told.lines)
                assert opening + changes == sum(line.total for line in told.closing)
            assert balances(state, account) == told.closing
        assert sum(line.total for line in holders(state, desk.share)) == desk.holdings.outstanding(desk.share)


TestDays = Days.TestCase
