"""`make network-demo`: its command, with a small day."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.network.nets import PROJECT, free_port, need_engine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
TRADES = 120


def test_a_small_day_on_the_demonstrations_network(tmp_path: Path) -> None:
    need_engine()
    folder = tmp_path / "kept"
    command = ["network", "demo", "--count", str(TRADES), "--port", str(free_port(6)), "--keep", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "counterfoil.cli.main", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    order = (
        "The network is up",
        "A follower checks every block",
        "validator-2 is killed",
        "validator-2 is back",
        "holdings are what the trades say",
        "6 nodes, one root at height",
        "Verified in another process",
        "With one digit changed",
        "each under a root that the validators signed",
        "the same root",
        "Done in",
    )
    places = [said.find(words) for words in order]
    assert -1 not in places, said
    assert places == sorted(places), said
    assert "INSTRUMENT_NOT_FOUND" in (folder / "report.csv").read_text(), (
        "what was refused is listed with its reason"
    )
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert not left.stdout.split(), "a node was left behind"


def test_the_makefiles_target_is_that_command() -> None:
    rule = (PROJECT / "Makefile").read_text().split("\nnetwork-demo:")[1].split("\n\n")[0]
    assert "engine" in rule.splitlines()[0]
    assert "counterfoil network demo $(ARGS)" in rule
