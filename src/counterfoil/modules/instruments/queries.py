"""Reads about instruments, as of now or of the end of any past block."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.instruments.records import (
    IDENTIFIERS,
    INSTRUMENTS,
    TERMS,
    Instrument,
    TermsVersion,
    identifier_key,
    terms_key,
)
from counterfoil.state.rows import parse
from counterfoil.state.state import State


class InstrumentChange(NamedTuple):
    """What an instrument was from the end of block `height` on, until its next change."""

    height: int
    instrument: Instrument


class AcceptedTerms(NamedTuple):
    """One version of an instrument's terms; in_force: whether it had taken effect."""

    version: int
    accepted: TermsVersion
    in_force: bool


def instrument(state: State, instrument_id: bytes, height: int | None = None) -> Instrument | None:
    if height is None:
        return state.find(INSTRUMENTS, instrument_id)
    return state.find_at(INSTRUMENTS, instrument_id, height)


def instrument_of_identifier(
    state: State, scheme: str, value: str, height: int | None = None
) -> bytes | None:
    """The id of the instrument that bears the identifier now, or bore it at the end of block `height`."""
    key = identifier_key(scheme, value)
    use = state.find(IDENTIFIERS, key) if height is None else state.find_at(IDENTIFIERS, key, height)
    return use.instrument_id if use is not None and use.in_force else None


def instruments(state: State, height: int | None = None) -> list[tuple[bytes, Instrument]]:
    """(id, instrument) of every instrument ever announced up to then, in the order of ids."""
    found = ((key, instrument(state, key, height)) for key in state.keys(INSTRUMENTS))
    return [(key, record) for key, record in found if record is not None]


def terms(state: State, instrument_id: bytes, height: int | None = None) -> list[AcceptedTerms]:
    """Every version of the terms that was accepted, the first at the head."""
    of = instrument(state, instrument_id, height)
    if of is None:
        return []
    found = []
    for version in range(1, of.latest_version + 1):
        accepted = state.find(TERMS, terms_key(instrument_id, version))
        if accepted is not None:
            found.append(AcceptedTerms(version, accepted, version <= of.terms_version))
    return found


def terms_on(state: State, instrument_id: bytes, date: int) -> AcceptedTerms | None:
    """The terms that hold on a business date (yyyymmdd) of the home market, as far as is known now."""
    holding = [found for found in terms(state, instrument_id) if found.accepted.effective_from <= date]
    return holding[-1] if holding else None


def history(state: State, instrument_id: bytes) -> list[InstrumentChange]:
    """Everything that an instrument ever was, the newest at the head: announcements, status, terms in force."""
    rows = (parse(row) for row in state.versions(INSTRUMENTS, instrument_id))
    return [InstrumentChange(row.height, INSTRUMENTS.decoder.trusted(row.value)) for row in rows if row.alive]
