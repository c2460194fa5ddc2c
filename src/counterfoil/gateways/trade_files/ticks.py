"""Tick files of LEAN: one file for each day and symbol, rows without date, symbol, buyer or seller.

Columns: milliseconds since midnight in New York, price x 10,000 in dollars, shares, exchange letter, sale
condition bits in hexadecimal, suspicious flag. There is no header.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from counterfoil.gateways.trade_files.conditions import VENUES, read_conditions, terms_of
from counterfoil.gateways.trade_files.fields import read_date, read_positive, read_whole
from counterfoil.gateways.trade_files.local_day import LocalDay
from counterfoil.gateways.trade_files.participants import Participants
from counterfoil.gateways.trade_files.problems import FileFault, ProblemCode, RowFault, TradeFileError
from counterfoil.gateways.trade_files.rows import PRICE_SCALE, SecurityScheme, SettlementTerms, TradeRow
from counterfoil.primitives.amounts import divide_half_even
from counterfoil.primitives.calendars import IsoDate
from counterfoil.primitives.codec import AMOUNT_MAX

ZONE = "America/New_York"
CURRENCY = "USD"
MINOR_UNITS = 2
"""US equities trade in dollars and cents."""

_COLUMNS = 6
_TO_MINOR_UNITS = 10 ** (PRICE_SCALE - MINOR_UNITS)
_PLAIN_DIGITS_MAX = 18
"""Numbers of this many digits or fewer are below 2^63 whatever they are."""

_CONDITIONS_REMEMBERED_MAX = 1_024
_FRACTION_OF_MILLISECOND = re.compile(rb"([0-9]+)\.[0-9]+")
_NAME = re.compile(r"([0-9]{8})_([A-Za-z0-9.\-]{1,12})_Trade_Tick\.csv", re.IGNORECASE)


def is_tick_file_name(name: str) -> bool:
    """Whether the name has the shape YYYYMMDD_<symbol>_Trade_Tick.csv."""
    return _NAME.fullmatch(name) is not None


def day_and_symbol(name: str) -> tuple[IsoDate, str]:
    """The trade date and the symbol, in capitals, from a tick file's name. Errors: TradeFileError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise TradeFileError(name, FileFault.BAD_NAME)
    try:
        return read_date(found.group(1), "date"), found.group(2).upper()
    except RowFault:
        raise TradeFileError(name, FileFault.BAD_NAME, found.group(1)) from None


class TickRows:
    """Parses the rows of one tick file."""

    def __init__(self, name: str, participants: Participants) -> None:
        """Errors: TradeFileError where the name holds no date and symbol, or time zones are not installed."""
        self._trade_date, self._symbol = day_and_symbol(name)
        self._name = name
        try:
            self._day = LocalDay(self._trade_date, ZoneInfo(ZONE))
        except ZoneInfoNotFoundError:
            raise TradeFileError(
                name, FileFault.NOT_READABLE, "time zones are missing: install tzdata"
            ) from None
        self._assign = participants.assign
        self._conditions: dict[bytes, tuple[int, SettlementTerms]] = {}

    def parse(self, line: int, row: bytes) -> TradeRow:
        """One row. Errors: RowFault; what the row is (a price report) is told before what is wrong with it."""
        fields = row.split(b",")
        if len(fields) != _COLUMNS:
            raise RowFault(ProblemCode.WRONG_COLUMN_COUNT, "", f"{len(fields)} columns, not {_COLUMNS}")
        time, price_text, quantity_text, letter, conditions, suspicious = fields
        known = self._conditions.get(conditions)
        bits, terms = known if known is not None else self._read_conditions(conditions)
        execution_time_ms = self._day.instant(_milliseconds(time))
        price = _positive(price_text, "price")
        quantity = _positive(quantity_text, "quantity")
        venue = VENUES.get(letter)
        if venue is None:
            raise RowFault(
                ProblemCode.VENUE_UNKNOWN if letter else ProblemCode.FIELD_MISSING,
                "exchange",
                letter.decode("ascii"),
            )
        if suspicious not in (b"0", b"1"):
            raise RowFault(ProblemCode.NOT_A_FLAG if suspicious else ProblemCode.FIELD_MISSING, "suspicious")
        amount = divide_half_even(price * quantity, _TO_MINOR_UNITS)
        if amount > AMOUNT_MAX:
            raise RowFault(ProblemCode.OVERFLOW, "amount")
        if amount == 0:
            raise RowFault(ProblemCode.AMOUNT_ROUNDS_TO_ZERO, "amount")
        reference = f"{self._name}:{line}"
        assigned = self._assign(reference)
        return TradeRow(
            self._name,
            line,
            reference,
            f"{self._symbol}-{self._trade_date}-{line}",
            self._symbol,
            SecurityScheme.SYMBOL,
            venue[0],
            self._trade_date,
            execution_time_ms,
            terms,
            None,
            quantity,
            price,
            PRICE_SCALE,
            amount,
            CURRENCY,
            assigned.buyer,
            assigned.seller,
            assigned.buyer_account,
            assigned.seller_account,
            suspicious == b"1",
            bits,
        )

    def _read_conditions(self, text: bytes) -> tuple[int, SettlementTerms]:
        bits = read_conditions(text)
        meaning = bits, terms_of(bits)
        if len(self._conditions) >= _CONDITIONS_REMEMBERED_MAX:
            self._conditions.clear()
        self._conditions[text] = meaning
        return meaning


def _positive(text: bytes, field: str) -> int:
    if text.isdigit() and len(text) <= _PLAIN_DIGITS_MAX:
        value = int(text)
        if value:
            return value
    return read_positive(text.decode("ascii"), field)


def _milliseconds(text: bytes) -> int:
    """Whole milliseconds; a fraction of one, which the format allows, is rounded down."""
    if text.isdigit() and len(text) <= _PLAIN_DIGITS_MAX:
        return int(text)
    fraction = _FRACTION_OF_MILLISECOND.fullmatch(text)
    return read_whole((fraction.group(1) if fraction else text).decode("ascii"), "time")
