"""The records about certificates, as the rules hold them."""

from __future__ import annotations

from counterfoil.modules.certificates.records import (
    AUTHORITIES,
    CERTIFICATES,
    CHANGES,
    PARTY_CERTIFICATES,
)
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class CertificatesBooks:
    """Shelves of the module's own tables, and the interface that it asks."""

    __slots__ = ("authorities", "certificates", "changes", "parties", "party_certificates")

    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.authorities = shelves(AUTHORITIES)
        self.certificates = shelves(CERTIFICATES)
        self.party_certificates = shelves(PARTY_CERTIFICATES)
        self.changes = shelves(CHANGES)
        self.parties = parties
