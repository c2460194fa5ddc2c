"""Earmarks: setting aside, releasing and using what is set aside."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import EarmarkPlaced, EarmarkReduced, Posting
from counterfoil.modules.holdings.records import (
    NO_TOTALS,
    REFERENCE_LENGTH_MAX,
    TIME_MAX_MS,
    Account,
    AccountContents,
    Direction,
    Earmark,
    EarmarkExpiry,
    EarmarkReason,
    Holding,
    PostingReason,
    SubBalance,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.outcome import InvariantViolation, Rejected, ensure

_AVAILABLE, _EARMARKED = SubBalance.AVAILABLE, SubBalance.EARMARKED
_DEBIT, _CREDIT = Direction.DEBIT, Direction.CREDIT


def place(
    books: HoldingsBooks,
    context: ActionContext,
    account_id: bytes,
    account: Account,
    instrument_id: bytes,
    instrument: Instrument,
    quantity: int,
    reason: EarmarkReason,
    owner: bytes,
    reference: bytes,
    expiry_ms: int,
) -> bytes:
    """Set `quantity` of what is available aside, and return the earmark's id.

    owner: the party (20 bytes) or object (32 bytes) that may use or release it; a party is told. In this order,
    Rejected: QUANTITY_IS_OUT_OF_RANGE, ISSUANCE_ACCOUNT_ONLY_ISSUES, REFERENCE_IS_TOO_LONG, EXPIRY_IS_OUT_OF_RANGE,
    INSUFFICIENT_AVAILABLE_QUANTITY.
    """
    if quantity <= 0:
        raise Rejected(HoldingsReject.QUANTITY_IS_OUT_OF_RANGE, quantity=quantity)
    if account_id == instrument.issuance_account:
        raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=account_id)
    if len(reference) > REFERENCE_LENGTH_MAX:
        raise Rejected(HoldingsReject.REFERENCE_IS_TOO_LONG, bytes=len(reference))
    if expiry_ms and not context.time_ms < expiry_ms <= TIME_MAX_MS:
        raise Rejected(HoldingsReject.EXPIRY_IS_OUT_OF_RANGE, expiry_ms=expiry_ms, time_ms=context.time_ms)
    ensure(not expiry_ms or reason is not EarmarkReason.FREEZE, "a freeze never lapses")
    key = account_id + instrument_id
    holding = books.holdings.find(key)
    if holding is None or holding.available < quantity:
        raise Rejected(
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            account=account_id,
            instrument=instrument_id,
            available=0 if holding is None else holding.available,
            quantity=quantity,
        )

    available, earmarked = holding.available - quantity, holding.earmarked + quantity
    earmark_id = context.new_id()
    books.holdings.put(key, Holding(available, earmarked))
    books.earmarks.put(
        earmark_id, Earmark(account_id, instrument_id, reason, owner, quantity, reference, expiry_ms)
    )
    if expiry_ms:
        books.expiries.put(expiry_key(expiry_ms, earmark_id), EarmarkExpiry())
    _count_earmarked(books, instrument_id, quantity)

    relationship, issuer = account.relationship, instrument.issuer
    moved = PostingReason.EARMARKED
    debit = Posting(account_id, instrument_id, _AVAILABLE, _DEBIT, quantity, moved, earmark_id, available)
    credit = Posting(account_id, instrument_id, _EARMARKED, _CREDIT, quantity, moved, earmark_id, earmarked)
    placed = EarmarkPlaced(
        earmark_id, account_id, instrument_id, reason, owner, quantity, reference, expiry_ms
    )
    context.tell(debit, relationship, issuer)
    context.tell(credit, relationship, issuer)
    if len(owner) == 20 and owner != issuer:
        context.tell(placed, relationship, issuer, owner)
    else:
        context.tell(placed, relationship, issuer)
    return earmark_id


def release(
    books: HoldingsBooks,
    context: ActionContext,
    earmark_id: bytes,
    quantity: int | None,
    reason: PostingReason,
) -> None:
    """Make an earmark's quantity, or part of it, available again."""
    earmark = _require(books, earmark_id, quantity)
    if quantity is None:
        quantity = earmark.quantity
    account_id, instrument_id = earmark.account_id, earmark.instrument_id
    key = account_id + instrument_id
    account, instrument, holding = _bearers(books, earmark)

    available, earmarked = holding.available + quantity, holding.earmarked - quantity
    books.holdings.put(key, Holding(available, earmarked))
    context.credited.append(key)
    relationship, issuer = account.relationship, instrument.issuer
    debit = Posting(account_id, instrument_id, _EARMARKED, _DEBIT, quantity, reason, earmark_id, earmarked)
    credit = Posting(account_id, instrument_id, _AVAILABLE, _CREDIT, quantity, reason, earmark_id, available)
    context.tell(debit, relationship, issuer)
    context.tell(credit, relationship, issuer)
    _reduce(books, context, earmark_id, earmark, quantity, relationship, issuer)


