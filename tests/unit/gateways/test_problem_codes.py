"""Every reason that a row can be refused for is tested in a table, and says what to do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from counterfoil.gateways.trade_files import FileFault, ProblemCode
from counterfoil.gateways.trade_files.problems import TEXT_SHOWN_MAX, printable


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_reason_stands_in_a_table() -> None:
    ticks, own = _beside("test_tick_rows"), _beside("test_own_rows")
    tested = {row[1] for table in (ticks.PROBLEMS, own.PROBLEMS, own.RAW_PROBLEMS) for row in table}
    tested.add(ProblemCode.TIME_DOES_NOT_EXIST)  # has a test of its own, on the days of the change
    assert tested == set(ProblemCode)


def test_every_reason_is_a_sentence_and_has_a_remedy() -> None:
    for code in (*ProblemCode, *FileFault):
        assert code.explanation.endswith(".")
        assert code.remedy.endswith(".")


def test_the_reference_page_lists_every_reason() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "trade-files.md"
    text = page.read_text(encoding="utf-8")
    for code in (*ProblemCode, *FileFault):
        assert f"| `{code.name}` | {code.explanation} | {code.remedy} |" in text


def test_only_a_price_report_is_no_bad_row() -> None:
    assert [code for code in ProblemCode if not code.is_bad_row] == [ProblemCode.PRICE_REPORT]


def test_a_row_is_shown_shortened_and_printable() -> None:
    assert printable(b"a,b\x00\xff\r") == "a,b\\x00\\xff\\r"
    shown = printable(b"9" * 5_000)
    assert len(shown) == TEXT_SHOWN_MAX
    assert shown.endswith("…")
