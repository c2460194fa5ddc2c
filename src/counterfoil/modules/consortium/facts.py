"""What happened in the consortium. Each is told to all its members."""

from __future__ import annotations

from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.codec import Fact


class MotionProposed(Fact, tag=1950):
    """Messages were put before the consortium. content_digest: SHA-256 of the content (32 bytes), which is read from
    the state. message_tags: their numbers, in order. parties: the members that brought it."""

    motion_id: bytes
    content_digest: bytes
    message_tags: tuple[int, ...]
    parties: tuple[bytes, ...]
    expires_ms: int


class MotionApproved(Fact, tag=1951):
    """Members have approved. weight: of all approvals that count now, of `total`."""

    motion_id: bytes
    parties: tuple[bytes, ...]
    weight: int
    total: int


class ApprovalWithdrawn(Fact, tag=1952):
    """A member took its approval back."""

    motion_id: bytes
    party: bytes


class MotionCarried(Fact, tag=1953):
    """The rules were met and the messages took effect; their own facts follow. approving: whose approvals counted."""

    motion_id: bytes
    approving: tuple[bytes, ...]


class MotionEnded(Fact, tag=1954):
    """The motion had no effect: its time was over (lapsed), or its last approval was withdrawn."""

    motion_id: bytes
    lapsed: bool


class WeightSet(Fact, tag=1955):
    """A party's weight in the consortium; −1 where its membership ended. Told to the party too."""

    party: bytes
    weight: int


class DecisionRuleSet(Fact, tag=1956):
    """What it takes to carry a message; as in the record. A denominator of 0: as for all others again."""

    message: int
    numerator: int
    denominator: int
    approvals: int
    roles: tuple[Role, ...]
