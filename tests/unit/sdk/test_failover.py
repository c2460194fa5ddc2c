"""A client that loses its node goes on at another, sees what it saw, and sends nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.rpc import RpcServer
from counterfoil.sdk import FailoverConnection, NodeUnreachable, Sandbox, persona_client
from counterfoil.sdk import failover as module
from counterfoil.sdk.messages import PlaceEarmark


@pytest.fixture
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def test_the_next_node_takes_over(ledger: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    first, second = (RpcServer(ledger.node, path=tmp_path / name) for name in ("first", "second"))
    first.start()
    second.start()
    connection = FailoverConnection([tmp_path / "first", tmp_path / "second"])
    client = persona_client(connection, "broker-a")
    message = PlaceEarmark(ledger.account("broker-a"), ledger.seeded.share, 1)
    draft = client.draft(message).sign(*client.keys)
    before = client.submit(draft)
    first.close()
    again = client.submit(draft)
    assert connection.address == tmp_path / "second"
    assert (again.id, again.height, again.messages) == (before.id, before.height, before.messages)
    assert client.holdings(ledger.account("broker-a")), "it is still recognised as who it is"
    second.close()
    with pytest.raises(NodeUnreachable, match="none of 2 nodes"):
        client.status()
    connection.close()


def test_a_node_of_another_ledger_is_not_gone_on_at(
    ledger: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    with Sandbox(seeded=False, name="other") as other:
        first = RpcServer(ledger.node, path=tmp_path / "first")
        second = RpcServer(other.node, path=tmp_path / "second")
        first.start()
        second.start()
        connection = FailoverConnection([tmp_path / "first", tmp_path / "second"])
        assert connection.chain_id == ledger.node.chain_id
        first.close()
        with pytest.raises(NodeUnreachable, match="another ledger"):
            persona_client(connection, "broker-a")
        second.close()


def test_what_was_acknowledged_is_waited_for_at_a_node_that_is_behind(
    ledger: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "CATCH_UP_SECONDS", 0.1)
    with RpcServer(ledger.node, path=tmp_path / "node"):
        connection = FailoverConnection([tmp_path / "node"])
        connection._height = ledger.node.height + 1
        connection.close()
        with pytest.raises(NodeUnreachable, match="behind"):
            connection.read("status", b"\x80")
        connection._height = ledger.node.height
        assert connection.read("status", b"\x80")
        connection.close()


def test_a_connection_needs_an_address() -> None:
    with pytest.raises(ValueError, match="address"):
        FailoverConnection([])


def test_a_stream_goes_on_at_the_next_node(
    ledger: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its node is lost, nothing is told twice, and nothing is left out; what it may not see stays away."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    first, second = (RpcServer(ledger.node, path=tmp_path / name) for name in ("first", "second"))
    first.start()
    second.start()
    connection = FailoverConnection([tmp_path / "first", tmp_path / "second"])
    client, own = persona_client(connection, "broker-a"), ledger.client("broker-a")
    ask = PlaceEarmark(ledger.account("broker-a"), ledger.seeded.share, 1)
    before = own.send(ask)
    with client.watch(ledger.node.height - 1) as stream:
        assert next(stream).action == before.id
        first.close()
        after = own.send(ask)
        ledger.client("broker-b").send(PlaceEarmark(ledger.account("broker-b"), ledger.seeded.share, 1))
        last = own.send(ask)
        assert [next(stream).action for _ in range(2)] == [after.id, last.id]
    assert connection.address == tmp_path / "second"
    second.close()
    connection.close()
