"""Tables as CSV and as Excel workbooks that arrive as they were: long numbers whole, and no cell a formula.

A spreadsheet keeps fifteen digits of a number and takes text that begins with = + - @ for a formula. So in a workbook
every cell is text, but for numbers that it keeps exactly; and in a CSV file, which has no types, a longer number and
whatever could start a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell


Row = Sequence[str]

EXACT_DIGITS = 15
"""Significant digits that a spreadsheet keeps of a number."""
ROWS_MAX = 1_048_575
"""Rows of an Excel sheet, less the heading."""
CELL_CHARACTERS_MAX = 32_767
COLUMN_WIDTH_MAX = 60

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also the full-width forms, which some spreadsheets take for the others."""


class SheetError(Exception):
    """A table that cannot be written; the message says what to do."""


def is_exact_number(text: str) -> bool:
    """Whether a spreadsheet shows this text unchanged when it takes it for a number."""
    return _NUMBER.fullmatch(text) is not None and len(text.lstrip("-0.").replace(".", "")) <= EXACT_DIGITS


def csv_cell(text: str) -> str:
    """The text as it is safe in a CSV file: unchanged, or with an apostrophe in front."""
    text = _printable(text)
    if is_exact_number(text):
        return text
    begins = text.lstrip(" ")[:1]
    if (begins in _FORMULA and begins) or _NUMBER.fullmatch(text) or _looks_like_a_number(text):
        return "'" + text
    return text


def csv_text(heading: Row, rows: Iterable[Row]) -> str:
    """A table as CSV (RFC 4180), the heading first; UTF-8 when it is written."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([csv_cell(cell) for cell in heading])
    for row in rows:
        writer.writerow([csv_cell(cell) for cell in row])
    return target.getvalue()


def write_csv(path: Path, heading: Row, rows: Iterable[Row]) -> None:
    _write(path, csv_text(heading, rows).encode("utf-8"))


def write_workbook(
    path: Path, title: str, heading: Row, rows: Iterable[Row], notes: Iterable[Row] = ()
) -> None:
    """One sheet with the table, and one with notes about it (pairs of name and value)."""
    from openpyxl import Workbook  # here, because it is slow to load and seldom needed
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
    kept = [[_printable(cell) for cell in row] for row in rows]
    if len(kept) > ROWS_MAX:
        raise SheetError(
            f"An Excel sheet has {ROWS_MAX:,} rows, and this table {len(kept):,}; write it as CSV."
        )
    for column, name in enumerate(heading, start=1):
        longest = max((len(row[column - 1]) for row in kept), default=0)
        width = min(max(longest, len(name)) + 2, COLUMN_WIDTH_MAX)
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, cell) for cell in heading])
    for row in kept:
        sheet.append([_cell(sheet, cell) for cell in row])
    about = book.create_sheet("About")
    about.column_dimensions["A"].width = 24
    about.column_dimensions["B"].width = COLUMN_WIDTH_MAX
    for name, value in notes:
        about.append([_bold(about, name), _text(about, _printable(value))])
    target = io.BytesIO()
    book.save(target)
    _write(path, target.getvalue())


def _cell(sheet: object, text: str) -> Cell:
    from openpyxl.cell import WriteOnlyCell

    if is_exact_number(text):
        cell = WriteOnlyCell(sheet, value=Decimal(text))
        decimals = len(text.partition(".")[2])
        cell.number_format = "0." + "0" * decimals if decimals else "0"
        return cell
    return _text(sheet, text)


def _text(sheet: object, text: str) -> Cell:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet)
    cell.value = text[:CELL_CHARACTERS_MAX]
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = True
    return cell


def _bold(sheet: object, text: str) -> Cell:
    from openpyxl.styles import Font

    cell = _text(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _printable(text: str) -> str:
    """What no sheet can hold is shown escaped."""
    return "".join(
        c if c.isprintable() or c == " " else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _looks_like_a_number(text: str) -> bool:
    """Digits with leading zeros, exponents, separators: what a spreadsheet would take for a number and change."""
    return re.fullmatch(r"[0-9][0-9.,eE+\- ]*", text) is not None and not _is_date(text)


def _is_date(text: str) -> bool:
    return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise SheetError(f"There is a file {path} already; choose another name.") from None
    except OSError as error:
        raise SheetError(f"{path} cannot be written: {error.strerror}.") from None
