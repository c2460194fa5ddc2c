"""Reads about issues, as of now or of the end of any past block."""

from __future__ import annotations

from counterfoil.modules.issuance.records import (
    ISSUES,
    PLACINGS,
    REGISTRATIONS,
    Issue,
    Placing,
    Registration,
)
from counterfoil.state.state import State


def issue(state: State, instrument_id: bytes, height: int | None = None) -> Issue | None:
    """How much of an instrument was registered and ended; None where the ledger has no registration of it."""
    return (
        state.find(ISSUES, instrument_id) if height is None else state.find_at(ISSUES, instrument_id, height)
    )


def registrations(
    state: State, instrument_id: bytes, height: int | None = None
) -> list[tuple[bytes, Registration]]:
    """(hash of the papers, registration) of every act about an instrument, the first at the head."""
    found = []
    for key in state.keys(REGISTRATIONS, instrument_id):
        kept = state.find(REGISTRATIONS, key)
        if kept is not None and (height is None or kept.height <= height):
            found.append((key[20:], kept))
    return sorted(found, key=lambda entry: entry[1].number)


def placings(state: State, instrument_id: bytes) -> list[tuple[bytes, Placing]]:
    """(underwriter's account, what it was allotted and has placed) of those who still place an issue."""
    return [(key[20:], placing) for key, placing in state.books.shelf(PLACINGS).scan(instrument_id)]
