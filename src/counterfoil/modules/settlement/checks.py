"""Guards that the rules about instructions share."""

from __future__ import annotations

from functools import lru_cache

from counterfoil.modules.holdings.interface import Account
from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.records import DATES_AHEAD_MAX, REFERENCE_LENGTH_MAX
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.calendars import IsoDate, days_between, is_date
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected

known_date = lru_cache(maxsize=4_096)(is_date)
"""Few days come again and again."""


def check_reference(reference: str, length_max: int = REFERENCE_LENGTH_MAX) -> None:
    """One that must be there. Rejected REFERENCE_IS_MALFORMED."""
    if not (0 < len(reference) <= length_max and reference.isascii() and reference.isprintable()):
        raise Rejected(SettlementReject.REFERENCE_IS_MALFORMED)


def check_text(text: str, length_max: int = REFERENCE_LENGTH_MAX) -> None:
    """One that may be left out. Rejected REFERENCE_IS_MALFORMED."""
    if text and not (len(text) <= length_max and text.isascii() and text.isprintable()):
        raise Rejected(SettlementReject.REFERENCE_IS_MALFORMED)


def check_dates(trade_date: int, settlement_date: int, business_date: int) -> None:
    """Rejected DATE_IS_INVALID."""
    if not (known_date(settlement_date) and known_date(trade_date) and trade_date <= settlement_date):
        raise Rejected(
            SettlementReject.DATE_IS_INVALID, trade_date=trade_date, settlement_date=settlement_date
        )
    if settlement_date > business_date and business_date:
        if days_between(IsoDate(business_date), IsoDate(settlement_date)) > DATES_AHEAD_MAX:
            raise Rejected(SettlementReject.DATE_IS_INVALID, settlement_date=settlement_date)


def check_business_day(
    books: SettlementBooks, market: str, settlement_date: int, business_date: int, asset: bytes
) -> None:
    """A day that lies ahead must be one on which the market settles, and the asset's currency is paid in.

    A day that has come may be any: a trade may be reported late. Rejected SETTLEMENT_DATE_IS_NO_BUSINESS_DAY.
    """
    if settlement_date > business_date:
        money = books.instruments.find(asset) if asset else None
        currency = money.currency if money is not None else ""
        if not books.markets.is_business_day(market, settlement_date, currency):
            raise Rejected(
                SettlementReject.SETTLEMENT_DATE_IS_NO_BUSINESS_DAY, settlement_date=settlement_date
            )


def cash_account_of(account_id: bytes, account: Account, named: bytes) -> bytes:
    """The account over which a side's money moves: as named, else the default one, else the account itself."""
    return named or account.default_cash_account or account_id


def given_up(delivers: bool, quantity: int, amount: int) -> int:
    """What a mandate's limit is held against: of a receipt what is paid, of a delivery the larger of the quantity
    and what is paid for it, so that nobody gives more away than he may by asking little for it."""
    return max(quantity, amount) if delivers else amount or quantity


def authorise_side(
    books: SettlementBooks,
    context: ActionContext,
    party: bytes,
    account_id: bytes,
    account: Account,
    message: type[Message],
    worth: int,
) -> None:
    """Whether the signers may instruct for the account, and in the name of the party.

    Whoever disposes of an account speaks for its owner; a servicer that is named as the instructing party must have
    signed itself, for references and trades are then its own.
    """
    books.holdings.authorise_account(context, account_id, account, message, worth)
    if party != account.owner:
        books.parties.authorise(context, party, message, account_id, worth)
