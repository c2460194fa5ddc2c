"""A sealed network of real processes: what lies in a validator's home, and new epochs under everybody's eyes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.node import reads
from counterfoil.node.ledger import SealingKey, open_ledger, read_secrets
from counterfoil.node.network.joining import invite, join
from counterfoil.node.reads_keys import HolderToBe, KeyEpochs
from counterfoil.node.reads_ledger import Nothing
from counterfoil.node.transfer import replay_ledger
from counterfoil.node.transfer_format import ArgonCost
from counterfoil.sdk.continuity import CopyRefused, check_copy, keep
from counterfoil.sdk.messages import RemoveHolder
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.storage.folder import open_folder
from tests.network.nets import GENESIS, Net, need_engine, running, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
MARKER = "UNMISTAKABLE-7731"
LOCK = bytes(range(32))
CHEAP = ArgonCost(1, 8_192)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    need_engine()
    made = Net(tmp_path_factory.mktemp("sealed") / "n", 4, 1, spare_ports=1, encrypted=True)
    with running(made):
        made.seeded()
        yield made


def holding(folder: Path, needle: bytes) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and needle in file.read_bytes()]


def settle(net: Net, prefix: str, count: int = 5) -> int:
    """Settle some deals by way of the first node; the height of the last."""
    results = net.client("broker-a", net.names[0]).submit_many(signed_deals(net, prefix, count))
    assert [result.number for result in results] == [0] * count
    return max(result.height for result in results)


def backed_up(net: Net, name: str, copy: Path) -> Path:
    """A copy of a node's home, made while it runs."""
    command = [sys.executable, "-m", "counterfoil.cli.main", "backup", net.path(name), copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def test_nothing_private_lies_in_a_validators_home_or_its_backup(net: Net, tmp_path: Path) -> None:
    """Neither in its engine's pool, blocks and write-ahead log, nor in the ledger's folder, nor in what it logged."""
    settle(net, MARKER, 20)
    net.agreed()
    accounts = [net.fixtures.accounts[name] for name in ("broker-a", "broker-b")] if net.fixtures else []
    home = net.path("validator-2")
    assert len(accounts) == 2
    for folder in (home, backed_up(net, "validator-2", tmp_path / "backup")):
        assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) > 500_000
        for needle in (MARKER.encode(), *accounts):
            assert holding(folder, needle) == []


def test_it_would_be_found_there_if_it_were_not_sealed(tmp_path: Path) -> None:
    """Else the search above would prove nothing: the same business on a network that lies open."""
    need_engine()
    made = Net(tmp_path / "open", 1, genesis=replace(GENESIS, sealed=False))
    with running(made):
        made.seeded()
        settle(made, MARKER, 20)
        made.agreed()
        backup = backed_up(made, "validator-1", tmp_path / "backup")
        accounts = (
            [made.fixtures.accounts[name] for name in ("broker-a", "broker-b")] if made.fixtures else []
        )
    home = made.path("validator-1")
    for needle in (MARKER.encode(), *accounts):
        places = {file.parent.name for file in holding(home, needle)}
        assert {"cs.wal", "log"} <= places, places
        assert holding(backup, needle)


def in_force(net: Net, number: int, *names: str) -> dict[str, KeyEpochs]:
    """Wait until an epoch is in force at each of some nodes."""
    give_up = time.monotonic() + 60
    while True:
        told = {name: net.client("regulator", name).key_epochs() for name in names or net.names}
        if all(one.epochs[-1].number == number for one in told.values()):
            return told
        assert time.monotonic() < give_up, {
            name: (one.epochs[-1].number, one.missing) for name, one in told.items()
        }
        time.sleep(0.3)


def begin_epoch(net: Net, *names: str) -> dict[str, KeyEpochs]:
    regulator = net.client("regulator", net.names[0])
    drafted = regulator.ask(reads.draft_key_epoch, Nothing()).message
    regulator.send(drafted)
    return in_force(net, drafted.number, *names)


