"""What a command prints: tables for people, JSON for programs, sheets for spreadsheets. A sandbox is always named."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from counterfoil.cli.failures import UsageError
from counterfoil.cli.plain import Scales, as_json, instant, plain
from counterfoil.gateways.sheets import csv_text, write_csv, write_workbook
from counterfoil.node.reads_base import Moment

Rows = Sequence[Sequence[str]]


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads on: the command ends in its own way, not in that of the library."""
        raise BrokenPipeError


def screen() -> Console:
    """Wide enough for addresses where it is no terminal."""
    console = _Screen(highlight=False)
    if not console.is_terminal:
        console = _Screen(highlight=False, width=200, no_color=True)
    return console


def say(text: str = "") -> None:
    """One line as it is."""
    screen().print(Text(text), soft_wrap=True)


def say_json(value: Any, scales: Scales | None = None) -> None:
    sys.stdout.write(as_json(value, scales) + "\n")


def say_json_line(value: Any, scales: Scales | None = None) -> None:
    """One value as JSON on a line of its own, at once."""
    sys.stdout.write(msgspec.json.encode(plain(value, scales)).decode() + "\n")
    sys.stdout.flush()


def say_moment(moment: Moment) -> None:
    """Which ledger, as of when, and whether it is a sandbox."""
    line = Text(f"{moment.chain_id}, height {moment.height:,}, {instant(moment.time_ms)}", style="dim")
    if moment.sandbox:
        line = Text("SANDBOX ", style="bold yellow") + line
    screen().print(line, soft_wrap=True)


def say_table(heading: Sequence[str], rows: Rows, right: Sequence[str] = (), title: str = "") -> None:
    """A table; the columns in `right` are numbers."""
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD)
    for name in heading:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    screen().print(table)


def provenance(moment: Moment) -> list[tuple[str, str]]:
    """What a sheet says of itself."""
    ledger = f"{moment.chain_id} (sandbox)" if moment.sandbox else moment.chain_id
    return [("ledger", ledger), ("height", str(moment.height)), ("block time", instant(moment.time_ms))]


def write_sheets(
    csv_path: Path | None,
    xlsx_path: Path | None,
    title: str,
    heading: Sequence[str],
    rows: Rows,
    moment: Moment,
) -> bool:
    """Write what was asked for, with where it comes from; whether anything was.

    A CSV file has it in two last columns of every row, a workbook on a sheet of its own.
    """
    if csv_path is not None:
        named = dict(provenance(moment))
        wide = [[*row, named["ledger"], named["height"]] for row in rows]
        if str(csv_path) == "-":
            sys.stdout.write(csv_text([*heading, "ledger", "as_of_height"], wide).replace("\r\n", "\n"))
        else:
            write_csv(csv_path, [*heading, "ledger", "as_of_height"], wide)
            say(f"Written: {csv_path} ({len(rows):,} rows)")
    if xlsx_path is not None:
        write_workbook(xlsx_path, title, heading, rows, [("what", title), *provenance(moment)])
        say(f"Written: {xlsx_path} ({len(rows):,} rows)")
    return csv_path is not None or xlsx_path is not None


def one_of(*asked: bool) -> None:
    """Refuse a command line that asks for several forms of one output on the screen."""
    if sum(asked) > 1:
        raise UsageError("Choose one of --json, --csv and --xlsx.")


class Bar:
    """Progress of one long work; `at` is called with (done, of how many)."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress is not None else None

    def at(self, done: int, total: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)


@contextmanager
def bar(name: str) -> Iterator[Bar]:
    """On a terminal's error stream, gone when it is done; elsewhere nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(None)
        return
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
