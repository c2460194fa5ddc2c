"""What the module tells: to the account's relationship, and of quantities to the instrument's issuer too."""

from __future__ import annotations

from counterfoil.modules.holdings.records import (
    AccountKind,
    Direction,
    EarmarkReason,
    PostingReason,
    SubBalance,
)
from counterfoil.primitives.codec import Fact


class Posting(Fact, tag=550):
    """One side of a double entry. Quantities in units of the instrument's scale.

    reference: the instruction, trade, earmark or order behind it. balance_after: of that sub-balance of the holding;
    of ISSUED, what is outstanding.
    """

    account_id: bytes
    instrument_id: bytes
    sub_balance: SubBalance
    direction: Direction
    quantity: int
    reason: PostingReason
    reference: bytes
    balance_after: int


class EarmarkPlaced(Fact, tag=551):
    """Part of a holding was set aside. expiry_ms: 0 where it does not lapse."""

    earmark_id: bytes
    account_id: bytes
    instrument_id: bytes
    reason: EarmarkReason
    owner: bytes
    quantity: int
    reference: bytes
    expiry_ms: int


class EarmarkReduced(Fact, tag=552):
    """An earmark was used or released, in part or whole; remaining 0 means that it ended."""

    earmark_id: bytes
    remaining: int


class AccountOpened(Fact, tag=553):
    """An account was opened."""

    account_id: bytes
    owner: bytes
    servicer: bytes
    kind: AccountKind


class AccountAmended(Fact, tag=554):
    """Signers, joint holders, default cash account or the servicer's power to instruct were set anew."""

    account_id: bytes
    signers: tuple[bytes, ...]
    threshold: int
    joint_holders: tuple[bytes, ...]
    default_cash_account: bytes
    servicer_instructs: bool


class AccountFrozen(Fact, tag=555):
    """An order stands against the account."""

    account_id: bytes
    authority: bytes
    order_hash: bytes
    debits: bool
    credits: bool


class AccountUnfrozen(Fact, tag=556):
    """An order was lifted."""

    account_id: bytes
    authority: bytes
    order_hash: bytes


class AccountClosed(Fact, tag=557):
    """An account was closed; its identity is never given again."""

    account_id: bytes


class AccountHeldJointly(Fact, tag=559):
    """From now on an account's business is told apart from what else owner and servicer are to each other: it is, or
    was, held jointly, and its other holders read it, too."""

    account_id: bytes
    owner: bytes
    servicer: bytes


class TransferredByOrder(Fact, tag=558):
    """A holding was moved without its owner. order_hash: SHA-256 of the order's text, the postings' reference."""

    authority: bytes
    instrument_id: bytes
    quantity: int
    order_hash: bytes
