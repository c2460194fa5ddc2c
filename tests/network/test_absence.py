"""A node was away for so long that the others have let go what it missed: how it comes back, as operators are told.

Run by `make chaos` alone.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.settings import ENGINE_FOLDER
from tests.network.nets import CHEAP, LOCK, Net, need_engine, running, signed_deals
from tests.network.test_following import asked
from tests.network.test_membership import address, until_signed_by

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(600),
]
RETAIN = 30
INTERVAL = 10
SECONDS = 120.0
SIGNING_FILES = ("config/priv_validator_key.json", "data/priv_validator_state.json")


def trade(net: Net, blocks: int = 1) -> None:
    client = net.client("broker-a", "validator-1", "validator-2", "validator-3")
    for draft in signed_deals(net, f"t{time.monotonic_ns()}", blocks):
        client.submit(draft)


def trade_until(net: Net, reached: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < give_up, what
        trade(net)


def height_at(net: Net, name: str) -> int:
    status = net.status(name)
    return status.moment.height if status is not None else 0


def earliest_block(net: Net, name: str) -> int:
    """The first that a node's engine still has."""
    rpc = net.control.rpc(name)
    try:
        return int(rpc.status()["sync_info"]["earliest_block_height"])
    finally:
        rpc.close()


def away_beyond_what_is_kept(net: Net, name: str) -> int:
    """Stop a node, and go on until no other has the block after its last. Returns its height."""
    left_at = net.agreed().moment.height
    net.down(name)
    others = [one for one in net.names if one != name]
    trade_until(
        net,
        lambda: all(earliest_block(net, one) > left_at + 1 for one in others),
        "the others let old blocks go",
    )
    trade(net, INTERVAL)
    print(
        f"  did: {name} away from block {left_at}; the others begin with {earliest_block(net, others[0])} now"
    )
    net.up(name)
    trade(net, 10)
    time.sleep(5)
    assert height_at(net, name) == left_at, "nobody has the blocks that it lacks"
    code, ready = asked(net, name, "/ready")
    said = {check["name"]: check["said"] for check in ready["checks"] if not check["passes"]}
    assert code == 503
    assert list(said) == ["caught_up"]
    assert f"stays at block {left_at}, nobody has the next one" in said["caught_up"]
    assert asked(net, others[0], "/ready")[0] == 200
    print(
        f"  checked: started again it stands at {left_at}, with {net.control.states([name])[0].peers} peers"
    )
    net.down(name)
    return left_at


def joins_anew(net: Net, name: str, *, from_genesis: bool = False) -> Path:
    """Its folder set aside, and a new one under its name and port; returns where the old one is."""
    old = net.path(name).with_name(f"{name}-old")
    net.path(name).rename(old)
    net.down("validator-3")
    invitation = net.control.folder / "invitation"
    invite(net.path("validator-3"), invitation, LOCK, cost=CHEAP)
    net.up("validator-3")
    port = net.control.network.node(name).p2p_port
    join(invitation, net.path(name), LOCK, name=name, port=port, from_genesis=from_genesis, encrypted=False)
    return old


def come_back(net: Net, name: str) -> None:
    net.control.start(name, "--workers", "0")
    give_up = time.monotonic() + SECONDS
    while height_at(net, name) < height_at(net, "validator-1") or not height_at(net, name):
        assert time.monotonic() < give_up, net.control.last_words(name)
        trade(net)
        time.sleep(3.0)  # what it syncs from must not be let go meanwhile
    agreed = net.agreed()
    print(f"  checked: {name} has the others' root at block {agreed.moment.height}")


def test_a_full_node_joins_anew_from_a_snapshot(tmp_path: Path) -> None:
    need_engine()
    net = Net(tmp_path / "n", 4, 1, snapshot_interval=INTERVAL, retain_blocks=RETAIN)
    with running(net):
        net.seeded()
        away_beyond_what_is_kept(net, "full-1")
        joins_anew(net, "full-1")
        come_back(net, "full-1")


def test_a_validator_joins_anew_from_a_snapshot_and_signs_with_its_old_key(tmp_path: Path) -> None:
    """Its key and what it noted as signed are brought along from the folder that is never started again."""
    need_engine()
    name = "validator-4"
    net = Net(tmp_path / "n", 4, snapshot_interval=INTERVAL, retain_blocks=RETAIN)
    with running(net):
        net.seeded()
        before = address(net, name)
        away_beyond_what_is_kept(net, name)
        old = joins_anew(net, name)
        assert address(net, name) != before, "a folder that is joined has keys of its own"
        for file in SIGNING_FILES:
            shutil.copy2(old / ENGINE_FOLDER / file, net.path(name) / ENGINE_FOLDER / file)
        come_back(net, name)
        assert address(net, name) == before
        height = until_signed_by(net, name)
        assert not net.client("exchange", "validator-1").validators().misbehaviours
        print(
            f"  checked: {name} has signed block {height} with its old key, and nobody reports a double vote"
        )


def test_a_full_node_comes_back_from_the_genesis_where_blocks_are_kept(tmp_path: Path) -> None:
    """Its folder is lost; it executes every block again, and then can tell of each."""
    need_engine()
    net = Net(tmp_path / "n", 4, 1, snapshot_interval=INTERVAL)
    with running(net):
        made = net.seeded()
        net.down("full-1")
        trade(net, 50)
        shutil.rmtree(joins_anew(net, "full-1", from_genesis=True))
        print("  did: full-1 away for fifty blocks, its folder lost, a new one begun with the genesis")
        come_back(net, "full-1")
        account = made.accounts["broker-b"]
        told = [net.client("broker-b", name).history(account=account) for name in ("full-1", "validator-1")]
        assert told[0] == told[1]
        assert len(told[0]) > 50
        print(f"  checked: it tells the same {len(told[0])} lines of an account's history")
