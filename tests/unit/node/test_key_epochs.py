"""A node that runs: it confirms by itself an epoch that is sound, and goes on in it across restarts and rebuilds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.machine.transactions import read_bundle
from counterfoil.modules.viewkeys.messages import RecordOpeningKey
from counterfoil.node.key_epochs import draft_epoch
from counterfoil.node.ledger import (
    LedgerNode,
    create_ledger,
    memory_ledger,
    open_ledger,
    rebuild_store,
)
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.transfer import export_ledger, import_ledger, replay_export, replay_ledger
from counterfoil.sdk import Client, LocalConnection
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import by, own, party

REGULATOR, BROKER = party("regulator"), party("broker-a")
PASSPHRASE = "a passphrase of a test"


def client(node: LedgerNode, name: str) -> Client:
    keys = by(name)
    return Client(LocalConnection(node), *keys, party=party(name))


def begin_epoch(node: LedgerNode, expected: int) -> None:
    client(node, "regulator").send(draft_epoch(node.machine, REGULATOR))
    give_up = time.monotonic() + 20
    while node.machine.wired.viewkeys.epoch_in_force != expected:
        assert time.monotonic() < give_up, "the node confirms by itself"
        time.sleep(0.01)


def do_something(node: LedgerNode, number: int) -> None:
    key = OpeningKey(bytes([number]) * 32).public_key
    Client(LocalConnection(node), *own("broker-a"), party=BROKER).send(RecordOpeningKey(BROKER, key))


def epochs_of_bundles(node: LedgerNode) -> list[int]:
    return [read_bundle(item)[1].key_epoch for block in node.blocks() for item in block.block.items]


def test_a_running_node_confirms_and_goes_on_in_the_new_epoch() -> None:
    with memory_ledger(sandbox_genesis()) as node:
        do_something(node, 1)
        begin_epoch(node, 2)
        do_something(node, 2)
        begin_epoch(node, 3)
        do_something(node, 3)
        assert epochs_of_bundles(node) == [1, 1, 1, 2, 2, 2, 3]


def test_what_is_not_sound_is_not_confirmed_and_the_ledger_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with memory_ledger(sandbox_genesis()) as node:
        draft = draft_epoch(node.machine, REGULATOR)
        other = draft_epoch(node.machine, REGULATOR)
        client(node, "regulator").send(replace(draft, archived=other.archived))
        give_up = time.monotonic() + 20
        while "does not open" not in caplog.text:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        do_something(node, 1)
        assert node.machine.wired.viewkeys.epoch_in_force == 1
        begin_epoch(node, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger in its third epoch."""
    path = tmp_path / "ledger"
    create_ledger(path, sandbox_genesis(), key_file=tmp_path / "key")
    with open_ledger(path, workers=0) as node:
        do_something(node, 1)
        begin_epoch(node, 2)
        do_something(node, 2)
        begin_epoch(node, 3)
        do_something(node, 3)
    return path


def test_a_restart_takes_up_every_root(folder: Path) -> None:
    with open_ledger(folder, workers=0) as node:
        assert node.ring is not None
        assert [node.ring.require(number).number for number in (1, 2, 3)] == [1, 2, 3]
        do_something(node, 4)
        assert epochs_of_bundles(node)[-1] == 3


def test_replay_rebuild_export_and_import_go_through_all_epochs(folder: Path, tmp_path: Path) -> None:
    report = replay_ledger(folder, check=True, workers=0)
    with open_ledger(folder, workers=0, start=False) as node:
        sealed = [node.state.blob("sealed", height) for height in range(1, node.height + 1)]
        export_ledger(node, tmp_path / "export", PASSPHRASE)
    assert rebuild_store(folder) == report.height
    assert replay_export(tmp_path / "export", PASSPHRASE, workers=0).header == report.header
    import_ledger(
        tmp_path / "export", tmp_path / "copy", PASSPHRASE, key_file=tmp_path / "copy.key", workers=0
    )
    for path in (folder, tmp_path / "copy"):
        with open_ledger(path, workers=0, start=False) as node:
            assert node.machine.last == report.header
            assert [node.state.blob("sealed", at) for at in range(1, node.height + 1)] == sealed
