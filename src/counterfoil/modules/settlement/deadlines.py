"""What time alone does to instructions and batches: what is not settled when the recycling period is over ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.endings import end_cancelled, end_pair
from counterfoil.modules.settlement.facts import BatchLapsed
from counterfoil.modules.settlement.judging import pair_of
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.rules_batch import end_batch

Act = Callable[[ActionContext], None]


def end_recycling(books: SettlementBooks, block: BlockContext, limit: int) -> Iterator[Act]:
    """On open markets, the oldest intended date first, matched or not; at most `limit` in a block.

    A matched pair ends as one; a member of a linked group alone, for the others wait for it in vain until amended.
    """
    for _, recycled in books.markets.outlived(books.recycled, limit):
        yield partial(_end, books, recycled.instruction)


def _end(books: SettlementBooks, instruction_id: bytes, context: ActionContext) -> None:
    instruction = books.instructions.find(instruction_id)
    if instruction is None:
        return
    pair = pair_of(books, instruction_id)
    if pair is not None:
        end_pair(books, context, pair, Reason.CANCELLED_BY_THE_SYSTEM, "")
    else:
        end_cancelled(books, context, instruction_id, instruction, Reason.CANCELLED_BY_THE_SYSTEM, "")


def lapse_batches(books: SettlementBooks, block: BlockContext, limit: int) -> Iterator[Act]:
    """On open markets, the oldest settlement date first, loaded wholly or not; at most `limit` in a block."""
    for key, _ in books.markets.outlived(books.open_batches, limit):
        yield partial(_lapse, books, key[8:])


def _lapse(books: SettlementBooks, batch_id: bytes, context: ActionContext) -> None:
    batch = books.batches.find(batch_id)
    if batch is None:
        return
    end_batch(books, batch_id, batch)
    context.tell(BatchLapsed(batch_id, batch.reference), batch.party)
