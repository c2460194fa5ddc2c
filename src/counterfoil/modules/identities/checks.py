"""Guards and keys that the rules about real names share."""

from __future__ import annotations

from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.identities.records import REASON_LENGTH_MAX, Attestation
from counterfoil.modules.identities.rejects import IdentitiesReject
from counterfoil.modules.parties.interface import Party, hide_unless_known_to_all
from counterfoil.primitives.outcome import Rejected


def check_reason(reason: str) -> None:
    if not 0 < len(reason) <= REASON_LENGTH_MAX:
        raise Rejected(IdentitiesReject.REASON_IS_INVALID)


def require_below(books: IdentitiesBooks, authority: bytes, party_id: bytes) -> Party:
    """The party, if the authority stands above it; of one that not everybody knows, nobody else is told."""
    party = books.parties.require(party_id)
    if not books.parties.is_above(authority, party_id):
        hide_unless_known_to_all(party_id, party)
        raise Rejected(IdentitiesReject.AGENT_IS_NOT_ABOVE, authority=authority, party=party_id)
    return party


def require_licence(books: IdentitiesBooks, agent: bytes, time_ms: int) -> None:
    if not Identities(books).is_licensed(agent, time_ms):
        raise Rejected(IdentitiesReject.AGENT_HAS_NO_LICENCE, agent=agent)


def attestation_key(agent: bytes, handle: bytes) -> bytes:
    return agent + handle


def lapse_key(lapses_ms: int, at: bytes) -> bytes:
    return lapses_ms.to_bytes(8, "big") + at


def forget_lapse(books: IdentitiesBooks, at: bytes, attestation: Attestation) -> None:
    """An attestation that lapses no more, or at another time."""
    if attestation.lapses_ms:
        books.lapses.delete(lapse_key(attestation.lapses_ms, at))
