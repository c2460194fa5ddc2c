"""Money tokens: minted against deposits, redeemed against payments."""

from __future__ import annotations

from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.facts import (
    Minted,
    RedemptionLapsed,
    RedemptionPaid,
    RedemptionRefused,
    RedemptionRequested,
)
from counterfoil.modules.cash.messages import Mint, PayRedemption, RefuseRedemption, RequestRedemption
from counterfoil.modules.cash.records import (
    BANK_REFERENCE_LENGTH_MAX,
    PAYEE_HASH_SIZE,
    REASON_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    BankEntry,
    EntryKind,
    OpenRedemption,
    Redemption,
    Supply,
    bank_entry_key,
    open_redemption_key,
    supply_key,
)
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.holdings.interface import Account, EarmarkReason, PostingReason
from counterfoil.modules.instruments.interface import Instrument, InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.calendars import is_date
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import InvariantViolation, Rejected


def mint(books: CashBooks, ask: Mint, context: ActionContext) -> None:
    """Create tokens in the depositor's account for one deposit, once for ever."""
    token_id, account_id, amount = ask.instrument_id, ask.account_id, ask.amount
    token = _require_token(books, token_id)
    books.parties.authorise(context, token.issuer, Mint, account_id, amount)
    _check_entry(ask.bank_entry, ask.booking_date)
    books.instruments.check_quantity(token, amount)
    account = books.holdings.require_account(account_id)
    books.holdings.check_credit(account_id, account, token_id, amount)
    entry_key = _require_fresh_entry(books, token.issuer, ask.bank_entry)
    supply = _require_own_supply(books, token_id, token)

    books.holdings.issue(
        context, token_id, token, account_id, account, amount, PostingReason.MINTED, entry_key[20:]
    )
    books.bank_entries.put(
        entry_key,
        BankEntry(EntryKind.DEPOSIT, token_id, account_id, amount, ask.booking_date, context.height),
    )
    _put_supply(books, token, supply, amount, 0, 0)
    fact = Minted(token_id, account_id, amount, ask.bank_entry, ask.booking_date)
    context.tell(fact, account.relationship, token.issuer)


def request_redemption(books: CashBooks, ask: RequestRedemption, context: ActionContext) -> None:
    """Earmark tokens for their issuer, who is to pay them out."""
    token_id, account_id, amount = ask.instrument_id, ask.account_id, ask.amount
    token = _require_token(books, token_id)
    account = books.holdings.require_account(account_id, context)
    books.holdings.authorise_account(context, account_id, account, RequestRedemption, amount)
    if not is_reference(ask.reference, REFERENCE_LENGTH_MAX):
        raise Rejected(CashReject.REFERENCE_IS_MALFORMED)
    if ask.payee_hash and len(ask.payee_hash) != PAYEE_HASH_SIZE:
        raise Rejected(CashReject.PAYEE_HASH_IS_MALFORMED, bytes=len(ask.payee_hash))
    books.instruments.check_quantity(token, amount)
    books.holdings.check_debit(account_id, account, token_id, amount)
    supply = _require_own_supply(books, token_id, token)
    if not context.use_reference(b"redemption", account_id, ask.reference.encode()):
        raise Rejected(CashReject.REFERENCE_IS_USED, reference=ask.reference)

    redemption_id = context.new_id()
    business_date = books.markets.business_date(token.market)
    earmark_id = books.holdings.earmark(
        context,
        account_id,
        account,
        token_id,
        token,
        amount,
        EarmarkReason.REDEMPTION,
        redemption_id,
        redemption_id,
    )
    redemption = Redemption(
        token_id,
        account_id,
        amount,
        earmark_id,
        ask.reference,
        ask.payee_hash,
        context.time_ms,
        business_date,
    )
    books.redemptions.put(redemption_id, redemption)
    books.open_redemptions.put(open_redemption_key(token.market, redemption_id, redemption), OpenRedemption())
    _put_supply(books, token, supply, 0, 0, amount)
    fact = RedemptionRequested(redemption_id, token_id, account_id, amount, ask.reference, ask.payee_hash)
    context.tell(fact, account.relationship, token.issuer)


def pay_redemption(books: CashBooks, ask: PayRedemption, context: ActionContext) -> None:
    """End the tokens of a redemption that was paid.

    Of a frozen account nothing is redeemed: the issuer looks before it pays.
    """
    redemption_id = ask.redemption_id
    redemption = _require_known_redemption(books, context, redemption_id)
    token_id, account_id, amount = redemption.token, redemption.account_id, redemption.amount
    token = _require_token(books, token_id)
    books.parties.authorise(context, token.issuer, PayRedemption, account_id, amount)
    _check_entry(ask.bank_entry, ask.booking_date)
    account = books.holdings.require_account(account_id)
    books.holdings.check_debit(account_id, account, token_id, 0)
    entry_key = _require_fresh_entry(books, token.issuer, ask.bank_entry)

    books.holdings.release(context, redemption.earmark_id)
    books.holdings.redeem(
        context, token_id, token, account_id, account, amount, PostingReason.BURNED, redemption_id
    )
    books.bank_entries.put(
        entry_key,
        BankEntry(
            EntryKind.PAYMENT, token_id, account_id, amount, ask.booking_date, context.height, redemption_id
        ),
    )
    _end(books, redemption_id, redemption, token)
    _put_supply(books, token, supply_of(books, token_id, token), 0, amount, -amount)
    fact = RedemptionPaid(
        redemption_id, token_id, account_id, amount, redemption.reference, ask.bank_entry, ask.booking_date
    )
    context.tell(fact, account.relationship, token.issuer)


