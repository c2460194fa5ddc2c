"""The neutral value that every trade file is read into: one `TradeRow` for each row that is a trade."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from counterfoil.primitives.calendars import IsoDate
from counterfoil.primitives.codec import AMOUNT_MAX

PRICE_SCALE = 4
"""Prices of tick files, and the least scale of any row: whole ten-thousandths of the currency unit."""

PRICE_SCALE_MAX = 9
"""The finest price that the project's own format takes; bond prices in 1/256 need eight decimals."""


class SettlementTerms(StrEnum):
    """When a trade is meant to settle, as its file says it."""

    REGULAR = "REGULAR"
    """The market's own settlement cycle."""
    CASH = "CASH"
    """On the trade date."""
    NEXT_DAY = "NEXT_DAY"
    """On the first business day after the trade date."""
    SELLERS = "SELLERS"
    """At the seller's option; the day is not in the file, see `settlement_dates`."""
    AGREED_DATE = "AGREED_DATE"
    """On the date in `TradeRow.settlement_date`."""


class SecurityScheme(StrEnum):
    """What kind of name `TradeRow.security` is."""

    SYMBOL = "SYMBOL"
    ISIN = "ISIN"


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade, as one row of one file states it.

    `reference` is the file's name and the line, `20131007_ibm_Trade_Tick.csv:17`: two rows that are equal in every
    column are two trades. `price` counts units of 10^-price_scale of the currency, for one unit of the security;
    it is kept exact. `amount` counts minor units of the currency; it is what the file states, or else
    price x quantity rounded half to even. `execution_time_ms` is in milliseconds since 1970 UTC, `trade_date` the
    date in the market's own time zone (yyyymmdd). `conditions` are the sale condition bits of a tick file, else 0.
    """

    file: str
    line: int
    reference: str
    trade_reference: str
    security: str
    scheme: SecurityScheme
    venue: str
    trade_date: IsoDate
    execution_time_ms: int
    settlement_terms: SettlementTerms
    settlement_date: IsoDate | None
    quantity: int
    price: int
    price_scale: int
    amount: int
    currency: str
    buyer: str
    seller: str
    buyer_account: str | None = None
    seller_account: str | None = None
    suspicious: bool = False
    conditions: int = 0


def exact_amount(price: int, price_scale: int, quantity: int, minor_units: int) -> tuple[int, int]:
    """price x quantity as (numerator, denominator) in minor units of a currency of `minor_units` decimals."""
    shift = price_scale - minor_units
    if shift >= 0:
        return price * quantity, int(10**shift)
    return price * quantity * int(10**-shift), 1


def is_amount(value: int) -> bool:
    """Whether the ledger can hold this quantity, price or amount, and it is not zero."""
    return 0 < value <= AMOUNT_MAX
