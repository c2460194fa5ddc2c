"""The whole demonstration, from the plan to the replay."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterfoil.demo.floor import DemoFailed, Floor
from counterfoil.demo.market import Market, found_market
from counterfoil.demo.market_day import ID_WINDOW_MS, Trading
from counterfoil.demo.places import offsets_of
from counterfoil.demo.plan import Plan, PlanError, plan_files, plan_generated
from counterfoil.demo.report import (
    RowList,
    busiest_security,
    outcomes_table,
    register_table,
    settle_accounts,
)
from counterfoil.demo.screen import Screen
from counterfoil.gateways.trade_files.generator import DemoDay, DemoSettings
from counterfoil.machine.genesis import Genesis, Parameters
from counterfoil.node.ledger import create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.transfer import replay_ledger
from counterfoil.primitives.calendars import date_text, previous_business_day, time_of_local
from counterfoil.sdk.connections import LocalConnection
from counterfoil.state.headers import Header
from counterfoil.storage.folder import is_taken

LEDGER_NAME, KEY_NAME, REPORT_NAME = "ledger", "ledger.key", "report.csv"
FOUNDED_BEFORE_CLOSE_MINUTES = 60
GENERATED_ZONE = "Europe/Brussels"
"""Where the generated day is traded: as the euro's market, see `places`."""


@dataclass(frozen=True)
class Wishes:
    """What somebody wants to see. files: real days; none for a generated one. keep: folder to keep everything in."""

    files: Sequence[Path] = ()
    strict: bool = False
    seed: int = 1
    trades: int = 5_000
    keep: Path | None = None
    report: Path | None = None
    workers: int | None = None


def show(wishes: Wishes, screen: Screen) -> None:
    """Run it all. Errors: DemoFailed, PlanError, StoppedAtBadRow, TradeFileError, StorageError."""
    began = time.monotonic()
    with _place(wishes) as folder, RowList(_report_path(wishes, folder)) as listed:
        plan = _planned(wishes, screen, listed)
        screen.heading("The market is founded")
        with screen.step("Sandbox ledger made") as step:
            _make_ledger(folder, plan)
            step.said = "encrypted at rest; anybody can compute its keys"
        with open_ledger(folder / LEDGER_NAME, workers=wishes.workers) as node:
            market = found_market(plan, Floor(lambda: LocalConnection(node)), screen)
            screen.heading("The market runs")
            run = Trading(market, listed.refused).run_days(screen)
            with screen.step("Accounts compared") as step:
                compared = settle_accounts(market, run, listed)
                step.said = f"{compared:,} holdings are what the trades say, to the unit"
            screen.line("")
            screen.table(outcomes_table(listed.outcomes))
            screen.line("")
            busiest = busiest_security(market)
            screen.table(register_table(market, run, busiest))
            screen.heading("A stranger checks")
            genesis = folder / "genesis.json"
            genesis.write_bytes(node.genesis_bytes)
            proof = folder / "register.proof"
            with screen.step("Register proven complete") as step:
                data = market.floor.regulator.proof("register", instrument=market.securities[busiest])
                proof.write_bytes(data)
                step.said = f"{len(data) / 1024:,.0f} KiB, against the seal of block {node.height:,}"
            verify_elsewhere(screen, proof, genesis)
            last = node.machine.last
        _replay(screen, folder, last)
        listed.close()
        _say_goodbye(screen, wishes, folder, listed, market, busiest, time.monotonic() - began)


def _planned(wishes: Wishes, screen: Screen, listed: RowList) -> Plan:
    if not wishes.files:
        plan = plan_generated(
            DemoDay(DemoSettings(seed=wishes.seed, trades=wishes.trades, zone=GENERATED_ZONE))
        )
        screen.line(f"[bold]Counterfoil[/bold]: {plan.title}")
        return plan
    with screen.step("Trade files read") as step:
        plan = plan_files(wishes.files, listed.problem, strict=wishes.strict, progress=step.at)
        tally = plan.tally
        rounded = f", {tally.rounded:,} amounts rounded half to even" if tally.rounded else ""
        step.said = f"{tally.rows:,} rows, {tally.trades:,} trades{rounded}"
    return plan


def _make_ledger(folder: Path, plan: Plan) -> None:
    create_ledger(folder / LEDGER_NAME, demo_genesis(plan), key_file=folder / KEY_NAME)


