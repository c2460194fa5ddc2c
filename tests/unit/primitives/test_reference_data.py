"""Checks of codes against real data, and against another implementation of the same standards."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import pytest

from counterfoil.primitives.currencies import CURRENCIES
from counterfoil.primitives.identifiers import CFI_GROUPS, is_cfi, is_isin, is_lei

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ISIN_FILES = ["BSE", "JPX", "KLS", "NSE", "SHH", "SHZ", "all_exchanges_with_isin"]
ISIN_ROWS = 39 + 143 + 6 + 31 + 34 + 22 + 6_995


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_lei_of_the_gleif_extract(shared_data: Path) -> None:
    leis = [row["LEI"] for row in rows_of(shared_data / "refdata" / "gleif_lei_2000.csv")]
    assert len(leis) == 1_999
    assert [lei for lei in leis if not is_lei(lei)] == []


def test_every_isin_of_the_listed_equities(shared_data: Path) -> None:
    folder = shared_data / "refdata" / "financedatabase"
    isins = [row["isin"] for name in ISIN_FILES for row in rows_of(folder / f"{name}.csv") if row["isin"]]
    assert len(isins) == ISIN_ROWS
    assert [isin for isin in isins if not is_isin(isin)] == []


def test_the_currency_table_is_the_published_one(shared_data: Path) -> None:
    published = {
        (
            row["AlphabeticCode"],
            int(row["NumericCode"]),
            None if row["MinorUnit"] == "-" else int(row["MinorUnit"]),
        )
        for row in rows_of(shared_data / "refdata" / "iso4217_codes-all.csv")
        if row["AlphabeticCode"] and not row["WithdrawalDate"]
    }
    assert published == {tuple(row) for row in CURRENCIES.values()}


def test_other_implementation_agrees_on_real_isins_and_leis(shared_data: Path) -> None:
    isin = pytest.importorskip("stdnum.isin", reason="python-stdnum is the oracle")
    lei = pytest.importorskip("stdnum.lei", reason="python-stdnum is the oracle")
    listed = rows_of(shared_data / "refdata" / "financedatabase" / "all_exchanges_with_isin.csv")
    for code in [row["isin"] for row in listed][::25]:
        for digit in "0123456789":
            assert is_isin(code[:-1] + digit) == isin.is_valid(code[:-1] + digit)
    for row in rows_of(shared_data / "refdata" / "gleif_lei_2000.csv")[::25]:
        for check_digits in range(2, 99):
            code = f"{row['LEI'][:-2]}{check_digits:02d}"
            assert is_lei(code) == lei.is_valid(code)


def test_other_implementation_agrees_on_every_letter_of_every_classification() -> None:
    cfi = pytest.importorskip("stdnum.cfi", reason="python-stdnum is the oracle")
    for category, group in product(LETTERS, LETTERS):
        assert is_cfi(f"{category}{group}XXXX") == cfi.is_valid(f"{category}{group}XXXX")
    for group in CFI_GROUPS:
        for position, letter in product(range(4), LETTERS):
            code = group + "X" * position + letter + "X" * (3 - position)
            assert is_cfi(code) == cfi.is_valid(code), code
