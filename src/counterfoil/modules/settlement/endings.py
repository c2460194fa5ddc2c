"""How instructions leave the state, and what that means for those linked to them."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.judging import earmarked, pair_of
from counterfoil.modules.settlement.queues import join_queue, order_key, ready_place
from counterfoil.modules.settlement.records import Instruction, Position
from counterfoil.primitives.digests import REFERENCE, digest
from counterfoil.primitives.outcome import ensure

_INSTRUCTION = b"instruction"


def reference_key(party: bytes, reference: str) -> bytes:
    """Under which a live instruction's reference stands: 32 bytes."""
    return digest(REFERENCE, _INSTRUCTION, party + reference.encode())


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
