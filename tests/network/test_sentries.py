"""A validator that runs behind a sentry: it decides with the others, who never learn where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.network.nets import Net, need_engine, running, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]


def peers_of(net: Net, name: str) -> set[str]:
    """Names of the nodes with which a node's engine is connected."""
    rpc = net.control.rpc(name)
    try:
        found = {peer["node_info"]["id"] for peer in rpc.ask("net_info")["peers"]}
    finally:
        rpc.close()
    return {node.name for node in net.control.network.nodes if node.id in found}


def test_a_validator_behind_a_sentry_votes_and_is_known_to_it_alone(tmp_path: Path) -> None:
    """Two validators of one power each: nothing is decided without the one behind the sentry."""
    need_engine()
    net = Net(tmp_path / "n", 2, 2, guards={"full-1": "validator-1"})
    with running(net):
        net.seeded()
        for name in ("validator-1", "full-2"):
            results = net.client("broker-a", name).submit_many(signed_deals(net, name, 5))
            assert [result.number for result in results] == [0] * 5
        net.agreed()
        assert peers_of(net, "validator-1") == {"full-1"}
        assert peers_of(net, "full-1") == {"validator-1", "validator-2", "full-2"}
        for name in ("validator-2", "full-2"):
            assert "validator-1" not in peers_of(net, name)
        net.control.kill("validator-1")
        net.up("validator-1")
        (result,) = net.client("broker-a", "full-2").submit_many(signed_deals(net, "after", 1))
        assert result.number == 0
        net.agreed()
        hidden = next(node.id for node in net.control.network.nodes if node.name == "validator-1")
    for name in ("full-1", "full-2", "validator-2"):
        book = net.path(name) / "engine" / "config" / "addrbook.json"
        known = json.loads(book.read_text())["addrs"] if book.exists() else []
        assert hidden not in {one["addr"]["id"] for one in known}, f"{name} would tell others of it"
