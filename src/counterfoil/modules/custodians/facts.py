"""What is told about custodians' trails. Numbers 1550 to 1599."""

from __future__ import annotations

from counterfoil.modules.custodians.records import TrailEntry
from counterfoil.primitives.codec import Fact


class TrailRecorded(Fact, tag=1550):
    """So many entries of the custodian are on the ledger now, with this head. Told to the custodian."""

    custodian: bytes
    entries: int
    head: bytes


class KeyUsed(Fact, tag=1551):
    """A custodian used a key, or cannot say whether it did. number: of the entry. Told to the key's address."""

    custodian: bytes
    number: int
    entry: TrailEntry
