"""What others may ask about custodians' trails, and how a trail is chained: by ledger and custodian alike."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.modules.custodians.records import DIGEST_SIZE, ENTRIES_MAX, Trail, TrailEntry, UseKind
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import TRAIL_ENTRY, digest

__all__ = ["ENTRIES_MAX", "FIRST_HEAD", "Trail", "TrailEntry", "UseKind", "next_head"]

FIRST_HEAD = bytes(DIGEST_SIZE)
"""The head of a trail without entries."""


def next_head(head: bytes, entries: Iterable[TrailEntry]) -> bytes:
    """The head (32 bytes) after these entries: each is hashed with all before it."""
    for entry in entries:
        head = digest(TRAIL_ENTRY, head, encode(entry))
    return head
