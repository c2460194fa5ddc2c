"""A validator behind sentries: what is written for it, for them and for everybody else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from counterfoil.node.network.creating import create_network, read_hosts
from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.node_keys import NodeKeys
from counterfoil.node.network.settings import NetworkSettings, read_network
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.transfer_format import ArgonCost

CHEAP = ArgonCost(1, 8_192)
LOCK = "seven unusual words"
HOSTS = """
north  validator  10.1.2.3           26600
gate   sentry     gate.example.com   26600  north
door   sentry     door.example.com   26600  north
south  validator  south.example.com  26600
reader full       reader.example.com 26600
"""
HIDDEN = "10.1.2.3"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "n"
    create_network(folder, sandbox_genesis("guarded"), read_hosts(HOSTS), encrypted=False)
    return folder


def described(folder: Path) -> NetworkSettings:
    found = read_network(folder)
    assert found is not None
    return found


def peers(node: Path) -> dict[str, Any]:
    text = (node / "engine" / "config" / "config.toml").read_text()
    found: dict[str, Any] = tomllib.loads(text)["p2p"]
    return found


def named(text: str) -> set[str]:
    return {one.partition("@")[2].partition(":")[0] for one in text.split(",")}


def test_the_validator_talks_to_its_sentries_alone(network: Path) -> None:
    own, settings = peers(network / "north"), described(network)
    assert own["pex"] is False
    assert named(own["persistent_peers"]) == {"gate.example.com", "door.example.com"}
    assert own["unconditional_peer_ids"].split(",") == [settings.node(name).id for name in ("gate", "door")]
    assert own["private_peer_ids"] == ""
    assert own["addr_book_strict"] is False


@pytest.mark.parametrize(("name", "other"), [("gate", "door"), ("door", "gate")])
def test_its_sentries_know_it_and_name_it_to_nobody(network: Path, name: str, other: str) -> None:
    own, validator = peers(network / name), described(network).node("north").id
    assert own["pex"] is True
    assert named(own["persistent_peers"]) == {
        HIDDEN,
        f"{other}.example.com",
        "south.example.com",
        "reader.example.com",
    }
    assert own["private_peer_ids"] == own["unconditional_peer_ids"] == validator
    config = tomllib.loads((network / name / "engine" / "config" / "config.toml").read_text())
    assert "tcp://127.0.0.1:26601" in config["rpc"]["laddr"], "an engine names its peers over RPC (net_info)"


@pytest.mark.parametrize("name", ["south", "reader"])
def test_the_others_know_its_sentries(network: Path, name: str) -> None:
    own = peers(network / name)
    assert own["pex"] is True
    assert {"gate.example.com", "door.example.com"} <= named(own["persistent_peers"])
    assert own["private_peer_ids"] == own["unconditional_peer_ids"] == ""


def test_its_address_stands_in_its_own_configuration_and_its_sentries_alone(network: Path) -> None:
    holding = {
        path.relative_to(network).as_posix()
        for path in network.rglob("*")
        if path.is_file() and HIDDEN.encode() in path.read_bytes()
    }
    assert holding == {f"{name}/engine/config/config.toml" for name in ("north", "gate", "door")}
    shown = described(network)
    assert shown.node("north").is_behind_sentries
    assert shown.node("north").power == 1
    assert shown.rpc_servers == ["http://reader.example.com:26601"]


@pytest.mark.parametrize("inviting", ["north", "reader"])
def test_who_joins_is_sent_to_the_sentries(network: Path, tmp_path: Path, inviting: str) -> None:
    invite(network / inviting, tmp_path / "invitation", LOCK, cost=CHEAP)
    join(
        tmp_path / "invitation",
        tmp_path / "new",
        LOCK,
        name="new",
        port=29_000,
        from_genesis=True,
        encrypted=False,
    )
    assert named(peers(tmp_path / "new")["persistent_peers"]) == {
        f"{name}.example.com" for name in ("gate", "door", "south", "reader")
    }


def test_operators_with_keys_of_their_own_take_their_places(tmp_path: Path) -> None:
    """The validator's operator alone knows where it is: it calls its sentries, which were told nothing."""
    drawn = {name: NodeKeys.draw() for name in ("north", "gate")}
    public = {name: keys.stated("guarded", name) for name, keys in drawn.items()}
    create_network(
        tmp_path / "n", sandbox_genesis("guarded"), read_hosts(HOSTS), encrypted=False, public=public
    )
    invite(tmp_path / "n" / "door", tmp_path / "invitation", LOCK, cost=CHEAP)
    for name, keys in drawn.items():
        join(tmp_path / "invitation", tmp_path / name, LOCK, name=name, port=0, encrypted=False, keys=keys)
    hidden, gate, shown = peers(tmp_path / "north"), peers(tmp_path / "gate"), described(tmp_path / "gate")
    assert (hidden["pex"], hidden["external_address"]) == (False, "")
    assert hidden["laddr"] == "tcp://0.0.0.0:26600"
    assert named(hidden["persistent_peers"]) == {"gate.example.com", "door.example.com"}
    assert hidden["unconditional_peer_ids"].split(",") == [shown.node(name).id for name in ("gate", "door")]
    assert gate["pex"] is True
    assert named(gate["persistent_peers"]) == {f"{name}.example.com" for name in ("door", "south", "reader")}
    assert gate["private_peer_ids"] == gate["unconditional_peer_ids"] == shown.node("north").id
    assert shown.node("north").where == "behind its sentries"
