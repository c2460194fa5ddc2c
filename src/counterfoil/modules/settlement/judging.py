"""What an attempt to settle would do now: settle, in whole or in part, or stay pending for a reason.

Nothing changes here: the same judgement serves an attempt, the retries' look ahead, and the question why an
instruction is pending.
"""

from __future__ import annotations

from math import lcm
from typing import NamedTuple

from counterfoil.modules.holdings.interface import Account
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import Instrument, InstrumentKind, InstrumentStatus
from counterfoil.modules.module import EVERY
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.queues import due_place, order_key, waiting_place
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.records import (
    TOGETHER_MAX,
    HoldStatus,
    Instruction,
    MatchingStatus,
    Method,
    Movement,
    Partial,
    Position,
    SignOffStatus,
)
from counterfoil.primitives.outcome import InvariantViolation, Rejected

_INSUFFICIENT = HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY
_HELD = HoldStatus.HELD


class _Stop(NamedTuple):
    """Why an account cannot give or take. lifted_by: as of holdings' question of that name."""

    is_short: bool
    lifted_by: bytes = b""


_SHORT = _Stop(is_short=True)


class Pair(NamedTuple):
    """A matched pair. The delivering instruction's id stands for it in the queues and in postings."""

    delivery_id: bytes
    delivery: Instruction
    receipt_id: bytes
    receipt: Instruction

    @property
    def open_quantity(self) -> int:
        return self.delivery.quantity - self.delivery.settled_quantity

    @property
    def open_amount(self) -> int:
        """The delivering side's amount counts where the two differ within the market's tolerance."""
        return self.delivery.amount - self.delivery.settled_amount


class Pend(NamedTuple):
    """Why a pair stays pending, told to each side in its own terms, and the queue in which it then waits (b"": none).

    least: see `Waiting`.
    """

    delivery_reason: str
    receipt_reason: str
    queue: bytes = b""
    least: int = 0


class Judgement(NamedTuple):
    """pends: empty where all the pairs settle, else one for each. quantity, amount: what settles of a pair that stands
    alone; rest: why what is left of it stays pending, None where nothing is left."""

    pairs: tuple[Pair, ...]
    pends: tuple[Pend, ...]
    quantity: int = 0
    amount: int = 0
    rest: Pend | None = None


_LINKED = Pend(Reason.LINKED_INSTRUCTION_IS_PENDING, Reason.LINKED_INSTRUCTION_IS_PENDING)


def pair_of(books: SettlementBooks, instruction_id: bytes) -> Pair | None:
    """The matched pair to which an instruction belongs; None while it is unmatched, or where it has ended."""
    instruction = books.instructions.find(instruction_id)
    if instruction is None or instruction.matching is MatchingStatus.UNMATCHED:
        return None
    other = books.instructions.find(instruction.counterpart)
    if other is None:
        raise InvariantViolation("the counterpart of a matched instruction lives")
    if instruction.movement is Movement.DELIVER:
        return Pair(instruction_id, instruction, instruction.counterpart, other)
    return Pair(instruction.counterpart, other, instruction_id, instruction)


def judge(books: SettlementBooks, pair: Pair, time_ms: int) -> Judgement:
    """What an attempt at block time `time_ms` would do with a matched pair, and with those linked WITH it."""
    group = together(books, pair)
    if group is None:
        return Judgement((pair,), (_LINKED,))
    if len(group) == 1:
        found = obstacle(books, pair, time_ms)
        return Judgement(group, (found,)) if found is not None else _judge_alone(books, pair, time_ms)
    for one in group:
        found = obstacle(books, one, time_ms)
        if found is not None:
            return _held_back(group, one, found)
    return _judge_together(books, group, time_ms)


def together(books: SettlementBooks, pair: Pair) -> tuple[Pair, ...] | None:
    """The pairs that settle with this one or not at all, by entry; None where one is missing or they are too many."""
    found = {pair.delivery_id: pair}
    waiting = [pair]
    while waiting:
        one = waiting.pop()
        for link in (*one.delivery.links, *one.receipt.links):
            if link.position is not Position.WITH:
                continue
            other = pair_of(books, link.instruction)
            if other is None:
                return None
            if other.delivery_id not in found:
                found[other.delivery_id] = other
                waiting.append(other)
        if len(found) > TOGETHER_MAX:
            return None
    if len(found) == 1:
        return (pair,)
    return tuple(sorted(found.values(), key=lambda member: member.delivery.entry))


