"""The visibility matrix at a node of a network: its reads answer by the same policy, of what is decided and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.items import Items
from counterfoil.node.clock import SandboxClock
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.rpc import RpcServer
from counterfoil.sdk import Client, LedgerError, LocalConnection, SocketConnection, messages, recipes
from tests.conformance.applications import Block, InProcess, network_node
from tests.unit.node.cast import DAY_MS, DISCLOSURE, Cast
from tests.unit.node.test_reads_visibility import HISTORIES, LOOKS, sees
from tests.unit.policy.visibility_matrix import CAST, seen

BLOCK_MS = 500


class OnNetwork:
    """The cast's ledger gone on with under consensus, and an undecided block on its books."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.application = InProcess(cast, network_node(cast, logged=True))
        self.node: LedgerNode = self.application.node
        assert isinstance(self.node.clock, SandboxClock)
        self.node.clock.advance_to(cast.node.clock())
        self.clients = {name: self._client(LocalConnection(self.node), name) for name in CAST}
        self.height, _ = self.application.handshake()

    def _client(self, connection: LocalConnection | SocketConnection, name: str) -> Client:
        own = self.cast.client(name)
        return Client(connection, *own.keys, party=own.party) if own.party else Client(connection)

    def propose(self) -> Block:
        """Shares of client-a earmarked, and its account shown to the notary: executed and judged, and not decided."""
        broker, client = self.cast.client("broker-a"), self.cast.client("client-a")
        account, notary = self.cast.accounts["client-a's"], self.cast.parties["notary"]
        until_ms = client.time_ms() + DAY_MS
        asks = (
            (broker, messages.PlaceEarmark(account, self.cast.share, 7)),
            (client, recipes.show(client, notary, until_ms, purpose=DISCLOSURE, account=account)),
        )
        raws = [who.draft(ask).sign(*who.keys).transaction for who, ask in asks]
        item = Items(self.node.machine).bundle(self.node.sealer, raws, self.node.clock())
        block = self.application.propose(self.height + 1, self.cast.time_ms + BLOCK_MS, [item])
        assert block.items == (item,)
        assert self.application.judge(block)
        return block


@pytest.fixture(scope="module")
def network(cast: Cast) -> Iterator[OnNetwork]:
    made = OnNetwork(cast)
    yield made
    made.application.close()


BY_VALIDATORS = {"proof"}
"""What a node proves is vouched for by validators, whom this one has none of: tests/network proves there."""


@pytest.mark.parametrize("row", LOOKS)
def test_matrix(network: OnNetwork, row: str) -> None:
    network.propose()
    for number, look in enumerate(LOOKS[row]):
        found = {viewer for viewer in CAST if sees(network.clients[viewer], network.cast, look)}
        assert found == seen(row, as_history=look in HISTORIES), f"read {number} of {row!r}"


def test_what_is_not_decided_is_told_to_nobody(network: OnNetwork) -> None:
    account, share = network.cast.accounts["client-a's"], network.cast.share
    before = network.node.height
    network.propose()
    for viewer in ("broker-a", "client-a", "regulator"):
        client = network.clients[viewer]
        assert not client.holdings(account).earmarks
        assert not list(client.watch(before, follow=False))
        assert client.status().moment.height == before
    for entry in network.clients["regulator"].history(instrument=share):
        assert entry.height <= before
    assert not sees(network.clients["notary"], network.cast, LOOKS["account of client-a"][0])


def test_what_is_decided_is_told_from_then_on(cast: Cast) -> None:
    """The same block, decided: what it told and whom it let see. Without it the tests above would show nothing."""
    network = OnNetwork(cast)
    block, before = network.propose(), network.node.height
    network.application.finalise(block)
    network.application.commit()
    assert network.clients["client-a"].holdings(cast.accounts["client-a's"]).earmarks
    assert sees(network.clients["notary"], cast, LOOKS["account of client-a"][0])
    assert list(network.clients["notary"].watch(before, follow=False))
    assert not list(network.clients["client-b"].watch(before, follow=False))
    network.application.close()


def test_streams_tell_what_they_tell_at_any_node(network: OnNetwork) -> None:
    for viewer in CAST:
        own = list(network.cast.client(viewer).watch(0, follow=False))
        assert list(network.clients[viewer].watch(0, follow=False)) == own, viewer


def test_its_door_is_the_same(network: OnNetwork, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("n") / "s"
    with RpcServer(network.node, path=path):
        for viewer in ("client-b", "broker-a", "nobody"):
            client = network._client(SocketConnection(path), viewer)
            for row in ("account of client-a", "register of the equity", "trade", "reads at this node"):
                for look in LOOKS[row]:
                    assert sees(client, network.cast, look) == (viewer in seen(row)), (viewer, row)
            client.close()


def test_the_engine_is_told_of_headers_alone(network: OnNetwork) -> None:
    """The engine passes queries of anybody on, and who asks is not known: nothing but headers is answered."""
    holdings = network.cast.accounts["client-a's"]
    for path in (
        "",
        "store",
        "/store/key",
        "holdings",
        "read",
        "header/",
        "/header",
        "accounts",
        "p2p/filter/id/x",
    ):
        for data in (b"", holdings, holdings[:8]):
            answer = network.application.ask("query", abci.RequestQuery(path=path, data=data))
            assert answer.code, path
            assert not answer.value
    shown = network.application.ask("query", abci.RequestQuery(path="header"))
    assert not shown.code


def test_a_refusal_of_the_pool_names_nobody_of_the_ledger(network: OnNetwork) -> None:
    """What the engine tells whoever offers a bundle, and writes into its own log."""
    broker = network.cast.client("broker-a")
    draft = broker.draft(messages.CloseAccount(network.cast.accounts["three at b"])).sign(*broker.keys)
    items = Items(network.node.machine)
    good = items.bundle(network.node.sealer, [draft.transaction], network.node.clock())
    stale = items.bundle(network.node.sealer, [draft.transaction], 1)
    for item in (good[:-1], stale, b"", b"x" * 300, draft.transaction):
        answer = network.application.ask("check_tx", abci.RequestCheckTx(tx=item))
        assert answer.code
        for identity in (*network.cast.accounts.values(), *network.cast.parties.values()):
            assert identity.hex() not in answer.log
            assert repr(identity)[2:-1] not in answer.log
    with pytest.raises(LedgerError):
        broker.submit(draft)
