"""Reads about custodians' trails, as of now or of any past height."""

from __future__ import annotations

from counterfoil.modules.custodians.records import TRAILS, Trail
from counterfoil.state.state import State


def trail(state: State, custodian: bytes, height: int | None = None) -> Trail | None:
    """What the ledger has of a custodian's trail; None where it has recorded nothing. custodian: party id, 20 bytes."""
    return state.find(TRAILS, custodian) if height is None else state.find_at(TRAILS, custodian, height)
