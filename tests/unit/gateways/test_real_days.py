"""Four real days of IBM, counted here by a second and simpler method."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from counterfoil.gateways.trade_files import (
    Participants,
    ProblemCode,
    RowProblem,
    SettlementTerms,
    Tally,
    TradeFile,
    TradeRow,
    open_trade_files,
)

PARTICIPANTS = Participants(tuple(f"BROKER-{number}" for number in range(1, 13)), 25)

DAYS = [
    ("20131007", 24_293, 2, {"CASH": 2, "NEXT_DAY": 1, "SELLERS": 0}),
    ("20131008", 33_381, 4, {"CASH": 0, "NEXT_DAY": 1, "SELLERS": 1}),
    ("20131009", 27_042, 4, {"CASH": 1, "NEXT_DAY": 46, "SELLERS": 1}),
    ("20131010", 22_415, 2, {"CASH": 0, "NEXT_DAY": 2, "SELLERS": 1}),
]


def path_of(shared_data: Path, day: str) -> Path:
    return shared_data / "trades" / f"{day}_ibm_Trade_Tick.csv"


@pytest.mark.parametrize(("day", "rows", "reports", "terms"), DAYS)
def test_a_day_is_counted_as_a_plain_count_of_its_text_counts_it(
    shared_data: Path, day: str, rows: int, reports: int, terms: dict[str, int]
) -> None:
    path = path_of(shared_data, day)
    columns = [row.split(",") for row in path.read_text().split("\n")]
    # The last digit of the hexadecimal number holds the four kinds of settlement, the seventh the price reports
    # (official close 1, official open 4).
    is_report = [len(row[4]) >= 7 and row[4][-7] in "14" for row in columns]
    last_digits = Counter(row[4][-1] for row, report in zip(columns, is_report, strict=True) if not report)
    assert len(columns) == rows
    assert sum(is_report) == reports
    assert set(last_digits) <= set("01248")

    file = TradeFile(path, PARTICIPANTS)
    tally = Tally()
    lines = []
    for read in file:
        tally.add(read)
        if isinstance(read, RowProblem):
            assert read.code is ProblemCode.PRICE_REPORT
            assert is_report[read.line - 1]
            assert read.text == ",".join(columns[read.line - 1])
        else:
            column = columns[read.line - 1]
            assert (read.price, read.quantity) == (int(column[1]), int(column[2]))
            lines.append(read.line)
    tally.ensure_adds_up(file.rows_read)
    assert (tally.rows, tally.trades) == (rows, rows - reports)
    assert tally.reasons == {"PRICE_REPORT": reports}
    assert tally.bad_rows == 0
    assert tally.terms[SettlementTerms.REGULAR] == last_digits["0"] + last_digits["1"]
    assert tally.terms[SettlementTerms.CASH] == last_digits["2"] == terms["CASH"]
    assert tally.terms[SettlementTerms.NEXT_DAY] == last_digits["4"] == terms["NEXT_DAY"]
    assert tally.terms[SettlementTerms.SELLERS] == last_digits["8"] == terms["SELLERS"]
    assert tally.suspicious == sum(row[5] == "1" for row in columns) == 0
    trades = [row for row, report in zip(columns, is_report, strict=True) if not report]
    assert tally.quantity == sum(int(row[2]) for row in trades)
    assert tally.amounts["USD"] * 100 == sum(int(row[1]) * int(row[2]) for row in trades)
    assert tally.rounded == 0
    assert lines == sorted(lines)


def test_rows_that_repeat_are_trades_of_their_own(shared_data: Path) -> None:
    path = path_of(shared_data, "20131008")
    texts = path.read_text().split("\n")
    assert len(texts) - len(set(texts)) > 1_000
    trades = [row for row in TradeFile(path, PARTICIPANTS) if isinstance(row, TradeRow)]
    assert len({row.reference for row in trades}) == len(trades) == 33_377


def test_all_days_together(shared_data: Path) -> None:
    files = open_trade_files([path_of(shared_data, day) for day, *_ in DAYS], PARTICIPANTS)
    tally = Tally()
    references: set[str] = set()
    last_time = 0
    for file in files:
        for read in file:
            tally.add(read)
            if isinstance(read, TradeRow):
                references.add(read.trade_reference)
                assert read.execution_time_ms >= last_time
                last_time = read.execution_time_ms
                assert read.buyer != read.seller
    tally.ensure_adds_up(sum(file.rows_read for file in files))
    assert (tally.rows, tally.trades, tally.problem_count) == (107_131, 107_119, 12)
    assert len(references) == tally.trades
