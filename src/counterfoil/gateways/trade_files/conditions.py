"""Sale condition bits and exchange letters of LEAN's tick files.

Source: QuantConnect LEAN, `Common/Data/Auxiliary/TradeConditionFlags.cs` (Apache-2.0) for the bits, and
`Data/equity/readme.md` for the letters. In the files the bits are written in hexadecimal without a prefix:
`20000020` is `TRADE_THROUGH_EXEMPT | INTERMARKET_SWEEP`.
"""

from __future__ import annotations

import re
from enum import IntFlag

from counterfoil.gateways.trade_files.problems import ProblemCode, RowFault
from counterfoil.gateways.trade_files.rows import SettlementTerms


class SaleCondition(IntFlag):
    """What a trade report says about the sale, one bit each."""

    REGULAR = 1 << 0
    CASH = 1 << 1
    NEXT_DAY = 1 << 2
    SELLER = 1 << 3
    YELLOW_FLAG = 1 << 4
    INTERMARKET_SWEEP = 1 << 5
    OPENING_PRINTS = 1 << 6
    CLOSING_PRINTS = 1 << 7
    REOPENING_PRINTS = 1 << 8
    DERIVATIVELY_PRICED = 1 << 9
    FORM_T = 1 << 10
    SOLD = 1 << 11
    STOPPED = 1 << 12
    EXTENDED_HOURS = 1 << 13
    OUT_OF_SEQUENCE = 1 << 14
    SPLIT = 1 << 15
    ACQUISITION = 1 << 16
    BUNCHED = 1 << 17
    STOCK_OPTION = 1 << 18
    DISTRIBUTION = 1 << 19
    AVERAGE_PRICE = 1 << 20
    CROSS = 1 << 21
    PRICE_VARIATION = 1 << 22
    RULE_155 = 1 << 23
    OFFICIAL_CLOSE = 1 << 24
    PRIOR_REFERENCE_PRICE = 1 << 25
    OFFICIAL_OPEN = 1 << 26
    CAP_ELECTION = 1 << 27
    AUTO_EXECUTION = 1 << 28
    TRADE_THROUGH_EXEMPT = 1 << 29
    UNDOCUMENTED = 1 << 30
    """In the raw data, and not described by its source; a trade like any other."""
    ODD_LOT = 1 << 31


PRICE_REPORTS = SaleCondition.OFFICIAL_OPEN | SaleCondition.OFFICIAL_CLOSE
"""Reports of a market centre's official price. Opening and closing *prints* are trades, and so is a trade at a
prior reference price."""

CONDITIONS_KNOWN = (1 << 32) - 1

_TERMS = {
    0: SettlementTerms.REGULAR,
    int(SaleCondition.REGULAR): SettlementTerms.REGULAR,
    int(SaleCondition.CASH): SettlementTerms.CASH,
    int(SaleCondition.NEXT_DAY): SettlementTerms.NEXT_DAY,
    int(SaleCondition.SELLER): SettlementTerms.SELLERS,
}
_TERMS_BITS = int(SaleCondition.REGULAR | SaleCondition.CASH | SaleCondition.NEXT_DAY | SaleCondition.SELLER)

_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,16}")


def read_conditions(text: bytes) -> int:
    """The condition bits of one row; a hexadecimal number without prefix."""
    if not text:
        raise RowFault(ProblemCode.FIELD_MISSING, "sale conditions")
    if not _HEXADECIMAL.fullmatch(text):
        raise RowFault(ProblemCode.CONDITIONS_NOT_HEXADECIMAL, "sale conditions")
    bits = int(text, 16)
    if bits & ~CONDITIONS_KNOWN:
        raise RowFault(ProblemCode.CONDITIONS_UNKNOWN, "sale conditions", f"{bits & ~CONDITIONS_KNOWN:x}")
    return bits


def terms_of(bits: int) -> SettlementTerms:
    """The settlement that the bits name; without any, a trade is regular way. Refuses price reports."""
    if bits & PRICE_REPORTS:
        raise RowFault(
            ProblemCode.PRICE_REPORT, "sale conditions", SaleCondition(bits & PRICE_REPORTS).name or ""
        )
    terms = _TERMS.get(bits & _TERMS_BITS)
    if terms is None:
        raise RowFault(
            ProblemCode.CONDITIONS_CONFLICT, "sale conditions", SaleCondition(bits & _TERMS_BITS).name or ""
        )
    return terms


VENUES: dict[bytes, tuple[str, str]] = {
    b"A": ("XASE", "NYSE MKT (now NYSE American)"),
    b"B": ("XBOS", "NASDAQ OMX BX"),
    b"C": ("XCIS", "National Stock Exchange"),
    b"D": ("FINR", "FINRA: trades off exchange, reported to a FINRA facility"),
    b"I": ("XISX", "International Securities Exchange"),
    b"J": ("EDGA", "Direct Edge A"),
    b"K": ("EDGX", "Direct Edge X"),
    b"M": ("XCHI", "Chicago Stock Exchange"),
    b"N": ("XNYS", "New York Stock Exchange"),
    b"P": ("ARCX", "NYSE Arca"),
    b"Q": ("XNAS", "NASDAQ"),
    b"T": ("XNAS", "NASDAQ"),
    b"W": ("CBSX", "CBOE Stock Exchange"),
    b"X": ("XPSX", "NASDAQ OMX PSX"),
    b"Y": ("BATY", "BATS Y-Exchange"),
    b"Z": ("BATS", "BATS Exchange"),
}
"""Exchange letter: MIC (ISO 10383) and name. Letter S, the Consolidated Tape System, carries trades and is no
venue, so that a row with it has none."""
