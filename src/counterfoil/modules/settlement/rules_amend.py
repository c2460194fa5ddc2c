"""What a side may do with its own instruction: indicators, allocation, cancellation; and the operator's sign-off."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.holdings.interface import EarmarkReason
from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.attempts import attempt
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.checks import authorise_side, given_up
from counterfoil.modules.settlement.endings import end_cancelled, end_pair, make_ready
from counterfoil.modules.settlement.facts import (
    CancellationRequested,
    InstructionAmended,
    SettlementSignedOff,
)
from counterfoil.modules.settlement.judging import Pair, account_of, earmarked, instrument_of, pair_of
from counterfoil.modules.settlement.links import check_linkages, tie, untie
from counterfoil.modules.settlement.messages import (
    Allocate,
    Amend,
    Cancel,
    Deallocate,
    RefuseSignOff,
    SignOff,
)
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.records import (
    NARRATIVE_LENGTH_MAX,
    CancellationStatus,
    HoldStatus,
    Instruction,
    MatchingStatus,
    Method,
    Movement,
    Priority,
    ProcessingStatus,
    SignOffStatus,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected


def amend(books: SettlementBooks, ask: Amend, context: ActionContext) -> None:
    """Change hold, priority, partial settlement or linkages: the process, never what was instructed."""
    instruction = _own_instruction(books, context, ask.instruction_id, Amend)
    if ask.priority is Priority.RESERVED:
        if instruction.party != books.markets.require(instruction.market).operator:
            raise Rejected(SettlementReject.PRIORITY_IS_RESERVED)
    links = instruction.links
    if ask.linkages is not None:
        links = check_linkages(books, context, Amend, instruction.party, ask.instruction_id, ask.linkages)
    hold = instruction.hold
    if ask.hold is not None:
        hold = HoldStatus.HELD if ask.hold else HoldStatus.RELEASED
    priority = instruction.priority if ask.priority is None else ask.priority
    partial = instruction.partial if ask.partial is None else ask.partial
    amended = replace(instruction, hold=hold, priority=priority, partial=partial, links=links)
    if amended == instruction:
        raise Rejected(SettlementReject.NOTHING_CHANGES)

    freed: tuple[bytes, ...] = ()
    if links != instruction.links:
        freed = untie(books, ask.instruction_id, instruction.links)
        tie(books, ask.instruction_id, links)
    books.instructions.put(ask.instruction_id, amended)
    fact = InstructionAmended(ask.instruction_id, hold is HoldStatus.HELD, priority, partial, links)
    context.tell(fact, instruction.relationship)
    attempt(books, context, ask.instruction_id)
    for other_id in freed:
        make_ready(books, other_id)


def allocate(books: SettlementBooks, ask: Allocate, context: ActionContext) -> None:
    """Earmark what an instruction will need, where its holder wants to be sure of it.

    Nothing moves: delivery and payment must happen together, so until then it stays with its holder but cannot be
    used twice.
    """
    instruction = _own_instruction(books, context, ask.instruction_id, Allocate)
    if instruction.movement is Movement.DELIVER:
        account_id, instrument_id = instruction.account, instruction.instrument_id
        needed = instruction.quantity - instruction.settled_quantity
    elif instruction.method is not Method.FREE:
        account_id, instrument_id = instruction.cash_account, instruction.asset
        needed = _amount_due(books, ask.instruction_id, instruction)
    else:
        raise Rejected(SettlementReject.NOTHING_TO_ALLOCATE)
    if earmarked(books, instruction):
        raise Rejected(SettlementReject.INSTRUCTION_IS_ALLOCATED)
    if not 0 <= ask.quantity <= needed:
        raise Rejected(SettlementReject.ALLOCATION_IS_OUT_OF_RANGE, quantity=ask.quantity, needed=needed)
    quantity = ask.quantity or needed
    account = account_of(books, account_id)
    if account_id != instruction.account:
        books.holdings.authorise_account(context, account_id, account, Allocate, quantity)
    books.holdings.check_debit(account_id, account, instrument_id, quantity)

    earmark_id = books.holdings.earmark(
        context,
        account_id,
        account,
        instrument_id,
        instrument_of(books, instrument_id),
        quantity,
        EarmarkReason.SETTLEMENT,
        ask.instruction_id,
        ask.instruction_id,
    )
    books.instructions.put(ask.instruction_id, replace(instruction, earmark=earmark_id))
    attempt(books, context, ask.instruction_id)


def deallocate(books: SettlementBooks, ask: Deallocate, context: ActionContext) -> None:
    """Let what was set aside be used for something else again."""
    instruction = _own_instruction(books, context, ask.instruction_id, Deallocate)
    if not earmarked(books, instruction):
        raise Rejected(SettlementReject.INSTRUCTION_IS_NOT_ALLOCATED)

    books.holdings.release(context, instruction.earmark)
    books.instructions.put(ask.instruction_id, replace(instruction, earmark=b""))
    attempt(books, context, ask.instruction_id)


def cancel(books: SettlementBooks, ask: Cancel, context: ActionContext) -> None:
    """End an instruction: by its own side alone while nobody has matched it, by both sides after."""
    instruction = _own_instruction(books, context, ask.instruction_id, Cancel)
    if instruction.cancellation is CancellationStatus.REQUESTED:
        raise Rejected(SettlementReject.CANCELLATION_IS_REQUESTED)

    if instruction.matching is MatchingStatus.UNMATCHED:
        end_cancelled(books, context, ask.instruction_id, instruction, Reason.CANCELLED_BY_YOURSELF, "")
        return
    counterpart = books.instructions.find(instruction.counterpart)
    if counterpart is not None and counterpart.cancellation is CancellationStatus.REQUESTED:
        pair = pair_of(books, ask.instruction_id)
        if pair is not None:
            end_pair(books, context, pair, Reason.CANCELLED_BY_YOURSELF, "")
        return
    requested = replace(
        instruction,
        processing=ProcessingStatus.PENDING_CANCELLATION,
        cancellation=CancellationStatus.REQUESTED,
    )
    books.instructions.put(ask.instruction_id, requested)
    context.tell(CancellationRequested(ask.instruction_id, ask.instruction_id), instruction.relationship)
    if counterpart is not None:
        fact = CancellationRequested(instruction.counterpart, ask.instruction_id)
        context.tell(fact, counterpart.relationship)


def sign_off(books: SettlementBooks, ask: SignOff, context: ActionContext) -> None:
    """The market's operator lets a matched pair settle."""
    pair = _pair_to_sign_off(books, context, ask.instruction_id, SignOff)

    delivery = replace(pair.delivery, sign_off=SignOffStatus.GIVEN)
    books.instructions.put(pair.delivery_id, delivery)
    context.tell(SettlementSignedOff(pair.delivery_id), pair.delivery.relationship)
    context.tell(SettlementSignedOff(pair.receipt_id), pair.receipt.relationship)
    attempt(books, context, pair.delivery_id)


