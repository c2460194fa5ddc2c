"""From settlement terms to an intended settlement date."""

from __future__ import annotations

from counterfoil.gateways.trade_files.rows import SettlementTerms, TradeRow
from counterfoil.primitives.calendars import Calendar, IsoDate, settlement_date

REGULAR_CYCLE_DAYS_MAX = 20
"""No market has a longer cycle; with it a seller's option still ends within sixty calendar days."""

SELLERS_OPTION_DAYS_MIN = 2
"""A seller's option is never shorter than two days."""


def business_days(terms: SettlementTerms, regular_cycle_days: int) -> int:
    """How many business days after the trade date a trade under `terms` is meant to settle.

    CASH 0, NEXT_DAY 1, REGULAR the market's cycle. SELLERS is the market's cycle plus one, and never less than two:
    a seller's option lets the seller deliver between two and sixty calendar days after the trade, no sooner than
    regular way would have been over (T+4 when regular way was T+3); how long was agreed is not in the files, and
    the first day on which it differs from regular way is the one that every such contract has in common.
    AGREED_DATE has no number of days.
    """
    if not 0 <= regular_cycle_days <= REGULAR_CYCLE_DAYS_MAX:
        raise ValueError(f"a settlement cycle has 0 to {REGULAR_CYCLE_DAYS_MAX} business days")
    if terms is SettlementTerms.CASH:
        return 0
    if terms is SettlementTerms.NEXT_DAY:
        return 1
    if terms is SettlementTerms.REGULAR:
        return regular_cycle_days
    if terms is SettlementTerms.SELLERS:
        return max(regular_cycle_days + 1, SELLERS_OPTION_DAYS_MIN)
    raise ValueError("an agreed date is stated, not counted")


def intended_settlement_date(row: TradeRow, regular_cycle_days: int, *calendars: Calendar) -> IsoDate:
    """The date on which `row` is meant to settle, counted on all the calendars joined; a stated date is taken as is.

    The calendars are those of settlement and currency, not of trading: on 14 October 2013 the exchanges in New York
    traded while the banks were closed, so that a regular-way trade of 9 October 2013 (T+3) was due on the 15th.
    """
    if row.settlement_date is not None:
        return row.settlement_date
    return settlement_date(
        row.trade_date, business_days(row.settlement_terms, regular_cycle_days), *calendars
    )
