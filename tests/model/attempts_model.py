"""Attempts to settle in dictionaries: what stands against a pair, what settles, what wakes it again."""

from __future__ import annotations

from collections import defaultdict
from math import lcm
from typing import Any, NamedTuple

from counterfoil.modules.holdings.interface import EarmarkReason
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.records import InstrumentKind, InstrumentStatus
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.interface import SettlementStatus
from counterfoil.modules.settlement.records import (
    HoldStatus,
    MatchingStatus,
    Method,
    Movement,
    Partial,
    Position,
    SignOffStatus,
)
from counterfoil.modules.trades.records import TradeStatus
from tests.model.core import EVERY, Action, No, demand
from tests.model.parties_model import IN_BUSINESS, STOPPED
from tests.model.trades_model import TradesModel

DELIVER = Movement.DELIVER
FREE = Method.FREE
HELD = HoldStatus.HELD
Waits = tuple[Any, ...] | None
"""What wakes a pair: ("waiting", account, instrument, least), ("due", market, date), ("ready",), or nothing."""


class Pair(NamedTuple):
    delivery_id: bytes
    delivery: Any
    receipt_id: bytes
    receipt: Any

    @property
    def order(self) -> tuple[int, int, int]:
        one = self.delivery
        return (min(one.priority, self.receipt.priority), one.settlement_date, one.entry)


class Pend(NamedTuple):
    """The codes for both sides, and what wakes the pair."""

    delivery: str
    receipt: str
    waits: Waits = None


class Settles(NamedTuple):
    """So much of a pair, and why the rest does not."""

    quantity: int
    amount: int
    rest: Pend | None


LINKED = Pend("LINK", "LINK")
SHORT = HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY
FREEZES = (HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS, HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS)