def demo_genesis(plan: Plan) -> Genesis:
    """Of a ledger that is founded late on the business day before the plan's first one."""
    place = plan.place
    before = previous_business_day(plan.business_days()[0], place.settlement)
    minute = place.closes_minute - FOUNDED_BEFORE_CLOSE_MINUTES
    founded_ms = time_of_local(before, minute, offsets_of(place.zone, plan.first, plan.last))
    return sandbox_genesis("demo", founded_ms, Parameters(id_window_ms=ID_WINDOW_MS))


def verify_elsewhere(screen: Screen, proof: Path, genesis: Path) -> None:
    """In another process, without the ledger: the proof holds, and with one digit changed it does not."""
    with screen.step("Verified in another process") as step:
        sentences = _verifier(proof, genesis)
        if sentences is None:
            raise DemoFailed(f"The verifier refused the proof {proof}; this is an error of the program.")
        step.said = "with nothing but the genesis file"
    with screen.step("With one digit changed") as step:
        text = proof.read_text(encoding="utf-8")
        at = text.index('"value": "') + len('"value": "')
        digit = "0" if text[at] != "0" else "1"
        forged = proof.with_name("forged.proof")
        forged.write_text(text[:at] + digit + text[at + 1 :], encoding="utf-8")
        if _verifier(forged, genesis) is not None:
            raise DemoFailed("The verifier took a forged proof; this is an error of the program.")
        forged.unlink()
        step.said = "refused"


def _verifier(proof: Path, genesis: Path) -> str | None:
    """What `counterfoil verify` says, None where it refuses."""
    command = [sys.executable, "-m", "counterfoil.cli.main", "verify", str(proof), "--genesis", str(genesis)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=proof.parent)
    return done.stdout if done.returncode == 0 else None


def _replay(screen: Screen, folder: Path, last: Header | None) -> None:
    with screen.step("Replayed from genesis") as step:
        report = replay_ledger(folder / LEDGER_NAME, check=True, progress=step.at)
        if last is None or report.header != last:
            raise DemoFailed("The replay led to another root; this is an error of the program.")
        step.said = f"{report.blocks:,} blocks, each checked; the same root {last.state_root.hex()[:16]}…"


def _say_goodbye(
    screen: Screen,
    wishes: Wishes,
    folder: Path,
    listed: RowList,
    market: Market,
    busiest: str,
    seconds: float,
) -> None:
    plan, outcomes = market.plan, listed.outcomes
    days = (
        f"{date_text(plan.first)} to {date_text(plan.last)}"
        if plan.last > plan.first
        else date_text(plan.first)
    )
    screen.line(
        f"\n[bold]Done in {seconds:.0f} s.[/bold] {outcomes.settled:,} of {outcomes.rows:,} rows settled, {days}."
    )
    if listed.lines and (wishes.keep is not None or wishes.report is not None or wishes.files):
        screen.line(
            f"The {listed.lines:,} rows that did not settle, each with reason and remedy: {listed.path}"
        )
    if wishes.keep is None:
        screen.line("This was a sandbox in a temporary folder; --keep DIR keeps it. Then look around:")
    else:
        screen.line("This is a sandbox; look around:")
    ledger = folder / LEDGER_NAME if wishes.keep is not None else Path("DIR") / LEDGER_NAME
    isin = plan.securities[busiest].isin
    screen.line(f"  counterfoil register {isin} --ledger {ledger} --as regulator")


@contextmanager
def _place(wishes: Wishes) -> Iterator[Path]:
    """The folder to keep, or one that is deleted at the end."""
    with folder_for(wishes.keep, "counterfoil-demo-", "demonstration") as folder:
        try:
            yield folder
        except BaseException:
            if wishes.keep is not None and not (folder / LEDGER_NAME).exists():
                shutil.rmtree(folder, ignore_errors=True)
            raise


@contextmanager
def folder_for(keep: Path | None, prefix: str, what: str) -> Iterator[Path]:
    """A new folder to keep something in; where none is named, one that is deleted at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix=prefix) as temporary:
            yield Path(temporary)
        return
    keep = keep.absolute()
    if is_taken(keep):
        raise PlanError(f"There is something in {keep} already; name a new folder to keep the {what} in.")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


def _report_path(wishes: Wishes, folder: Path) -> Path:
    """As wished; in the folder that is kept; beside the caller for real files; else in the temporary folder."""
    if wishes.report is not None:
        return wishes.report
    if wishes.keep is not None or not wishes.files:
        return folder / REPORT_NAME
    number = 1
    while True:
        path = Path("counterfoil-report.csv" if number == 1 else f"counterfoil-report-{number}.csv")
        if not path.exists():
            return path
        number += 1
