"""Every command explains itself, with an example that names commands and options that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app

ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, with the words that lead to it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = list(commands())


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "counterfoil" for path, _ in ALL])
def test_help_has_an_example(path: tuple[str, ...], command: Any) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=200, env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown.output).split())
    found = re.search(r"Example: (counterfoil .*)", text)
    assert found, f"no example in the help of {path}"
    words = shlex.split(found[1])[1:]
    target, used = ROOT, []
    while words and words[0] in getattr(target, "commands", {}):
        used.append(words[0])
        target = target.commands[words.pop(0)]
    assert not hasattr(target, "commands"), f"the example of {path} names no command"
    if not hasattr(command, "commands"):
        assert tuple(used) == path
    known = {option for parameter in target.params for option in parameter.opts + parameter.secondary_opts}
    for word in words:
        if word.startswith("-") and len(word) > 1:
            assert word in known, f"{word} is no option of {used}"


def test_every_option_is_explained() -> None:
    bare = [
        f"{' '.join(path)} {parameter.name}"
        for path, command in ALL
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert not bare


def test_every_read_has_json() -> None:
    reads = (
        "status",
        "holdings",
        "register",
        "statement",
        "history",
        "instructions",
        "instruments",
        "members",
        "consortium",
        "motions",
        "validators",
        "feeds",
    )
    for path, command in ALL:
        if path and path[-1] in (*reads, "verify", "replay", "list", "personas"):
            assert any("--json" in parameter.opts for parameter in command.params), path


def test_exit_codes_are_told() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for code in Exit:
        assert re.search(rf"\b{code.value}\b", shown), code
