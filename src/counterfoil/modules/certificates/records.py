"""What the ledger keeps about certificates: which machine may speak over the network, and in whose name."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

FINGERPRINT_SIZE = 32
SERIAL_SIZE_MAX = 20
"""Bytes of a serial number (RFC 5280 section 4.1.2.2)."""
AUTHORITY_BYTES_MAX = 4_096
"""Of an authority's own certificate; one of Ed25519 has about 400."""
CERTIFICATE_DAYS_MAX = 825
"""A certificate that nobody renews ends within so many days."""
AUTHORITY_DAYS_MAX = 7_320
"""An authority's own ends within twenty years."""
REASON_LENGTH_MAX = 200
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""
ONLY = b"\0"
"""The one key of the table of changes."""


class Purpose(IntEnum):
    """What a certificate is for. The numbers are stored.

    MEMBER: a member's own programs, which connect. NODE: a node, which serves and connects. GATEWAY: a process between
    a member's systems and a node, which connects. SERVICE: a registrar, custodian or the like, which serves and
    connects.
    """

    MEMBER = 1
    NODE = 2
    GATEWAY = 3
    SERVICE = 4


class Authority(Record, frozen=True):
    """Key: fingerprint (32): SHA-256 of the certificate. Who issues certificates.

    party: runs it, and answers for what it issues. certificate: X.509 in DER, so that every node can check a
    connection by the ledger alone. withdrawn_ms: 0 while it is trusted.
    """

    party: bytes
    certificate: bytes
    valid_from_ms: int
    valid_until_ms: int
    withdrawn_ms: int = 0


class Certificate(Record, frozen=True):
    """Key: fingerprint (32). In whose name whoever has the certificate's key may connect.

    authority: fingerprint of the issuer's. serial: as it stands in the certificate, big-endian. Valid from
    valid_from_ms until before valid_until_ms, unless revoked_ms is set.
    """

    authority: bytes
    party: bytes
    purpose: Purpose
    serial: bytes
    valid_from_ms: int
    valid_until_ms: int
    revoked_ms: int = 0


class PartyCertificate(Record, frozen=True):
    """Key: party (20), fingerprint (32). That the certificate was recorded for the party."""


class Changes(Record, frozen=True):
    """Key: `ONLY`. How often an authority was named or withdrawn, or a certificate revoked: what nodes watch."""

    count: int


AUTHORITIES = Table(
    number=180, name="certificate_authorities", record=Authority, key_sizes=(32,), resident=True
)
CERTIFICATES = Table(number=181, name="certificates", record=Certificate, key_sizes=(32,))
PARTY_CERTIFICATES = Table(number=182, name="party_certificates", record=PartyCertificate, key_sizes=(20, 32))
CHANGES = Table(number=183, name="certificate_changes", record=Changes, key_sizes=(1,))
