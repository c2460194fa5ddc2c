"""What custodians send. Numbers 1500 to 1549."""

from __future__ import annotations

from counterfoil.modules.custodians.records import TrailEntry
from counterfoil.primitives.codec import Message


class RecordTrail(Message, tag=1500):
    """Put the next entries of a custodian's trail on the ledger.

    custodian: party (20 bytes). after: how many entries stand on the ledger; head: the head of their chain (32 bytes,
    zeros before the first). entries: 1 to 200, in the order in which they were made.
    """

    custodian: bytes
    after: int
    head: bytes
    entries: tuple[TrailEntry, ...]
