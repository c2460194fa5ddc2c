"""What may be asked about validators. Every change is in force two blocks later."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class AddValidator(Message, tag=1600):
    """Let a member take part in consensus. By motion only.

    key: its tagged Ed25519 key (33 bytes), never in use before. power: 1 to 1,000,000,000. possession: that key's
    signature (64 bytes) over the ledger's chain id, the party and the key, each with its length before it (4 bytes),
    after the tag 056b.
    """

    party: bytes
    key: bytes
    power: int
    possession: bytes = b""


class RemoveValidator(Message, tag=1601):
    """Let a validator take part no more. By motion only."""

    party: bytes


class SetVotingPower(Message, tag=1602):
    """Give a validator another power. By motion only."""

    party: bytes
    power: int


class RotateConsensusKey(Message, tag=1603):
    """Put another key of a validator in force, with the power that it has: by the member itself, or by motion.

    possession: of the new key, as in AddValidator.
    """

    party: bytes
    key: bytes
    possession: bytes = b""


class ReadmitValidator(Message, tag=1604):
    """Let a suspended validator take part again, with a new key. By motion only.

    possession: of the new key, as in AddValidator.
    """

    party: bytes
    key: bytes
    power: int
    possession: bytes = b""