def refuse_redemption(books: CashBooks, ask: RefuseRedemption, context: ActionContext) -> None:
    """Give the tokens of a redemption back to their holder's use."""
    redemption_id = ask.redemption_id
    redemption = _require_known_redemption(books, context, redemption_id)
    token_id, account_id, amount = redemption.token, redemption.account_id, redemption.amount
    token = books.instruments.require(token_id)
    books.parties.authorise(context, token.issuer, RefuseRedemption, account_id, amount)
    if not 0 < len(ask.reason) <= REASON_LENGTH_MAX:
        raise Rejected(CashReject.REASON_IS_MALFORMED)

    account = _give_back(books, context, redemption_id, redemption, token)
    fact = RedemptionRefused(redemption_id, token_id, account_id, amount, redemption.reference, ask.reason)
    context.tell(fact, account.relationship, token.issuer)


def lapse_redemption(books: CashBooks, redemption_id: bytes, context: ActionContext) -> None:
    """The issuer has not answered in all the time that the market allows: the holder may use the tokens again."""
    redemption = _require_redemption(books, redemption_id)
    token = books.instruments.require(redemption.token)
    account = _give_back(books, context, redemption_id, redemption, token)
    fact = RedemptionLapsed(
        redemption_id, redemption.token, redemption.account_id, redemption.amount, redemption.reference
    )
    context.tell(fact, account.relationship, token.issuer)


def _give_back(
    books: CashBooks, context: ActionContext, redemption_id: bytes, redemption: Redemption, token: Instrument
) -> Account:
    """End a redemption without a payment; the account whose tokens are available again."""
    account = books.holdings.account(redemption.account_id)
    if account is None:
        raise InvariantViolation("a redemption is of an account that exists")
    books.holdings.release(context, redemption.earmark_id)
    _end(books, redemption_id, redemption, token)
    supply = supply_of(books, redemption.token, token)
    _put_supply(books, token, supply, 0, 0, -redemption.amount)
    return account


def _end(books: CashBooks, redemption_id: bytes, redemption: Redemption, token: Instrument) -> None:
    books.redemptions.delete(redemption_id)
    books.open_redemptions.delete(open_redemption_key(token.market, redemption_id, redemption))


def is_reference(text: str, length_max: int) -> bool:
    """Visible ASCII characters only, so that no two references look alike and differ."""
    return 0 < len(text) <= length_max and all("!" <= character <= "~" for character in text)


def supply_of(books: CashBooks, token_id: bytes, token: Instrument) -> Supply:
    """The supply of the token's issuer and currency; before the first mint, what the ledger was founded with."""
    supply = books.supplies.find(supply_key(token.issuer, token.currency))
    return supply or Supply(token_id, books.holdings.outstanding(token_id), 0, 0, 0)


def _require_own_supply(books: CashBooks, token_id: bytes, token: Instrument) -> Supply:
    """The supply, if it is this token's, or may become it because all of the one before was redeemed."""
    supply = supply_of(books, token_id, token)
    if supply.token == token_id:
        return supply
    if supply.founded + supply.deposited > supply.paid:
        raise Rejected(CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY, token=supply.token)
    return Supply(token_id, 0, 0, 0, 0)


def _put_supply(
    books: CashBooks, token: Instrument, before: Supply, deposited: int, paid: int, requested: int
) -> None:
    deposited, paid = before.deposited + deposited, before.paid + paid
    if deposited > AMOUNT_MAX or paid > AMOUNT_MAX:
        lower = min(deposited, paid)
        deposited, paid = deposited - lower, paid - lower
    books.supplies.put(
        supply_key(token.issuer, token.currency),
        Supply(before.token, before.founded, deposited, paid, before.requested + requested),
    )


def _require_token(books: CashBooks, token_id: bytes) -> Instrument:
    token = books.instruments.require_active(token_id)
    if token.kind is not InstrumentKind.MONEY_TOKEN:
        raise Rejected(CashReject.INSTRUMENT_IS_NOT_MONEY, instrument=token_id)
    return token


def _require_known_redemption(books: CashBooks, context: ActionContext, redemption_id: bytes) -> Redemption:
    """A redemption; one that none of the action's signers may see is not there. The token's issuer may, and who sees
    the account."""
    redemption = _require_redemption(books, redemption_id)
    account = books.holdings.account(redemption.account_id)
    issuer = books.instruments.require(redemption.token).issuer
    known = account is not None and books.holdings.is_known_to(context, account)
    if not known and not books.parties.is_spoken_for(context, issuer):
        raise Rejected(CashReject.REDEMPTION_NOT_FOUND, redemption=redemption_id)
    return redemption


def _require_redemption(books: CashBooks, redemption_id: bytes) -> Redemption:
    redemption = books.redemptions.find(redemption_id)
    if redemption is None:
        raise Rejected(CashReject.REDEMPTION_NOT_FOUND, redemption=redemption_id)
    return redemption


def _check_entry(reference: str, booking_date: int) -> None:
    if not is_reference(reference, BANK_REFERENCE_LENGTH_MAX):
        raise Rejected(CashReject.BANK_ENTRY_IS_MALFORMED)
    if not is_date(booking_date):
        raise Rejected(CashReject.BOOKING_DATE_IS_NO_DATE, date=booking_date)


def _require_fresh_entry(books: CashBooks, issuer: bytes, reference: str) -> bytes:
    """The key of a bank entry that nothing was minted or redeemed against."""
    key = bank_entry_key(issuer, reference)
    if books.bank_entries.find(key) is not None:
        raise Rejected(CashReject.BANK_ENTRY_IS_USED, bank_entry=reference)
    return key
