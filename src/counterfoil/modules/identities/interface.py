"""What other modules may ask about real names."""

from __future__ import annotations

from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.records import (
    NEWEST,
    PERSON_PARTIES,
    VERIFICATIONS,
    Attestation,
    Level,
    Licence,
    Suite,
    Verification,
)
from counterfoil.modules.identities.rejects import IdentitiesReject
from counterfoil.modules.parties.interface import Party, Role

__all__ = [
    "PERSON_PARTIES",
    "VERIFICATIONS",
    "Attestation",
    "Identities",
    "IdentitiesReject",
    "Level",
    "Licence",
    "Suite",
    "Verification",
]

_INVESTOR = Role.INVESTOR


class Identities:
    """Read-only: real names change by their own messages alone."""

    __slots__ = ("_licences", "_regime", "_verifications")

    def __init__(self, books: IdentitiesBooks) -> None:
        self._regime = books.regime
        self._licences = books.licences
        self._verifications = books.verifications

    def is_demanded(self, time_ms: int) -> bool:
        """Whether an investor needs a verification that stands on a registrar's attestation."""
        regime = self._regime.find(NEWEST)
        return regime is not None and regime.demanded_from_ms <= time_ms

    def is_licensed(self, agent: bytes, time_ms: int) -> bool:
        """Whether a licence of the agent to verify identities is in force."""
        licence = self._licences.find(agent)
        return (
            licence is not None
            and licence.valid_from_ms <= time_ms
            and not 0 < licence.valid_until_ms <= time_ms
        )

    def verification(self, party_id: bytes) -> Verification | None:
        return self._verifications.find(party_id)

    def person_of(self, party_id: bytes) -> bytes | None:
        """The secret identity (20 bytes) that all parties of one person share; None where none was verified.

        Limits that hold for a person over all its agents are counted under it; it is told to nobody.
        """
        found = self._verifications.find(party_id)
        return found.person if found is not None else None

    def is_verified(self, party_id: bytes, party: Party, time_ms: int) -> bool:
        """Whether a party may begin its business and have accounts: an investor only with a verified identity."""
        if _INVESTOR not in party.roles:
            return True
        if not self.is_demanded(time_ms):
            return bool(party.identity_hash) or self._verifications.find(party_id) is not None
        return self._is_in_force(party_id, time_ms)

    def may_open_account(self, servicer: bytes, owner: Party, time_ms: int) -> bool:
        """Whether a servicer may open an account for an owner: for an investor, where attestations are demanded, only a
        licensed agent."""
        return (
            _INVESTOR not in owner.roles
            or not self.is_demanded(time_ms)
            or self.is_licensed(servicer, time_ms)
        )

    def may_acquire(self, party_id: bytes, party: Party, time_ms: int) -> bool:
        """Whether a holder may receive securities from others: not an investor whose verification has lapsed.

        One look-up for an investor who was verified, none for everybody else.
        """
        if _INVESTOR not in party.roles:
            return True
        found = self._verifications.find(party_id)
        if found is None:
            return not self.is_demanded(time_ms)
        return time_ms < found.expires_ms and not found.withdrawn_ms

    def _is_in_force(self, party_id: bytes, time_ms: int) -> bool:
        found = self._verifications.find(party_id)
        return found is not None and time_ms < found.expires_ms and not found.withdrawn_ms
