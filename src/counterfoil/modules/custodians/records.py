"""What the ledger keeps of a custodian's trail."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

ENTRIES_MAX = 200
"""Entries of one message: some 30 kB; a custodian that signs more at once sends several."""
APPROVERS_MAX = 16
USER_TAG_SIZE = 16
DIGEST_SIZE = 32
ADDRESS_SIZE = 20


class UseKind(IntEnum):
    """What a key was used for, or what else the custodian has to say."""

    TRANSACTION = 1
    READING = 2
    PUBLICATION = 3
    INTERRUPTED = 4
    ADMINISTRATION = 5
    OPENING = 6


class TrailEntry(Record, frozen=True):
    """One line of a trail.

    time_ms: by the custodian's clock. key: address of the key (20 bytes), b"" for an administration. subject: 32 bytes,
    of a transaction its id, else the digest of what was signed or decided; of an interruption the subject of the entry
    that the custodian cannot say of whether its signature left. policy: digest of the policy in force. user, approvers:
    tags (16 bytes) of the custodian's users; whose they are is in its books and not on the ledger.
    """

    time_ms: int
    kind: UseKind
    key: bytes
    subject: bytes
    policy: bytes
    user: bytes
    approvers: tuple[bytes, ...] = ()


class Trail(Record, frozen=True):
    """How many entries of a custodian (party, 20 bytes) are on the ledger, and the head of their chain (32 bytes)."""

    entries: int
    head: bytes


TRAILS = Table(number=112, name="custody_trails", record=Trail, key_sizes=(20,))