def obstacle(books: SettlementBooks, pair: Pair, time_ms: int) -> Pend | None:
    """What stands against an attempt, besides what accounts hold and whether they may be used."""
    delivery, receipt = pair.delivery, pair.receipt
    delivery_held, receipt_held = delivery.hold is _HELD, receipt.hold is _HELD
    if delivery_held and receipt_held:
        return Pend(Reason.BOTH_INSTRUCTIONS_ARE_HELD, Reason.BOTH_INSTRUCTIONS_ARE_HELD)
    if delivery_held:
        return Pend(Reason.YOUR_INSTRUCTION_IS_HELD, Reason.COUNTERPARTY_INSTRUCTION_IS_HELD)
    if receipt_held:
        return Pend(Reason.COUNTERPARTY_INSTRUCTION_IS_HELD, Reason.YOUR_INSTRUCTION_IS_HELD)
    if delivery.sign_off is SignOffStatus.AWAITED:
        return Pend(Reason.SIGN_OFF_IS_AWAITED, Reason.SIGN_OFF_IS_AWAITED)
    for link in (*delivery.links, *receipt.links):
        if link.position is Position.AFTER:
            return _LINKED
    market = delivery.market
    business_date = books.markets.business_date(market)
    order = order_key(delivery, receipt)
    if delivery.settlement_date > business_date:
        ahead = Reason.SETTLEMENT_DATE_IS_AHEAD
        return Pend(ahead, ahead, due_place(market, delivery.settlement_date, order))
    later = due_place(market, business_date + 1, order)
    free = delivery.method is Method.FREE
    if not books.markets.is_open(market) or books.markets.past_cut_off(market, time_ms, free):
        return Pend(Reason.MARKET_DEADLINE_HAS_PASSED, Reason.MARKET_DEADLINE_HAS_PASSED, later)
    blocked = Reason.SECURITIES_ARE_BLOCKED
    for instrument_id in (delivery.instrument_id,) if free else (delivery.instrument_id, delivery.asset):
        if instrument_of(books, instrument_id).status is InstrumentStatus.SUSPENDED:
            return Pend(blocked, blocked, waiting_place(EVERY, instrument_id, order))
    if instrument_of(books, delivery.instrument_id).status is not InstrumentStatus.ACTIVE or not (
        free
        or (
            books.cash.is_settlement_asset(delivery.asset)
            and books.markets.accepts_asset(market, delivery.asset)
        )
    ):
        return Pend(blocked, blocked, later)
    return None


def earmarked(books: SettlementBooks, instruction: Instruction) -> int:
    """What is set aside for an instruction and still there."""
    if not instruction.earmark:
        return 0
    earmark = books.holdings.earmark_of(instruction.earmark)
    return earmark.quantity if earmark is not None else 0


def account_of(books: SettlementBooks, account_id: bytes) -> Account:
    account = books.holdings.account(account_id)
    if account is None:
        raise InvariantViolation("an instruction's account exists: closed ones stay")
    return account


def instrument_of(books: SettlementBooks, instrument_id: bytes) -> Instrument:
    instrument = books.instruments.find(instrument_id)
    if instrument is None:
        raise InvariantViolation("an instruction's instrument exists: ended ones stay")
    return instrument


def _later(books: SettlementBooks, pair: Pair) -> bytes:
    """The queue of what is tried again at the next opening of the day."""
    market = pair.delivery.market
    date = books.markets.business_date(market) + 1
    return due_place(market, date, order_key(pair.delivery, pair.receipt))


