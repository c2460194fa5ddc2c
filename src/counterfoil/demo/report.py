"""What became of every row: listed in a file, counted on the screen, and reconciled with the register to the unit."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.table import Table

from counterfoil.demo.floor import DemoFailed
from counterfoil.demo.market import MARKET, Market
from counterfoil.demo.market_day import DayRecord, Run
from counterfoil.demo.plan import PlanError
from counterfoil.gateways.sheets import csv_cell
from counterfoil.gateways.trade_files import RowProblem, TradeRow
from counterfoil.gateways.trade_files.generator import Fate
from counterfoil.node.reads_business import InstructionLine
from counterfoil.primitives.calendars import date_text
from counterfoil.primitives.frames import Problem
from counterfoil.sdk.client import Client

COLUMNS = ("outcome", "file", "line", "trade_reference", "reason", "explanation", "remedy", "row")
COUNTERPARTY_REASONS = ("CLAC", "CMON")
"""The counterparty lacks securities or money: its own side says it plainly."""
CLOSES_SHOWN = 2
SHOWN_MAX = 12
"""Lines of a table on the screen; the file has them all."""


@dataclass
class Outcomes:
    """Rows by what became of them. no_trade: price reports and the like; bad: rows that should have been trades."""

    rows: int = 0
    settled: int = 0
    pending: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    no_trade: Counter[tuple[str, str]] = field(default_factory=Counter)
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def sum(self) -> int:
        listed = (self.pending, self.refused, self.no_trade, self.bad)
        return self.settled + sum(counter.total() for counter in listed)

    def check(self) -> None:
        """DemoFailed unless every row has exactly one outcome."""
        if self.sum != self.rows:
            raise DemoFailed(
                f"The counts do not add up: {self.rows:,} rows were read, {self.sum:,} are accounted for."
            )


class RowList:
    """The list of all rows that did not settle, written as they become known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes = Outcomes()
        self.lines = 0
        try:
            self._file = path.open("x", encoding="utf-8", newline="")
        except FileExistsError:
            raise PlanError(f"There is a file {path} already; name another one with --report.") from None
        except OSError as error:
            raise PlanError(f"The report {path} cannot be written: {error.strerror}.") from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def problem(self, problem: RowProblem) -> None:
        """A row that is no trade."""
        outcomes = self.outcomes
        counter, outcome = (
            (outcomes.bad, "bad row") if problem.code.is_bad_row else (outcomes.no_trade, "no trade")
        )
        counter[(problem.code.name, problem.code.explanation)] += 1
        told = f"{problem.field}: {problem.detail}" if problem.field and problem.detail else problem.detail
        explanation = f"{problem.code.explanation} {told}".strip()
        where = (problem.file, str(problem.line), "")
        self._write(outcome, *where, problem.code.name, explanation, problem.remedy, problem.text)

    def refused(self, row: TradeRow, problem: Problem) -> None:
        """A trade that the ledger did not take."""
        because = problem.facts.get("refusal", "")
        reason = f"{problem.number} {problem.name}" + (f" ({because})" if because else "")
        self.outcomes.refused[(reason, problem.explanation)] += 1
        where = (row.file, str(row.line), row.trade_reference)
        told = ", ".join(f"{name} {value}" for name, value in problem.facts.items())
        explanation = f"{problem.explanation} ({told})" if told else problem.explanation
        self._write("refused", *where, reason, explanation, problem.resolution, "")

    def pending(self, where: tuple[str, int, str], line: InstructionLine) -> None:
        """A trade that is matched and has not settled."""
        code = line.code or "none"
        self.outcomes.pending[(code, line.words or "It waits for its date.")] += 1
        self._write("pending", where[0], str(where[1]), where[2], code, line.words, line.remedy, "")

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> RowList:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None and not self.lines:
            self.path.unlink(missing_ok=True)

    def _write(self, *cells: str) -> None:
        self.lines += 1
        self._writer.writerow([csv_cell(cell) for cell in cells])


def settle_accounts(market: Market, run: Run, listed: RowList) -> int:
    """Find what is pending, check that all counts add up, and that every account holds what its trades say.

    Returns how many holdings were compared. DemoFailed where anything differs.
    """
    outcomes, pending = listed.outcomes, 0
    nets = dict(run.nets)
    lines = {line.instruction_id: line for line in market.floor.depository.instructions(market=MARKET)}
    for identity, line in lines.items():
        where = run.entered.get(identity)
        if where is None:
            continue  # the receiving side of a pair, or somebody else's
        pending += 1
        other = lines[line.counterpart]
        listed.pending(where, other if line.code in COUNTERPARTY_REASONS else line)
        _take_back(nets, line, other)
    outcomes.rows = market.plan.tally.rows
    outcomes.settled = len(run.entered) - pending
    outcomes.check()
    _check_expected(market, outcomes)
    return _reconcile(market, run, nets)


