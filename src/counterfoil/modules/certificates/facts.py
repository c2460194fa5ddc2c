"""What is told about certificates. Numbers 1850 to 1899.

What concerns authorities and nodes is told to everybody; the rest to the certificate's party and to its authority's.
"""

from __future__ import annotations

from counterfoil.modules.certificates.records import Purpose
from counterfoil.primitives.codec import Fact


class AuthorityNamed(Fact, tag=1850, frozen=True):
    """An authority (fingerprint) may issue certificates for this ledger."""

    authority: bytes
    party: bytes
    valid_until_ms: int


class AuthorityWithdrawn(Fact, tag=1851, frozen=True):
    """Nothing that the authority issued is good any more."""

    authority: bytes
    party: bytes
    reason: str


class CertificateRecorded(Fact, tag=1852, frozen=True):
    """Whoever has the certificate's key may connect in the party's name."""

    fingerprint: bytes
    authority: bytes
    party: bytes
    purpose: Purpose
    serial: bytes
    valid_from_ms: int
    valid_until_ms: int


class CertificateRevoked(Fact, tag=1853, frozen=True):
    """The certificate is good for nothing any more. revoked_by: the party that did it."""

    fingerprint: bytes
    party: bytes
    revoked_by: bytes
    reason: str
