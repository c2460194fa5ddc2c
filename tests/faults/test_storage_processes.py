"""Whole processes on a ledger folder: killed at every fault point and at random, and two at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterfoil.storage import fault_points
from counterfoil.storage.at_rest import AtRest
from counterfoil.storage.errors import FolderInUse, FolderRefused
from counterfoil.storage.fault_points import (
    FOLDER_POINTS,
    KEY_CHANGE_POINTS,
    LOG_POINTS,
    STORE_POINTS,
)
from counterfoil.storage.folder import is_ledger_folder, open_folder
from counterfoil.storage.log_format import SEGMENT_HEAD_SIZE, parse_segment_head
from counterfoil.storage.log_segments import records
from tests.conftest import PROJECT
from tests.faults.storage_process import KEYS, NEXT_KEYS, SEGMENT, change, keys_of, make, payload, row, work
from tests.unit.storage.support import LAYOUTS


def command(action: str, path: Path, fault: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, fault_points.VARIABLE: fault}
    arguments = [sys.executable, "-m", "tests.faults.storage_process", action, str(path)]
    return subprocess.Popen(
        arguments, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check_folder(path: Path, acknowledged: int) -> int:
    """All that was acknowledged is there once, the store is at a height of the log; returns the log's height."""
    with open_folder(path, environment=keys_of(path)) as folder:
        assert folder.read_kept("secret", b"secret") == b"the secret"
        log, store = folder.open_log(segment_size=SEGMENT), folder.open_store(LAYOUTS)
        last = log.last_height()
        assert last >= acknowledged
        assert list(log.read_from(1)) == [(height, payload(height)) for height in range(1, last + 1)]
        at = store.height()
        assert at <= last
        rows = {key: text for _, key, text in map(row, range(1, at + 1))}
        assert dict(store.scan(row(1)[0], b"")) == rows
        versions = [store.version(position) for position in range(store.versions_end())]
        assert versions == [b"v%d" % position for position in range(at)]
        store.examine()
        log.close()
        store.close()
    return last


@pytest.mark.parametrize("point", [*LOG_POINTS, *STORE_POINTS])
@pytest.mark.parametrize("times", [1, 4])
def test_killed_at_a_fault_point_nothing_acknowledged_is_lost(tmp_path: Path, point: str, times: int) -> None:
    path = tmp_path / "ledger"
    make(path)
    process = command("work", path, f"{point}:{times}")
    told, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    acknowledged = max(map(int, told.split()), default=1)
    last = check_folder(path, acknowledged)
    work(path, 10)
    assert check_folder(path, last + 10) == last + 10


@pytest.mark.parametrize(
    ("point", "times"),
    [
        *((point, 1) for point in KEY_CHANGE_POINTS),
        *((point, times) for point in STORE_POINTS for times in (1, 8)),
        ("after-segment-resealed", 4),
        ("inside-store-copy", 2),
        ("before-log-append", 12),
        ("inside-segment-creation", 1),
    ],
)
def test_killed_while_the_storage_key_is_changed_nothing_is_lost_and_the_change_is_finished(
    tmp_path: Path, point: str, times: int
) -> None:
    path = tmp_path / "ledger"
    make(path)
    work(path, 30)
    process = command("change", path, f"{point}:{times}")
    told, errors = process.communicate(timeout=60)
    other = process.returncode == 1
    assert other or process.returncode == -signal.SIGKILL, errors
    assert other == (point == fault_points.INSIDE_STORE_COPY or (point in STORE_POINTS and times > 1))
    assert not other or "the process that writes it" in errors
    last = check_folder(path, max(map(int, told.split()), default=31))
    change(path)
    assert keys_of(path) == NEXT_KEYS
    assert check_folder(path, last) >= last
    at_rest = AtRest.load(path)
    assert (at_rest.newest, at_rest.in_force) == (2, 2)
    assert {one.name for one in path.iterdir()} == {
        *("FORMAT", "at-rest", "at-rest.copy", "lock", "log", "secret", "store-2")
    }
    newest = {epoch for epoch, subkey in at_rest.subkeys.items() if subkey.generation == 2}
    for segment in (path / "log").iterdir():
        head = parse_segment_head(segment.read_bytes()[:SEGMENT_HEAD_SIZE])
        assert head is not None
        found = [record.stored for record in records(segment, head) if not record.head.is_mark]
        assert {int.from_bytes(stored[:4], "big") for stored in found} <= newest