def move(
    books: HoldingsBooks,
    context: ActionContext,
    earmark_id: bytes,
    target_id: bytes,
    target: Account,
    quantity: int,
    reason: PostingReason,
    reference: bytes,
) -> None:
    """From an earmark to what is available in another account."""
    earmark = _require(books, earmark_id, quantity)
    source_id, instrument_id = earmark.account_id, earmark.instrument_id
    source, instrument, holding = _bearers(books, earmark)
    if source_id == target_id:
        raise Rejected(HoldingsReject.SOURCE_IS_THE_TARGET, account=source_id)
    if target_id == instrument.issuance_account:
        raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=target_id)

    earmarked = holding.earmarked - quantity
    source_key, target_key = source_id + instrument_id, target_id + instrument_id
    if holding.available or earmarked:
        books.holdings.put(source_key, Holding(holding.available, earmarked))
    else:
        books.holdings.delete(source_key)
        count_holdings(books, source_id, instrument_id, -1)
    receiving = books.holdings.find(target_key)
    if receiving is None:
        count_holdings(books, target_id, instrument_id, 1)
        receiving = Holding(0, 0)
    now = receiving.available + quantity
    books.holdings.put(target_key, Holding(now, receiving.earmarked))
    context.credited.append(target_key)
    issuer = instrument.issuer
    debit = Posting(source_id, instrument_id, _EARMARKED, _DEBIT, quantity, reason, reference, earmarked)
    credit = Posting(target_id, instrument_id, _AVAILABLE, _CREDIT, quantity, reason, reference, now)
    context.tell(debit, source.relationship, issuer)
    context.tell(credit, target.relationship, issuer)
    _reduce(books, context, earmark_id, earmark, quantity, source.relationship, issuer)


def count_holdings(books: HoldingsBooks, account_id: bytes, instrument_id: bytes, change: int) -> None:
    """Note that an account has one holding, and an instrument one holder, more or less.

    An ordinary move does not come here.
    """
    count_contents(books, account_id, change)
    totals = books.totals.find(instrument_id) or NO_TOTALS
    books.totals.put(instrument_id, replace(totals, holders=totals.holders + change))


def count_contents(books: HoldingsBooks, account_id: bytes, change: int) -> None:
    """The account's side of it alone: an issuance account is no holder."""
    contents = books.contents.find(account_id)
    holdings = (contents.holdings if contents is not None else 0) + change
    if holdings:
        books.contents.put(account_id, AccountContents(holdings=holdings))
    else:
        books.contents.delete(account_id)


def expiry_key(expiry_ms: int, earmark_id: bytes) -> bytes:
    return expiry_ms.to_bytes(8, "big") + earmark_id


def _require(books: HoldingsBooks, earmark_id: bytes, quantity: int | None) -> Earmark:
    earmark = books.earmarks.find(earmark_id)
    if earmark is None:
        raise Rejected(HoldingsReject.EARMARK_NOT_FOUND, earmark=earmark_id)
    if quantity is not None:
        if quantity <= 0:
            raise Rejected(HoldingsReject.QUANTITY_IS_OUT_OF_RANGE, quantity=quantity)
        if quantity > earmark.quantity:
            raise Rejected(HoldingsReject.EARMARK_IS_TOO_SMALL, earmarked=earmark.quantity, quantity=quantity)
    return earmark


def _bearers(books: HoldingsBooks, earmark: Earmark) -> tuple[Account, Instrument, Holding]:
    account = books.accounts.find(earmark.account_id)
    instrument = books.instruments.find(earmark.instrument_id)
    holding = books.holdings.find(earmark.account_id + earmark.instrument_id)
    if account is None or instrument is None or holding is None:
        raise InvariantViolation("an earmark lies on a live holding")
    return account, instrument, holding


def _reduce(
    books: HoldingsBooks,
    context: ActionContext,
    earmark_id: bytes,
    earmark: Earmark,
    quantity: int,
    relationship: bytes,
    issuer: bytes,
) -> None:
    """Take `quantity` off an earmark; at nothing it ends."""
    remaining = earmark.quantity - quantity
    if remaining:
        books.earmarks.put(
            earmark_id,
            Earmark(
                earmark.account_id,
                earmark.instrument_id,
                earmark.reason,
                earmark.owner,
                remaining,
                earmark.reference,
                earmark.expiry_ms,
            ),
        )
    else:
        books.earmarks.delete(earmark_id)
        if earmark.expiry_ms:
            books.expiries.delete(expiry_key(earmark.expiry_ms, earmark_id))
    _count_earmarked(books, earmark.instrument_id, -quantity)
    reduced = EarmarkReduced(earmark_id, remaining)
    owner = earmark.owner
    if len(owner) == 20 and owner != issuer:
        context.tell(reduced, relationship, issuer, owner)
    else:
        context.tell(reduced, relationship, issuer)


def _count_earmarked(books: HoldingsBooks, instrument_id: bytes, change: int) -> None:
    totals = books.totals.find(instrument_id)
    if totals is None:
        raise InvariantViolation("what is earmarked was issued")
    books.totals.put(instrument_id, replace(totals, earmarked=totals.earmarked + change))
