"""The records about parties, as the rules hold them."""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.modules.module import ActionContext, Shelves
from counterfoil.modules.parties.records import (
    APPLICATIONS,
    LEIS,
    MANDATES,
    NAMES,
    PARTIES,
    RECOVERY_VOTES,
    SIGNERS,
    Party,
    Role,
)


class PartiesBooks:
    """What modules that stand above answer, the wiring sets.

    holds_anything(party id): by holdings. is_verified(party id, party, block time): whether an investor may begin, and
    registrar_verifies(block time): whether registrars attest who investors are; by identities. stopped(context, party
    id): a party was stopped, and everybody below with it; by view keys.
    """

    def __init__(self, shelves: Shelves) -> None:
        self.parties = shelves(PARTIES)
        self.signers = shelves(SIGNERS)
        self.mandates = shelves(MANDATES)
        self.recovery_votes = shelves(RECOVERY_VOTES)
        self.names = shelves(NAMES)
        self.leis = shelves(LEIS)
        self.applications = shelves(APPLICATIONS)
        self.holds_anything: Callable[[bytes], bool] = _nobody_knows
        self.is_verified: Callable[[bytes, Party, int], bool] = _by_its_hash
        self.registrar_verifies: Callable[[int], bool] = _no_registrar
        self.stopped: Callable[[ActionContext, bytes], None] = _nothing_was_handed


def _nobody_knows(party_id: bytes) -> bool:
    """Until the wiring says who knows positions, every party is taken to have some, and none can be terminated."""
    return True


def _by_its_hash(party_id: bytes, party: Party, time_ms: int) -> bool:
    """On a ledger without registrars an agent's word is enough."""
    return Role.INVESTOR not in party.roles or bool(party.identity_hash)


def _nothing_was_handed(context: ActionContext, party_id: bytes) -> None:
    """Until the wiring says who keeps view keys, a party that is stopped holds none."""


def _no_registrar(time_ms: int) -> bool:
    return False
