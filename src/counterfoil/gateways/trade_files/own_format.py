"""The project's own trade file: UTF-8 CSV with a header, one trade a row, both parties named.

`docs/reference/trade-files.md` specifies it with an example. Nothing is assigned or completed here but the reference
of a row that states none: what else the file does not say is a problem of the row.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from hashlib import sha256

from counterfoil.gateways.trade_files.fields import read_date, read_decimal, read_positive
from counterfoil.gateways.trade_files.problems import FileFault, ProblemCode, RowFault, TradeFileError
from counterfoil.gateways.trade_files.rows import (
    PRICE_SCALE,
    PRICE_SCALE_MAX,
    SecurityScheme,
    SettlementTerms,
    TradeRow,
    exact_amount,
)
from counterfoil.primitives.amounts import divide_half_even
from counterfoil.primitives.calendars import (
    OFFSET_MINUTES_MAX,
    IsoDate,
    date_of_day,
    date_text,
    day_number,
    days_between,
)
from counterfoil.primitives.currencies import CURRENCIES, minor_unit
from counterfoil.primitives.identifiers import is_isin, is_mic

COLUMNS = (
    "trade_reference",
    "symbol_or_isin",
    "venue",
    "trade_date",
    "execution_time",
    "settlement_terms_or_date",
    "quantity",
    "price",
    "amount",
    "currency",
    "buyer",
    "seller",
)
ACCOUNT_COLUMNS = ("buyer_account", "seller_account")

TRADE_REFERENCE_MAX = 52
"""Characters of a unique trade identifier (ISO 23897)."""
_NAME_DIGITS = 16
"""Hexadecimal digits of a file's name in the references of rows that state none."""
SYMBOL_MAX = 24
NAME_MAX = 64
"""Characters of a participant's or an account's name."""
SETTLEMENT_DAYS_MAX = 366
"""Calendar days from trade to an agreed settlement date; a typing error would otherwise run the market for years."""

_DAY_MS = 86_400_000
_SYMBOL = re.compile(rf"[A-Z0-9./\-]{{1,{SYMBOL_MAX}}}")
_ISIN_SHAPE = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))"
)
_TERMS = {terms.value: terms for terms in SettlementTerms if terms is not SettlementTerms.AGREED_DATE}


def is_own_header(line: bytes) -> bool:
    """Whether a file's first line means to be this format's header."""
    return line.lstrip(b'" ').startswith(COLUMNS[0].encode())


