"""The decided block, the same for every engine, and how it lies in the log of the embedded one."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from counterfoil.primitives.codec import Decoder, Record
from counterfoil.state.headers import Header


class DecidedBlock(Record):
    """What an engine decided. items: bundles as bytes, in order. misbehaviour, last_commit: empty when embedded.

    proposer: address of the node that put the block together. time_ms: block time.
    """

    height: int
    time_ms: int
    proposer: bytes
    misbehaviour: tuple[bytes, ...]
    last_commit: bytes
    items: tuple[bytes, ...]


class LoggedBlock(Record):
    """A decided block with the header it led to and the sealer's signature over the header's digest."""

    block: DecidedBlock
    header: Header
    seal: bytes


LOGGED_BLOCK = Decoder(LoggedBlock)


def items_digest(items: Sequence[bytes]) -> bytes:
    """Over the digests of the items, in order."""
    return sha256(b"".join(sha256(item).digest() for item in items)).digest()
