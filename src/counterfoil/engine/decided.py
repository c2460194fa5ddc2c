"""The decided block, the same for every engine, and how it lies in the log of the embedded one."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from counterfoil.machine.feed_items import is_feed_item
from counterfoil.modules.validators.interface import Misbehaviour
from counterfoil.primitives.codec import Decoder, Record
from counterfoil.state.headers import Header


class DecidedBlock(Record):
    """What an engine decided. time_ms: block time. proposer: address of the node that put the block together.

    misbehaviour: what the engine has proven of validators. last_commit: CometBFT's CommitInfo of the block before,
    encoded. The embedded engine reports neither. items: bundles as bytes, in order; before them the feed item, if
    there is one.
    """

    height: int
    time_ms: int
    proposer: bytes
    misbehaviour: tuple[Misbehaviour, ...]
    last_commit: bytes
    items: tuple[bytes, ...]

    @property
    def feed_item(self) -> bytes:
        """The first item where it is a feed item, else b""."""
        return self.items[0] if self.items and is_feed_item(self.items[0]) else b""

    @property
    def bundles(self) -> tuple[bytes, ...]:
        """The items that are bundles."""
        return self.items[1:] if self.feed_item else self.items


class LoggedBlock(Record):
    """A decided block with the header it led to and the sealer's signature over the header's digest."""

    block: DecidedBlock
    header: Header
    seal: bytes


LOGGED_BLOCK = Decoder(LoggedBlock)


def items_digest(items: Sequence[bytes]) -> bytes:
    """Over the digests of the items, in order."""
    return sha256(b"".join(sha256(item).digest() for item in items)).digest()
