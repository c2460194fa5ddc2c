"""Reads about parties, as of now or of any past height."""

from __future__ import annotations

from counterfoil.modules.parties.records import (
    ADDRESS_SIZE,
    MANDATES,
    NAME_LENGTH_MAX,
    NAMES,
    PARTIES,
    PARTY_ID_SIZE,
    RECOVERY_VOTES,
    SIGNERS,
    TREE_DEPTH_MAX,
    Mandate,
    Party,
    PartyStatus,
    RecoveryVote,
    Signer,
)
from counterfoil.state.state import State
from counterfoil.state.tables import R, Table

_STOPPED = (PartyStatus.SUSPENDED, PartyStatus.REVOKED, PartyStatus.TERMINATED)


def party(state: State, party_id: bytes, height: int | None = None) -> Party | None:
    return _find(state, PARTIES, party_id, height) if len(party_id) == PARTY_ID_SIZE else None


def by_name(state: State, name: str, height: int | None = None) -> bytes | None:
    """The identifier of the member that bears a public name."""
    if not 0 < len(name) <= NAME_LENGTH_MAX:
        return None
    named = _find(state, NAMES, name.encode(), height)
    return named.party if named is not None else None


def members(state: State, height: int | None = None) -> tuple[tuple[str, bytes], ...]:
    """Name and identifier of every living party that is not an investor only, by name."""
    found = []
    for key in state.keys(NAMES):
        named = _find(state, NAMES, key, height)
        if named is not None:
            found.append((key.decode(), named.party))
    return tuple(found)


def signer(state: State, address: bytes, height: int | None = None) -> Signer | None:
    """The registered keys of an address; None for a bare key's own."""
    return _find(state, SIGNERS, address, height) if len(address) == ADDRESS_SIZE else None


def rotations(state: State, address: bytes, height: int | None = None) -> int:
    """How often the keys of an address were replaced; 0 for a bare key's own."""
    found = signer(state, address, height)
    return found.rotations if found is not None else 0


def recovery_votes(
    state: State, address: bytes, height: int | None = None
) -> tuple[tuple[bytes, RecoveryVote], ...]:
    """Approver and vote of everybody who wants other keys for an address, by approver."""
    found = []
    for key in state.keys(RECOVERY_VOTES, address):
        vote = _find(state, RECOVERY_VOTES, key, height)
        if vote is not None:
            found.append((key[ADDRESS_SIZE:], vote))
    return tuple(found)


def mandates(state: State, party_id: bytes, height: int | None = None) -> tuple[tuple[bytes, Mandate], ...]:
    """User and mandate of every user of a party, by address."""
    if len(party_id) != PARTY_ID_SIZE:
        return ()
    found = []
    for key in state.keys(MANDATES, party_id):
        mandate = _find(state, MANDATES, key, height)
        if mandate is not None:
            found.append((key[PARTY_ID_SIZE:], mandate))
    return tuple(found)


def above(state: State, party_id: bytes, height: int | None = None) -> tuple[tuple[bytes, Party], ...]:
    """Who stands above a party, from its sponsor to the top."""
    found: list[tuple[bytes, Party]] = []
    lower = party(state, party_id, height)
    while lower is not None and lower.parent and len(found) < TREE_DEPTH_MAX:
        upper_id = lower.parent
        lower = party(state, upper_id, height)
        if lower is not None:
            found.append((upper_id, lower))
    return tuple(found)


def stopped_by(state: State, party_id: bytes, height: int | None = None) -> bytes | None:
    """Whose suspension, revocation or end stops a party: its own identifier, one above it, or None."""
    own = party(state, party_id, height)
    if own is not None and own.status in _STOPPED:
        return party_id
    for upper_id, upper in above(state, party_id, height):
        if upper.status in _STOPPED:
            return upper_id
    return None


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
