"""What happened to validators. Everybody may know. from_height: the first block with the changed set."""

from __future__ import annotations

from counterfoil.modules.validators.records import MisbehaviourKind
from counterfoil.primitives.codec import Fact


class ValidatorAdded(Fact, tag=1650):
    """A member takes part in consensus."""

    party: bytes
    key: bytes
    power: int
    from_height: int


class ValidatorRemoved(Fact, tag=1651):
    """A member takes part in consensus no more."""

    party: bytes
    from_height: int


class VotingPowerSet(Fact, tag=1652):
    """A validator has another power."""

    party: bytes
    power: int
    from_height: int


class ConsensusKeyRotated(Fact, tag=1653):
    """A validator signs with another key."""

    party: bytes
    key: bytes
    from_height: int


class ValidatorReadmitted(Fact, tag=1654):
    """A suspended validator takes part again."""

    party: bytes
    key: bytes
    power: int
    from_height: int


class MisbehaviourRecorded(Fact, tag=1655):
    """The engine proved that a validator signed two things of which only one can be true.

    consensus_address: of the key that signed. height: about which block. suspended: whether that cost it its power.
    """

    party: bytes
    consensus_address: bytes
    kind: MisbehaviourKind
    height: int
    suspended: bool
