"""What can be asked about certificates. Numbers 1800 to 1849."""

from __future__ import annotations

from counterfoil.modules.certificates.records import Purpose
from counterfoil.primitives.codec import Message


class NameAuthority(Message, tag=1800, frozen=True):
    """Let a certificate authority that the party runs issue certificates for this ledger.

    certificate: the authority's own, X.509 in DER; the two times are those that stand in it.
    """

    party: bytes
    certificate: bytes
    valid_from_ms: int
    valid_until_ms: int


class WithdrawAuthority(Message, tag=1801, frozen=True):
    """End the trust in an authority (fingerprint) at once, and with it in everything that it issued."""

    party: bytes
    authority: bytes
    reason: str


class RecordCertificate(Message, tag=1802, frozen=True):
    """Bind a certificate to a party; fields as in the record `Certificate`. Sent by whoever runs the authority."""

    authority: bytes
    party: bytes
    purpose: Purpose
    fingerprint: bytes
    serial: bytes
    valid_from_ms: int
    valid_until_ms: int


class RevokeCertificate(Message, tag=1803, frozen=True):
    """End a certificate at once: by the party that it is bound to, by whoever runs its authority, or by a regulator."""

    party: bytes
    fingerprint: bytes
    reason: str
