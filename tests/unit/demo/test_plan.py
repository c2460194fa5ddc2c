"""What a demonstration needs, found by going through its trades once."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.demo.plan import (
    KNOWN_ISINS,
    PlanError,
    StoppedAtBadRow,
    plan_files,
    plan_generated,
)
from counterfoil.gateways.trade_files import ProblemCode, RowProblem, TradeFileError, header_line
from counterfoil.gateways.trade_files.generator import DemoDay, DemoSettings, Fate
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import is_isin


def line(
    n: int,
    date: str = "2013-10-09",
    buyer: str = "ALPHA",
    seller: str = "BRAVO",
    terms: str = "REGULAR",
    security: str = "US4592001014",
    quantity: int = 10,
    price: str = "180.00",
    amount: str = "1800.00",
    currency: str = "USD",
) -> str:
    moment = f"{date}T10:00:00-04:00"
    return f"T-{n},{security},XNYS,{date},{moment},{terms},{quantity},{price},{amount},{currency},{buyer},{seller},,"


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join([header_line(), *lines]) + "\n")
    return path


def test_a_generated_day() -> None:
    day = DemoDay(DemoSettings(trades=2_000))
    plan = plan_generated(day)
    assert plan.tally.rows == plan.tally.trades == 2_000
    assert sum(plan.expected.values()) == 2_000
    assert (plan.first, plan.last) == (20240311, 20240314)
    assert plan.business_days() == [20240311, 20240312, 20240313, 20240314]
    assert [security.listed for security in plan.securities.values()].count(False) == 1
    assert [security.suspended for security in plan.securities.values()].count(True) == 1
    lacking = [row for row in plan.rows() if day.fate(row) is Fate.SELLER_LACKS_SECURITIES]
    assert all(((row.seller, row.seller_account), row.security) not in plan.deliveries for row in lacking)
    assert list(plan.rows()) == list(day.rows())


def test_trades_come_in_the_order_of_their_dates(tmp_path: Path) -> None:
    ordered = write(tmp_path, "a.csv", line(1, "2013-10-07"), line(2, "2013-10-09"))
    disordered = write(tmp_path, "b.csv", line(3, "2013-10-09"), line(4, "2013-10-08"), line(5, "2013-10-08"))
    plan = plan_files([disordered, ordered])
    assert [row.trade_reference for row in plan.rows()] == ["T-1", "T-4", "T-5", "T-3", "T-2"]
    assert list(plan.rows()) == list(plan.rows())
    assert plan.business_days() == [20131007, 20131008, 20131009, 20131010, 20131011, 20131014, 20131015]


def test_who_needs_what(tmp_path: Path) -> None:
    plan = plan_files([write(tmp_path, "a.csv", line(1), line(2, buyer="BRAVO", seller="ALPHA"), line(3))])
    assert plan.brokers == ("ALPHA", "BRAVO")
    assert plan.holders == (("ALPHA", None), ("BRAVO", None))
    assert plan.deliveries == {(("BRAVO", None), "US4592001014"): 20, (("ALPHA", None), "US4592001014"): 10}
    assert plan.payments == {(("ALPHA", None), "USD"): 3600_00, (("BRAVO", None), "USD"): 1800_00}


def test_provision_never_outgrows_the_ledger(tmp_path: Path) -> None:
    big = {"quantity": AMOUNT_MAX, "price": "0.000000001", "amount": "9223372036.85"}
    lines = [line(n, seller=f"S{n}", **big) for n in range(3)]  # type: ignore[arg-type]
    plan = plan_files([write(tmp_path, "a.csv", *lines)])
    assert sum(plan.deliveries.values()) == AMOUNT_MAX
    assert len(plan.deliveries) == 1


def test_every_security_has_an_isin(tmp_path: Path) -> None:
    plan = plan_files(
        [
            write(
                tmp_path,
                "a.csv",
                *(line(n, security=name) for n, name in enumerate(("IBM", "A.B", "US4592001014"))),
            )
        ]
    )
    assert plan.securities["IBM"].isin == KNOWN_ISINS["IBM"]
    assert plan.securities["US4592001014"].symbol == ""
    assert plan.securities["A.B"].isin.startswith("ZZ")
    assert all(is_isin(security.isin) for security in plan.securities.values())


def test_the_main_currency_decides_about_the_place(tmp_path: Path) -> None:
    euros = [line(n, currency="EUR") for n in (1, 2)]
    plan = plan_files([write(tmp_path, "a.csv", *euros, line(3))])
    assert plan.currency == "EUR"
    assert plan.currencies == ("EUR", "USD")
    assert plan.place.zone == "Europe/Brussels"


def test_rows_that_are_no_trades_are_handed_on(tmp_path: Path) -> None:
    listed: list[RowProblem] = []
    path = write(tmp_path, "a.csv", line(1), line(2, quantity=-1), line(3))
    plan = plan_files([path], listed.append)
    assert [problem.code for problem in listed] == [ProblemCode.NEGATIVE]
    assert (plan.tally.rows, plan.tally.trades) == (3, 2)
    with pytest.raises(StoppedAtBadRow, match="a.csv:3"):
        plan_files([path], strict=True)


def test_what_cannot_be_planned(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no trade"):
        plan_files([write(tmp_path, "none.csv")])
    with pytest.raises(TradeFileError):
        plan_files([tmp_path / "absent.csv"])
    years = plan_files([write(tmp_path, "years.csv", line(1), line(2, "2016-10-10"))])
    with pytest.raises(PlanError, match="in parts"):
        years.business_days()
