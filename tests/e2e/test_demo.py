"""The demonstration: a generated day, own files with good and bad rows, and real ticks where they are present."""

from __future__ import annotations

import csv
import datetime
import itertools
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.gateways.trade_files import header_line

ROW = "T-{n},{security},XNYS,{date},{date}T10:00:00-04:00,{terms},{quantity},{price},{amount},USD,{buyer},{seller},,"


def row(n: int, **columns: object) -> str:
    plain: dict[str, object] = {
        "security": "US4592001014",
        "date": "2013-10-09",
        "terms": "REGULAR",
        "quantity": 10,
        "price": "180.00",
        "amount": "1800.00",
        "buyer": "ALPHA",
        "seller": "BRAVO",
    }
    return ROW.format(n=n, **{**plain, **columns})


def demo(folder: Path, *words: str | Path, code: int = Exit.DONE) -> Result:
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(app, ["demo", *(str(word) for word in words), "--workers", "0"])
    finally:
        os.chdir(before)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def counts(output: str) -> dict[str, int]:
    """Rows by outcome, from the table on the screen."""
    found: dict[str, int] = {}
    for name, number in re.findall(
        r"^\s*(settled|pending|refused|bad row|no trade|all rows)\s+([\d,]+)", output, re.M
    ):
        found[name] = found.get(name, 0) + int(number.replace(",", ""))
    return found


def test_a_generated_day_ends_as_its_seed_says(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    told = demo(tmp_path, "--count", "300", "--seed", "7", "--keep", keep).output
    found = counts(told)
    assert found["all rows"] == 300
    assert found["pending"] == 2
    assert found["refused"] == 3
    assert found["settled"] == 295
    assert "refused" in told
    assert "the same root" in told
    rows = listed(keep / "report.csv")
    assert {(line["outcome"], line["reason"].split(" ")[0]) for line in rows} == {
        ("pending", "LACK"),
        ("pending", "MONY"),
        ("refused", "4001"),
        ("refused", "4002"),
        ("refused", "5003"),
    }
    assert all(line["remedy"] and line["line"].isdigit() for line in rows)
    shown = CliRunner().invoke(
        app, ["register", "ZZDEMO000011", "--ledger", str(keep / "ledger"), "--as", "regulator"]
    )
    assert shown.exit_code == 0, shown.output
    assert "SANDBOX" in shown.output


def test_every_row_of_a_file_is_accounted_for(tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, seller="ALPHA", buyer="CHARLIE", quantity=4, amount="720.00"),
        row(2, quantity=1, amount="180.00"),
        row(3, terms="CASH"),
        row(4, terms="2013-10-12"),
        row(5, amount="1.00"),
        row(6, security="US4592001015"),
        "",
        row(7, date="2013-10-07", terms="NEXT_DAY"),
        row(8, security="XYZ", price="0.0001", quantity=12_345, amount="1.23"),
    ]
    (tmp_path / "own.csv").write_text("\n".join([header_line(), *rows]) + "\n")
    told = demo(tmp_path, "--trades", "own.csv", "--report", "unsettled.csv").output
    found = counts(told)
    assert found == {"settled": 5, "refused": 2, "bad row": 3, "all rows": 10}
    reasons = {(line["line"], line["reason"].split(" ")[0]) for line in listed(tmp_path / "unsettled.csv")}
    assert ("7", "AMOUNT_DISAGREES") in reasons
    assert ("8", "ISIN_CHECK_DIGIT") in reasons
    assert ("9", "EMPTY_LINE") in reasons
    refused = [line for line in listed(tmp_path / "unsettled.csv") if line["outcome"] == "refused"]
    assert {line["line"] for line in refused} == {"4", "6"}, (
        "a reference twice; a Saturday is no settlement day"
    )
    assert re.search(r"^ *2013-10-14 +0 +0 +0 +3 *$", told, re.M), "the exchange traded, and no dollars moved"
    assert re.search(r"^ *2013-10-15 +0 +0 +3 +0 *$", told, re.M)
    assert "rounded" not in told, "the file states its amounts"


def test_equal_rows_without_a_reference_are_trades_of_their_own_and_with_one_they_are_one(
    tmp_path: Path,
) -> None:
    nameless = row(1).removeprefix("T-1")
    rows = [nameless, nameless, row(2), row(2)]
    (tmp_path / "own.csv").write_text("\n".join([header_line(), *rows]) + "\n")
    told = demo(tmp_path, "--trades", "own.csv", "--report", "unsettled.csv").output
    assert counts(told) == {"settled": 3, "refused": 1, "all rows": 4}
    (refused,) = listed(tmp_path / "unsettled.csv")
    assert (refused["file"], refused["line"], refused["trade_reference"]) == ("own.csv", "5", "T-2")
    assert refused["reason"] == "8013 REFERENCE_IS_USED"
    assert refused["remedy"].startswith("Look the earlier trade up")


