"""What is told about parties. Numbers 250 to 299.

A party's facts are told to the party, to its sponsor and to the authority that acted; a signer's to its address.
"""

from __future__ import annotations

from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.primitives.codec import Fact


class PartyApplied(Fact, tag=250, frozen=True):
    """An application waits for its sponsor until lapses_ms."""

    party: bytes
    sponsor: bytes
    roles: tuple[Role, ...]
    lapses_ms: int


class PartyEnrolled(Fact, tag=251, frozen=True):
    """A sponsor admitted a party without an application."""

    party: bytes
    sponsor: bytes
    roles: tuple[Role, ...]
    status: PartyStatus


class ApplicationEnded(Fact, tag=252, frozen=True):
    """An application was refused, or lapsed (then without a reason)."""

    party: bytes
    sponsor: bytes
    reason: str


class PartyStatusChanged(Fact, tag=253, frozen=True):
    """A party took a step in its life."""

    party: bytes
    before: PartyStatus
    after: PartyStatus
    authority: bytes
    reason: str


class PartyAmended(Fact, tag=254, frozen=True):
    """A party's public name or LEI changed."""

    party: bytes
    name: str
    lei: str


class IdentityVerified(Fact, tag=255, frozen=True):
    """A licensed agent verified who a party is."""

    party: bytes
    agent: bytes


class FourEyesNamed(Fact, tag=256, frozen=True):
    """For these message types a party demands two pairs of eyes from now on."""

    party: bytes
    message_types: tuple[int, ...]


class KeysInForce(Fact, tag=257, frozen=True):
    """These keys are in force for an address; recovered: the approvers put them there."""

    address: bytes
    threshold: int
    keys: tuple[bytes, ...]
    recovered: bool


class RecoveryNamed(Fact, tag=258, frozen=True):
    """These addresses may rotate a signer's keys together."""

    address: bytes
    recovery: tuple[bytes, ...]
    recovery_threshold: int


class RecoveryApproved(Fact, tag=275, frozen=True):
    """Approvers want these keys in force for an address. approvals: of all who want the same; lapses_ms: of theirs."""

    address: bytes
    threshold: int
    keys: tuple[bytes, ...]
    approvers: tuple[bytes, ...]
    approvals: int
    recovery_threshold: int
    lapses_ms: int


class RecoveryWithdrawn(Fact, tag=276, frozen=True):
    """These approvals of a recovery no longer count. by: an approver, or the address itself."""

    address: bytes
    approvers: tuple[bytes, ...]
    by: bytes


class MandateGranted(Fact, tag=259, frozen=True):
    """A user may act for a party, as the record says."""

    party: bytes
    user: bytes


class MandateRevoked(Fact, tag=260, frozen=True):
    """A user may no longer act for a party."""

    party: bytes
    user: bytes
