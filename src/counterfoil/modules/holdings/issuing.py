"""Issuing and redeeming: double entries against the instrument's issuance account."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.marks import count_contents, count_holdings
from counterfoil.modules.holdings.records import (
    NO_TOTALS,
    Account,
    AccountKind,
    AccountStatus,
    Direction,
    Holding,
    PostingReason,
    SubBalance,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected, ensure

_AVAILABLE, _ISSUED = SubBalance.AVAILABLE, SubBalance.ISSUED
_DEBIT, _CREDIT = Direction.DEBIT, Direction.CREDIT


def issue(
    books: HoldingsBooks,
    context: ActionContext,
    instrument_id: bytes,
    instrument: Instrument,
    to_id: bytes,
    to: Account,
    quantity: int,
    reason: PostingReason,
    reference: bytes,
) -> None:
    """Create `quantity`: the issuance account is debited, the other credited."""
    contra_id = instrument.issuance_account
    contra = _require_issuance_account(books, instrument, to_id, quantity)
    contra_key, to_key = contra_id + instrument_id, to_id + instrument_id
    outstanding = _available(books, contra_key) + quantity
    if outstanding > AMOUNT_MAX:
        raise Rejected(HoldingsReject.ISSUED_QUANTITY_IS_TOO_LARGE, outstanding=outstanding)

    now = _available(books, to_key) + quantity
    _write_contra(books, contra_id, contra_key, outstanding)
    _write(books, to_id, instrument_id, now)
    context.credited.append(to_key)
    _count_issued(books, instrument_id, quantity, 0)
    debit = Posting(contra_id, instrument_id, _ISSUED, _DEBIT, quantity, reason, reference, outstanding)
    credit = Posting(to_id, instrument_id, _AVAILABLE, _CREDIT, quantity, reason, reference, now)
    context.tell(debit, contra.relationship, instrument.issuer)
    context.tell(credit, to.relationship, instrument.issuer)


def redeem(
    books: HoldingsBooks,
    context: ActionContext,
    instrument_id: bytes,
    instrument: Instrument,
    from_id: bytes,
    from_: Account,
    quantity: int,
    reason: PostingReason,
    reference: bytes,
) -> None:
    """End `quantity` of what is available in an account: it is debited, the issuance account credited."""
    contra_id = instrument.issuance_account
    contra = _require_issuance_account(books, instrument, from_id, quantity)
    contra_key, from_key = contra_id + instrument_id, from_id + instrument_id
    left = _available(books, from_key) - quantity
    if left < 0:
        raise Rejected(
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            account=from_id,
            instrument=instrument_id,
            available=left + quantity,
            quantity=quantity,
        )

    outstanding = _available(books, contra_key) - quantity
    ensure(outstanding >= 0, "what is held was issued")
    _write_contra(books, contra_id, contra_key, outstanding)
    _write(books, from_id, instrument_id, left)
    _count_issued(books, instrument_id, 0, quantity)
    credit = Posting(contra_id, instrument_id, _ISSUED, _CREDIT, quantity, reason, reference, outstanding)
    debit = Posting(from_id, instrument_id, _AVAILABLE, _DEBIT, quantity, reason, reference, left)
    context.tell(credit, contra.relationship, instrument.issuer)
    context.tell(debit, from_.relationship, instrument.issuer)


def _require_issuance_account(
    books: HoldingsBooks, instrument: Instrument, other_id: bytes, quantity: int
) -> Account:
    if not 0 < quantity <= AMOUNT_MAX:
        raise Rejected(HoldingsReject.QUANTITY_IS_OUT_OF_RANGE, quantity=quantity)
    account = books.accounts.find(instrument.issuance_account)
    if (
        account is None
        or account.status is not AccountStatus.OPEN
        or account.kind is not AccountKind.ISSUANCE
        or account.owner != instrument.issuer
    ):
        raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_IS_WRONG, account=instrument.issuance_account)
    if other_id == instrument.issuance_account:
        raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=other_id)
    return account


def _available(books: HoldingsBooks, key: bytes) -> int:
    holding = books.holdings.find(key)
    return holding.available if holding is not None else 0


def _write(books: HoldingsBooks, account_id: bytes, instrument_id: bytes, available: int) -> None:
    """Set what is available of a holding, which begins or ends with it where nothing is earmarked."""
    key = account_id + instrument_id
    before = books.holdings.find(key)
    earmarked = before.earmarked if before is not None else 0
    if available or earmarked:
        books.holdings.put(key, Holding(available, earmarked))
        if before is None:
            count_holdings(books, account_id, instrument_id, 1)
    else:
        books.holdings.delete(key)
        count_holdings(books, account_id, instrument_id, -1)


def _write_contra(books: HoldingsBooks, account_id: bytes, key: bytes, outstanding: int) -> None:
    """Set what is outstanding: the issuance account's negative balance, which is nobody's holding."""
    is_new = books.holdings.find(key) is None
    if outstanding:
        books.holdings.put(key, Holding(outstanding, 0))
        if is_new:
            count_contents(books, account_id, 1)
    else:
        books.holdings.delete(key)
        count_contents(books, account_id, -1)


def _count_issued(books: HoldingsBooks, instrument_id: bytes, issued: int, redeemed: int) -> None:
    totals = books.totals.find(instrument_id) or NO_TOTALS
    issued, redeemed = totals.issued + issued, totals.redeemed + redeemed
    if issued > AMOUNT_MAX:
        issued, redeemed = issued - redeemed, 0
    books.totals.put(instrument_id, replace(totals, issued=issued, redeemed=redeemed))
