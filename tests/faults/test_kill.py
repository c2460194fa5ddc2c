"""Killed at every named place, and at any moment under load: what was acknowledged is there, once, and replays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from counterfoil.node.ledger import create_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.storage.fault_points import (
    AFTER_FOLDER_RENAME,
    AFTER_LOG_SYNC,
    ALL_POINTS,
    BEFORE_STORE_WRITE,
    CUSTODY_POINTS,
    FOLDER_POINTS,
    INSIDE_STORE_WRITE,
    KEY_CHANGE_POINTS,
    LOG_POINTS,
    PRUNING_POINTS,
    STORE_POINTS,
    VAULT_POINTS,
)
from tests.faults.ledgers import (
    ENVIRONMENT,
    PARAMETERS,
    PROJECT,
    check_sound,
    hurt,
    make_ledger,
    opened,
    transactions,
)

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
KILLED = -signal.SIGKILL
SMALL_SEGMENTS = ("--segment-bytes", "30000")
"""So that segments are begun while it runs."""
TIMES = range(1, 40, 3) if DEEP else (2,)
ROUNDS = 60 if DEEP else 4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that is only copied."""
    path = tmp_path_factory.mktemp("kill") / "ledger"
    make_ledger(path)
    return path


def copied(ledger: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ledger, tmp_path / "ledger"))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("point", [*LOG_POINTS, *STORE_POINTS])
def test_killed_at_a_named_place(ledger: Path, tmp_path: Path, point: str, times: int) -> None:
    folder = copied(ledger, tmp_path)
    raws = transactions(folder, 400, 1)
    found = hurt(folder, raws, *SMALL_SEGMENTS, point=f"{point}:{times}")
    assert found.status == KILLED or (times > 2 and found.status == 0), found.words
    check_sound(folder, found.acknowledged)
    again = hurt(folder, raws[-60:])
    assert again.status == 0, again.words
    assert len(again.acknowledged) == 60
    check_sound(folder, [*found.acknowledged, *again.acknowledged])


def test_killed_while_it_recovers(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    raws = transactions(folder, 100, 2)
    found = hurt(folder, raws, point=f"{AFTER_LOG_SYNC}:5")
    assert found.status == KILLED
    for point in (BEFORE_STORE_WRITE, INSIDE_STORE_WRITE, INSIDE_STORE_WRITE):
        again = hurt(folder, raws, point=f"{point}:1")
        assert again.status == KILLED
        assert not again.acknowledged, "it was killed before it took anything in"
    check_sound(folder, found.acknowledged)


def test_killed_at_any_moment_again_and_again(ledger: Path, tmp_path: Path) -> None:
    chance = Random(5)
    folder = copied(ledger, tmp_path)
    acknowledged = []
    for turn in range(ROUNDS):
        limit = chance.randrange(1, 300)
        raws = transactions(folder, 600, 10 + turn)
        workers = ("--workers", "1") if turn % 2 else ()
        found = hurt(
            folder, raws, *SMALL_SEGMENTS, *workers, kill_after=lambda count, limit=limit: count >= limit
        )
        assert found.status == KILLED, found.words
        assert len(found.acknowledged) >= limit
        acknowledged += found.acknowledged
        check_sound(folder, acknowledged)


def test_a_client_that_sends_everything_again_after_the_crash_changes_nothing(
    ledger: Path, tmp_path: Path
) -> None:
    """Also what was in a block but never acknowledged: it is answered with its first result."""
    folder = copied(ledger, tmp_path)
    raws = transactions(folder, 120, 3)
    first = hurt(folder, raws, point=f"{AFTER_LOG_SYNC}:4")
    assert first.status == KILLED
    second = hurt(folder, raws)
    assert second.status == 0, second.words
    results = {one.id: (one.height, one.number) for one in second.acknowledged}
    assert len(results) == len(set(raws))
    assert all(results[one.id] == (one.height, one.number) for one in first.acknowledged)
    height = check_sound(folder, [*first.acknowledged, *second.acknowledged])
    third = hurt(folder, raws)
    assert {one.id: (one.height, one.number) for one in third.acknowledged} == results
    assert check_sound(folder, third.acknowledged) == height


MAKE = """
import sys
from pathlib import Path
from counterfoil.machine.genesis import Parameters
from counterfoil.node.ledger import create_ledger
from counterfoil.node.personas import sandbox_genesis
create_ledger(Path(sys.argv[1]), sandbox_genesis(parameters=Parameters(id_window_ms=3_600_000)))
"""


@pytest.mark.parametrize("point", [*FOLDER_POINTS, *STORE_POINTS, *LOG_POINTS])
def test_killed_while_a_ledger_is_made(tmp_path: Path, point: str) -> None:
    """There is no ledger then, or a whole one; and one can be made."""
    folder = tmp_path / "ledger"
    environment = {**ENVIRONMENT, "COUNTERFOIL_FAULT_POINT": point}
    ended = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)], cwd=PROJECT, env=environment, check=False
    )
    assert ended.returncode == KILLED
    assert folder.exists() == (point == AFTER_FOLDER_RENAME)
    if not folder.exists():
        os.environ.update(ENVIRONMENT)
        create_ledger(folder, sandbox_genesis(parameters=PARAMETERS))
    assert check_sound(folder, []) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"], "nothing half-made is left"


def test_every_fault_point_is_named_here() -> None:
    elsewhere = (*CUSTODY_POINTS, *PRUNING_POINTS, *VAULT_POINTS, *KEY_CHANGE_POINTS)
    assert set(ALL_POINTS) == {*LOG_POINTS, *STORE_POINTS, *FOLDER_POINTS, *elsewhere}


def test_two_processes_on_one_folder_the_second_is_refused(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with opened(folder) as node:
        before = node.height
        refused = hurt(folder, [])
        assert refused.status == 1
        assert "FolderInUse" in refused.words
        assert str(os.getpid()) in refused.words
        assert node.height == before
    accepted = hurt(folder, [])
    assert accepted.status == 0
