"""Counts that add up, or a demonstration that fails; a list that no spreadsheet can turn into formulas."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from counterfoil.demo.floor import DemoFailed, Floor
from counterfoil.demo.market import found_market
from counterfoil.demo.market_day import ID_WINDOW_MS, Trading
from counterfoil.demo.places import offsets_of
from counterfoil.demo.plan import PlanError, plan_generated
from counterfoil.demo.report import COLUMNS, Outcomes, RowList, settle_accounts
from counterfoil.demo.screen import Screen
from counterfoil.gateways.trade_files import ProblemCode, RowProblem
from counterfoil.gateways.trade_files.generator import DemoDay, DemoSettings, Fate
from counterfoil.machine.genesis import Parameters
from counterfoil.node.ledger import memory_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.calendars import time_of_local
from counterfoil.sdk import LocalConnection


def test_counts_add_up_or_the_run_has_failed() -> None:
    outcomes = Outcomes(rows=3, settled=1)
    outcomes.pending[("LACK", "words")] += 1
    with pytest.raises(DemoFailed, match="do not add up"):
        outcomes.check()
    outcomes.bad[("ZERO", "words")] += 1
    outcomes.check()


def test_the_list_is_safe_and_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with RowList(path) as listed:
        listed.problem(RowProblem("a.csv", 2, ProblemCode.NOT_A_NUMBER, "price", "=1+1", "=cmd()|x,1"))
    with path.open(newline="", encoding="utf-8") as file:
        heading, row = csv.reader(file)
    assert tuple(heading) == COLUMNS
    assert row[-1] == "'=cmd()|x,1"
    assert row[0] == "bad row"
    with pytest.raises(PlanError, match="already"):
        RowList(path)
    with pytest.raises(PlanError, match="cannot be written"):
        RowList(tmp_path / "absent" / "report.csv")


@pytest.mark.parametrize("falsified", ["nothing", "a holding", "a trade"])
def test_every_account_is_compared_with_its_trades(tmp_path: Path, falsified: str) -> None:
    plan = plan_generated(DemoDay(DemoSettings(trades=100, instruments=2, brokers=2, clients_per_broker=2)))
    day = plan.business_days()[0]
    founded_ms = time_of_local(day, 0, offsets_of(plan.place.zone, day, day))
    genesis = sandbox_genesis("demo", founded_ms, Parameters(id_window_ms=ID_WINDOW_MS))
    with memory_ledger(genesis) as node, RowList(tmp_path / "report.csv") as listed:
        screen = Screen(quiet=True)
        market = found_market(plan, Floor(lambda: LocalConnection(node)), screen)
        run = Trading(market, listed.refused).run_days(screen)
        if falsified == "a holding":
            run.nets[next(iter(run.nets))] += 1
        elif falsified == "a trade":
            run.entered.pop(next(iter(run.entered)))
        if falsified == "nothing":
            assert settle_accounts(market, run, listed) > 0
            assert listed.outcomes.settled == plan.expected[Fate.SETTLES]
        else:
            with pytest.raises(DemoFailed):
                settle_accounts(market, run, listed)
