"""What can be asked about real names. Numbers 1400 to 1449."""

from __future__ import annotations

from counterfoil.modules.identities.records import Level, Suite
from counterfoil.primitives.codec import Message


class AppointIdentityRegistrar(Message, tag=1400, frozen=True):
    """Put a version of an identity registrar's key in force, beside the earlier ones.

    key_version: one more than the newest. demanded_from_ms: from when on an investor becomes active, has accounts
    opened and buys only with a verification that stands on a registrar's attestation; stated anew each time.
    """

    regulator: bytes
    registrar: bytes
    suite: Suite
    public_key: bytes
    key_version: int
    demanded_from_ms: int


class RecordLicence(Message, tag=1401, frozen=True):
    """Record that a member may verify who its clients are; stated anew, in place of an earlier licence."""

    regulator: bytes
    agent: bytes
    reference: str
    valid_from_ms: int = 0
    valid_until_ms: int = 0


class WithdrawLicence(Message, tag=1402, frozen=True):
    """End a licence at once. What the agent verified before stays in force until it expires."""

    regulator: bytes
    agent: bytes
    reason: str


class AttestIdentity(Message, tag=1403, frozen=True):
    """A registrar attests that it knows the person whom an agent has asked about.

    tag: of the person under the key version; handle: what the agent will call it by. same_as: another tag of the same
    person, under an earlier key version or for another paper, b"" for none.
    """

    registrar: bytes
    key_version: int
    tag: bytes
    agent: bytes
    handle: bytes
    same_as: bytes = b""


class RecordVerification(Message, tag=1404, frozen=True):
    """A licensed agent states that a party below it is the person of a handle; fields as in `Verification`."""

    agent: bytes
    party: bytes
    handle: bytes
    level: Level
    evidence_hash: bytes
    expires_ms: int
    pointer: bytes = b""


class WithdrawVerification(Message, tag=1405, frozen=True):
    """End a verification before it expires, by anybody above the party."""

    authority: bytes
    party: bytes
    reason: str
