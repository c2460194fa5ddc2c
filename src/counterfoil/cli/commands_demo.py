"""demo: a whole market day to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from counterfoil.cli.options import WorkersOption
from counterfoil.demo.screen import Screen
from counterfoil.demo.show import Wishes, show
from counterfoil.gateways.trade_files.generator import TRADES_MAX, TRADES_MIN

WIDTH_WITHOUT_TERMINAL = 110


def demo(
    more: Annotated[
        list[Path] | None, typer.Argument(help="More trade files, after --trades.", show_default=False)
    ] = None,
    trades: Annotated[
        list[Path] | None,
        typer.Option("--trades", help="Real days: tick files, or files in the project's own format."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row that should be a trade and is none.")
    ] = (False),
    seed: Annotated[int, typer.Option(help="Without files: which day is generated.")] = 1,
    count: Annotated[
        int,
        typer.Option(
            "--count", min=TRADES_MIN, max=TRADES_MAX, help="Without files: how many trades it has."
        ),
    ] = 5_000,
    keep: Annotated[Path | None, typer.Option(help="New folder to keep ledger, proof and report in.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="New CSV file for every row that did not settle.")
    ] = None,
    workers: WorkersOption = None,
) -> None:
    """Run a whole market day: founded, issued, traded, settled, proven, replayed."""
    files = (*(trades or ()), *(more or ()))
    console = console_of_demo()
    wishes = Wishes(
        files=files, strict=strict, seed=seed, trades=count, keep=keep, report=report, workers=workers
    )
    show(wishes, Screen(console))


def console_of_demo() -> Console:
    """Wide enough for the tables where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil demo --trades 20131007_ibm_Trade_Tick.csv --keep ibm-day")(demo)
