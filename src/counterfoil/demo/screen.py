"""What a person sees while the demonstration runs: one line for each step, with a bar while it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

WIDTH = 28
"""Columns for the name of a step."""


class Step:
    """One step under way. `said` is what its line says beside its name once it is done."""

    def __init__(self, progress: Progress | None, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._done = 0
        self.said = ""

    def advance(self, count: int = 1) -> None:
        self.at(self._done + count)

    def at(self, done: int, total: int | None = None) -> None:
        """So much is done (of so much)."""
        self._done = done
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def name(self, text: str) -> None:
        if self._progress is not None:
            self._progress.update(self._task, description=text)


class Screen:
    """Prints steps. Bars appear on a terminal alone and vanish when their step is done."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Console()
        self._quiet = quiet

    def heading(self, text: str) -> None:
        self.line(f"\n[bold]{text}[/bold]")

    def line(self, text: str) -> None:
        if not self._quiet:
            self.console.print(text, highlight=False)

    def table(self, table: Table) -> None:
        if not self._quiet:
            self.console.print(table)

    @contextmanager
    def step(self, name: str, total: int | None = None) -> Iterator[Step]:
        """One step; its line stays with a tick when it is done."""
        began = time.monotonic()
        if self._quiet or not self.console.is_terminal:
            step = Step(None, TaskID(0))
            yield step
        else:
            named = TextColumn("{task.description:<" + str(WIDTH) + "}")
            counted = (BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
            columns = (SpinnerColumn(), named) if total is None else (SpinnerColumn(), named, *counted)
            bars = Progress(*columns, console=self.console, transient=True)
            with self._shown(bars):
                step = Step(bars, bars.add_task(name, total=total))
                yield step
        took = time.monotonic() - began
        self.line(
            f"[green]✓[/green] {name:<{WIDTH}} {step.said}"
            + (f"  [dim]{took:.1f} s[/dim]" if took >= 0.05 else "")
        )

    def _shown(self, bars: Progress) -> AbstractContextManager[object]:
        """The bars on the terminal for as long as their step takes."""
        return bars


class LiveScreen(Screen):
    """A screen with something below its lines that changes all the time, on a terminal: `below` gives it anew."""

    def __init__(self, below: Callable[[], Table], console: Console | None = None) -> None:
        super().__init__(console)
        self._below = below
        self._bars: Progress | None = None
        self._live = Live(
            get_renderable=self._content, console=self.console, refresh_per_second=4, transient=True
        )

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show it while this lasts."""
        if not self.console.is_terminal:
            yield
            return
        with self._live:
            yield

    def _content(self) -> Group:
        return Group(self._below(), *([self._bars] if self._bars is not None else []))

    @contextmanager
    def _shown(self, bars: Progress) -> Iterator[object]:
        self._bars = bars
        try:
            yield bars
        finally:
            self._bars = None