def _judge_alone(books: SettlementBooks, pair: Pair, time_ms: int) -> Judgement:
    """Settle all that is open, or the part for which both securities and money are there, where parts are allowed."""
    delivery, receipt = pair.delivery, pair.receipt
    instrument_id, asset = delivery.instrument_id, delivery.asset
    may_split = (
        delivery.partial is Partial.ALLOWED
        and receipt.partial is Partial.ALLOWED
        and books.markets.rulebook(delivery.market).partial_minimum > 0
    )
    quantity, rest = pair.open_quantity, None
    aside = earmarked(books, delivery)
    missing = max(quantity - aside, 0)
    why = _debit(books, delivery.account, instrument_id, missing)
    if why is _SHORT:
        rest = _short(pair, delivery.account, instrument_id, 1 if may_split else missing)
        there = books.holdings.balance(delivery.account, instrument_id)[0] + aside
        quantity = _part(books, pair, there) if may_split else 0
        if not quantity:
            return Judgement((pair,), (rest,))
    elif why is not None:
        return _blocked(books, pair, why, delivery_is_blocked=True)
    why = _credit(books, receipt.account, instrument_id, quantity, _acquired_ms(books, pair, time_ms))
    if why is not None:
        return _blocked(books, pair, why, delivery_is_blocked=False)
    if delivery.method is Method.FREE:
        return Judgement((pair,), (), quantity, 0, rest)

    amount = _amount_of(pair, quantity)
    if delivery.cash_account == receipt.cash_account:
        return Judgement((pair,), (), quantity, amount, rest)
    aside = earmarked(books, receipt)
    missing = max(amount - aside, 0)
    why = _debit(books, receipt.cash_account, asset, missing)
    if why is _SHORT:
        rest = _short(pair, receipt.cash_account, asset, 1 if may_split else missing)
        there = books.holdings.balance(receipt.cash_account, asset)[0] + aside
        quantity = _part(books, pair, min(_affordable(pair, there), quantity)) if may_split else 0
        if not quantity:
            return Judgement((pair,), (rest,))
        amount = _amount_of(pair, quantity)
    elif why is not None:
        return _blocked(books, pair, why, delivery_is_blocked=False)
    why = _credit(books, delivery.cash_account, asset, amount)
    if why is not None:
        return _blocked(books, pair, why, delivery_is_blocked=True)
    return Judgement((pair,), (), quantity, amount, rest)


def _judge_together(books: SettlementBooks, group: tuple[Pair, ...], time_ms: int) -> Judgement:
    """All or none, on the balances that all of them together would leave."""
    freed: dict[bytes, int] = {}
    for pair in group:
        delivery, receipt = pair.delivery, pair.receipt
        for key, aside in (
            (delivery.account + delivery.instrument_id, earmarked(books, delivery)),
            (receipt.cash_account + receipt.asset, earmarked(books, receipt)),
        ):
            freed[key] = freed.get(key, 0) + aside
    nets = net_changes(group)
    for pair in group:
        delivery, receipt = pair.delivery, pair.receipt
        for account_id, instrument_id, gives in (
            (delivery.account, delivery.instrument_id, True),
            (receipt.account, delivery.instrument_id, False),
            (receipt.cash_account, delivery.asset, True),
            (delivery.cash_account, delivery.asset, False),
        ):
            if not account_id:
                continue
            key = account_id + instrument_id
            change = nets[key]
            delivery_side = account_id in (delivery.account, delivery.cash_account)
            if change < 0 and gives:
                missing = max(-change - freed.get(key, 0), 0)
                why = _debit(books, account_id, instrument_id, missing)
                if why is _SHORT:
                    return _held_back(group, pair, _short(pair, account_id, instrument_id, 1))
            elif gives:
                why = _debit(books, account_id, instrument_id, 0)
            else:
                bought = instrument_id == delivery.instrument_id
                acquired_ms = _acquired_ms(books, pair, time_ms) if bought else 0
                why = _credit(books, account_id, instrument_id, 1, acquired_ms)
            if why is not None:
                blocked = _blocked(books, pair, why, delivery_is_blocked=delivery_side)
                return _held_back(group, pair, blocked.pends[0])
    return Judgement(group, ())


def net_changes(group: tuple[Pair, ...]) -> dict[bytes, int]:
    """By account and instrument (40 bytes): what all pairs of a group together change there."""
    nets: dict[bytes, int] = {}
    for pair in group:
        delivery, receipt = pair.delivery, pair.receipt
        quantity, amount = pair.open_quantity, pair.open_amount
        legs = [(delivery.account, receipt.account, delivery.instrument_id, quantity)]
        if delivery.method is not Method.FREE:
            legs.append((receipt.cash_account, delivery.cash_account, delivery.asset, amount))
        for source, target, instrument_id, moved in legs:
            nets[source + instrument_id] = nets.get(source + instrument_id, 0) - moved
            nets[target + instrument_id] = nets.get(target + instrument_id, 0) + moved
    return nets


