"""What may be asked about validators. Every change is in force two blocks later."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class AddValidator(Message, tag=1600):
    """Let a member take part in consensus. By motion only.

    key: its tagged Ed25519 key (33 bytes), never in use before. power: 1 to 1,000,000,000.
    """

    party: bytes
    key: bytes
    power: int


class RemoveValidator(Message, tag=1601):
    """Let a validator take part no more. By motion only."""

    party: bytes


class SetVotingPower(Message, tag=1602):
    """Give a validator another power. By motion only."""

    party: bytes
    power: int


class RotateConsensusKey(Message, tag=1603):
    """Put another key of a validator in force, with the power that it has: by the member itself, or by motion."""

    party: bytes
    key: bytes


class ReadmitValidator(Message, tag=1604):
    """Let a suspended validator take part again, with a new key. By motion only."""

    party: bytes
    key: bytes
    power: int
