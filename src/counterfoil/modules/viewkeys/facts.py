"""What is told about the ledger's keys. Numbers 1350 to 1399.

Epochs and holders are told to everybody: a copy of the ledger and the newest root are then enough to open all of it.
"""

from __future__ import annotations

from counterfoil.modules.grants.interface import Purpose
from counterfoil.modules.viewkeys.records import Wrapping
from counterfoil.primitives.codec import Fact


class HolderAdmitted(Fact, tag=1350, frozen=True):
    """A node may execute. wrapped: the root of `epoch`, for it alone."""

    node: bytes
    opening_key: bytes
    epoch: int
    wrapped: bytes


class HolderRemoved(Fact, tag=1351, frozen=True):
    """A node is given no further root."""

    node: bytes


class KeyEpochProposed(Fact, tag=1352, frozen=True):
    """An epoch waits for its holders; told to the party that proposed it, and to each of them."""

    number: int
    commitment: bytes


class KeyEpochBegins(Fact, tag=1353, frozen=True):
    """An epoch is in force from the next block on. Fields as in `KeyEpoch`."""

    number: int
    commitment: bytes
    bundle_key: bytes
    archived: bytes
    wrappings: tuple[Wrapping, ...]
    from_height: int


class ViewKeyRaised(Fact, tag=1354, frozen=True):
    """Another key is in force for a node from this block on; told to it, and to whom it hangs under."""

    node: bytes
    counter: int


class ViewKeysChanged(Fact, tag=1355, frozen=True):
    """Somebody's view key is another one from this block on: told to everybody, so that whoever is below asks."""


class OpeningKeyRecorded(Fact, tag=1356, frozen=True):
    """A party wants its view keys and notes sealed to this key."""

    party: bytes
    opening_key: bytes


class ViewKeyGranted(Fact, tag=1357, frozen=True):
    """A party may be handed a node's view key; told to it and to whoever granted it, and to the node where the purpose
    tells those concerned."""

    node: bytes
    grantee: bytes
    by: bytes
    purpose: Purpose
    reason: str
    from_height: int
    until_ms: int


class ViewGrantEnded(Fact, tag=1358, frozen=True):
    """A grant has ended; told to the same."""

    node: bytes
    grantee: bytes