def _short(pair: Pair, account_id: bytes, instrument_id: bytes, least: int) -> Pend:
    """What the deliverer's securities or the payer's money is missing, and the queue that waits for it."""
    queue = waiting_place(account_id, instrument_id, order_key(pair.delivery, pair.receipt))
    if instrument_id == pair.delivery.instrument_id:
        return Pend(Reason.LACK_OF_SECURITIES, Reason.COUNTERPARTY_LACKS_SECURITIES, queue, least)
    return Pend(Reason.COUNTERPARTY_LACKS_MONEY, Reason.LACK_OF_MONEY, queue, least)


def _held_back(group: tuple[Pair, ...], by: Pair, why: Pend) -> Judgement:
    """One pair of a group cannot settle; the others wait for it, in no queue of their own."""
    return Judgement(group, tuple(why if pair is by else _LINKED for pair in group))


def _blocked(books: SettlementBooks, pair: Pair, why: _Stop, *, delivery_is_blocked: bool) -> Judgement:
    """A pair that one account holds up: until what is in the way is over, or to be tried at the next opening."""
    mine, theirs = Reason.YOUR_ACCOUNT_IS_BLOCKED, Reason.COUNTERPARTY_IS_BLOCKED
    reasons = (mine, theirs) if delivery_is_blocked else (theirs, mine)
    if why.lifted_by:
        queue = waiting_place(why.lifted_by, EVERY, order_key(pair.delivery, pair.receipt))
    else:
        queue = _later(books, pair)
    return Judgement((pair,), (Pend(*reasons, queue),))


def _debit(books: SettlementBooks, account_id: bytes, instrument_id: bytes, quantity: int) -> _Stop | None:
    """None where the account can give; `_SHORT` where only the quantity is missing."""
    account = account_of(books, account_id)
    try:
        books.holdings.check_debit(account_id, account, instrument_id, quantity)
    except Rejected as rejected:
        if rejected.code is _INSUFFICIENT:
            return _SHORT
        return _Stop(is_short=False, lifted_by=books.holdings.lifted_by(account_id, account, rejected.code))
    return None


def _credit(
    books: SettlementBooks, account_id: bytes, instrument_id: bytes, quantity: int, acquired_ms: int = 0
) -> _Stop | None:
    """None where the account can take."""
    account = account_of(books, account_id)
    try:
        books.holdings.check_credit(account_id, account, instrument_id, quantity, acquired_ms)
    except Rejected as rejected:
        lifted_by = books.holdings.lifted_by(account_id, account, rejected.code, acquired_ms)
        return _Stop(is_short=False, lifted_by=lifted_by)
    return None


def _acquired_ms(books: SettlementBooks, pair: Pair, time_ms: int) -> int:
    """Block time where a pair's receiver acquires securities; 0 where money or the owner's own is moved."""
    delivery, receipt = pair.delivery, pair.receipt
    if instrument_of(books, delivery.instrument_id).kind is InstrumentKind.MONEY_TOKEN:
        return 0
    source, target = account_of(books, delivery.account), account_of(books, receipt.account)
    return 0 if source.owner == target.owner else time_ms


def _amount_of(pair: Pair, quantity: int) -> int:
    """What is paid for a part: so that the amount paid so far is the whole amount in proportion, rounded down.

    The residue of rounding stays with what is open, and the last part pays all that is left.
    """
    delivery = pair.delivery
    settled = delivery.settled_quantity + quantity
    return delivery.amount * settled // delivery.quantity - delivery.settled_amount


def _affordable(pair: Pair, money: int) -> int:
    """The largest quantity that a sum of money pays for: the inverse of `_amount_of`, exact."""
    delivery = pair.delivery
    most = ((delivery.settled_amount + money + 1) * delivery.quantity - 1) // delivery.amount
    return most - delivery.settled_quantity


def _part(books: SettlementBooks, pair: Pair, most: int) -> int:
    """The largest part of at most that quantity, 0 where none: whole denominations, no less than the market's minimum,
    and what is left must itself be deliverable."""
    delivery = pair.delivery
    instrument = instrument_of(books, delivery.instrument_id)
    step = lcm(instrument.settlement_unit, instrument.multiple)
    most = min(most, pair.open_quantity - instrument.minimum)
    quantity = most - (most - instrument.minimum) % step if most >= instrument.minimum else 0
    if quantity < books.markets.rulebook(delivery.market).partial_minimum:
        return 0
    try:
        books.instruments.check_quantity(instrument, quantity)
        books.instruments.check_quantity(instrument, pair.open_quantity - quantity)
    except Rejected:
        return 0
    return quantity
