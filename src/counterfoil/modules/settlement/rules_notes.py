"""Notes from one side of an instruction to the other: carried, never read."""

from __future__ import annotations

from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.facts import NotePassed
from counterfoil.modules.settlement.messages import InstructBothWithNotes, InstructWithNote
from counterfoil.modules.settlement.records import NOTE_BYTES_MAX
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.modules.settlement.rules_both import instruct_both
from counterfoil.modules.settlement.rules_instruct import instruct
from counterfoil.primitives.outcome import Rejected


def instruct_with_note(books: SettlementBooks, ask: InstructWithNote, context: ActionContext) -> None:
    """The note waits with the instruction until it matches."""
    if not 0 < len(ask.note) <= NOTE_BYTES_MAX:
        raise Rejected(SettlementReject.NOTE_IS_MALFORMED, bytes=len(ask.note), limit=NOTE_BYTES_MAX)
    instruct(books, ask.instruction, context, ask.note)


def instruct_both_with_notes(
    books: SettlementBooks, ask: InstructBothWithNotes, context: ActionContext
) -> None:
    """The notes are passed whether the trade settles here and now or waits."""
    notes = (ask.to_receiver, ask.to_deliverer)
    if not any(notes) or any(len(note) > NOTE_BYTES_MAX for note in notes):
        raise Rejected(SettlementReject.NOTE_IS_MALFORMED, limit=NOTE_BYTES_MAX)
    instruct_both(books, ask.both, context)
    _, delivery_id, receipt_id = context.created[-3:]
    for note, instruction_id, side in (
        (ask.to_receiver, receipt_id, ask.both.receipt),
        (ask.to_deliverer, delivery_id, ask.both.delivery),
    ):
        if note:
            account = books.holdings.require_account(side.account)
            context.tell(NotePassed(instruction_id, note), account.relationship)
