"""What others may ask about certificates."""

from __future__ import annotations

from counterfoil.modules.certificates.books import CertificatesBooks
from counterfoil.modules.certificates.records import FINGERPRINT_SIZE, ONLY, Authority, Certificate, Purpose
from counterfoil.modules.certificates.rejects import CertificatesReject

__all__ = ["Authority", "Certificate", "Certificates", "CertificatesReject", "Purpose"]


class Certificates:
    """Read-only: certificates change by their own messages alone."""

    def __init__(self, books: CertificatesBooks) -> None:
        self._books = books

    def find(self, fingerprint: bytes) -> Certificate | None:
        return self._books.certificates.find(fingerprint) if len(fingerprint) == FINGERPRINT_SIZE else None

    def in_force(self, fingerprint: bytes, time_ms: int) -> Certificate | None:
        """The certificate, if it is recorded, valid at that time, and neither it nor its authority withdrawn."""
        found = self.find(fingerprint)
        if found is None or found.revoked_ms or not found.valid_from_ms <= time_ms < found.valid_until_ms:
            return None
        authority = self._books.authorities.find(found.authority)
        return found if authority is not None and not authority.withdrawn_ms else None

    def authorities(self) -> tuple[tuple[bytes, Authority], ...]:
        """Fingerprint and record of every authority that is trusted, by fingerprint."""
        return tuple(
            (key, authority)
            for key, authority in self._books.authorities.scan()
            if not authority.withdrawn_ms
        )

    def changes(self) -> int:
        """A number that rises whenever something that was good before may be no more, or an authority came in."""
        found = self._books.changes.find(ONLY)
        return found.count if found is not None else 0
