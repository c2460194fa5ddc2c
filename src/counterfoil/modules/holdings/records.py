"""What is kept about accounts and what they hold."""

from __future__ import annotations

from enum import IntEnum
from typing import cast

from counterfoil.modules.instruments.interface import INSTRUMENTS, Instrument
from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import RELATIONSHIP, digest
from counterfoil.state.tables import ListRule, Reader, Table

SIGNERS_MAX = 16
"""Addresses of one account: every one of them may have to be looked for in a transaction."""
JOINT_HOLDERS_MAX = 8
"""Holders beside the first."""
FREEZES_MAX = 16
"""Orders that stand against one account at one time."""
REGULATOR_FREEZES_MAX = 16
"""Beside them, a regulator's: nobody can crowd those out."""
REFERENCE_LENGTH_MAX = 32
"""Bytes of a reference: an object's identity or a digest."""
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: no earmark expires later."""


class AccountKind(IntEnum):
    """Whose the holdings are, as the register says.

    OWN: the owner's. CLIENT_OMNIBUS: the clients' of the owner, together. SEGREGATED: one client's, apart from its
    servicer's own. NOMINEE: held in the owner's name for others. ISSUANCE: stands against all that is issued.
    TREASURY: what the issuer holds of its own issue.
    """

    OWN = 1
    CLIENT_OMNIBUS = 2
    SEGREGATED = 3
    NOMINEE = 4
    ISSUANCE = 5
    TREASURY = 6


class AccountStatus(IntEnum):
    """A closed account stays, so that its identity is never given again."""

    OPEN = 1
    CLOSED = 2


class EarmarkReason(IntEnum):
    """Why a quantity is held but not available."""

    SETTLEMENT = 1
    PLEDGE = 2
    SUBSCRIPTION = 3
    ORDER = 4
    LOCK_UP = 5
    FREEZE = 6
    REDEMPTION = 7
    HOLDER = 8


class SubBalance(IntEnum):
    """Parts of a holding. ISSUED is the negative balance of an issuance account."""

    AVAILABLE = 0
    EARMARKED = 1
    ISSUED = 2


class Direction(IntEnum):
    """Of a posting: a credit raises what the account holds, a debit lowers it."""

    DEBIT = 0
    CREDIT = 1


class PostingReason(IntEnum):
    """Why a quantity moved."""

    ISSUED = 1
    REDEEMED = 2
    ALLOTTED = 3
    DELIVERED = 4
    PAID = 5
    MINTED = 6
    BURNED = 7
    EARMARKED = 8
    RELEASED = 9
    EXPIRED = 10
    FORCED_TRANSFER = 11
    FOUNDED = 12


class Holding(Record):
    """Key: account id, instrument id. Quantities in units of the instrument's scale, never both 0.

    Under the instrument's issuance account `available` is what is outstanding, and counts negative: all holdings of
    an instrument sum to zero.
    """

    available: int
    earmarked: int


class AccountFreeze(Record):
    """One order that stands against an account. authority: the party that placed it. order_hash: of the order (32)."""

    authority: bytes
    order_hash: bytes
    debits: bool
    credits: bool


class Account(Record):
    """Key: account id, given once for ever.

    owner, servicer: parties. relationship: what receipts of the account's business are addressed to; its own, once it
    was held jointly. handle: secret; it decides the account's place on every list. owner_handle: secret; it names the
    list of the owner's accounts. signers, threshold: addresses that dispose of the account, and how many of them must
    sign (0 of none: only the owner and its users do). servicer_instructs: the servicer may dispose of it too.
    frozen_debits, frozen_credits: whether any of the freezes says so.
    """

    owner: bytes
    servicer: bytes
    kind: AccountKind
    status: AccountStatus
    relationship: bytes
    handle: bytes
    owner_handle: bytes
    signers: tuple[bytes, ...]
    threshold: int
    joint_holders: tuple[bytes, ...]
    default_cash_account: bytes
    servicer_instructs: bool
    frozen_debits: bool
    frozen_credits: bool
    freezes: tuple[AccountFreeze, ...]
    opened_height: int


class Earmark(Record):
    """Key: earmark id (32). Part of one holding that is set aside.

    owner: who may use or release it: a party (20 bytes) or the object of a workflow (32). reference: why, in that
    owner's terms. expiry_ms: block time from which it lapses, 0 for never; a freeze never does.
    """

    account_id: bytes
    instrument_id: bytes
    reason: EarmarkReason
    owner: bytes
    quantity: int
    reference: bytes
    expiry_ms: int


class EarmarkExpiry(Record):
    """Key: time in ms (8), earmark id. That an earmark lapses at that time."""


class InstrumentTotals(Record):
    """Key: instrument id. Issued less redeemed is what is outstanding; earmarked is over all holdings.

    Where `issued` would outgrow 63 bits, both it and `redeemed` are lowered by `redeemed`. holders: accounts that hold
    anything of it, the issuance account not counted.
    """

    issued: int
    redeemed: int
    earmarked: int
    holders: int = 0


NO_TOTALS = InstrumentTotals(issued=0, redeemed=0, earmarked=0)
"""Of an instrument of which nothing was issued yet."""


class AccountContents(Record):
    """Key: account id. How many holdings the account has; absent when none."""

    holdings: int


class PartyAccounts(Record):
    """Key: party id. How many open accounts it owns, holds jointly or services; absent when none."""

    open: int


class Relationship(Record):
    """Key: relationship (20), as `relationship_of`. Whose it is; kept for ever, as accounts are.

    account: the one that it is about, where that is held jointly; b"" of what owner and servicer are to each other.
    """

    servicer: bytes
    owner: bytes
    account: bytes = b""


class PartyRelationship(Record):
    """Key: party id, relationship (20): of its servicer, kept for ever; of those who hold its account jointly, while
    they do. open: of the servicer's, how many open accounts it has."""

    open: int = 0


