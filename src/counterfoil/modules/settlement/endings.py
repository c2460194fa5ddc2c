"""How instructions leave the state, and what that means for those linked to them."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.facts import InstructionCancelled
from counterfoil.modules.settlement.judging import Pair, earmarked, pair_of
from counterfoil.modules.settlement.queues import join_queue, leave_queue, order_key, ready_place
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.records import Instruction, Position
from counterfoil.primitives.digests import REFERENCE, begun, finished
from counterfoil.primitives.outcome import ensure

_INSTRUCTION = begun(REFERENCE, b"instruction")


def reference_key(party: bytes, reference: str) -> bytes:
    """Under which a live instruction's reference stands: 32 bytes."""
    return finished(_INSTRUCTION, party + reference.encode())


def recycling_key(instruction: Instruction) -> bytes:
    """Under which a live instruction stands by its intended date, or its entry where that was later: 16 bytes."""
    date = max(instruction.settlement_date, instruction.accepted.business_date)
    return instruction.market.encode() + date.to_bytes(4, "big") + instruction.entry.to_bytes(8, "big")


def end_instruction(
    books: SettlementBooks, context: ActionContext, instruction_id: bytes, instruction: Instruction
) -> None:
    """Take an instruction out of the state: the record and its reference. The caller has taken it out of its queue."""
    if instruction.trade:
        books.trades.unlinked(context, instruction.trade, (instruction_id,))
    key = reference_key(instruction.party, instruction.reference)
    found = books.references.find(key)
    ensure(found is not None and found.instruction == instruction_id, "a live instruction has its reference")
    books.references.delete(key)
    books.recycled.delete(recycling_key(instruction))
    books.instructions.delete(instruction_id)


def let_go(books: SettlementBooks, context: ActionContext, instruction: Instruction) -> None:
    """Release what is still set aside for an instruction that ends, and was not needed."""
    if earmarked(books, instruction):
        books.holdings.release(context, instruction.earmark)


def free_dependents(books: SettlementBooks, instruction_id: bytes, instruction: Instruction) -> None:
    """An instruction has wholly settled: what was to settle after it no longer waits for it, and is to be tried."""
    for link in instruction.links:
        if link.position is not Position.BEFORE:
            continue
        other = books.instructions.find(link.instruction)
        if other is None:
            continue
        left = tuple(one for one in other.links if one.instruction != instruction_id)
        books.instructions.put(link.instruction, replace(other, links=left))
        make_ready(books, link.instruction)


def make_ready(books: SettlementBooks, instruction_id: bytes) -> None:
    """Have the pair of an instruction tried among this block's retries, unless it waits for something else."""
    pair = pair_of(books, instruction_id)
    if pair is None or pair.delivery.queue:
        return
    place = ready_place(order_key(pair.delivery, pair.receipt))
    join_queue(books, place, pair.delivery_id)
    books.instructions.put(pair.delivery_id, replace(pair.delivery, queue=place))


def end_pair(
    books: SettlementBooks, context: ActionContext, pair: Pair, reason: Reason, narrative: str
) -> None:
    """Both instructions of a pair end unsettled, or with their open rest given up."""
    end_cancelled(books, context, pair.delivery_id, pair.delivery, reason, narrative)
    end_cancelled(books, context, pair.receipt_id, pair.receipt, reason, narrative)


def end_cancelled(
    books: SettlementBooks,
    context: ActionContext,
    instruction_id: bytes,
    instruction: Instruction,
    reason: Reason,
    narrative: str,
) -> None:
    """One instruction ends so: out of its queue, with what was set aside for it released; its side is told why."""
    leave_queue(books, instruction.queue)
    let_go(books, context, instruction)
    end_instruction(books, context, instruction_id, instruction)
    fact = InstructionCancelled(instruction_id, instruction.reference, reason, narrative)
    context.tell(fact, instruction.relationship)