class OwnRows:
    """Parses the rows below one header."""

    def __init__(self, name: str, header: bytes) -> None:
        """Errors: TradeFileError naming the first column that is not in its place."""
        self._name = name
        try:
            columns = tuple(_split(header))
        except RowFault as fault:
            raise TradeFileError(name, FileFault.BAD_HEADER, fault.code.name) from None
        expected = COLUMNS + ACCOUNT_COLUMNS if len(columns) > len(COLUMNS) else COLUMNS
        for position, column in enumerate(expected):
            found = columns[position] if position < len(columns) else "nothing"
            if found != column:
                told = f"column {position + 1} is {found[:NAME_MAX]}, not {column}"
                raise TradeFileError(name, FileFault.BAD_HEADER, told)
        if len(columns) > len(expected):
            raise TradeFileError(name, FileFault.BAD_HEADER, f"{len(columns)} columns, not {len(expected)}")
        self._width = len(columns)
        self._own = sha256(name.encode()).hexdigest()[:_NAME_DIGITS]

    def parse(self, line: int, row: bytes) -> TradeRow:
        """One row. Errors: RowFault."""
        fields = _split(row)
        if len(fields) != self._width:
            raise RowFault(ProblemCode.WRONG_COLUMN_COUNT, "", f"{len(fields)} columns, not {self._width}")
        stated = _optional_text(fields[0], COLUMNS[0], TRADE_REFERENCE_MAX)
        trade_reference = stated or f"{self._own}-{line}"
        security, scheme = _security(fields[1])
        if not _is_mic(fields[2]):
            raise RowFault(ProblemCode.VENUE_UNKNOWN if fields[2] else ProblemCode.FIELD_MISSING, COLUMNS[2])
        trade_date = _date(fields[3], COLUMNS[3])
        execution_time_ms = _instant(fields[4])
        if abs(execution_time_ms // _DAY_MS - _day_number(trade_date)) > 1:
            raise RowFault(ProblemCode.TIME_NOT_ON_TRADE_DATE, COLUMNS[4])
        terms, settlement_date = _settlement(fields[5], trade_date)
        quantity = read_positive(fields[6], COLUMNS[6])
        price, price_scale = read_decimal(fields[7], PRICE_SCALE, PRICE_SCALE_MAX, COLUMNS[7])
        currency = fields[9]
        found = CURRENCIES.get(currency)
        if found is None or found.minor_unit is None:
            raise RowFault(
                ProblemCode.CURRENCY_UNKNOWN if currency else ProblemCode.FIELD_MISSING, COLUMNS[9]
            )
        amount, _ = read_decimal(fields[8], found.minor_unit, found.minor_unit, COLUMNS[8])
        _check_amount(amount, price, price_scale, quantity, found.minor_unit)
        buyer, seller = _text(fields[10], COLUMNS[10]), _text(fields[11], COLUMNS[11])
        buyer_account = _optional_text(fields[12], ACCOUNT_COLUMNS[0]) if self._width > 12 else None
        seller_account = _optional_text(fields[13], ACCOUNT_COLUMNS[1]) if self._width > 12 else None
        if (buyer, buyer_account) == (seller, seller_account):
            raise RowFault(ProblemCode.BUYER_IS_SELLER, COLUMNS[11])
        return TradeRow(
            self._name,
            line,
            f"{self._name}:{line}",
            trade_reference,
            security,
            scheme,
            fields[2],
            trade_date,
            execution_time_ms,
            terms,
            settlement_date,
            quantity,
            price,
            price_scale,
            amount,
            currency,
            buyer,
            seller,
            buyer_account,
            seller_account,
        )


def header_line() -> str:
    """The header with accounts, without a line end."""
    return ",".join(COLUMNS + ACCOUNT_COLUMNS)


def row_line(row: TradeRow) -> str:
    """`row` in this format, without a line end; reading it back gives the same trade.

    What the format has no column for (the suspicious flag, sale condition bits) is left out.
    """
    agreed = row.settlement_date
    values = (
        row.trade_reference,
        row.security,
        row.venue,
        date_text(row.trade_date),
        instant_text(row.execution_time_ms),
        row.settlement_terms.value if agreed is None else date_text(agreed),
        str(row.quantity),
        decimal_text(row.price, row.price_scale),
        decimal_text(row.amount, minor_unit(row.currency)),
        row.currency,
        row.buyer,
        row.seller,
        row.buyer_account or "",
        row.seller_account or "",
    )
    return ",".join(_quoted(value) for value in values)


def instant_text(time_ms: int) -> str:
    """Milliseconds since 1970 UTC as `2013-10-07T13:30:00.123Z`."""
    day, in_day = divmod(time_ms, _DAY_MS)
    seconds, milliseconds = divmod(in_day, 1_000)
    hour, minute, second = seconds // 3_600, seconds // 60 % 60, seconds % 60
    return f"{date_text(date_of_day(day))}T{hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}Z"


def decimal_text(value: int, scale: int) -> str:
    """A whole number of 10^-scale as a decimal: (1815200, 4) is 181.5200."""
    if scale == 0:
        return str(value)
    whole, decimals = divmod(value, 10**scale)
    return f"{whole}.{decimals:0{scale}d}"


def _split(row: bytes) -> list[str]:
    try:
        text = row.decode("utf-8")
    except UnicodeDecodeError:
        raise RowFault(ProblemCode.UNDECODABLE_BYTES) from None
    if not text.isprintable():
        raise RowFault(ProblemCode.CONTROL_CHARACTER)
    if '"' not in text:
        fields = text.split(",")
        return [field.strip(" ") for field in fields] if " " in text else fields
    try:
        fields = next(csv.reader([text], strict=True, skipinitialspace=True))
    except csv.Error:
        raise RowFault(ProblemCode.BAD_QUOTING) from None
    return [field.strip(" ") for field in fields]


def _quoted(value: str) -> str:
    if "," in value or '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return value


def _text(text: str, field: str, length_max: int = NAME_MAX) -> str:
    if not text:
        raise RowFault(ProblemCode.FIELD_MISSING, field)
    if len(text) > length_max:
        raise RowFault(ProblemCode.FIELD_TOO_LONG, field, f"at most {length_max}")
    return text


def _optional_text(text: str, field: str, length_max: int = NAME_MAX) -> str | None:
    return _text(text, field, length_max) if text else None


@lru_cache(maxsize=4_096)
def _security(text: str) -> tuple[str, SecurityScheme]:
    if _ISIN_SHAPE.fullmatch(text):
        if not is_isin(text):
            raise RowFault(ProblemCode.ISIN_CHECK_DIGIT, COLUMNS[1])
        return text, SecurityScheme.ISIN
    if not _SYMBOL.fullmatch(text):
        raise RowFault(ProblemCode.SECURITY_NOT_READABLE if text else ProblemCode.FIELD_MISSING, COLUMNS[1])
    return text, SecurityScheme.SYMBOL


_is_mic = lru_cache(maxsize=256)(is_mic)
_date = lru_cache(maxsize=256)(read_date)


@lru_cache(maxsize=256)
def _day_number(day: IsoDate) -> int:
    return day_number(day)


def _instant(text: str) -> int:
    if not text:
        raise RowFault(ProblemCode.FIELD_MISSING, COLUMNS[4])
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise RowFault(ProblemCode.TIME_NOT_READABLE, COLUMNS[4])
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    offset = int(offset_hours) * 60 + int(offset_minutes) if sign else 0
    in_range = int(hour) < 24 and int(minute) < 60 and int(second) < 60
    if not in_range or int(offset_minutes or 0) >= 60 or offset > OFFSET_MINUTES_MAX:
        raise RowFault(ProblemCode.TIME_NOT_READABLE, COLUMNS[4])
    minutes = int(hour) * 60 + int(minute) - (-offset if sign == "-" else offset)
    milliseconds = int(second) * 1_000 + int((fraction or "0").ljust(3, "0")[:3])
    instant = _day_number(_date(day, COLUMNS[4])) * _DAY_MS + minutes * 60_000 + milliseconds
    if instant < 0:
        raise RowFault(ProblemCode.TIME_NOT_READABLE, COLUMNS[4], "before 1970 UTC")
    return instant


def _settlement(text: str, trade_date: IsoDate) -> tuple[SettlementTerms, IsoDate | None]:
    terms = _TERMS.get(text)
    if terms is not None:
        return terms, None
    try:
        agreed = _date(text, COLUMNS[5])
    except RowFault as fault:
        missing = fault.code is ProblemCode.FIELD_MISSING
        raise RowFault(fault.code if missing else ProblemCode.SETTLEMENT_NOT_READABLE, COLUMNS[5]) from None
    if agreed < trade_date:
        raise RowFault(ProblemCode.SETTLEMENT_BEFORE_TRADE, COLUMNS[5])
    if days_between(trade_date, agreed) > SETTLEMENT_DAYS_MAX:
        raise RowFault(ProblemCode.SETTLEMENT_TOO_FAR, COLUMNS[5])
    return SettlementTerms.AGREED_DATE, agreed


def _check_amount(amount: int, price: int, price_scale: int, quantity: int, minor_units: int) -> None:
    """The stated amount is kept as it is, if it is price x quantity rounded in whatever way to a minor unit."""
    numerator, denominator = exact_amount(price, price_scale, quantity, minor_units)
    if abs(amount * denominator - numerator) >= denominator:
        expected = decimal_text(divide_half_even(numerator, denominator), minor_units)
        raise RowFault(ProblemCode.AMOUNT_DISAGREES, COLUMNS[8], f"price x quantity is {expected}")