class AttemptsModel(TradesModel):
    CONFIRMED = TradeStatus.CONFIRMED
    SETTLEMENT = EarmarkReason.SETTLEMENT

    def pair_of(self, identity: bytes) -> Pair | None:
        one = self.tables[90].get(identity)
        if one is None or one.matching is MatchingStatus.UNMATCHED:
            return None
        other = self.tables[90][one.counterpart]
        if one.movement is DELIVER:
            return Pair(identity, one, one.counterpart, other)
        return Pair(one.counterpart, other, identity, one)

    def aside(self, one: Any) -> int:
        earmark = self.tables[52].get(one.earmark)
        return earmark.quantity if earmark is not None else 0

    # Judging

    def group_of(self, pair: Pair) -> list[Pair] | None:
        """The pairs that settle all together, by entry; None where one of them is not there."""
        found, ahead = {pair.delivery_id: pair}, [pair]
        while ahead:
            one = ahead.pop()
            for link in (*one.delivery.links, *one.receipt.links):
                if link.position is Position.WITH:
                    other = self.pair_of(link.instruction)
                    if other is None:
                        return None
                    if other.delivery_id not in found:
                        found[other.delivery_id] = other
                        ahead.append(other)
        return sorted(found.values(), key=lambda one: one.delivery.entry) if len(found) <= 16 else None

    def obstacle(self, pair: Pair) -> Pend | None:
        delivery, receipt = pair.delivery, pair.receipt
        holds = (delivery.hold is HELD, receipt.hold is HELD)
        if any(holds):
            codes = {(True, True): ("BOTH", "BOTH"), (True, False): ("PREA", "PRCY")}
            return Pend(*codes.get(holds, ("PRCY", "PREA")))
        if delivery.sign_off is SignOffStatus.AWAITED:
            return Pend("CVAL", "CVAL")
        if any(link.position is Position.AFTER for link in (*delivery.links, *receipt.links)):
            return LINKED
        market, today = delivery.market, self.market(delivery.market).business_date
        if delivery.settlement_date > today:
            return Pend("FUTU", "FUTU", ("due", market, delivery.settlement_date))
        later = ("due", market, today + 1)
        free = delivery.method is FREE
        if not self.market_is_open(market) or self.past_cut_off(market, free):
            return Pend("LATE", "LATE", later)
        status = [
            self.tables[40][one].status for one in ((delivery.instrument_id, delivery.asset)[: 2 - free])
        ]
        for what, one in zip((delivery.instrument_id, delivery.asset), status, strict=False):
            if one is InstrumentStatus.SUSPENDED:
                return Pend("SBLO", "SBLO", ("waiting", EVERY, what, 0))
        moves = all(one is InstrumentStatus.ACTIVE for one in status)
        if not free:
            money = self.tables[40][delivery.asset].kind is InstrumentKind.MONEY_TOKEN
            moves = moves and money and self.accepts(market, delivery.asset)
        return None if moves else Pend("SBLO", "SBLO", later)

    def why_not(self, account: bytes, instrument: bytes, quantity: int, *, debit: bool) -> Any:
        """None where it may be, else the reject's code."""
        try:
            if debit:
                self.check_debit(account, instrument, quantity)
            else:
                self.check_use(account, debit=False)
        except No as no:
            return no.code
        return None

    def why_not_bought(self, pair: Pair) -> Any:
        """None where the receiver may acquire what the pair delivers."""
        delivery, receipt = pair.delivery, pair.receipt
        try:
            self.check_delivery(delivery.account, receipt.account, delivery.instrument_id)
        except No as no:
            return no.code
        return None

    def blocked(self, pair: Pair, account: bytes, why: Any, *, delivery: bool) -> Pend:
        held = self.tables[51][account]
        ends: list[bytes] = []
        if why in FREEZES:
            ends = [account]
        elif why is PartiesReject.PARTY_IS_NOT_ACTIVE:
            owner = self.tables[20][held.owner]
            ends = [held.owner] if owner.status not in IN_BUSINESS else []
            ends += [one for one, party in self.chain_above(owner) if party.status in STOPPED]
        elif why is HoldingsReject.HOLDER_IS_NOT_VERIFIED:
            ends = [one for one in (held.owner, *held.joint_holders) if not self.may_acquire(one)]
        later = ("due", pair.delivery.market, self.market(pair.delivery.market).business_date + 1)
        waits = ("waiting", ends[0], EVERY, 0) if ends else later
        return Pend("BLOC", "PRSY", waits) if delivery else Pend("PRSY", "BLOC", waits)

    @staticmethod
    def short(pair: Pair, account: bytes, instrument: bytes, least: int) -> Pend:
        codes = ("LACK", "CLAC") if instrument == pair.delivery.instrument_id else ("CMON", "MONY")
        return Pend(*codes, ("waiting", account, instrument, least))

    def judge(self, pair: Pair) -> tuple[list[Pair], list[Pend], Settles | None]:
        """(pairs, why each of them pends or nothing, what settles of a pair alone)."""
        group = self.group_of(pair)
        if group is None:
            return [pair], [LINKED], None
        if len(group) == 1:
            found = self.obstacle(pair) or self.judge_alone(pair)
            return (group, [], found) if isinstance(found, Settles) else (group, [found], None)
        for one in group:
            found_here = self.obstacle(one)
            if found_here is not None:
                return group, [found_here if other is one else LINKED for other in group], None
        return group, self.judge_together(group), None

    def judge_alone(self, pair: Pair) -> Pend | Settles:
        delivery, receipt = pair.delivery, pair.receipt
        both_allow = delivery.partial is Partial.ALLOWED and receipt.partial is Partial.ALLOWED
        splits = both_allow and self.rulebook(delivery.market).partial_minimum > 0
        quantity, rest = delivery.quantity - delivery.settled_quantity, None
        missing = max(quantity - self.aside(delivery), 0)
        why = self.why_not(delivery.account, delivery.instrument_id, missing, debit=True)
        if why and why is not SHORT:
            return self.blocked(pair, delivery.account, why, delivery=True)
        if why:
            there = self.balance(delivery.account, delivery.instrument_id)[0] + self.aside(delivery)
            rest = self.short(pair, delivery.account, delivery.instrument_id, 1 if splits else missing)
            quantity = self.part(pair, there) if splits else 0
            if not quantity:
                return rest
        why = self.why_not(receipt.account, b"", 0, debit=False) or self.why_not_bought(pair)
        if why:
            return self.blocked(pair, receipt.account, why, delivery=False)
        if delivery.method is FREE:
            return Settles(quantity, 0, rest)
        amount = self.amount_of(delivery, quantity)
        if delivery.cash_account == receipt.cash_account:
            return Settles(quantity, amount, rest)
        missing = max(amount - self.aside(receipt), 0)
        why = self.why_not(receipt.cash_account, delivery.asset, missing, debit=True)
        if why and why is not SHORT:
            return self.blocked(pair, receipt.cash_account, why, delivery=False)
        if why:
            there = self.balance(receipt.cash_account, delivery.asset)[0] + self.aside(receipt)
            rest = self.short(pair, receipt.cash_account, delivery.asset, 1 if splits else missing)
            paid_for = max(
                (one for one in range(quantity + 1) if self.amount_of(delivery, one) <= there), default=0
            )
            quantity = self.part(pair, paid_for) if splits else 0
            if not quantity:
                return rest
            amount = self.amount_of(delivery, quantity)
        why = self.why_not(delivery.cash_account, b"", 0, debit=False)
        if why:
            return self.blocked(pair, delivery.cash_account, why, delivery=True)
        return Settles(quantity, amount, rest)

    @staticmethod
    def amount_of(delivery: Any, quantity: int) -> int:
        whole = delivery.amount * (delivery.settled_quantity + quantity) // delivery.quantity
        return int(whole - delivery.settled_amount)

    def part(self, pair: Pair, most: int) -> int:
        """The largest quantity that may settle alone and leaves one that may settle alone too."""
        delivery = pair.delivery
        instrument = self.tables[40][delivery.instrument_id]
        left = delivery.quantity - delivery.settled_quantity
        step = lcm(instrument.settlement_unit, instrument.multiple)
        best = 0
        for quantity in range(instrument.minimum, min(most, left - instrument.minimum) + 1, step):
            best = quantity
        try:
            self.check_quantity(instrument, best)
            self.check_quantity(instrument, left - best)
        except No:
            return 0
        return best if best >= self.rulebook(delivery.market).partial_minimum else 0

    def nets_of(self, group: list[Pair]) -> dict[tuple[bytes, bytes], int]:
        nets: dict[tuple[bytes, bytes], int] = defaultdict(int)
        for delivery, receipt in ((pair.delivery, pair.receipt) for pair in group):
            quantity = delivery.quantity - delivery.settled_quantity
            nets[delivery.account, delivery.instrument_id] -= quantity
            nets[receipt.account, delivery.instrument_id] += quantity
            if delivery.method is not FREE:
                amount = delivery.amount - delivery.settled_amount
                nets[receipt.cash_account, delivery.asset] -= amount
                nets[delivery.cash_account, delivery.asset] += amount
        return nets

    def judge_together(self, group: list[Pair]) -> list[Pend]:
        nets, freed = self.nets_of(group), defaultdict(int)
        for pair in group:
            freed[pair.delivery.account, pair.delivery.instrument_id] += self.aside(pair.delivery)
            freed[pair.receipt.cash_account, pair.receipt.asset] += self.aside(pair.receipt)
        for pair in group:
            delivery, receipt = pair.delivery, pair.receipt
            legs = [
                (delivery.account, delivery.instrument_id, True),
                (receipt.account, delivery.instrument_id, False),
                (receipt.cash_account, delivery.asset, True),
                (delivery.cash_account, delivery.asset, False),
            ]
            for account, instrument, gives in legs:
                if not account:
                    continue
                net = nets[account, instrument]
                missing = max(-net - freed[account, instrument], 0) if net < 0 else 0
                why = self.why_not(account, instrument, missing, debit=gives)
                if not why and not gives and instrument == delivery.instrument_id:
                    why = self.why_not_bought(pair)
                if why:
                    mine = account in (delivery.account, delivery.cash_account)
                    pend = self.blocked(pair, account, why, delivery=mine)
                    if why is SHORT:
                        pend = self.short(pair, account, instrument, 1)
                    return [pend if other is pair else LINKED for other in group]
        return []

    # Carrying out

    def attempt(self, action: Action, identity: bytes) -> None:
        pair = self.pair_of(identity)
        if pair is None:
            return
        group, pends, settles = self.judge(pair)
        if pends:
            for one, pend in zip(group, pends, strict=True):
                one.delivery.reason, one.receipt.reason = pend.delivery, pend.receipt
                one.delivery.waits = pend.waits
        elif settles is not None:
            self.settle(action, pair, settles)
        else:
            self.settle_together(action, group)

    def settle(self, action: Action, pair: Pair, settles: Settles) -> None:
        delivery, receipt = pair.delivery, pair.receipt
        self.pay(action, delivery, receipt.account, delivery.instrument_id, settles.quantity)
        if delivery.method is not FREE and receipt.cash_account != delivery.cash_account:
            self.pay(action, receipt, delivery.cash_account, delivery.asset, settles.amount)
        if settles.rest is None:
            self.settled(action, pair, settles.quantity)
            return
        for one, reason, waits in (
            (delivery, settles.rest.delivery, settles.rest.waits),
            (receipt, settles.rest.receipt, None),
        ):
            one.settlement = SettlementStatus.PARTIAL
            one.settled_quantity += settles.quantity
            one.settled_amount += settles.amount
            one.earmark = one.earmark if self.aside(one) else b""
            one.reason, one.waits = reason, waits
        self.count_settled(delivery.trade or receipt.trade, settles.quantity)

    def pay(self, action: Action, giving: Any, target: bytes, instrument: bytes, quantity: int) -> None:
        """First out of what was set aside."""
        source = giving.account if giving.movement is DELIVER else giving.cash_account
        aside = min(self.aside(giving), quantity)
        if aside:
            self.move_earmarked(action, giving.earmark, target, aside)
        if quantity > aside:
            self.move(action, instrument, source, target, quantity - aside)

    def settle_together(self, action: Action, group: list[Pair]) -> None:
        nets = {key: net for key, net in self.nets_of(group).items() if net}
        for pair in group:
            for one in (pair.delivery, pair.receipt):
                if self.aside(one):
                    self.release(action, one.earmark)
        self.apply_net(action, nets)
        for pair in group:
            self.settled(action, pair, pair.delivery.quantity - pair.delivery.settled_quantity)

    def apply_net(self, action: Action, nets: dict[tuple[bytes, bytes], int]) -> None:
        accounts = list(dict.fromkeys(account for account, _ in nets))
        for account in accounts:
            self.account(account)
            changes = [net for (one, _), net in nets.items() if one == account]
            for debit in [True] * (min(changes) < 0) + [False] * (max(changes) > 0):
                self.check_use(account, debit=debit)
        for (account, instrument), net in nets.items():
            enough = self.balance(account, instrument)[0] + net >= 0
            demand(enough, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY)
        for (account, instrument), net in nets.items():
            self.add(account, instrument, net)
            if net > 0:
                action.credited.append(account + instrument)

    def settled(self, action: Action, pair: Pair, quantity: int) -> None:
        """Wholly settled: both instructions end, and what was to come after them is tried."""
        self.count_settled(pair.delivery.trade or pair.receipt.trade, quantity)
        for one in (pair.delivery, pair.receipt):
            if self.aside(one):
                self.release(action, one.earmark)
        self.end_instruction(pair.delivery_id)
        self.end_instruction(pair.receipt_id)
        for identity, one in ((pair.delivery_id, pair.delivery), (pair.receipt_id, pair.receipt)):
            for link in one.links:
                other = self.tables[90].get(link.instruction)
                if link.position is Position.BEFORE and other is not None:
                    other.links = tuple(back for back in other.links if back.instruction != identity)
                    self.make_ready(link.instruction)

    def end_instruction(self, identity: bytes) -> None:
        one = self.tables[90].pop(identity)
        if one.trade:
            self.unlink(one.trade, identity)

    def make_ready(self, identity: bytes) -> None:
        pair = self.pair_of(identity)
        if pair is not None and pair.delivery.waits is None:
            pair.delivery.waits = ("ready",)

    # Recycling

    def end_recycling(self) -> None:
        """What has not settled within its market's period is cancelled, the oldest first."""
        due = []
        for identity, one in self.tables[90].items():
            since = max(one.settlement_date, one.accepted.business_date)
            if self.market_is_open(one.market) and since < self.recycled_from(one.market):
                due.append((one.market.encode(), since, one.entry, identity))
        for _, _, _, identity in sorted(due):
            if identity in self.tables[90]:
                self.act(lambda action, identity=identity: self.end_cancelled_pair(action, identity))

    def end_cancelled_pair(self, action: Action, identity: bytes) -> None:
        pair = self.pair_of(identity)
        for one in (identity,) if pair is None else (pair.delivery_id, pair.receipt_id):
            self.end_cancelled(action, one)

    def end_cancelled(self, action: Action, identity: bytes) -> None:
        one = self.tables[90][identity]
        if self.aside(one):
            self.release(action, one.earmark)
        self.end_instruction(identity)

    # Retrying

    def retry(self) -> None:
        """What is ready or due, and what waits where something rose, in order; what that credits, in the same pass."""
        ahead: dict[bytes, tuple[int, int, int]] = {}
        rose = dict(self.credited)

        def look(places: dict[bytes, None], *, first: bool) -> None:
            for identity, one in self.tables[90].items():
                pair = self.pair_of(identity)
                if pair is None or pair.delivery_id != identity or one.waits is None:
                    continue
                kind = one.waits[0]
                due = kind == "due" and self.is_due(one.waits[1], one.waits[2])
                risen = kind == "waiting" and one.waits[1] + one.waits[2] in places
                if (first and (kind == "ready" or due)) or risen:
                    ahead[identity] = pair.order

        look(rose, first=True)
        while ahead:
            identity = min(ahead, key=lambda one: ahead[one])
            del ahead[identity]
            one = self.tables[90].get(identity)
            if one is None or one.waits is None:
                continue
            if one.waits[0] == "waiting" and self.balance(one.waits[1], one.waits[2])[0] < one.waits[3]:
                continue
            action = self.act(lambda action, identity=identity: self.attempt(action, identity))
            look(dict.fromkeys(action.credited), first=False)
            for other, ready in self.tables[90].items():
                if ready.waits == ("ready",) and other not in ahead and other != identity:
                    pair = self.pair_of(other)
                    assert pair is not None
                    ahead[other] = pair.order

    def is_due(self, market: str, date: int) -> bool:
        return self.market_is_open(market) and date <= self.market(market).business_date
