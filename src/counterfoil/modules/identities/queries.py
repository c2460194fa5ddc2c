"""What can be looked up about real names, now or as of a past height. Who may see it is the policy's to say."""

from __future__ import annotations

from typing import TypeVar

from counterfoil.modules.identities.records import (
    ATTESTATIONS,
    HANDLE_SIZE,
    LICENCES,
    NEWEST,
    PERSON_PARTIES,
    REGIME,
    REGISTRAR_KEYS,
    TAG_SIZE,
    TAGS,
    VERIFICATIONS,
    Attestation,
    Licence,
    PersonParty,
    Regime,
    RegistrarKey,
    Verification,
)
from counterfoil.primitives.codec import Record
from counterfoil.state.state import State
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)

_ID = 20


def regime(state: State, height: int | None = None) -> Regime | None:
    """None on a ledger that has no identity registrar."""
    return _find(state, REGIME, NEWEST, height)


def registrar_keys(state: State, height: int | None = None) -> tuple[tuple[int, RegistrarKey], ...]:
    """Version and key of every registrar that was appointed, the oldest first."""
    newest = regime(state, height)
    found = []
    for version in range(1, newest.key_version + 1 if newest is not None else 1):
        key = _find(state, REGISTRAR_KEYS, version.to_bytes(4, "big"), height)
        if key is not None:
            found.append((version, key))
    return tuple(found)


def licences(state: State, height: int | None = None) -> tuple[tuple[bytes, Licence], ...]:
    """Agent and licence of every agent that has one, by identifier."""
    found = ((agent, _find(state, LICENCES, agent, height)) for agent in sorted(state.keys(LICENCES)))
    return tuple((agent, licence) for agent, licence in found if licence is not None)


def verification(state: State, party_id: bytes, height: int | None = None) -> Verification | None:
    return _find(state, VERIFICATIONS, party_id, height) if len(party_id) == _ID else None


def attestation(state: State, agent: bytes, handle: bytes, height: int | None = None) -> Attestation | None:
    if len(agent) != _ID or len(handle) != HANDLE_SIZE:
        return None
    return _find(state, ATTESTATIONS, agent + handle, height)


def attestations(
    state: State, agent: bytes, height: int | None = None
) -> tuple[tuple[bytes, Attestation], ...]:
    """Handle and attestation of everybody whom an agent has asked about, by handle."""
    if len(agent) != _ID:
        return ()
    found = (
        (key, _find(state, ATTESTATIONS, key, height)) for key in sorted(state.keys(ATTESTATIONS, agent))
    )
    return tuple((key[_ID:], one) for key, one in found if one is not None)


def person_of_tag(state: State, tag: bytes, height: int | None = None) -> bytes | None:
    tagged = _find(state, TAGS, tag, height) if len(tag) == TAG_SIZE else None
    return tagged.person if tagged is not None else None


def person_of_party(state: State, party_id: bytes, height: int | None = None) -> bytes | None:
    """None of a party that was never verified."""
    verified = verification(state, party_id, height)
    return verified.person if verified is not None else None


def parties_of(
    state: State, person: bytes, height: int | None = None
) -> tuple[tuple[bytes, PersonParty], ...]:
    """Every party that is one person, by identifier."""
    keys = sorted(state.keys(PERSON_PARTIES, person))
    found = ((key, _find(state, PERSON_PARTIES, key, height)) for key in keys)
    return tuple((key[_ID:], link) for key, link in found if link is not None)


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
