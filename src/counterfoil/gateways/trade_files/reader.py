"""Opening trade files, telling their kind, and reading them row by row in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from counterfoil.gateways.trade_files.lines import BYTE_ORDER_MARK, LINE_BYTES_MAX, read_lines
from counterfoil.gateways.trade_files.own_format import OwnRows, is_own_header
from counterfoil.gateways.trade_files.participants import Participants
from counterfoil.gateways.trade_files.problems import (
    FileFault,
    ProblemCode,
    RowFault,
    RowProblem,
    TradeFileError,
    printable,
)
from counterfoil.gateways.trade_files.rows import TradeRow
from counterfoil.gateways.trade_files.ticks import TickRows, day_and_symbol, is_tick_file_name

_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_ROWS_BETWEEN_PROGRESS = 1_024


class TradeFileKind(StrEnum):
    TICKS = "tick file"
    OWN_FORMAT = "own format"


class TradeFile:
    """One trade file, checked as far as its first line. Iterating reads it from the start; each row of the file
    yields exactly one `TradeRow` or `RowProblem`, in file order.

    While it is read, `rows_read` counts its rows (the header is none) and `bytes_read`, of `size_bytes`, tells how
    far it is; both start again with each iteration. Reading raises `TradeFileError` only where the disk fails or the
    file is taken away; no content of a row raises anything.
    """

    def __init__(self, path: str | os.PathLike[str], participants: Participants | None = None) -> None:
        """`participants` are assigned to the rows of tick files; the own format names its own.

        Errors: TradeFileError for a file that is missing, unreadable or of another kind.
        """
        self.path = Path(path)
        self.name = _shown_name(self.path)
        self.rows_read = 0
        self.bytes_read = 0
        first_line, self.size_bytes = _first_line(self.path)
        self.kind = _kind(self.name, str(self.path), first_line)
        if self.kind is TradeFileKind.OWN_FORMAT:
            self._rows: OwnRows | TickRows = OwnRows(self.name, first_line)
        elif participants is None:
            raise TradeFileError(str(self.path), FileFault.NO_PARTICIPANTS)
        else:
            self._rows = TickRows(self.name, participants)

    def __iter__(self) -> Iterator[TradeRow | RowProblem]:
        self.rows_read = 0
        self.bytes_read = 0
        parse, name = self._rows.parse, self.name
        header_lines = 1 if self.kind is TradeFileKind.OWN_FORMAT else 0
        only_ascii = self.kind is TradeFileKind.TICKS
        try:
            with self.path.open("rb", buffering=1 << 18) as stream:
                for number, (line, complete) in enumerate(read_lines(stream), start=1):
                    if number <= header_lines:
                        continue
                    self.rows_read += 1
                    if number % _ROWS_BETWEEN_PROGRESS == 0:
                        self.bytes_read = stream.tell()
                    try:
                        if not complete:
                            raise RowFault(ProblemCode.LINE_TOO_LONG, "", f"over {LINE_BYTES_MAX} bytes")
                        if not line:
                            raise RowFault(ProblemCode.EMPTY_LINE)
                        if only_ascii and not line.isascii():
                            raise RowFault(ProblemCode.UNDECODABLE_BYTES)
                        read: TradeRow | RowProblem = parse(number, line)
                    except RowFault as fault:
                        read = RowProblem(
                            name, number, fault.code, fault.field, fault.detail, printable(line)
                        )
                    yield read
                self.bytes_read = stream.tell()
        except OSError as error:
            detail = f"after row {self.rows_read}: {error.strerror}"
            raise TradeFileError(str(self.path), FileFault.NOT_READABLE, detail) from None


def open_trade_files(
    paths: Sequence[str | os.PathLike[str]], participants: Participants | None = None
) -> list[TradeFile]:
    """All files, each checked as far as its first line before any is read.

    Errors: TradeFileError, also where two files would give their rows the same references.
    """
    files = [TradeFile(path, participants) for path in paths]
    seen: dict[object, str] = {}
    for file in files:
        day_of = day_and_symbol(file.name) if file.kind is TradeFileKind.TICKS else file.name
        if day_of in seen:
            raise TradeFileError(str(file.path), FileFault.REPEATED, f"as {seen[day_of]}")
        seen[day_of] = str(file.path)
    return files


def read_trade_files(
    paths: Sequence[str | os.PathLike[str]], participants: Participants | None = None
) -> Iterator[TradeRow | RowProblem]:
    """Every row of every file, in the order given. Errors are raised before the first row, as `open_trade_files`."""
    files = open_trade_files(paths, participants)
    return (row for file in files for row in file)


def _first_line(path: Path) -> tuple[bytes, int]:
    try:
        if not path.exists():
            raise TradeFileError(str(path), FileFault.NOT_FOUND)
        if not path.is_file():
            raise TradeFileError(str(path), FileFault.NOT_A_FILE)
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            start = stream.read(LINE_BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TradeFileError(str(path), FileFault.NOT_READABLE, reason) from None
    if start.startswith(_COMPRESSED):
        raise TradeFileError(str(path), FileFault.COMPRESSED)
    line = start.removeprefix(BYTE_ORDER_MARK).split(b"\n", 1)[0]
    return line.removesuffix(b"\r"), size


def _kind(name: str, path: str, first_line: bytes) -> TradeFileKind:
    if is_own_header(first_line):
        return TradeFileKind.OWN_FORMAT
    lowered = name.lower()
    if "quote" in lowered or "_minute_" in lowered or "_second_" in lowered:
        raise TradeFileError(path, FileFault.NOT_TRADES)
    if not first_line and not is_tick_file_name(name):
        raise TradeFileError(path, FileFault.EMPTY)
    if not is_tick_file_name(name):
        raise TradeFileError(path, FileFault.UNKNOWN_KIND)
    return TradeFileKind.TICKS


def _shown_name(path: Path) -> str:
    """The file's name as text that can be printed and encoded whatever bytes it has."""
    text = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
