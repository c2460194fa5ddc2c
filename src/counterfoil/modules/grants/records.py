"""What the ledger keeps about views that were granted, and about the logs of those who looked."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

PARTY_ID_SIZE = 20
GRANT_ID_SIZE = 32
HEAD_SIZE = 32
GRANT_DAYS_MAX = 731
"""Days of block time that a grant may last: two years, after which somebody decides anew."""
GRANT_MS_MAX = GRANT_DAYS_MAX * 86_400_000
GRANTS_MAX = 1_000
"""Grants in force of one grantor: who floods must not fill the ledger."""
NODES_MAX = 64
"""Nodes of one party whose logs of reads are recorded."""


class Scope(IntEnum):
    """What a grant shows.

    PARTY: everything of which the party itself is a side: its details and history, what it owns or services, its
    trades and instructions, its receipts. ACCOUNT: one account and its business. REGISTER: one instrument's. MARKET:
    the trades and instructions of one market.
    """

    PARTY = 1
    ACCOUNT = 2
    REGISTER = 3
    MARKET = 4


class Purpose(IntEnum):
    """What a grant is for. It decides who may give it to whom, and who is told; see `PURPOSES`."""

    AUDIT = 1
    CUSTODY = 2
    INVESTIGATION = 3
    DISCLOSURE = 4


class Place(IntEnum):
    """Where a grantor stands to what it shows.

    HOLDER: it is the holder's own: the party itself, the account's owner, the issuer. KEEPER: who keeps it: the
    account's servicer, the registrar, the market's operator. AUTHORITY: a regulator.
    """

    HOLDER = 1
    KEEPER = 2
    AUTHORITY = 3


class PurposeTerms(NamedTuple):
    """scopes: what may be shown. givers: by whom. receivers: to parties with one of these roles.

    tells_concerned: whether those who are looked at are told. asks_holders: whether a keeper needs their consent.
    """

    scopes: tuple[Scope, ...]
    givers: tuple[Place, ...]
    receivers: tuple[Role, ...]
    tells_concerned: bool
    asks_holders: bool = False


CUSTODIANS = (
    *(Role.DEPOSITORY, Role.SECURITIES_COMPANY, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK, Role.TRUSTEE),
    Role.OPERATOR,
)
"""Who may service accounts."""

PURPOSES: dict[Purpose, PurposeTerms] = {
    Purpose.AUDIT: PurposeTerms(tuple(Scope), tuple(Place), (Role.AUDITOR,), True),
    Purpose.CUSTODY: PurposeTerms(
        (Scope.ACCOUNT,), (Place.HOLDER, Place.KEEPER), CUSTODIANS, True, asks_holders=True
    ),
    Purpose.INVESTIGATION: PurposeTerms(
        tuple(Scope), (Place.AUTHORITY,), (Role.REGULATOR, Role.AUDITOR, Role.NOTARY), False
    ),
    Purpose.DISCLOSURE: PurposeTerms((Scope.ACCOUNT,), (Place.HOLDER,), tuple(Role), True),
}
"""Who may grant what to whom, and who hears of it."""


class Grant(Record):
    """A view of something, for one party, under the grant's id (32 bytes).

    shown: the party, account or instrument (20 bytes), or the market's code (ASCII). Data is shown as of the period
    from period_from_ms until before period_until_ms (0: without end); the grant itself ends at valid_until_ms.
    granted_height: the block in which it was given.
    """

    grantor: bytes
    grantee: bytes
    scope: Scope
    shown: bytes
    purpose: Purpose
    period_from_ms: int
    period_until_ms: int
    valid_until_ms: int
    granted_height: int


class View(Record):
    """That a grantee has a grant, under grantee (20), what is shown (20, a code padded with zeros) and grant (32)."""


class Lapse(Record):
    """When a grant lapses, under the moment (time_ms, 8 bytes) and the grant's id (32 bytes)."""


class GrantsOf(Record):
    """How many grants of a grantor (its party id) are in force; absent for none."""

    count: int


class ReadLog(Record):
    """How far a node's log of reads was when it was recorded last, under party (20) and the node's address (20).

    entries: how many it had. head: the digest that the last of them leads to (32 bytes). time_ms: block time of then.
    """

    entries: int
    head: bytes
    time_ms: int


GRANTS = Table(number=120, name="grants", record=Grant, key_sizes=(GRANT_ID_SIZE,))
VIEWS = Table(number=121, name="granted views", record=View, key_sizes=(20, 20, GRANT_ID_SIZE), resident=True)
LAPSES = Table(
    number=122, name="grant lapses", record=Lapse, key_sizes=(8, GRANT_ID_SIZE), clear=8, resident=True
)
GRANTS_OF = Table(
    number=123, name="grants of a grantor", record=GrantsOf, key_sizes=(PARTY_ID_SIZE,), resident=True
)
READ_LOGS = Table(
    number=124, name="logs of reads", record=ReadLog, key_sizes=(PARTY_ID_SIZE, 20), resident=True
)


def view_prefix(grantee: bytes, shown: bytes) -> bytes:
    """What the keys of all views of one thing by one grantee begin with (40 bytes)."""
    return grantee + shown.ljust(20, b"\0")


def view_key(grant_id: bytes, grant: Grant) -> bytes:
    return view_prefix(grant.grantee, grant.shown) + grant_id


def lapse_key(grant_id: bytes, grant: Grant) -> bytes:
    return grant.valid_until_ms.to_bytes(8, "big") + grant_id
