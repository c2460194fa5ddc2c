"""What can be looked up about certificates, now or as of a past height. Who may see it is the policy's to say."""

from __future__ import annotations

from typing import TypeVar

from counterfoil.modules.certificates.records import (
    AUTHORITIES,
    CERTIFICATES,
    FINGERPRINT_SIZE,
    PARTY_CERTIFICATES,
    Authority,
    Certificate,
)
from counterfoil.primitives.codec import Record
from counterfoil.state.state import State
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)

_ID = 20


def authorities(state: State, height: int | None = None) -> tuple[tuple[bytes, Authority], ...]:
    """Fingerprint and record of every authority that was ever named, by fingerprint."""
    found = ((key, _find(state, AUTHORITIES, key, height)) for key in state.keys(AUTHORITIES))
    return tuple((key, authority) for key, authority in found if authority is not None)


def certificate(state: State, fingerprint: bytes, height: int | None = None) -> Certificate | None:
    return _find(state, CERTIFICATES, fingerprint, height) if len(fingerprint) == FINGERPRINT_SIZE else None


def certificates(
    state: State, party_id: bytes = b"", height: int | None = None
) -> tuple[tuple[bytes, Certificate], ...]:
    """Fingerprint and record of every certificate of a party (b"": of all), by fingerprint."""
    if len(party_id) not in (0, _ID):
        return ()
    found = []
    for key in state.keys(PARTY_CERTIFICATES, party_id):
        one = _find(state, CERTIFICATES, key[_ID:], height)
        if one is not None:
            found.append((key[_ID:], one))
    return tuple(sorted(found, key=lambda entry: entry[0]))


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