@pytest.mark.parametrize("point", FOLDER_POINTS)
def test_killed_while_a_folder_is_made_there_is_a_whole_one_or_none(tmp_path: Path, point: str) -> None:
    path = tmp_path / "ledger"
    process = command("make", path, point)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    if not path.exists():
        assert point != fault_points.AFTER_FOLDER_RENAME
        with pytest.raises(FolderRefused, match="There is no ledger"):
            open_folder(path, environment=KEYS)
        assert any(tmp_path.iterdir()), "what was begun lies beside the place"
        make(path)
    assert is_ledger_folder(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger"]
    assert check_folder(path, 1) == 1


def test_killed_at_random_under_load_again_and_again(tmp_path: Path) -> None:
    path, acknowledged, chance = tmp_path / "ledger", 1, random.Random(11)
    make(path)
    for _ in range(5):
        process = command("work", path)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.random() * 0.02)
        process.kill()
        told = first + process.communicate()[0]
        whole = [int(line) for line in told.splitlines(keepends=True) if line.endswith("\n")]
        acknowledged = max([acknowledged, *whole])
        check_folder(path, acknowledged)


def test_a_second_process_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    make(path)
    process = command("hold", path)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with pytest.raises(FolderInUse, match=f"in use by process {process.pid};"):
        open_folder(path, environment=KEYS)
    process.kill()
    process.communicate()
    open_folder(path, environment=KEYS).close()


def test_a_worker_that_outlives_its_killed_parent_does_not_keep_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    make(path)
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from counterfoil.storage.folder import open_folder\n"
        "from tests.faults.storage_process import KEYS\n"
        "folder = open_folder(Path(sys.argv[1]), environment=KEYS)\n"
        "worker = os.fork()\n"
        "if worker: print(worker, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    try:
        with pytest.raises(FolderInUse, match=f"in use by process {parent.pid};"):
            open_folder(path, environment=KEYS)
        parent.kill()
        parent.wait()
        open_folder(path, environment=KEYS).close()
    finally:
        os.kill(worker, signal.SIGKILL)
        parent.stdout.close()


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    script = f"{sys.executable} -m tests.faults.storage_process small-disk {tmp_path / 'small'}"
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("a small file system of one's own cannot be mounted here")
    if "mount" in done.stderr and not done.stdout:
        pytest.skip("a small file system of one's own cannot be mounted here")
    assert done.stdout.splitlines() == ["True True", "True b'fits again'", "None True"], done.stderr


def test_every_fault_point_of_a_ledger_folder_is_reached(tmp_path: Path) -> None:
    reached = []
    fault_points.install(reached.append)
    try:
        make(tmp_path / "ledger")
        work(tmp_path / "ledger")
        change(tmp_path / "ledger")
    finally:
        fault_points.install(None)
    assert {*reached, fault_points.INSIDE_STORE_COPY} == {
        *LOG_POINTS,
        *STORE_POINTS,
        *FOLDER_POINTS,
        *KEY_CHANGE_POINTS,
    }, "one of them in another process; others are in tests of their own"


def test_a_misspelt_fault_point_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no fault point nowhere"):
        fault_points.killer("nowhere:2")


def test_a_failure_inside_a_write_or_a_creation_leaves_what_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    make(path)

    def fail(name: str) -> None:
        if name in (fault_points.INSIDE_STORE_WRITE, fault_points.INSIDE_SEGMENT_CREATION):
            raise RuntimeError(name)

    fault_points.install(fail)
    try:
        with pytest.raises(RuntimeError, match="inside"):
            work(path)
        with pytest.raises(RuntimeError, match="inside-segment-creation"):
            make(tmp_path / "other")
    finally:
        fault_points.install(None)
    assert not (tmp_path / "other").exists()
    check_folder(path, 1)