def test_many_business_days_are_one_line_and_a_short_table(tmp_path: Path) -> None:
    days = [
        f"2013-{month:02d}-{day:02d}"
        for month in (3, 4, 5, 6)
        for day in (4, 5, 6, 11, 12, 13, 18, 19, 20, 25)
    ]
    trading = [day for day in days if datetime.date.fromisoformat(day).weekday() < 5]
    rows = [row(number, date=day) for number, day in enumerate(trading)]
    (tmp_path / "own.csv").write_text("\n".join([header_line(), *rows]) + "\n")
    told = demo(tmp_path, "--trades", "own.csv").output
    assert told.count("Business days") == 1
    assert len(re.findall(r"^ *20\d\d-\d\d-\d\d +\d", told, re.M)) == 10
    assert re.search(r"^ *\d+ days between +\d+ +0 +\d+ +\d+ *$", told, re.M)
    assert re.search(rf"^ *all days +{len(rows)} +0 +{len(rows)} +0 *$", told, re.M)


def test_no_number_is_cut_on_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.cli.commands_demo.WIDTH_WITHOUT_TERMINAL", 80)
    quantity = 123_456_789
    rows = [
        row(n, quantity=quantity, price="1.00", amount=f"{quantity}.00", date=f"2013-10-{n:02d}")
        for n in (7, 8, 9)
    ]
    (tmp_path / "own.csv").write_text("\n".join([header_line(), *rows]) + "\n")
    told = demo(tmp_path, "--trades", "own.csv").output
    assert re.search(r"all holders( +407,408,403){4} *$", told, re.M)
    assert "\u2026" not in told.split("A stranger checks")[0]


def test_a_strict_run_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("\n".join([header_line(), row(1), row(2, quantity=-1), row(3)]) + "\n")
    told = demo(tmp_path, "--trades", "own.csv", "--strict", code=Exit.USAGE).output
    assert "own.csv:3 NEGATIVE" in told
    assert [file.name for file in tmp_path.iterdir()] == ["own.csv"]


def test_files_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text(header_line() + "\n")
    assert "no trade in the files" in demo(tmp_path, "--trades", "empty.csv", code=Exit.USAGE).output
    assert "NOT_FOUND" in demo(tmp_path, "--trades", "absent.csv", code=Exit.USAGE).output
    (tmp_path / "years.csv").write_text("\n".join([header_line(), row(1), row(2, date="2019-10-09")]) + "\n")
    assert "run them in parts" in demo(tmp_path, "--trades", "years.csv", code=Exit.USAGE).output
    (tmp_path / "taken.csv").write_text("\n".join([header_line(), row(1, buyer="Regulator")]) + "\n")
    assert "rename" in demo(tmp_path, "--trades", "taken.csv", code=Exit.USAGE).output
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "something").touch()
    assert "something in" in demo(tmp_path, "--keep", "kept", code=Exit.USAGE).output


def test_several_currencies_and_whole_amounts(tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, security="JP3633400001")
        .replace("USD", "JPY")
        .replace("180.00", "180")
        .replace("1800.00", "1800"),
        row(4, security="IBM", seller="ALPHA", buyer="BRAVO"),
        row(3, quantity=2**62, price="0.01", amount=str(2**62 // 100) + "." + str(2**62 % 100).zfill(2)),
    ]
    (tmp_path / "own.csv").write_text("\n".join([header_line(), *rows]) + "\n")
    assert counts(demo(tmp_path, "--trades", "own.csv").output) == {"settled": 4, "all rows": 4}


def test_real_ticks(shared_data: Path, tmp_path: Path) -> None:
    """The opening of one day, and its official prices, which are no trades."""
    source = shared_data / "trades" / "20131007_ibm_Trade_Tick.csv"
    if not source.is_file():
        pytest.skip(f"no tick file at {source}")
    with source.open() as lines:
        head = list(itertools.islice(lines, 1_500))
    (tmp_path / source.name).write_text("".join(head))
    told = demo(tmp_path, "--trades", source.name, "--keep", "kept").output
    found = counts(told)
    assert found["all rows"] == len(head)
    assert found["settled"] == len(head) - found.get("no trade", 0)
    assert "pending" not in found
    assert "refused" not in found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_whole_day_of_real_ticks(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "trades" / "20131007_ibm_Trade_Tick.csv"
    if not source.is_file():
        pytest.skip(f"no tick file at {source}")
    found = counts(demo(tmp_path, "--trades", source).output)
    assert found == {"settled": 24_291, "no trade": 2, "all rows": 24_293}
