"""Copies of a running ledger under load, restored and compared; and copies that are not what they should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.node.backup import FILES_NAME, MANIFEST_NAME, BackupFailed, Known, back_up, read_manifest
from counterfoil.node.ledger import create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.restoring import restore
from counterfoil.node.transfer import replay_ledger
from counterfoil.sdk import Client, LocalConnection, SocketConnection, persona_client, seed
from counterfoil.sdk.recipes import dvp
from counterfoil.storage.errors import FolderRefused, StorageError

BACKUPS = 3
DEALS = 40


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "counterfoil.cli.main", *map(str, words)]


@contextmanager
def started(folder: Path) -> Iterator[Path]:
    """A process that keeps the ledger of a folder running; its socket."""
    process = subprocess.Popen(command("start", folder, "--workers", "0"), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Listening on"):
                break
        yield folder / "socket"
    finally:
        process.terminate()
        process.wait(60)


def test_copies_of_a_ledger_under_load_are_whole(tmp_path: Path) -> None:
    """While deals settle, the folder is copied again and again: every copy holds what was acknowledged before it."""
    folder, key = tmp_path / "l", tmp_path / "l.key"
    create_ledger(folder, sandbox_genesis("copied"), key_file=key)
    with open_ledger(folder, workers=0) as node:
        made = seed(lambda: LocalConnection(node))
    stop, sent = threading.Event(), []
    with started(folder) as socket:
        a, b = (persona_client(SocketConnection(socket), name) for name in ("broker-a", "broker-b"))
        date = a.market(made.market).business_date

        def deal(number: int) -> None:
            message = dvp(
                made.market,
                f"L-{number}",
                date,
                seller=(a, made.accounts["broker-a"]),
                buyer=(b, made.accounts["broker-b"]),
                instrument=made.share,
                quantity=1,
                asset=made.euro,
                amount=100,
            )
            sent.append(a.send(message, cosigners=[b]).height)

        def load() -> None:
            number = 0
            while not stop.is_set():
                deal(number)
                number += 1

        thread = threading.Thread(target=load)
        thread.start()
        acknowledged = []
        try:
            for number in range(BACKUPS):
                while len(sent) < DEALS * (number + 1):
                    time.sleep(0.01)
                before = sent[-1]
                done = subprocess.run(
                    command("backup", folder, tmp_path / f"copy-{number}", "--json"),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stderr
                assert len(sent) > DEALS * (number + 1), "nothing was settled meanwhile"
                acknowledged.append((before, json.loads(done.stdout)["height"]))
        finally:
            stop.set()
            thread.join()
        a.close()
        b.close()
    with open_ledger(folder, workers=0, start=False) as node:
        headers = {
            node.machine.header(n).header.height: node.machine.header(n).header
            for n in range(node.machine.history.size)
        }
    for number, (before, told) in enumerate(acknowledged):
        assert told >= before
        found = restore(tmp_path / f"copy-{number}", tmp_path / f"back-{number}", key_file=key, check=True)
        assert found.height >= told
        assert found.application_hash == headers[found.height].digest()
        assert found.state_root == headers[found.height].state_root
    last = tmp_path / f"back-{BACKUPS - 1}"
    report = replay_ledger(last, key_file=key, workers=0, check=True)
    assert report.header == headers[report.height]
    with open_ledger(last, key_file=key, workers=0) as node, Client(LocalConnection(node)) as client:
        assert client.status().moment.height == report.height, "the restored ledger serves"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of a stopped, unencrypted ledger."""
    create_ledger(tmp_path / "l", sandbox_genesis("copied"), encrypted=False)
    with open_ledger(tmp_path / "l", workers=0) as node:
        made = seed(lambda: LocalConnection(node))
        persona_client(LocalConnection(node), "regulator").holdings(made.accounts["broker-a"])
        last = node.machine.last
        assert last is not None
        known = Known(node.chain_id, last.height, last.digest())
    back_up(tmp_path / "l", tmp_path / "copy", known)
    return tmp_path / "copy"


