"""How commands end: exit codes, in words for people, as one object for whoever asked for JSON."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from counterfoil.cli.failures import _CODES, Commands, Exit, UsageError, says_who, wants_json
from counterfoil.cli.options import JsonOption
from counterfoil.custody.service.client import CustodyRefused
from counterfoil.gateways.trade_files import FileFault, TradeFileError
from counterfoil.primitives.frames import Problem
from counterfoil.sdk import LedgerError, NotVisible
from counterfoil.storage.errors import CorruptStorage

PROBLEM = Problem(1090, "NOT_VISIBLE", "It is not there.", "Ask another.", {"at": "now"})
FIELDS = {"exit_code", "number", "name", "explanation", "remedy", "facts"}


def run(error: BaseException, *words: str) -> Result:
    """A command that ends with an error, below a group as all are."""
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    inner = typer.Typer()

    @inner.command()
    def fails(json: JsonOption = False) -> None:
        print("first lines")
        raise error

    @inner.command()
    def other() -> None:
        """So that the group has several."""

    app.add_typer(inner, name="inner")
    app.command("outer")(other)
    return CliRunner().invoke(app, ["inner", "fails", *words])


def told(result: Result) -> dict[str, object]:
    (error,) = json.loads(result.stderr).values()
    assert set(error) >= FIELDS
    assert error["exit_code"] == result.exit_code
    return error


@pytest.mark.parametrize("error", [LedgerError(PROBLEM), CustodyRefused(PROBLEM)])
def test_a_refusal_is_told_with_its_number(error: Exception) -> None:
    in_words = run(error)
    assert "1090 NOT_VISIBLE: It is not there. Ask another. (at=now)" in in_words.stderr
    as_json = run(error, "--json")
    assert told(as_json) == {
        "exit_code": Exit.REFUSED,
        "number": 1090,
        "name": "NOT_VISIBLE",
        "explanation": "It is not there.",
        "remedy": "Ask another.",
        "facts": {"at": "now"},
    }
    assert as_json.exit_code == in_words.exit_code == Exit.REFUSED
    assert as_json.stdout == in_words.stdout


def test_who_sees_nothing_and_has_not_said_who_asks_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "--as MEMBER"
    assert hint in run(NotVisible(PROBLEM)).stderr
    assert str(told(run(NotVisible(PROBLEM), "--json"))["remedy"]).startswith(
        "Ask another. You asked as nobody"
    )
    assert hint not in run(LedgerError(PROBLEM)).stderr
    assert says_who(["register", "X", "--as", "issuer-a"])
    assert says_who(["register", "X", "--as=issuer-a"])
    assert not says_who(["register", "--", "--as"])
    monkeypatch.setenv("COUNTERFOIL_AS", "issuer-a")
    assert hint not in run(NotVisible(PROBLEM)).stderr


@pytest.mark.parametrize("kind", [kind for kind, _ in _CODES], ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code_both_ways(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = ("why it is so",)
    if isinstance(error, LedgerError | CustodyRefused):
        error.problem = PROBLEM
    if kind is TradeFileError:
        error = TradeFileError("day.csv", FileFault.NOT_FOUND)
    in_words, as_json = run(error), run(error, "--json")
    assert in_words.exit_code == as_json.exit_code not in (Exit.DONE, Exit.PROGRAM_ERROR)
    assert in_words.stderr.startswith("Error ")
    assert told(as_json)["explanation"] in (PROBLEM.explanation, f"{error}")


def test_what_has_no_number_says_of_which_kind_it_is() -> None:
    error = told(run(UsageError("Name one."), "--json"))
    assert (error["number"], error["name"], error["explanation"]) == (None, "USAGE", "Name one.")
    damaged = told(run(CorruptStorage("the store", "A page is damaged."), "--json"))
    assert damaged["name"] == "UNAVAILABLE"
    assert "counterfoil replay" in str(damaged["remedy"])
    assert "counterfoil replay" in run(CorruptStorage("the store", "A page is damaged.")).stderr


def test_a_command_line_that_is_wrong_is_told_so_too() -> None:
    error = told(run(UsageError(""), "--nothing", "--json"))
    assert (error["exit_code"], error["name"]) == (Exit.USAGE, "USAGE")
    assert "--nothing" in str(error["explanation"])
    assert "Usage:" in run(UsageError(""), "--nothing").stderr


def test_an_error_of_the_program_has_its_traceback() -> None:
    error = told(run(ZeroDivisionError("oops"), "--json"))
    assert (error["exit_code"], error["name"]) == (Exit.PROGRAM_ERROR, "PROGRAM_ERROR")
    assert "ZeroDivisionError" in str(error["traceback"])
    in_words = run(ZeroDivisionError("oops"))
    assert in_words.exit_code == Exit.PROGRAM_ERROR
    assert in_words.stderr.index("Traceback") < in_words.stderr.index("Please report it")


def test_an_interruption() -> None:
    assert told(run(KeyboardInterrupt(), "--json"))["name"] == "INTERRUPTED"


def test_who_asks_for_json() -> None:
    assert wants_json(["register", "X", "--json"])
    assert not wants_json(["register", "X"])
    assert not wants_json(["submit", "--", "--json"])