def refuse_sign_off(books: SettlementBooks, ask: RefuseSignOff, context: ActionContext) -> None:
    """The market's operator refuses; both instructions end, and both sides are told why."""
    pair = _pair_to_sign_off(books, context, ask.instruction_id, RefuseSignOff)
    if not 0 < len(ask.narrative) <= NARRATIVE_LENGTH_MAX:
        raise Rejected(SettlementReject.NARRATIVE_IS_MALFORMED)

    end_pair(books, context, pair, Reason.CANCELLED_BY_THIRD_PARTY, ask.narrative)


def _own_instruction(
    books: SettlementBooks, context: ActionContext, instruction_id: bytes, message: type[Message]
) -> Instruction:
    """A live instruction over which the signers may dispose. Rejected INSTRUCTION_NOT_FOUND, or as `authorise_side`."""
    instruction = _known(books, context, instruction_id)
    account = account_of(books, instruction.account)
    delivers = instruction.movement is Movement.DELIVER
    worth = given_up(delivers, instruction.quantity, instruction.amount)
    authorise_side(books, context, instruction.party, instruction.account, account, message, worth)
    return instruction


def _known(
    books: SettlementBooks, context: ActionContext, instruction_id: bytes, *, to_operator: bool = False
) -> Instruction:
    """A live instruction; one that none of the action's signers may see is not there. The instructing party may, who
    sees the account, and (to_operator) the market's operator. Rejected INSTRUCTION_NOT_FOUND."""
    instruction = books.instructions.find(instruction_id)
    if instruction is not None:
        parties = [instruction.party]
        if to_operator:
            parties.append(books.markets.require(instruction.market).operator)
        if any(books.parties.is_spoken_for(context, party) for party in parties):
            return instruction
        if books.holdings.is_known_to(context, account_of(books, instruction.account)):
            return instruction
    raise Rejected(SettlementReject.INSTRUCTION_NOT_FOUND, instruction=instruction_id)


def _pair_to_sign_off(
    books: SettlementBooks, context: ActionContext, instruction_id: bytes, message: type[Message]
) -> Pair:
    instruction = _known(books, context, instruction_id, to_operator=True)
    pair = pair_of(books, instruction_id)
    if pair is None:
        raise Rejected(SettlementReject.INSTRUCTION_IS_NOT_MATCHED)
    if pair.delivery.sign_off is not SignOffStatus.AWAITED:
        raise Rejected(SettlementReject.SIGN_OFF_IS_NOT_AWAITED)
    operator = books.markets.require(instruction.market).operator
    worth = instruction.amount or instruction.quantity
    books.parties.authorise(context, operator, message, amount=worth)
    return pair


def _amount_due(books: SettlementBooks, instruction_id: bytes, instruction: Instruction) -> int:
    """What a receipt will still pay: by the delivering side's amount once matched."""
    pair = pair_of(books, instruction_id)
    return pair.open_amount if pair is not None else instruction.amount
