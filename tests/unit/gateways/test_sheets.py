"""Exported tables arrive as they were: whole numbers, no formulas, nothing lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from counterfoil.gateways.sheets import (
    SheetError,
    csv_cell,
    csv_text,
    is_exact_number,
    write_csv,
    write_workbook,
)

DANGEROUS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "=HYPERLINK(1)",
    "'quoted",
    "＝1",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_could_be_a_formula_gets_an_apostrophe_or_is_escaped(text: str) -> None:
    cell = csv_cell(text)
    assert cell.startswith(("'", "\\"))
    assert cell[0] not in "=+-@\t\r\n"


PLAIN = ["", "IBM", "US4592001014", "cfa1qqqq", "12", "-12", "0.50", "-0.50", "100000000000000", "2013-10-07"]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_values_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == text


@pytest.mark.parametrize(
    "text", ["9223372036854775807", "1234567890123456", "0012", "1e5", "1.234567890123456789"]
)
def test_numbers_that_a_spreadsheet_would_change_become_text(text: str) -> None:
    assert csv_cell(text) == "'" + text


def test_numbers_that_fit() -> None:
    assert is_exact_number("123456789012345")
    assert is_exact_number("-0.000000000012")
    assert not is_exact_number("1234567890123456")
    assert not is_exact_number("1.")
    assert not is_exact_number("--1")
    assert not is_exact_number("")


@given(st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), max_size=5))
def test_no_cell_of_a_csv_file_starts_a_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(("a", "b", "c"), rows), newline="")))
    assert len(read) == len(rows) + 1
    for row in read:
        assert len(row) == 3
        for cell in row:
            assert (
                is_exact_number(cell) or not cell.lstrip(" ")[:1] or cell.lstrip(" ")[0] not in "=+-@\t\r\n"
            )


def test_a_workbook_has_text_and_short_numbers_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "register.xlsx"
    rows = [[text, "9223372036854775807", "12.50"] for text in DANGEROUS]
    write_workbook(path, "Register: US/1", ("name", "long", "short"), rows, [("as of", "=2013-10-07")])
    book = load_workbook(path)
    sheet = book.worksheets[0]
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert kinds == {"s", "n"}
    assert sheet.cell(2, 2).value == "9223372036854775807"
    assert sheet.cell(2, 3).value == 12.5
    assert sheet.cell(2, 3).number_format == "0.00"
    assert sheet.cell(2, 1).value == "=1+1"
    assert sheet.cell(2, 1).quotePrefix
    assert book.worksheets[1].cell(1, 2).value == "=2013-10-07"
    assert book.worksheets[1].cell(1, 2).data_type == "s"


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ("a",), [("1",)])
    with pytest.raises(SheetError, match="already"):
        write_csv(path, ("a",), [("2",)])
    assert path.read_bytes() == b"a\r\n1\r\n"


def test_control_characters_are_shown_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, "a", ("a",), [("\x00\x1b[31m",)])
    assert load_workbook(path).worksheets[0].cell(2, 1).value == "\\x00\\x1b[31m"
