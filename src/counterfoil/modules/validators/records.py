"""What the ledger keeps about validators: who they are now, each set that was in force, keys, misbehaviour."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

PARTY_ID_SIZE = 20
CONSENSUS_ADDRESS_SIZE = 20
EFFECT_AFTER = 2
"""Heights after which a change is in force: CometBFT fixes the next block's set before it executes this one."""
VALIDATORS_MAX = 100
VOTING_POWER_MAX = 10**9
"""With as many validators as may be, far below CometBFT's limit of 2^60 for the whole set."""
ROTATION_INTERVAL_MS = 3_600_000
"""A member rotates its own key no more often: each rotation is a set of its own, which is kept for ever."""
HEIGHT_MAX = 2**63 - 1


class ValidatorStatus(IntEnum):
    """Suspended: it signed twice, has no power, and returns by a motion alone."""

    ACTIVE = 1
    SUSPENDED = 2


class MisbehaviourKind(IntEnum):
    """What the engine can prove of a validator; the numbers are CometBFT's."""

    DUPLICATE_VOTE = 1
    LIGHT_CLIENT_ATTACK = 2


class Validator(Record):
    """A member that takes part in consensus, under its party (20 bytes).

    key: its tagged Ed25519 key. power: 0 while it is suspended. since_height: the block in which its present admission
    was decided; what it did before was known then. rotated_ms: when it last rotated its key by itself, 0 for never.
    """

    key: bytes
    power: int
    status: ValidatorStatus
    since_height: int
    rotated_ms: int = 0


class SetEntry(Record):
    """One validator of a set: its party, its tagged key, its power (above 0)."""

    party: bytes
    key: bytes
    power: int


class ValidatorSet(Record):
    """The validators of every block from a height on (8 bytes) until the next set's, the greatest power first."""

    entries: tuple[SetEntry, ...]


class ConsensusKey(Record):
    """Whose a consensus key is or was, under its address (20 bytes): for reports, and so that none is used twice."""

    party: bytes
    key: bytes
    height: int


class Misbehaviour(Record):
    """What an engine reports with a decided block.

    address: of the validator's key. height, time_ms: of the block about which it misbehaved. total_power: of the set
    of that height.
    """

    kind: MisbehaviourKind
    address: bytes
    height: int
    time_ms: int
    total_power: int


class RecordedMisbehaviour(Record):
    """Under its height (8 bytes), the validator's address (20 bytes) and its kind (1 byte).

    reported_height: of the block that brought it. suspended: whether it cost the party its power then.
    """

    party: bytes
    time_ms: int
    total_power: int
    reported_height: int
    suspended: bool


VALIDATORS = Table(number=160, name="validators", record=Validator, key_sizes=(PARTY_ID_SIZE,), resident=True)
VALIDATOR_SETS = Table(
    number=161, name="validator_sets", record=ValidatorSet, key_sizes=(8,), clear=8, resident=True
)
CONSENSUS_KEYS = Table(
    number=162, name="consensus_keys", record=ConsensusKey, key_sizes=(CONSENSUS_ADDRESS_SIZE,)
)
MISBEHAVIOURS = Table(
    number=163,
    name="misbehaviours",
    record=RecordedMisbehaviour,
    key_sizes=(8, CONSENSUS_ADDRESS_SIZE, 1),
    clear=8,
)


def height_key(height: int) -> bytes:
    return height.to_bytes(8, "big")
