"""The records about real names, as the rules hold them."""

from __future__ import annotations

from counterfoil.modules.identities.records import (
    ATTESTATION_LAPSES,
    ATTESTATIONS,
    LICENCES,
    PERSON_PARTIES,
    REGIME,
    REGISTRAR_KEYS,
    TAGS,
    VERIFICATIONS,
)
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class IdentitiesBooks:
    """Shelves of the module's own tables, and the interface that it asks."""

    __slots__ = (
        "attestations",
        "keys",
        "lapses",
        "licences",
        "parties",
        "person_parties",
        "regime",
        "tags",
        "verifications",
    )

    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.keys = shelves(REGISTRAR_KEYS)
        self.regime = shelves(REGIME)
        self.licences = shelves(LICENCES)
        self.tags = shelves(TAGS)
        self.attestations = shelves(ATTESTATIONS)
        self.lapses = shelves(ATTESTATION_LAPSES)
        self.verifications = shelves(VERIFICATIONS)
        self.person_parties = shelves(PERSON_PARTIES)
        self.parties = parties
