"""What is told about real names. Numbers 1450 to 1499.

A tag is told to the registrar that made it, and to nobody else.
"""

from __future__ import annotations

from counterfoil.modules.identities.records import Level, Suite
from counterfoil.primitives.codec import Fact


class IdentityRegistrarAppointed(Fact, tag=1450, frozen=True):
    """A version of an identity registrar's key is in force; from demanded_from_ms on its attestations are needed."""

    registrar: bytes
    suite: Suite
    public_key: bytes
    key_version: int
    demanded_from_ms: int


class LicenceRecorded(Fact, tag=1451, frozen=True):
    """A member may verify who its clients are."""

    agent: bytes
    authority: bytes
    reference: str
    valid_from_ms: int
    valid_until_ms: int


class LicenceWithdrawn(Fact, tag=1452, frozen=True):
    """A member may no longer verify who its clients are."""

    agent: bytes
    authority: bytes
    reason: str


class PersonAttested(Fact, tag=1453, frozen=True):
    """To the registrar: what it attested, tag and handle together."""

    registrar: bytes
    tag: bytes
    key_version: int
    agent: bytes
    handle: bytes


class IdentityAttested(Fact, tag=1454, frozen=True):
    """To the agent: the handle may be used for a party until lapses_ms."""

    agent: bytes
    handle: bytes
    registrar: bytes
    lapses_ms: int


class AttestationLapsed(Fact, tag=1455, frozen=True):
    """Nobody used an attestation in time."""

    agent: bytes
    handle: bytes


class VerificationRecorded(Fact, tag=1456, frozen=True):
    """An agent has verified who a party is."""

    party: bytes
    agent: bytes
    level: Level
    evidence_hash: bytes
    expires_ms: int


class VerificationWithdrawn(Fact, tag=1457, frozen=True):
    """A verification has ended before it expired."""

    party: bytes
    authority: bytes
    reason: str
