"""The process that writes the record store: killed, out of room, orphaned. Nothing is lost, and it is told."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.engine.port import EngineStopped
from counterfoil.modules.parties.messages import GrantMandate
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.storage import store_writer, write_behind
from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.errors import StorageFailed, StorageFull
from counterfoil.storage.fault_points import STORE_POINTS
from counterfoil.storage.fault_points import VARIABLE as FAULT_POINT
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.store_writer import hold_lock
from counterfoil.storage.write_behind import WriteBehind
from tests.faults.ledgers import PARAMETERS
from tests.model.desk import SECRETS, Desk, by, party
from tests.model.opening import stranger
from tests.unit.storage.support import LAYOUTS, NAMES, Salts, batch, behind, cipher_of

SECONDS = 30


def rows(height: int, count: int = 100) -> list[tuple[int, bytes, bytes | None]]:
    return [(NAMES, b"%d" % number, b"%d" % height * 200) for number in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WriteBehind]:
    made = behind(tmp_path, cipher_of("encrypted", Salts()))
    yield made
    made.close()


def writer_of(store: WriteBehind) -> int:
    assert store._writer is not None
    return store._writer._process.pid


def test_a_killed_writer_is_told_at_the_next_batch_and_nothing_half_written_is_there(tmp_path: Path) -> None:
    salts = Salts()
    store = behind(tmp_path, cipher_of("encrypted", salts))
    store.write(batch(1, rows(1)))
    store.settle()
    os.kill(writer_of(store), signal.SIGKILL)
    with pytest.raises(StorageFailed, match="is gone|has ended"):
        store.write(batch(2, rows(2, 20_000)))
        store.settle()
    store.close()
    again = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", salts))
    assert again.height() == 1
    assert again.row(NAMES, b"7") == b"1" * 200
    again.close()


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    store = behind(tmp_path, cipher_of("encrypted", Salts()))
    store.write(batch(1, rows(1)))
    store.settle()
    resource.prlimit(writer_of(store), resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))
    store.write(batch(2, rows(2, 5_000)))
    assert store.row(NAMES, b"4999") == b"2" * 200, "it is on its way"
    with pytest.raises(StorageFull):
        store.write(batch(3, rows(3)))
    with pytest.raises(StorageFull):
        store.settle()
    store.close()


def test_the_map_grows_in_one_process_and_is_taken_over_by_the_other(tmp_path: Path) -> None:
    cipher = cipher_of("encrypted", Salts())
    small = LmdbStore(tmp_path, LAYOUTS, cipher, map_size=256 << 10)
    store = WriteBehind(small, LAYOUTS, cipher, handed_over_least=0)
    for height in range(1, 12):
        store.write(batch(height, rows(height), blobs=[("block", height, bytes(100_000))]))
    store.settle()
    assert small.size_bytes() > 4 * (256 << 10)
    assert store.row(NAMES, b"7") == b"11" * 200
    assert store.blob("block", 3) == bytes(100_000)
    assert small.map_size > 256 << 10
    store.close()


_ORPHAN = """
import os, sys
from pathlib import Path
from tests.faults.test_written_behind import rows
from tests.unit.storage.support import Salts, batch, behind, cipher_of
store = behind(Path(sys.argv[1]), cipher_of("encrypted", Salts()))
store.write(batch(1, rows(1)))
store.write(batch(2, rows(2, 60_000)))
print(store._writer._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_whoever_opens_next_waits_for_what_an_orphan_still_writes(tmp_path: Path) -> None:
    """The parent is killed after its batch was handed over whole: the batch is written, and only then is it read."""
    done = subprocess.run(
        [sys.executable, "-c", _ORPHAN, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    os.close(hold_lock(tmp_path))
    salts = Salts()
    salts.draw()  # its own
    salts.draw()  # the writer's
    store = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", salts))
    assert store.height() == 2
    assert sum(1 for _ in store.scan(NAMES, b"")) == 60_000
    store.close()
    assert not _lives(int(done.stdout))


def _lives(process: int) -> bool:
    for _ in range(SECONDS * 100):
        try:
            os.kill(process, 0)
            with open(f"/proc/{process}/stat", "rb") as stat:
                if stat.read().split()[2] == b"Z":
                    return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.01)
    return True


def test_a_writer_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = behind(tmp_path, cipher_of("encrypted", Salts()))
    store.write(batch(1, rows(1)))
    monkeypatch.setattr(store_writer, "ORPHAN_SECONDS_MAX", 0.05)
    with pytest.raises(StorageFailed, match="another process still writes to it"):
        hold_lock(tmp_path)
    store.close()
    os.close(hold_lock(tmp_path))


# A whole ledger


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, "7e" * 32)
    create_ledger(tmp_path / "ledger", sandbox_genesis("behind", parameters=PARAMETERS), secrets=SECRETS)
    return tmp_path / "ledger"


def grant(node: LedgerNode, number: int) -> bytes:
    asked = GrantMandate(party("broker-a"), stranger(f"clerk {number}").address)
    return Desk(node).transaction(asked, *by("broker-a"))


@pytest.mark.parametrize("point", STORE_POINTS)
def test_a_writer_killed_at_any_place_stops_the_ledger_which_starts_again_whole(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr(write_behind.WriteBehind.__init__, "__defaults__", (0,))
    monkeypatch.setenv(FAULT_POINT, f"{point}:2")
    node = open_ledger(ledger, workers=0, scheduled=False)
    acknowledged = []
    with pytest.raises(EngineStopped):
        for number in range(60):
            height, outcome = node.engine.submit(grant(node, number)).result(SECONDS)
            acknowledged.append((outcome.result.id, height))
    assert len(acknowledged) > 10
    assert isinstance(node.engine.failure, StorageFailed)
    node.close()
    monkeypatch.delenv(FAULT_POINT)
    with open_ledger(ledger, workers=0, scheduled=False) as again:
        found = {
            result.id: height
            for height in range(2, again.height + 1)
            for result in again.machine.block_results(height).results
        }
        assert {identity: found[identity] for identity, _ in acknowledged} == dict(acknowledged)
        again.machine.check_everything()


def test_batches_that_either_process_writes_follow_each_other(tmp_path: Path) -> None:
    """Large ones by the other process, small ones here: each finds the history where the last one left it."""
    cipher = cipher_of("encrypted", Salts())
    store = WriteBehind(LmdbStore(tmp_path, LAYOUTS, cipher), LAYOUTS, cipher, handed_over_least=50)
    at = 0
    for height, count in enumerate((60, 3, 70, 2, 1, 80), 1):
        versions = [b"%d/%d" % (height, number) for number in range(count)]
        store.write(batch(height, [], versions=versions, first_version=at))
        at += count
    store.settle()
    assert store.versions_end() == at
    assert store.version(61) == b"2/1"
    assert store.version(at - 1) == b"6/79"
    store.close()
