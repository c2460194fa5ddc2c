"""Reading single fields strictly. Python's own `int` also takes signs, spaces, underscores and foreign digits."""

from __future__ import annotations

import re

from counterfoil.gateways.trade_files.problems import ProblemCode, RowFault
from counterfoil.primitives.calendars import IsoDate, parse_date
from counterfoil.primitives.codec import AMOUNT_MAX

YEAR_MIN = 1970
YEAR_MAX = 2999
"""Dates outside are typing errors; instants count from 1970."""

_DIGITS_MAX = len(str(AMOUNT_MAX))
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_NEGATIVE = re.compile(r"-[0-9]+(?:\.[0-9]+)?")


def read_positive(digits: str, field: str) -> int:
    """A whole number from 1 to 2^63-1, written in ASCII digits."""
    value = read_whole(digits, field)
    if value == 0:
        raise RowFault(ProblemCode.ZERO, field)
    return value


def read_whole(digits: str, field: str) -> int:
    """A whole number from 0 to 2^63-1, written in ASCII digits."""
    if not (digits.isascii() and digits.isdigit()):
        raise _not_a_number(digits, field)
    if len(digits) > _DIGITS_MAX:
        digits = digits.lstrip("0") or "0"
    value = int(digits) if len(digits) <= _DIGITS_MAX else AMOUNT_MAX + 1
    if value > AMOUNT_MAX:
        raise RowFault(ProblemCode.OVERFLOW, field)
    return value


def read_decimal(text: str, scale: int, scale_max: int, field: str) -> tuple[int, int]:
    """A positive decimal as (whole number, its scale); the scale is `scale`, or larger up to `scale_max`."""
    parts = _DECIMAL.fullmatch(text)
    if parts is None:
        raise _not_a_number(text, field)
    whole, decimals = parts.group(1), parts.group(2) or ""
    if len(decimals) > scale_max:
        raise RowFault(ProblemCode.TOO_MANY_DECIMALS, field, f"at most {scale_max}")
    scale = max(scale, len(decimals))
    return read_positive(whole + decimals.ljust(scale, "0"), field), scale


def read_date(text: str, field: str) -> IsoDate:
    """A calendar date, 2013-10-07 or 20131007."""
    if not text:
        raise RowFault(ProblemCode.FIELD_MISSING, field)
    try:
        day = parse_date(text)
    except ValueError:
        raise RowFault(ProblemCode.DATE_NOT_READABLE, field) from None
    if not YEAR_MIN <= day // 10_000 <= YEAR_MAX:
        raise RowFault(ProblemCode.DATE_NOT_READABLE, field, f"years {YEAR_MIN} to {YEAR_MAX}")
    return day


def _not_a_number(text: str, field: str) -> RowFault:
    if not text:
        return RowFault(ProblemCode.FIELD_MISSING, field)
    if _NEGATIVE.fullmatch(text):
        return RowFault(ProblemCode.NEGATIVE, field)
    return RowFault(ProblemCode.NOT_A_NUMBER, field)
