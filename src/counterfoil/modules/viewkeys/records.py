"""What the ledger keeps about the keys of its sealing: never a key that opens anything."""

from __future__ import annotations

from counterfoil.modules.grants.interface import Purpose
from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

HOLDERS_MAX = 128
"""Nodes that execute. Each epoch carries a wrapping for every one of them."""
WRAPPED_BYTES = 113
"""Of a wrapped root: suite (1), encapsulated key (32), network secret and root (64), tag (16)."""
ARCHIVED_BYTES = 80
"""Of an archive: network secret and root (64), tag (16)."""
DIGEST_BYTES = 32
GRANTS_MAX = 16
"""Grants of one node of the tree at a time: more of them is a standing right, and belongs into the rulebook."""
REASON_LENGTH_MAX = 200
"""Characters of a stated reason."""
IN_FORCE = b"\x00"


class Wrapping(Record, frozen=True):
    """An epoch's root for one holder: holder is a node's address (20 bytes)."""

    holder: bytes
    wrapped: bytes


class KeyEpoch(Record, frozen=True):
    """One epoch, under its number (8 bytes, from 1).

    commitment: tells its root from others (32 bytes). bundle_key: public key that bundles are sealed to (32).
    archived: the root before it, under this one; b"" of the first. wrappings: for each holder, by address; none of the
    first, whose root follows from the network secret. from_height, from_ms: the first block in which it is in force,
    and the time of the block before that.
    """

    commitment: bytes
    bundle_key: bytes
    archived: bytes
    wrappings: tuple[Wrapping, ...]
    from_height: int
    from_ms: int


class EpochInForce(Record, frozen=True):
    """Which epoch is in force from the next block on, under `IN_FORCE`."""

    number: int


class ProposedEpoch(Record, frozen=True):
    """An epoch that waits for its holders, under its number (8 bytes). confirmed: addresses, ascending."""

    commitment: bytes
    bundle_key: bytes
    archived: bytes
    wrappings: tuple[Wrapping, ...]
    confirmed: tuple[bytes, ...]


class Holder(Record, frozen=True):
    """A node that executes, under its address (20 bytes).

    opening_key: its public key (32 bytes). epoch, wrapped: of one admitted after the founding, the root that was in
    force then; 0 and b"" of the others.
    """

    opening_key: bytes
    epoch: int = 0
    wrapped: bytes = b""


class RecordedKey(Record, frozen=True):
    """The public key (32 bytes) to which a party has its view keys and its notes sealed, under the party (20)."""

    opening_key: bytes


class ViewNode(Record, frozen=True):
    """A node of the tree (20 bytes) whose key was raised or granted; absent where neither ever happened.

    counter: how often it was raised. grants: those that run.
    """

    counter: int
    grants: int = 0


class ViewGrant(Record, frozen=True):
    """That somebody may be handed a view key, under its node (20) and the grantee, a party (20).

    by: the party that granted it. purpose: by the terms of grants. reason: in words. from_height: the first block whose
    receipts it opens; 0 for everything before too. until_ms: when it ends. granted_height: the block in which it was
    given.
    """

    by: bytes
    purpose: Purpose
    reason: str
    from_height: int
    until_ms: int
    granted_height: int


class ViewGrantEnd(Record, frozen=True):
    """That a grant ends, under the time (8), the node (20) and the grantee (20)."""


class ViewGrantOf(Record, frozen=True):
    """That a party, or one below it, has a grant: under that party (20), the node (20) and the grantee (20)."""


class StoppedParty(Record, frozen=True):
    """That a party was stopped, and some keys that it and those below were granted are still to be raised, under the
    party (20). after: the last node (20 bytes) whose key was; b"" before the first."""

    after: bytes


KEY_EPOCHS = Table(number=130, name="key_epochs", record=KeyEpoch, key_sizes=(8,))
EPOCH_IN_FORCE = Table(number=131, name="key_epoch_in_force", record=EpochInForce, key_sizes=(1,))
PROPOSED_EPOCHS = Table(
    number=132, name="proposed_key_epochs", record=ProposedEpoch, key_sizes=(8,), resident=True
)
HOLDERS = Table(number=133, name="root_holders", record=Holder, key_sizes=(20,), resident=True)
OPENING_KEYS = Table(number=134, name="opening_keys", record=RecordedKey, key_sizes=(20,))
VIEW_NODES = Table(number=135, name="view_nodes", record=ViewNode, key_sizes=(20,))
VIEW_GRANTS = Table(number=136, name="view_grants", record=ViewGrant, key_sizes=(20, 20))
VIEW_GRANT_ENDS = Table(
    number=137, name="view_grant_ends", record=ViewGrantEnd, key_sizes=(8, 20, 20), clear=8, resident=True
)
VIEW_GRANTS_OF = Table(
    number=138, name="view_grants_of", record=ViewGrantOf, key_sizes=(20, 20, 20), resident=True
)
STOPPED_PARTIES = Table(
    number=139, name="stopped_parties", record=StoppedParty, key_sizes=(20,), resident=True
)


def epoch_key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def end_key(until_ms: int, node: bytes, grantee: bytes) -> bytes:
    return until_ms.to_bytes(8, "big") + node + grantee