def test_a_copy_of_a_stopped_ledger_is_restored(copied: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copied)
    assert manifest.kind == "embedded"
    found = restore(copied, tmp_path / "back")
    assert (found.height, found.application_hash.hex()) == (manifest.height, manifest.application_hash)
    assert not any(name.startswith("lock") for name in os.listdir(copied / FILES_NAME))


@pytest.mark.parametrize(
    "name", ["log/00000001.log", "store/data.mdb", "node-secrets", "genesis.json", "at-rest"]
)
@pytest.mark.parametrize("how", ["changed", "missing", "longer"])
def test_a_damaged_copy_leaves_nothing(copied: Path, tmp_path: Path, name: str, how: str) -> None:
    path = copied / FILES_NAME / name
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        half = len(data) // 2
        path.write_bytes(
            data + b"x" if how == "longer" else data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
        )
    with pytest.raises(BackupFailed, match="not what was copied|cannot be restored"):
        restore(copied, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_copy_that_does_not_lead_to_what_it_names_is_refused(copied: Path, tmp_path: Path) -> None:
    content = json.loads((copied / MANIFEST_NAME).read_text())
    for field, value in (
        ("application_hash", "00" * 32),
        ("height", content["height"] + 1),
        ("chain_id", "x"),
    ):
        (copied / MANIFEST_NAME).write_text(json.dumps({**content, field: value}))
        with pytest.raises(BackupFailed):
            restore(copied, tmp_path / "back")
        assert not (tmp_path / "back").exists()


def test_what_a_copy_names_stays_inside(copied: Path, tmp_path: Path) -> None:
    content = json.loads((copied / MANIFEST_NAME).read_text())
    (copied / "outside").write_bytes(b"x")
    content["files"].append({"path": "../outside", "size": 1, "sha256": "00"})
    (copied / MANIFEST_NAME).write_text(json.dumps(content))
    with pytest.raises(BackupFailed, match="outside"):
        restore(copied, tmp_path / "back")


def test_places_that_will_not_do(copied: Path, tmp_path: Path) -> None:
    known = Known("x", 1, b"")
    with pytest.raises(BackupFailed, match="already"):
        back_up(tmp_path / "l", copied, known)
    with pytest.raises(BackupFailed, match="in the folder itself"):
        back_up(tmp_path / "l", tmp_path / "l" / "copy", known)
    with pytest.raises(FolderRefused):
        back_up(tmp_path, tmp_path / "other", known)
    with pytest.raises(BackupFailed, match="already"):
        restore(copied, tmp_path / "l")
    with pytest.raises(BackupFailed, match="no backup"):
        restore(tmp_path, tmp_path / "back")
    with pytest.raises(BackupFailed, match="validator"):
        restore(copied, tmp_path / "back", signs_after=10)


def test_without_the_storage_key_a_copy_is_closed(tmp_path: Path) -> None:
    folder, key = tmp_path / "l", tmp_path / "l.key"
    create_ledger(folder, sandbox_genesis("closed"), key_file=key)
    with open_ledger(folder, workers=0, start=False) as node:
        last = node.machine.last
        assert last is not None
        known = Known(node.chain_id, last.height, last.digest())
    back_up(folder, tmp_path / "copy", known)
    secret = key.read_bytes().strip()
    for path in (tmp_path / "copy").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert secret not in data
        assert b"Broker A" not in data or path.name == "genesis.json", "only the genesis file is public"
    key.rename(tmp_path / "elsewhere.key")
    with pytest.raises(StorageError):
        restore(tmp_path / "copy", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert (
        restore(tmp_path / "copy", tmp_path / "back", key_file=tmp_path / "elsewhere.key").height
        == known.height
    )


def test_everything_in_the_folder_is_in_the_copy(copied: Path, tmp_path: Path) -> None:
    """Whatever a ledger keeps beside its log and its store, its log of reads among them."""
    copies = {
        str(path.relative_to(copied / FILES_NAME))
        for path in (copied / FILES_NAME).rglob("*")
        if path.is_file()
    }
    kept = {str(path.relative_to(tmp_path / "l")) for path in (tmp_path / "l").rglob("*") if path.is_file()}
    assert kept - copies == {"lock", "store/lock.mdb", "store/writer"}
    assert any(name.startswith("reads/") for name in copies)
