"""Reads about instructions, as of now or of the end of any past block, with their statuses in ISO 20022's terms."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.settlement.endings import reference_key
from counterfoil.modules.settlement.reasons import REASONS, Reason
from counterfoil.modules.settlement.records import (
    BATCHES,
    DUE,
    INSTRUCTION_REFERENCES,
    INSTRUCTIONS,
    MATCHING,
    READY,
    WAITING,
    Batch,
    CancellationStatus,
    HoldStatus,
    Instruction,
    MatchingStatus,
    SettlementStatus,
)
from counterfoil.state.state import State


class Statuses(NamedTuple):
    """The separate statuses of a live instruction, as the settlement status advice (sese.024) names them.

    failing: the intended settlement date has passed. cancellation: "" or the reason why one that was asked for waits.
    code: the ISO 20022 reason; words and remedy: in plain language.
    """

    processing: str
    matching: str
    hold: str
    settlement: str
    cancellation: str
    failing: bool
    code: str
    words: str
    remedy: str


def instruction(state: State, instruction_id: bytes, height: int | None = None) -> Instruction | None:
    """A live instruction, or one that lived at the end of block `height`."""
    if height is None:
        return state.find(INSTRUCTIONS, instruction_id)
    return state.find_at(INSTRUCTIONS, instruction_id, height)


def by_reference(state: State, party: bytes, reference: str, height: int | None = None) -> bytes | None:
    """The id of a member's instruction that bears its reference and lives, or lived at the end of block `height`."""
    key = reference_key(party, reference)
    found = (
        state.find(INSTRUCTION_REFERENCES, key)
        if height is None
        else state.find_at(INSTRUCTION_REFERENCES, key, height)
    )
    return found.instruction if found is not None else None


def open_instructions(
    state: State, account: bytes = b"", party: bytes = b"", market: str = ""
) -> list[tuple[bytes, Instruction]]:
    """(id, instruction) of all that live now and fit what is named, by entry. Reads no more than what lives."""
    found: list[tuple[bytes, Instruction]] = []
    for _, reference in state.books.shelf(INSTRUCTION_REFERENCES).scan():
        key = reference.instruction
        live = state.find(INSTRUCTIONS, key)
        if (
            live is not None
            and account in (b"", live.account)
            and party in (b"", live.party)
            and market in ("", live.market)
        ):
            found.append((key, live))
    return sorted(found, key=lambda entry: entry[1].entry)


def waiting_counts(state: State) -> dict[str, int]:
    """How many wait in each queue: unmatched; for provision; for a date; to be tried in the next block."""
    return {
        table.name: sum(1 for _ in state.books.shelf(table).scan())
        for table in (MATCHING, WAITING, DUE, READY)
    }


def batch(state: State, batch_id: bytes, height: int | None = None) -> Batch | None:
    """A batch that is not settled yet, or was not at the end of block `height`."""
    return state.find(BATCHES, batch_id) if height is None else state.find_at(BATCHES, batch_id, height)


def statuses(live: Instruction, markets: Markets) -> Statuses:
    """The statuses of a live instruction on its market's business date."""
    matched = live.matching is MatchingStatus.MATCHED
    failing = matched and live.settlement_date < markets.business_date(live.market)
    cancelling = live.cancellation is CancellationStatus.REQUESTED
    code = Reason(live.reason) if live.reason else None
    explained = REASONS[code] if code is not None else None
    if not matched:
        settlement = ""
    elif live.settlement is SettlementStatus.PARTIAL:
        settlement = "PART"
    else:
        settlement = "FLNG" if failing else "PDG"
    return Statuses(
        processing="PDGCXL" if cancelling else "ACKDACCPTD",
        matching="MTCHD" if matched else "UMTCHD",
        hold="HELD" if live.hold is HoldStatus.HELD else "RELEASED",
        settlement=settlement,
        cancellation=Reason.COUNTERPARTY_CONFIRMATION_IS_AWAITED.value if cancelling else "",
        failing=failing,
        code=live.reason,
        words=explained.words if explained is not None else "",
        remedy=explained.remedy if explained is not None else "",
    )
