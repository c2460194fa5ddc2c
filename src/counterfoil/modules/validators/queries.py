"""Reads about validators, as of now or of the end of any past block."""

from __future__ import annotations

from counterfoil.modules.validators.records import (
    MISBEHAVIOURS,
    VALIDATOR_SETS,
    VALIDATORS,
    RecordedMisbehaviour,
    SetEntry,
    Validator,
    height_key,
)
from counterfoil.state.state import State
from counterfoil.state.tables import R, Table


def validators(state: State, height: int | None = None) -> tuple[tuple[bytes, Validator], ...]:
    """(party, validator) of all, in the order of parties."""
    found = ((party, _find(state, VALIDATORS, party, height)) for party in state.keys(VALIDATORS))
    return tuple((party, validator) for party, validator in found if validator is not None)


def sets(state: State) -> tuple[tuple[int, tuple[SetEntry, ...]], ...]:
    """(first height, validators) of every set that was, is or will be in force, in order."""
    shelf = state.books.shelf(VALIDATOR_SETS)
    return tuple((int.from_bytes(key, "big"), one.entries) for key, one in shelf.scan())


def set_key(state: State, height: int) -> bytes | None:
    """The key of the set that decides the block at a height; None before there was any."""
    found = state.books.shelf(VALIDATOR_SETS).last(height_key(height))
    return found[0] if found is not None else None


def misbehaviours(
    state: State, height: int | None = None
) -> tuple[tuple[int, bytes, int, RecordedMisbehaviour], ...]:
    """(height, consensus address, kind, record) of all that was reported, by height."""
    found = []
    for key in state.keys(MISBEHAVIOURS):
        record = _find(state, MISBEHAVIOURS, key, height)
        if record is not None:
            found.append((int.from_bytes(key[:8], "big"), key[8:28], key[28], record))
    return tuple(found)


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