def test_an_epoch_begins_with_every_nodes_word(net: Net) -> None:
    settle(net, "first")
    told = begin_epoch(net)
    assert len({one.epochs for one in told.values()}) == 1
    height = settle(net, "second")
    assert height >= told["validator-1"].epochs[-1].from_height
    net.agreed()
    net.control.kill("validator-3")
    settle(net, "third")
    net.up("validator-3")
    net.agreed()


def test_a_node_that_is_admitted_takes_up_all_epochs(net: Net) -> None:
    net.control.down(["full-1"])
    invitation = net.control.folder / "invitation"
    invite(net.path("full-1"), invitation, LOCK, cost=CHEAP)
    net.up("full-1")
    path = net.path("later")
    join(invitation, path, LOCK, name="later", port=net.spare_port, from_genesis=True, encrypted=False)
    with open_folder(path) as folder:
        secrets = read_secrets(folder)
    regulator = net.client("regulator", "validator-1")
    asked = HolderToBe(
        node=SealingKey(secrets.sealer).address, opening_key=OpeningKey(secrets.opening).public_key
    )
    regulator.send(regulator.ask(reads.draft_holder, asked).message)
    net.up("later")
    net.agreed("later", *net.names)
    begin_epoch(net, "later", *net.names)
    settle(net, "fourth")
    net.agreed("later", *net.names)
    net.control.kill("later")
    regulator.send(RemoveHolder(regulator.party, asked.node))


def test_who_holds_no_root_any_more_stops_and_the_others_go_on(net: Net) -> None:
    full = net.client("regulator", "full-1").key_epochs()
    regulator = net.client("regulator", "validator-1")
    regulator.send(RemoveHolder(regulator.party, full.node))
    rest = [name for name in net.names if name != "full-1"]
    begin_epoch(net, *rest)
    height = settle(net, "fifth")
    net.agreed(*rest)
    status = net.status("full-1")
    assert status is None or status.moment.height < height
    net.control.kill("full-1")


def test_anybody_keeps_a_copy_and_checks_it_by_the_validators_word(net: Net, tmp_path: Path) -> None:
    """One that is kept from a node, and one of a validator's folder, whose last header somebody else proves."""
    client = net.client("broker-b", "validator-1")
    genesis = (net.control.folder / "genesis.json").read_bytes()
    height = keep(client, genesis, tmp_path / "kept")
    report = check_copy(tmp_path / "kept")
    assert report.height == report.vouched_to == report.receipts_to == height
    assert set(report.epochs) >= {1, 2, 3, 4}
    settle(net, "sixth")
    assert keep(client, genesis, tmp_path / "kept") > height
    assert check_copy(tmp_path / "kept").vouched_to > height
    net.agreed("validator-1", "validator-2")
    net.down("validator-2")
    taken = shutil.copytree(
        net.path("validator-2"), tmp_path / "taken", ignore=shutil.ignore_patterns("socket")
    )
    net.up("validator-2")
    with pytest.raises(CopyRefused, match="the copy does not hold their word"):
        check_copy(taken)
    found = check_copy(taken, proof=client.proof("header", at=height))
    assert found.vouched_to == height < found.height
    assert found.last is not None
    last = found.last.height
    assert check_copy(taken, proof=client.proof("header", at=last)).vouched_to == last
    shutil.rmtree(taken / "log")
    shutil.copytree(tmp_path / "kept" / "log", taken / "log")
    other = net.client("broker-a", "validator-1").submit_many(signed_deals(net, "seventh", 1))[0].height
    with pytest.raises(CopyRefused, match="does not hold; take one of block"):
        check_copy(taken, proof=client.proof("header", at=other))


def test_one_machine_replays_all_epochs(net: Net) -> None:
    """From what a validator keeps: each epoch's archive opens the one before."""
    last = net.agreed("validator-1", "validator-2", "validator-3", "validator-4")
    net.down("validator-2")
    report = replay_ledger(net.path("validator-2"), check=True, workers=0)
    assert report.header.height <= last.moment.height
    with open_ledger(net.path("validator-2"), workers=0, start=False) as node:
        assert node.machine.wired.viewkeys.epoch_in_force >= 4
