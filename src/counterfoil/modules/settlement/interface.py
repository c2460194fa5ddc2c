"""What other modules, and those who read, may ask about settlement."""

from __future__ import annotations

from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.endings import reference_key
from counterfoil.modules.settlement.judging import Judgement, judge, pair_of
from counterfoil.modules.settlement.legs import batch_digest, check_chunk, chunk_digest
from counterfoil.modules.settlement.reasons import NO_REASON, REASONS, Explained, Reason, ReasonKind
from counterfoil.modules.settlement.records import (
    INSTRUCTIONS,
    Batch,
    BatchChunk,
    CancellationStatus,
    HoldStatus,
    Instruction,
    Linkage,
    MatchingStatus,
    Method,
    Moment,
    Movement,
    Partial,
    Position,
    Priority,
    ProcessingStatus,
    SettlementStatus,
    SignOffStatus,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.outcome import Rejected

__all__ = [
    "INSTRUCTIONS",
    "REASONS",
    "Batch",
    "BatchChunk",
    "CancellationStatus",
    "Explained",
    "HoldStatus",
    "Instruction",
    "Judgement",
    "Linkage",
    "MatchingStatus",
    "Method",
    "Moment",
    "Movement",
    "Partial",
    "Position",
    "Priority",
    "ProcessingStatus",
    "Reason",
    "ReasonKind",
    "Settlement",
    "SettlementReject",
    "SettlementStatus",
    "SignOffStatus",
    "batch_digest",
    "check_chunk",
    "chunk_digest",
]


class Settlement:
    """Read-only: instructions change by their own messages and by attempts alone."""

    __slots__ = ("_books",)

    def __init__(self, books: SettlementBooks) -> None:
        self._books = books

    def find(self, instruction_id: bytes) -> Instruction | None:
        """A live instruction."""
        return self._books.instructions.find(instruction_id)

    def require(self, instruction_id: bytes) -> Instruction:
        """Rejected INSTRUCTION_NOT_FOUND."""
        instruction = self._books.instructions.find(instruction_id)
        if instruction is None:
            raise Rejected(SettlementReject.INSTRUCTION_NOT_FOUND, instruction=instruction_id)
        return instruction

    def by_reference(self, party: bytes, reference: str) -> bytes | None:
        """The id of a member's live instruction that bears its reference."""
        found = self._books.references.find(reference_key(party, reference))
        return found.instruction if found is not None else None

    def dry_run(self, instruction_id: bytes, time_ms: int) -> Judgement | None:
        """What an attempt at `time_ms` would do to a matched instruction and those linked with it, without doing it.

        None while the instruction is unmatched. Rejected INSTRUCTION_NOT_FOUND.
        """
        self.require(instruction_id)
        pair = pair_of(self._books, instruction_id)
        return judge(self._books, pair, time_ms) if pair is not None else None

    def why_pending(self, instruction_id: bytes, time_ms: int) -> Reason | None:
        """Why a live instruction would not settle at `time_ms`, in its own side's terms; None where it would.

        An unmatched one has the reason why it does not match. Rejected INSTRUCTION_NOT_FOUND.
        """
        judgement = self.dry_run(instruction_id, time_ms)
        if judgement is None:
            reason = self.require(instruction_id).reason
            return Reason(reason) if reason != NO_REASON else None
        for pair, pend in zip(judgement.pairs, judgement.pends, strict=False):
            if pair.delivery_id == instruction_id:
                return Reason(pend.delivery_reason)
            if pair.receipt_id == instruction_id:
                return Reason(pend.receipt_reason)
        return None
