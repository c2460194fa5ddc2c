"""Attempts to settle: what was judged is carried out. A pair settles, in whole or part, or waits in a queue."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.endings import end_instruction, free_dependents, let_go
from counterfoil.modules.settlement.facts import InstructionPending, InstructionSettled
from counterfoil.modules.settlement.judging import (
    Judgement,
    Pair,
    Pend,
    account_of,
    earmarked,
    instrument_of,
    judge,
    net_changes,
    pair_of,
)
from counterfoil.modules.settlement.queues import join_queue, leave_queue
from counterfoil.modules.settlement.records import Instruction, Method, SettlementStatus

_DELIVERED, _PAID = PostingReason.DELIVERED, PostingReason.PAID


def attempt(books: SettlementBooks, context: ActionContext, instruction_id: bytes) -> None:
    """Try to settle the pair of a live instruction now; one that is not matched, or has ended, is left as it is."""
    pair = pair_of(books, instruction_id)
    if pair is not None:
        carry_out(books, context, judge(books, pair, context.time_ms))


def carry_out(books: SettlementBooks, context: ActionContext, judgement: Judgement) -> None:
    """Settle, or note why not. Everything was checked by `judge` on the same books."""
    pairs = judgement.pairs
    if judgement.pends:
        for pair, pend in zip(pairs, judgement.pends, strict=True):
            keep_waiting(books, context, pair, pend)
    elif len(pairs) == 1:
        _settle(books, context, pairs[0], judgement.quantity, judgement.amount, judgement.rest)
    else:
        _settle_together(books, context, pairs)


def changes_anything(judgement: Judgement) -> bool:
    """Whether carrying it out would write anything: an attempt in vain need not be an action."""
    if not judgement.pends:
        return True
    for pair, pend in zip(judgement.pairs, judgement.pends, strict=True):
        if (
            pair.delivery.queue != pend.queue
            or pair.delivery.reason != pend.delivery_reason
            or pair.receipt.reason != pend.receipt_reason
        ):
            return True
    return False


def keep_waiting(books: SettlementBooks, context: ActionContext, pair: Pair, pend: Pend) -> None:
    """Note on both sides why a pair is pending, and put it where what it waits for will find it."""
    delivery, receipt = pair.delivery, pair.receipt
    if delivery.queue != pend.queue:
        leave_queue(books, delivery.queue)
    if pend.queue:
        join_queue(books, pend.queue, pair.delivery_id, pend.least)
    _note(books, context, pair.delivery_id, delivery, pend.delivery_reason, pend.queue)
    _note(books, context, pair.receipt_id, receipt, pend.receipt_reason, b"")


def _note(
    books: SettlementBooks,
    context: ActionContext,
    instruction_id: bytes,
    instruction: Instruction,
    reason: str,
    queue: bytes,
) -> None:
    told = instruction.reason == reason
    if told and instruction.queue == queue:
        return
    books.instructions.put(instruction_id, replace(instruction, reason=reason, queue=queue))
    if not told:
        context.tell(InstructionPending(instruction_id, reason), instruction.relationship)


def _settle(
    books: SettlementBooks, context: ActionContext, pair: Pair, quantity: int, amount: int, rest: Pend | None
) -> None:
    delivery, receipt = pair.delivery, pair.receipt
    leave_queue(books, delivery.queue)
    _move(
        books,
        context,
        delivery,
        delivery.account,
        receipt.account,
        delivery.instrument_id,
        quantity,
        _DELIVERED,
        pair.delivery_id,
    )
    if delivery.method is not Method.FREE:
        _move(
            books,
            context,
            receipt,
            receipt.cash_account,
            delivery.cash_account,
            delivery.asset,
            amount,
            _PAID,
            pair.delivery_id,
        )
    if rest is None:
        _ended(books, context, pair, quantity, amount)
        return
    _tell_settled(books, context, pair, quantity, amount, pair.open_quantity - quantity)
    join_queue(books, rest.queue, pair.delivery_id, rest.least)
    books.instructions.put(
        pair.delivery_id,
        _settled_in_part(books, delivery, quantity, amount, rest.delivery_reason, rest.queue),
    )
    books.instructions.put(
        pair.receipt_id, _settled_in_part(books, receipt, quantity, amount, rest.receipt_reason, b"")
    )
    _count_in_trades(books, context, pair, quantity)


def _settled_in_part(
    books: SettlementBooks, instruction: Instruction, quantity: int, amount: int, reason: str, queue: bytes
) -> Instruction:
    return replace(
        instruction,
        settlement=SettlementStatus.PARTIAL,
        settled_quantity=instruction.settled_quantity + quantity,
        settled_amount=instruction.settled_amount + amount,
        earmark=instruction.earmark if earmarked(books, instruction) else b"",
        reason=reason,
        queue=queue,
    )


def _move(
    books: SettlementBooks,
    context: ActionContext,
    giving: Instruction,
    source_id: bytes,
    target_id: bytes,
    instrument_id: bytes,
    quantity: int,
    reason: PostingReason,
    reference: bytes,
) -> None:
    """Move what the giving side owes: first out of what was set aside for it, then out of what is available."""
    if source_id == target_id or not quantity:
        return
    target = account_of(books, target_id)
    aside = min(earmarked(books, giving), quantity)
    if aside:
        books.holdings.move_earmarked(context, giving.earmark, target_id, target, aside, reason, reference)
    if quantity > aside:
        books.holdings.move(
            context,
            instrument_id,
            instrument_of(books, instrument_id),
            source_id,
            account_of(books, source_id),
            target_id,
            target,
            quantity - aside,
            reason,
            reference,
        )


def _settle_together(books: SettlementBooks, context: ActionContext, pairs: tuple[Pair, ...]) -> None:
    """Linked pairs settle in one movement for each account and instrument, so that no order among them matters."""
    for pair in pairs:
        leave_queue(books, pair.delivery.queue)
        for instruction in (pair.delivery, pair.receipt):
            if earmarked(books, instruction):
                books.holdings.release(context, instruction.earmark)
    nets = net_changes(pairs)
    changes = [(key[:20], key[20:], change) for key, change in nets.items() if change]
    books.holdings.apply_net(context, changes, _DELIVERED, pairs[0].delivery_id)
    for pair in pairs:
        _ended(books, context, pair, pair.open_quantity, pair.open_amount)


def _ended(books: SettlementBooks, context: ActionContext, pair: Pair, quantity: int, amount: int) -> None:
    _tell_settled(books, context, pair, quantity, amount, 0)
    _count_in_trades(books, context, pair, quantity)
    let_go(books, context, pair.delivery)
    let_go(books, context, pair.receipt)
    end_instruction(books, context, pair.delivery_id, pair.delivery)
    end_instruction(books, context, pair.receipt_id, pair.receipt)
    free_dependents(books, pair.delivery_id, pair.delivery)
    free_dependents(books, pair.receipt_id, pair.receipt)


def _tell_settled(
    books: SettlementBooks, context: ActionContext, pair: Pair, quantity: int, amount: int, left: int
) -> None:
    business_date = books.markets.business_date(pair.delivery.market)
    for instruction_id, instruction in (
        (pair.delivery_id, pair.delivery),
        (pair.receipt_id, pair.receipt),
    ):
        fact = InstructionSettled(
            instruction_id,
            instruction.counterpart,
            instruction.reference,
            instruction.trade_reference,
            quantity,
            amount,
            left,
            business_date,
        )
        context.tell(fact, instruction.relationship)


def _count_in_trades(books: SettlementBooks, context: ActionContext, pair: Pair, quantity: int) -> None:
    """The trade counts what a pair settles once, though both sides may name it."""
    trade = pair.delivery.trade or pair.receipt.trade
    if trade:
        books.trades.settled(context, trade, quantity)
