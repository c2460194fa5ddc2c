"""What the ledger keeps about the consortium: its members and their weights, how it decides, what is before it."""

from __future__ import annotations

from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

PARTY_ID_SIZE = 20
MOTION_ID_SIZE = 32
MEMBERS_MAX = 64
"""A motion's approvals are counted over all members."""
WEIGHT_MAX = 10**9
DENOMINATOR_MAX = 1_000
MOTION_DAYS_MAX = 90
"""Days of block time that a motion may wait: longer than any round of approvals, shorter than anybody forgets."""
MOTION_MS_MAX = MOTION_DAYS_MAX * 86_400_000
CONTENT_BYTES_MAX = 65_536
MOVED_MESSAGES_MAX = 100
"""Messages of one motion: they all run in the action of the approval that carries it."""
OPEN_MOTIONS_MAX = 20
"""Open motions of one member: who floods must not hide what the others bring."""
ANY_MESSAGE = 0
"""In place of a message's number: the rule for all that have none of their own."""


class Member(Record):
    """A member of the consortium, under its party (20 bytes).

    weight: of its approval. A member of weight 0 counts for its role alone, as a regulator may.
    """

    weight: int


class DecisionRule(Record):
    """What it takes to carry a message, under the message's number (4 bytes), or `ANY_MESSAGE` for all others.

    The weight of those who approve must be more than numerator / denominator of all members' weight; they must be
    `approvals` members at least; and for each of `roles` (ascending) one of them must have it.
    """

    numerator: int
    denominator: int
    approvals: int = 1
    roles: tuple[Role, ...] = ()


class Motion(Record):
    """Messages on which the members decide, under its id (32 bytes).

    content: their canonical encoding. message_tags: their numbers, in order, repeated here so that an approval need
    not take the content apart. proposer: the first member that brought it. expires_ms: block time from which it can
    no longer be approved.
    """

    content: bytes
    message_tags: tuple[int, ...]
    proposer: bytes
    height: int
    time_ms: int
    expires_ms: int


class MotionApproval(Record):
    """A member's approval, under the motion's id (32 bytes) and the member's party (20 bytes).

    signers: the addresses that gave it in the member's name. rotations: how often, in all, their keys had been
    replaced. Once any is replaced again it counts no longer, since whoever gave it need not hold the keys in force.
    """

    height: int
    time_ms: int
    signers: tuple[bytes, ...]
    rotations: int


class MotionLapse(Record):
    """When a motion lapses, under the moment (time_ms, 8 bytes) and its id (32 bytes)."""

    proposer: bytes


MEMBERS = Table(
    number=150, name="consortium_members", record=Member, key_sizes=(PARTY_ID_SIZE,), resident=True
)
DECISION_RULES = Table(
    number=151, name="decision_rules", record=DecisionRule, key_sizes=(4,), clear=4, resident=True
)
MOTIONS = Table(number=152, name="motions", record=Motion, key_sizes=(MOTION_ID_SIZE,))
MOTION_APPROVALS = Table(
    number=153,
    name="motion_approvals",
    record=MotionApproval,
    key_sizes=(MOTION_ID_SIZE, PARTY_ID_SIZE),
)
MOTION_LAPSES = Table(
    number=154,
    name="motion_lapses",
    record=MotionLapse,
    key_sizes=(8, MOTION_ID_SIZE),
    clear=8,
    resident=True,
)


def rule_key(message_tag: int) -> bytes:
    return message_tag.to_bytes(4, "big")


def lapse_key(expires_ms: int, motion_id: bytes) -> bytes:
    return expires_ms.to_bytes(8, "big") + motion_id
