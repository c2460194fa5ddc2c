"""What may be asked about the consortium: motions and approvals by its members, weights and rules by motion."""

from __future__ import annotations

from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.codec import Message


class ProposeMotion(Message, tag=1900):
    """Put messages before the consortium; they take effect together as soon as its decision rules are met.

    parties: the members (20 bytes each) that bring it, and thereby approve it. content: the canonical encoding of the
    list of messages: 1 to 100, each of which the consortium may decide, at most 65,536 bytes. expires_ms: block time
    from which it can no longer be approved, after now and within 90 days.
    """

    parties: tuple[bytes, ...]
    content: bytes
    expires_ms: int


class ApproveMotion(Message, tag=1901):
    """Approve a motion in the name of members. motion_id: 32 bytes; it commits to the content.

    The approval that meets the rules carries the motion, all or nothing; where one of its messages is rejected, so is
    the approval.
    """

    parties: tuple[bytes, ...]
    motion_id: bytes


class WithdrawApproval(Message, tag=1902):
    """Take a member's approval back before the motion is carried; without any approval left the motion ends."""

    party: bytes
    motion_id: bytes


class SetWeight(Message, tag=1910):
    """Make a party a member of the consortium, change its weight, or end its membership. By motion only.

    weight: 0 to 1,000,000,000; −1 ends the membership.
    """

    party: bytes
    weight: int


class SetDecisionRule(Message, tag=1911):
    """Say what it takes to carry a message; fields as in the record `DecisionRule`. By motion only.

    message: its number, or 0 for all that have no rule of their own. A denominator of 0 takes the message's own rule
    away.
    """

    message: int
    numerator: int
    denominator: int
    approvals: int = 1
    roles: tuple[Role, ...] = ()
