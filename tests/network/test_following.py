"""A follower beside a real network: it checks and keeps every block, serves its owner, and is killed and comes back."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from typer.testing import CliRunner

from counterfoil.cli.main import app
from counterfoil.node.follower import open_follower
from counterfoil.node.network.creating import MONITOR_AT
from counterfoil.node.reads_ledger import Status
from counterfoil.node.reads_receipts import OwnReceipts
from counterfoil.sdk import Client, LedgerError, SocketConnection, persona_client
from counterfoil.verify import Trust, verify_proof
from tests.network.nets import SECONDS, Net, need_engine, running, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
FOLLOWER = "follower-1"
OWNER = ("--as", "broker-a")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """A validator, a full node and a follower of broker A, with the seeded market."""
    need_engine()
    made = Net(tmp_path_factory.mktemp("net") / "n", 1, 1, followers=1, spare_ports=1)
    try:
        with running(made):
            made.seeded()
            made.control.up([FOLLOWER], *OWNER, is_serving=made.is_serving)
            yield made
    finally:
        made.control.kill(FOLLOWER)


def owner(net: Net) -> Client:
    return persona_client(SocketConnection(net.control.socket(FOLLOWER)), "broker-a")


def until(look: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < give_up, what
        time.sleep(0.2)
    return found


def came_along(net: Net, height: int) -> Status:
    """The follower's own status, once it has a signed header of that height."""

    def look() -> Status | None:
        status = net.status(FOLLOWER)
        return status if status is not None and status.moment.height >= height else None

    found: Status = until(look, f"{net.status(FOLLOWER)}, {net.control.last_words(FOLLOWER)}")
    return found


def asked(net: Net, name: str, path: str) -> tuple[int, Any]:
    """What a node's monitor answers: status, and JSON or text."""
    at = [place.name for place in net.places].index(name)
    address = f"http://127.0.0.1:{net.places[at].port + MONITOR_AT}{path}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            data, code = answer.read().decode(), answer.status
    except HTTPError as error:
        data, code = error.read().decode(), error.code
    return code, data if path == "/metrics" else json.loads(data)


def test_it_has_the_networks_headers_and_its_owners_receipts(net: Net) -> None:
    drafts = signed_deals(net, "followed", 10)
    results = net.client("broker-a").submit_many(drafts)
    agreed = net.agreed()
    told = came_along(net, agreed.moment.height)
    assert (told.application_hash, told.state_root) == (agreed.application_hash, agreed.state_root)
    heights = {result.height for result in results}

    def look() -> OwnReceipts | None:
        with owner(net) as client:
            found: OwnReceipts = client.read("receipts")
        return found if heights <= {block.height for block in found.blocks} else None

    kept = until(look, "the receipts do not come")
    from_node = net.client("broker-a", "full-1").read("receipts")
    assert kept.blocks == from_node.blocks, "the follower keeps what the node has, block by block"


def test_its_owner_asks_there_and_nobody_else(net: Net) -> None:
    with owner(net) as client:
        accounts = client.accounts(owner="Broker A")
        assert accounts == net.client("broker-a").accounts(owner="Broker A")
        (draft,) = signed_deals(net, "through", 1)
        done = client.submit(draft)
        assert done.height > 0
        assert not done.number
        assert net.client("broker-b").submit(draft).height == done.height
    connection = SocketConnection(net.control.socket(FOLLOWER))
    with pytest.raises(LedgerError) as refused:
        persona_client(connection, "broker-b")
    assert refused.value.name == "NOT_RECOGNISED"
    with pytest.raises(LedgerError) as hidden:
        Client(connection).read("receipts")
    assert hidden.value.name == "NOT_VISIBLE"
    connection.close()


def test_a_proof_comes_through_it_checked(net: Net) -> None:
    made = net.fixtures
    assert made is not None
    genesis = (net.control.folder / "genesis.json").read_bytes()
    with owner(net) as client:
        file = client.proof("holding", account=made.accounts["broker-a"], instrument=made.share)
        validators = client.proof("validators")
        header = client.proof("header", at="3")
        terms = client.proof("terms", instrument=made.share)
    trust = Trust.in_genesis(genesis)
    assert verify_proof(file, trust).records
    assert verify_proof(validators, trust).records
    assert verify_proof(terms, trust).records, (
        "its nodes, each asked by itself, say that these are the last ones"
    )
    assert verify_proof(header, trust).height == 3


def test_it_is_killed_and_goes_on_where_it_was(net: Net) -> None:
    before = came_along(net, 1).moment.height
    net.control.kill(FOLLOWER)
    assert net.status(FOLLOWER) is None
    net.client("broker-a").submit_many(signed_deals(net, "while-away", 5))
    agreed = net.agreed()
    assert agreed.moment.height > before
    with open_follower(net.path(FOLLOWER)) as follower:
        assert follower.height >= before
        assert [one.block.height for one in follower.blocks()] == list(range(1, follower.height + 1))
    net.control.up([FOLLOWER], *OWNER, is_serving=net.is_serving)
    assert came_along(net, agreed.moment.height).application_hash == agreed.application_hash


def test_it_tells_how_it_is_and_so_do_the_nodes(net: Net) -> None:
    names = {"follower": FOLLOWER, "cometbft": "full-1"}
    for kind, name in names.items():
        until(lambda name=name: asked(net, name, "/ready")[0] == 200, str(asked(net, name, "/ready")))
        assert asked(net, name, "/live") == (200, {"live": True})
        code, text = asked(net, name, "/metrics")
        assert code == 200
        assert f'kind="{kind}"' in text
        assert "counterfoil_ready 1.0" in text
        assert "Broker" not in text
        assert "cfp1" not in text


def test_without_nodes_it_answers_what_it_keeps(net: Net) -> None:
    came_along(net, 1)
    with owner(net) as client:
        kept, party, keys = client.read("receipts").blocks, client.party, client.keys
    net.down("full-1", "validator-1")
    try:
        with Client(SocketConnection(net.control.socket(FOLLOWER)), *keys, party=party) as client:
            assert client.read("receipts").blocks[: len(kept)] == kept
            assert client.status().moment.height > 0
            with pytest.raises(LedgerError) as away:
                client.register("XS0000000009")
        assert away.value.name == "NODES_ARE_AWAY"
        _, told = until(
            lambda: found if (found := asked(net, FOLLOWER, "/ready"))[0] == 503 else None, "it stays ready"
        )
        failing = [check["name"] for check in told["checks"] if not check["passes"]]
        assert "source" in failing
    finally:
        net.up()
    until(lambda: asked(net, FOLLOWER, "/ready")[0] == 200, str(asked(net, FOLLOWER, "/ready")))


def test_a_followers_home_is_made_from_what_is_public(net: Net, tmp_path: Path) -> None:
    """By hand, from genesis.json and network.json alone; the status command knows the network's own follower."""
    made = CliRunner().invoke(
        app, ["network", "follower", str(net.control.folder), str(tmp_path / "mine"), "--unencrypted"]
    )
    assert made.exit_code == 0, made.output
    told = CliRunner().invoke(app, ["network", "status", str(net.control.folder), "--json"])
    (follower,) = json.loads(told.stdout)["followers"]
    assert follower["name"] == FOLLOWER
    assert follower["application_hash"]
