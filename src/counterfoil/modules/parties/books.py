"""The records about parties, as the rules hold them."""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.records import (
    APPLICATIONS,
    LEIS,
    MANDATES,
    NAMES,
    PARTIES,
    RECOVERY_VOTES,
    SIGNERS,
)


class PartiesBooks:
    """`holds_anything(party_id)` is answered by the books of holdings, which stand above: the wiring sets it."""

    def __init__(self, shelves: Shelves) -> None:
        self.parties = shelves(PARTIES)
        self.signers = shelves(SIGNERS)
        self.mandates = shelves(MANDATES)
        self.recovery_votes = shelves(RECOVERY_VOTES)
        self.names = shelves(NAMES)
        self.leis = shelves(LEIS)
        self.applications = shelves(APPLICATIONS)
        self.holds_anything: Callable[[bytes], bool] = _nobody_knows


def _nobody_knows(party_id: bytes) -> bool:
    """Until the wiring says who knows positions, every party is taken to have some, and none can be terminated."""
    return True
