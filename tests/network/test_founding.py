"""Two validators whose operators drew their own keys found a network, and decide from its first block on."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.custody.key_files import ArgonCost
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import create_network, places_here
from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.node_keys import read_keys, read_public, write_keys
from counterfoil.node.transfer import replay_ledger
from tests.network.nets import CHEAP, GENESIS, LOCK, Net, deal, free_port, need_engine, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]

MAKER, OTHER = "validator-1", "validator-2"
PASSPHRASE = "seven unusual words"


def test_a_network_is_founded_with_everybodys_own_keys(tmp_path: Path) -> None:
    need_engine()
    write_keys(tmp_path / "keys", PASSPHRASE, GENESIS.name, OTHER, cost=ArgonCost(1, 8_192))
    (tmp_path / "public").mkdir()
    (tmp_path / "keys" / "public.json").rename(tmp_path / "public" / f"{OTHER}.json")
    create_network(
        tmp_path / "net",
        GENESIS,
        places_here(2, 0, free_port(2)),
        encrypted=False,
        public=read_public(tmp_path / "public", [MAKER, OTHER]),
    )
    control = Control(tmp_path / "net")
    assert control.names() == [MAKER]
    invite(control.path(MAKER), tmp_path / "invitation", LOCK, cost=CHEAP)
    join(
        tmp_path / "invitation",
        control.path(OTHER),
        LOCK,
        name=OTHER,
        port=0,
        encrypted=False,
        keys=read_keys(tmp_path / "keys", PASSPHRASE),
    )
    net = Net.of(control, None)
    assert net.names == [MAKER, OTHER]
    with running(net):
        net.seeded()
        message = deal(net, "founded")
        a, b = net.client("broker-a", OTHER), net.client("broker-b", OTHER)
        assert a.send(message, cosigners=[b]).height, (
            "a founding node gathers, and without its vote nothing is decided"
        )
        agreed = net.agreed()
        net.down()
    for name in net.names:
        header = replay_ledger(net.path(name), check=True, workers=0).header
        assert header.height >= agreed.moment.height