def _check_expected(market: Market, outcomes: Outcomes) -> None:
    """Of a generated day it is known beforehand how many trades must fail, and why."""
    expected = market.plan.expected
    if not expected:
        return
    found = {
        Fate.SETTLES: outcomes.settled,
        Fate.SELLER_LACKS_SECURITIES: sum(n for (code, _), n in outcomes.pending.items() if code == "LACK"),
        Fate.BUYER_LACKS_MONEY: sum(n for (code, _), n in outcomes.pending.items() if code == "MONY"),
    }
    for fate, count in found.items():
        if count != expected[fate]:
            raise DemoFailed(f"{expected[fate]:,} trades had the fate {fate.value!r}, and {count:,} met it.")


def _take_back(
    nets: dict[tuple[bytes, bytes], int], delivery: InstructionLine, receipt: InstructionLine
) -> None:
    """What a pending pair has not moved."""
    quantity = delivery.quantity - delivery.settled_quantity
    amount = delivery.amount - delivery.settled_amount
    moved = (
        (delivery.account, delivery.instrument_id, quantity),
        (receipt.account, delivery.instrument_id, -quantity),
        (delivery.cash_account, delivery.asset, -amount),
        (receipt.cash_account, delivery.asset, amount),
    )
    for account, what, change in moved:
        nets[(account, what)] = nets.get((account, what), 0) + change


def _reconcile(market: Market, run: Run, nets: dict[tuple[bytes, bytes], int]) -> int:
    """Every holding is what it was at the opening and what its settled trades changed."""
    compared = 0
    regulator = market.floor.regulator
    for what in dict.fromkeys((*market.securities.values(), *market.money.values())):
        before = _holdings(regulator, what, run.opening_height)
        after = _holdings(regulator, what)
        for account in before | after | {key[0]: 0 for key in nets if key[1] == what}:
            wanted = before.get(account, 0) + nets.get((account, what), 0)
            if after.get(account, 0) != wanted:
                raise DemoFailed(
                    f"Account {account.hex()} holds {after.get(account, 0)} of {what.hex()}, and its trades say"
                    f" {wanted}."
                )
            compared += 1
    return compared


def _holdings(client: Client, instrument: bytes, height: int = 0) -> dict[bytes, int]:
    lines = client.register(instrument, height or "")
    return {line.account_id: line.available + line.earmarked for line in lines}


def outcomes_table(outcomes: Outcomes) -> Table:
    """Every row counted once, with a total that is the number of rows read."""
    table = Table(title="What became of the rows", title_justify="left", show_footer=True, box=SIMPLE_HEAD)
    table.add_column("outcome", footer="all rows")
    table.add_column("rows", justify="right", footer=f"{outcomes.sum:,}", no_wrap=True)
    table.add_column("reason", overflow="fold")
    table.add_row("[green]settled[/green]", f"{outcomes.settled:,}", "delivered against payment")
    kinds = (
        ("[yellow]pending[/yellow]", outcomes.pending),
        ("[red]refused[/red]", outcomes.refused),
        ("[red]bad row[/red]", outcomes.bad),
        ("no trade", outcomes.no_trade),
    )
    for name, counter in kinds:
        shown = counter.most_common(SHOWN_MAX)
        for (reason, words), count in shown:
            table.add_row(name, f"{count:,}", f"[bold]{reason}[/bold] {words}")
        rest = counter.total() - sum(count for _, count in shown)
        if rest:
            table.add_row(name, f"{rest:,}", "for other reasons")
    return table


def register_table(market: Market, run: Run, name: str) -> Table:
    """The largest holders of one security: before the first trade, at closes of business, and now."""
    regulator, security = market.floor.regulator, market.securities[name]
    closes = _telling_closes(run)
    moments = ["before", *(f"close of\n{date_text(day.date)}" for day in closes), "now"]
    heights = [run.opening_height, *(day.closed for day in closes), 0]
    registers = [_holdings(regulator, security, height) for height in heights]
    lines = regulator.register(security)
    largest = lines[: SHOWN_MAX - 4]
    shown = market.plan.securities[name]
    title = f"Register of {shown.isin}" + (f" ({shown.symbol})" if shown.symbol else "")
    table = Table(title=title, title_justify="left", show_footer=True, box=SIMPLE_HEAD)
    table.add_column("holder", footer="all holders")
    for moment, held in zip(moments, registers, strict=True):
        total = f"{sum(held.values()):,}"
        table.add_column(moment, justify="right", footer=total, min_width=len(total), overflow="fold")
    for line in largest:
        holder = line.owner_name or line.account_id.hex()[:16]
        table.add_row(holder, *(f"{held.get(line.account_id, 0):,}" for held in registers))
    others = [
        sum(held.values()) - sum(held.get(line.account_id, 0) for line in largest) for held in registers
    ]
    if any(others):
        table.add_row("others", *(f"{other:,}" for other in others))
    return table


def _telling_closes(run: Run) -> list[DayRecord]:
    """The closes of the last days on which something settled, but for the very last: that is how it stands now."""
    busy = [day for day in run.days if day.settled]
    return busy[-1 - CLOSES_SHOWN : -1]


def busiest_security(market: Market) -> str:
    """The security of which most was to be delivered."""
    totals: Counter[str] = Counter()
    for (_, name), quantity in market.plan.deliveries.items():
        totals[name] += quantity
    return max(sorted(totals), key=lambda name: totals[name])
