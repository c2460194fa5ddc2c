"""Whole files: line ends and marks, what is refused at the door, and that nothing in a file can break the reader."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.gateways.trade_files import (
    FileFault,
    Participants,
    ProblemCode,
    RowProblem,
    Tally,
    TradeFile,
    TradeFileError,
    TradeFileKind,
    TradeRow,
    header_line,
    open_trade_files,
    read_trade_files,
)
from counterfoil.gateways.trade_files.lines import LINE_BYTES_MAX
from counterfoil.primitives.outcome import InvariantViolation

TICKS = "20131007_ibm_Trade_Tick.csv"
ROW = b"34200788,1821400,64,Q,1,0"
OWN_ROW = b"T-1,IBM,XNYS,2013-10-07,2013-10-07T13:30:00Z,REGULAR,100,181.52,18152.00,USD,ALPHA,BRAVO,,"
PARTICIPANTS = Participants(("ALPHA", "BRAVO"))


def file_of(tmp_path: Path, content: bytes, name: str = TICKS) -> TradeFile:
    path = tmp_path / name
    path.write_bytes(content)
    return TradeFile(path, PARTICIPANTS)


@pytest.mark.parametrize(
    "content",
    [
        ROW + b"\n" + ROW,
        ROW + b"\n" + ROW + b"\n",
        ROW + b"\r\n" + ROW + b"\r\n",
        ROW + b"\r\n" + ROW,
        b"\xef\xbb\xbf" + ROW + b"\n" + ROW + b"\n",
    ],
)
def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path, content: bytes) -> None:
    file = file_of(tmp_path, content)
    assert [row.line for row in file if isinstance(row, TradeRow)] == [1, 2]
    assert (file.rows_read, file.bytes_read, file.size_bytes) == (2, len(content), len(content))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_own_files_too(tmp_path: Path, end: bytes) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        file = file_of(tmp_path, mark + header_line().encode() + end + OWN_ROW + end + OWN_ROW, "mine.csv")
        assert file.kind is TradeFileKind.OWN_FORMAT
        assert [row.line for row in file if isinstance(row, TradeRow)] == [2, 3]
        assert file.rows_read == 2


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    file = file_of(tmp_path, header_line().encode(), "mine.csv")
    assert list(file) == []


def test_a_quoted_header_is_a_header(tmp_path: Path) -> None:
    header = ",".join(f'"{name}"' for name in header_line().split(",")).encode()
    (row,) = file_of(tmp_path, header + b"\n" + OWN_ROW, "mine.csv")
    assert isinstance(row, TradeRow)


def test_an_empty_tick_file_is_a_day_without_trades(tmp_path: Path) -> None:
    assert list(file_of(tmp_path, b"")) == []
    assert list(file_of(tmp_path, b"\xef\xbb\xbf")) == []


def test_empty_lines_are_rows_too(tmp_path: Path) -> None:
    rows = list(file_of(tmp_path, b"\n" + ROW + b"\n\r\n" + ROW + b"\n\n"))
    codes = [row.code if isinstance(row, RowProblem) else None for row in rows]
    empty = ProblemCode.EMPTY_LINE
    assert codes == [empty, None, empty, None, empty]
    assert [row.line for row in rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("length", range(LINE_BYTES_MAX - 3, LINE_BYTES_MAX + 6))
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_line(tmp_path: Path, length: int, mark: bytes, end: bytes) -> None:
    rest = ROW + b"\n" if end else b""
    first, *others = file_of(tmp_path, mark + b"9" * length + end + rest)
    assert isinstance(first, RowProblem)
    too_long = length > LINE_BYTES_MAX
    assert first.code is (ProblemCode.LINE_TOO_LONG if too_long else ProblemCode.WRONG_COLUMN_COUNT)
    assert [(type(row), row.line) for row in others] == ([(TradeRow, 2)] if rest else [])


def test_memory_does_not_grow_with_a_line_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / TICKS
    with path.open("wb") as stream:
        for _ in range(24):
            stream.write(b"9" * 1_000_000)
        stream.write(b"\n" + (ROW + b"\n") * 20_000)
    file = TradeFile(path, PARTICIPANTS)
    tally = Tally()
    tracemalloc.start()
    for row in file:
        tally.add(row)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert (tally.rows, tally.reasons) == (20_001, {"LINE_TOO_LONG": 1})


def _faults(tmp_path: Path) -> dict[FileFault, list[Path]]:
    def made(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    header = header_line().encode()
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    return {
        FileFault.NOT_FOUND: [tmp_path / "absent.csv", folder / "x" / "y.csv"],
        FileFault.NOT_A_FILE: [folder, pipe],
        FileFault.NOT_READABLE: [tmp_path / ("n" * 300)],
        FileFault.EMPTY: [made("empty.csv", b""), made("mark.csv", b"\xef\xbb\xbf")],
        FileFault.COMPRESSED: [
            made("20131008_ibm_Trade_Tick.csv", b"PK\x03\x04rest"),
            made("mine.csv.gz", b"\x1f\x8b\x08rest"),
        ],
        FileFault.NOT_TRADES: [
            made("20131007_ibm_Quote_Tick.csv", b"14400009,137450,100,0,0,D,1,0"),
            made("20140605_aapl_minute_trade.csv", b"15300000,6448000,6448000,6448000,6448000,90"),
        ],
        FileFault.UNKNOWN_KIND: [
            made("ibm.csv", ROW),
            made("notes.txt", b"hello"),
            made("binary.csv", b"\xff\xfe" + header_line().encode("utf-16-le")),
            made("20131007_a,b_Trade_Tick.csv", ROW),
        ],
        FileFault.BAD_NAME: [
            made("20131399_ibm_Trade_Tick.csv", ROW),
            made("19130101_ibm_Trade_Tick.csv", ROW),
        ],
        FileFault.BAD_HEADER: [
            made("short.csv", b"trade_reference,symbol_or_isin"),
            made("swapped.csv", header.replace(b"buyer,seller,", b"seller,buyer,")),
            made("one_account.csv", header.rsplit(b",", 1)[0]),
            made("more.csv", header + b",note"),
            made("bytes.csv", header + b"\xff"),
            made("quotes.csv", header + b',"'),
        ],
    }


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    faults = _faults(tmp_path)
    for fault, paths in faults.items():
        for path in paths:
            with pytest.raises(TradeFileError) as caught:
                TradeFile(path, PARTICIPANTS)
            assert caught.value.fault is fault, path
            assert fault.explanation in str(caught.value)
            assert fault.remedy in str(caught.value)
    tested_elsewhere = {FileFault.NO_PARTICIPANTS, FileFault.REPEATED}
    assert set(FileFault) == set(faults) | tested_elsewhere


def test_a_tick_file_needs_participants(tmp_path: Path) -> None:
    (tmp_path / TICKS).write_bytes(ROW)
    with pytest.raises(TradeFileError) as caught:
        TradeFile(tmp_path / TICKS)
    assert caught.value.fault is FileFault.NO_PARTICIPANTS


def test_the_same_rows_are_not_taken_twice(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    paths = [tmp_path / TICKS, other / TICKS, other / TICKS.replace("ibm", "IBM")]
    for path in paths:
        path.write_bytes(ROW)
    mine = [tmp_path / "mine.csv", other / "mine.csv"]
    for path in mine:
        path.write_bytes(header_line().encode())
    for pair in (paths[:2], paths[1:], [paths[0], paths[0]], mine):
        with pytest.raises(TradeFileError) as caught:
            open_trade_files(pair, PARTICIPANTS)
        assert caught.value.fault is FileFault.REPEATED
    assert len(list(read_trade_files([paths[0], mine[0]], PARTICIPANTS))) == 1


def test_a_missing_file_is_told_before_the_first_row(tmp_path: Path) -> None:
    (tmp_path / TICKS).write_bytes(ROW)
    with pytest.raises(TradeFileError):
        read_trade_files([tmp_path / TICKS, tmp_path / "absent.csv"], PARTICIPANTS)


def test_a_file_that_is_taken_away_is_told(tmp_path: Path) -> None:
    file = file_of(tmp_path, ROW)
    file.path.unlink()
    with pytest.raises(TradeFileError) as caught:
        list(file)
    assert caught.value.fault is FileFault.NOT_READABLE


def test_a_name_that_is_no_text_can_still_be_reported(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.csv")
    file = file_of(tmp_path, header_line().encode() + b"\nbad", name)
    (problem,) = file
    assert isinstance(problem, RowProblem)
    assert str(problem).isprintable()
    assert str(problem).encode()


def test_counts_that_do_not_add_up_are_an_error(tmp_path: Path) -> None:
    file = file_of(tmp_path, ROW + b"\nbad\n" + ROW)
    tally = Tally()
    for row in file:
        tally.add(row)
    tally.ensure_adds_up(file.rows_read)
    assert (tally.rows, tally.trades, tally.problem_count, tally.bad_rows) == (3, 2, 1, 1)
    with pytest.raises(InvariantViolation):
        tally.ensure_adds_up(4)
    tally.trades += 1
    with pytest.raises(InvariantViolation):
        tally.ensure_adds_up(3)


_piece = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b",", b"\n", b"\r\n", b"0", b"-1", b"1821400", ROW, OWN_ROW, b'"', b"\x00", b"\xff"]),
)


@given(content=st.lists(_piece, max_size=40).map(b"".join), own=st.booleans())
def test_no_content_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, own: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / ("fuzz.csv" if own else TICKS)
    path.write_bytes(header_line().encode() + b"\n" + content if own else content)
    if not own and content.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return
    file = TradeFile(path, PARTICIPANTS)
    tally = Tally()
    for row in file:
        tally.add(row)
        assert str(row)
    tally.ensure_adds_up(file.rows_read)
    body = content if own else content.removeprefix(b"\xef\xbb\xbf")
    assert tally.rows == body.count(b"\n") + (1 if body and not body.endswith(b"\n") else 0)
