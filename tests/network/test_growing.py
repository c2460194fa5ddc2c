"""An embedded ledger grows up: exported, founded as a network from its export, with the same root, and traded on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterfoil.machine.rejects import MachineReject
from counterfoil.node.follower import open_follower
from counterfoil.node.key_epochs import draft_epoch
from counterfoil.node.ledger import open_ledger
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import PORTS_EACH, grow_network, places_here
from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.settings import name_member
from counterfoil.node.personas import party_key
from counterfoil.node.transfer import (
    TransferFileError,
    export_ledger,
    import_ledger,
    replay_export,
    replay_ledger,
)
from counterfoil.primitives.outcome import Rejected
from counterfoil.sdk import Client, Sandbox, TransactionRejected
from counterfoil.sdk.messages import GrantMandate
from tests.network.nets import (
    CHEAP,
    LOCK,
    Net,
    enter_validators,
    free_port,
    need_engine,
    running,
    signed_deals,
    trade_until_it_joins,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]


def test_a_ledger_goes_on_as_a_network(tmp_path: Path) -> None:
    need_engine()
    places, spare_port = places_here(2, 1, port := free_port(4)), port + 3 * PORTS_EACH
    with Sandbox(folder=tmp_path / "embedded") as alone:
        fixtures = alone.fixtures
        export_ledger(alone.node, tmp_path / "early", LOCK, cost=CHEAP)
        consensus_keys = enter_validators(alone, places, tmp_path / "keys")
        regulator = alone.client("regulator")
        regulator.send(draft_epoch(alone.node.machine, regulator.party))
        while alone.node.machine.wired.viewkeys.epoch_in_force == 1:
            time.sleep(0.05)
        before = regulator.status()
        register = regulator.register("XS0000000009")
        export_ledger(alone.node, tmp_path / "export", LOCK, cost=CHEAP)
    with pytest.raises(Rejected) as differ:
        grow_network(tmp_path / "net", tmp_path / "early", LOCK, places, consensus_keys, encrypted=False)
    assert differ.value.code is MachineReject.VALIDATORS_DIFFER
    other = {**consensus_keys, "validator-2": bytes(32)}
    with pytest.raises(Rejected, match="VALIDATORS_DIFFER"):
        grow_network(tmp_path / "net", tmp_path / "export", LOCK, places, other, encrypted=False)
    with pytest.raises(ValueError, match="validator-1 has no key"):
        grow_network(tmp_path / "net", tmp_path / "export", LOCK, places, {}, encrypted=False)
    made = grow_network(
        tmp_path / "net",
        tmp_path / "export",
        LOCK,
        places,
        consensus_keys,
        encrypted=False,
        snapshot_interval=20,
    )
    assert made.consensus_from == before.moment.height + 1
    assert made.chain_id == before.moment.chain_id
    net = Net.of(Control(tmp_path / "net"), fixtures)
    with running(net):
        status = net.agreed()
        assert status.application_hash == before.application_hash
        assert status.state_root == before.state_root
        assert net.client("regulator", "full-1").register("XS0000000009") == register
        drafts = signed_deals(net, "grown", 5)
        results = net.client("broker-a", "validator-1").submit_many(drafts)
        assert [result.number for result in results] == [0] * 5
        assert all(result.height >= made.consensus_from for result in results)
        past = net.client("regulator", "validator-2").register("XS0000000009", at=str(before.moment.height))
        assert past == register
        net.agreed()
        said = proven(
            net.client("regulator", "full-1"), tmp_path, "--genesis", str(tmp_path / "net" / "genesis.json")
        )
        assert "validators" in said
        _another_node_is_enrolled(net)
        _another_node_joins(net, tmp_path, spare_port)
        last = net.agreed()
    report = replay_ledger(tmp_path / "net" / "validator-2", check=True, workers=0)
    assert report.header.height <= last.moment.height
    with open_ledger(tmp_path / "net" / "validator-1", workers=0, start=False) as node:
        export_ledger(node, tmp_path / "later", LOCK, cost=CHEAP)
    assert replay_export(tmp_path / "later", LOCK, workers=0).header.height <= last.moment.height
    with pytest.raises(TransferFileError, match="join it"):
        import_ledger(tmp_path / "later", tmp_path / "back", LOCK, encrypted=False)


def _another_node_is_enrolled(net: Net) -> None:
    """A node of its own key brings nothing before the network until a member has enrolled it."""
    first, second = signed_deals(net, "enrolled", 2)
    with pytest.raises(TransactionRejected, match="GATHERER_IS_NO_MEMBER"):
        net.client("broker-a", "full-1").submit(first)
    net.down("full-1")
    with open_ledger(net.path("full-1"), workers=0, start=False) as node:
        address = node.sealer.address
    depository = net.client("depository", "validator-1")
    name_member(net.path("full-1"), depository.party)
    Client(net.connect("validator-1"), party_key("depository")).send(GrantMandate(depository.party, address))
    net.up("full-1")
    net.agreed()
    assert net.client("broker-a", "full-1").submit(second).height


def _another_node_joins(net: Net, folder: Path, port: int) -> None:
    """By the state of a snapshot, since the first blocks are in no engine; it proves as the others do."""
    net.down("full-1")
    invite(net.path("full-1"), folder / "invitation", LOCK, cost=CHEAP)
    net.up("full-1")
    with pytest.raises(TransferFileError, match="snapshot"):
        join(folder / "invitation", folder / "no", LOCK, name="no", port=port, from_genesis=True)
    join(folder / "invitation", net.path("joined"), LOCK, name="joined", port=port, encrypted=False)
    net.control.start("joined", "--workers", "0")
    try:
        trade_until_it_joins(net, "joined")
        net.wait_for_height("joined", net.agreed().moment.height)
        net.agreed("joined", *net.names)
        genesis = str(net.control.folder / "genesis.json")
        assert "validators" in proven(net.client("regulator", "joined"), folder, "--genesis", genesis)
    finally:
        net.control.kill("joined")


def proven(client: Client, folder: Path, *words: str) -> str:
    """What `counterfoil verify` says of a register's proof, in another process, with nothing but the genesis file."""
    proof = folder / "register.proof"
    proof.write_bytes(client.proof("register", instrument="XS0000000009"))
    done = subprocess.run(
        [sys.executable, "-m", "counterfoil.cli.main", "verify", str(proof), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_follower_follows_a_ledger_that_grew_up(tmp_path: Path) -> None:
    """From the sealer's first block over the handover to what the validators decided, with no gap."""
    need_engine()
    places = places_here(1, 1, free_port(3), 1)
    with Sandbox(folder=tmp_path / "embedded") as alone:
        fixtures = alone.fixtures
        consensus_keys = enter_validators(alone, places, tmp_path / "keys")
        export_ledger(alone.node, tmp_path / "export", LOCK, cost=CHEAP)
    made = grow_network(
        tmp_path / "net",
        tmp_path / "export",
        LOCK,
        places,
        consensus_keys,
        encrypted=False,
        snapshot_interval=0,
    )
    (follower,) = made.followers
    net = Net.of(Control(tmp_path / "net"), fixtures)
    try:
        with running(net):
            net.client("broker-a", "validator-1").submit_many(signed_deals(net, "followed", 3))
            agreed = net.agreed()
            net.control.up([follower], "--as", "broker-a", is_serving=net.is_serving)
            told = net.wait_for_height(follower, agreed.moment.height)
            assert told.application_hash == agreed.application_hash
            net.down()
            net.control.down([follower])
    finally:
        net.control.kill(follower)
    with open_follower(net.path(follower)) as kept:
        blocks = list(kept.blocks())
        assert [one.block.height for one in blocks] == list(range(1, kept.height + 1))
        sealed = [one for one in blocks if one.seal]
        assert [one.block.height for one in sealed] == list(range(1, made.consensus_from))
        assert all(one.light_block is not None for one in blocks[len(sealed) :])
        assert kept.fetched_height >= made.consensus_from