def relationship_of(servicer: bytes, owner: bytes, account: bytes = b"") -> bytes:
    """20 bytes: what an owner and its servicer are to each other, on which keys and receipts hang; with an account that
    is held jointly, what they and its other holders are to each other about that account alone."""
    return digest(RELATIONSHIP, servicer, owner, *((account,) if account else ()))[:20]


def relationships_of(account_id: bytes, account: Account) -> tuple[bytes, bytes]:
    """All that an account's business was ever told to: until it was first held jointly, and since then."""
    servicer, owner = account.servicer, account.owner
    return relationship_of(servicer, owner), relationship_of(servicer, owner, account_id)


def _place_on_register(reader: Reader, key: bytes, _holding: Holding) -> tuple[bytes, bytes]:
    instrument = cast(Instrument, reader.find(INSTRUMENTS, key[20:]))
    return instrument.handle, cast(Account, reader.find(ACCOUNTS, key[:20])).handle


def _place_among_accounts(_reader: Reader, _key: bytes, account: Account) -> tuple[bytes, bytes]:
    return account.owner_handle, account.handle


def _place_among_earmarks(reader: Reader, key: bytes, earmark: Earmark) -> tuple[bytes, bytes]:
    return cast(Account, reader.find(ACCOUNTS, earmark.account_id)).handle, key


REGISTER = ListRule(number=1, name="register of an instrument", place=_place_on_register)
ACCOUNTS_OF_OWNER = ListRule(number=2, name="accounts of an owner", place=_place_among_accounts)
EARMARKS_OF_ACCOUNT = ListRule(number=3, name="earmarks of an account", place=_place_among_earmarks)

HOLDINGS = Table(number=50, name="holdings", record=Holding, key_sizes=(20, 20), lists=(REGISTER,))
ACCOUNTS = Table(number=51, name="accounts", record=Account, key_sizes=(20,), lists=(ACCOUNTS_OF_OWNER,))
EARMARKS = Table(number=52, name="earmarks", record=Earmark, key_sizes=(32,), lists=(EARMARKS_OF_ACCOUNT,))
EARMARK_EXPIRIES = Table(
    number=53, name="earmark expiries", record=EarmarkExpiry, key_sizes=(8, 32), clear=8, resident=True
)
TOTALS = Table(number=54, name="instrument totals", record=InstrumentTotals, key_sizes=(20,))
CONTENTS = Table(number=55, name="account contents", record=AccountContents, key_sizes=(20,))
PARTY_ACCOUNTS = Table(number=56, name="party accounts", record=PartyAccounts, key_sizes=(20,))
RELATIONSHIPS = Table(number=57, name="relationships", record=Relationship, key_sizes=(20,))
PARTY_RELATIONSHIPS = Table(
    number=58, name="relationships of a party", record=PartyRelationship, key_sizes=(20, 20)
)
