"""Live reads over a node's socket: told as it happens, resumed where they were lost, and never a burden to the node."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node import protocol, rpc, watching
from counterfoil.node.personas import persona_keys
from counterfoil.node.protocol import (
    Authenticate,
    Done,
    Failed,
    Greeting,
    Told,
    Unwatch,
    Watch,
    authentication_bytes,
)
from counterfoil.node.rpc import RpcServer
from counterfoil.node.streams import STREAM_ITEMS
from counterfoil.primitives.frames import frame
from counterfoil.sdk import (
    Client,
    LedgerError,
    Position,
    Sandbox,
    SocketConnection,
    StreamItem,
    messages,
    persona_client,
)

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.sock"


@pytest.fixture
def server(ledger: Sandbox, path: Path) -> Iterator[RpcServer]:
    with RpcServer(ledger.node, path=path) as made:
        yield made


def client(server: RpcServer, persona: str) -> Client:
    assert server.path is not None
    return persona_client(SocketConnection(server.path), persona)


def earmark(ledger: Sandbox, count: int = 1, who: str = "broker-a") -> None:
    broker = ledger.client(who)
    ask = messages.PlaceEarmark(ledger.account(who), ledger.seeded.share, 1)
    broker.submit_many([broker.draft(ask).sign(*broker.keys) for _ in range(count)])


class Reader(threading.Thread):
    """Reads a stream until it has so many items."""

    def __init__(self, client: Client, wanted: int, after: Position | int | None = None) -> None:
        super().__init__(daemon=True)
        self.items: list[StreamItem] = []
        self.times: list[float] = []
        self._client, self._wanted, self._after = client, wanted, after
        self.begun = threading.Event()

    def run(self) -> None:
        with self._client.watch(self._after) as stream:
            self.begun.set()
            for item in stream:
                self.items.append(item)
                self.times.append(time.monotonic())
                if len(self.items) == self._wanted:
                    return


def test_it_is_told_as_it_happens(ledger: Sandbox, server: RpcServer) -> None:
    readers = {
        who: Reader(client(server, who), 3, ledger.node.height)
        for who in ("regulator", "broker-a", "issuer-a")
    }
    for reader in readers.values():
        reader.start()
    sent = []
    for _ in range(3):
        time.sleep(0.1)
        earmark(ledger)
        sent.append(time.monotonic())
    for who, reader in readers.items():
        reader.join(10)
        assert len(reader.items) == 3, who
        lags = [told - at for told, at in zip(reader.times, sent, strict=True)]
        assert max(lags) < 2, lags
    heights = {tuple(item.position for item in reader.items) for reader in readers.values()}
    assert len(heights) == 1
    assert client(server, "broker-b").watch(ledger.node.height - 3, follow=False).position is not None


def test_on_the_socket_it_is_as_in_the_process_itself(ledger: Sandbox, server: RpcServer) -> None:
    earmark(ledger, 3)
    for who in ("regulator", "broker-a", "broker-b", "issuer-a", "investor-a", "exchange"):
        here = list(ledger.client(who).watch(0, follow=False))
        there = list(client(server, who).watch(0, follow=False))
        assert there == here
    stranger = Client(SocketConnection(server.path))
    assert list(stranger.watch(0, follow=False)) == list(Client(ledger.connect()).watch(0, follow=False))
    assert list(client(server, "broker-a").watch(0, ledger.account("broker-a"), follow=False))
    assert list(client(server, "broker-a").watch(0, "XS0000000009", follow=False))


def test_a_stream_without_news_says_how_far_it_looked(
    ledger: Sandbox, server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MARK_SECONDS", 0.05)
    idle = Raw(server, "broker-b")
    idle.watch(1, -1)
    first = idle.told()
    assert (first.height, first.is_current, STREAM_ITEMS.decode(first.value)) == (
        ledger.node.height,
        True,
        (),
    )
    earmark(ledger)
    while idle.told().height != ledger.node.height:
        pass


def test_bad_positions_and_too_many_streams(ledger: Sandbox, server: RpcServer) -> None:
    with pytest.raises(LedgerError) as refused:
        list(client(server, "broker-a").watch(10**9))
    assert refused.value.name == "MOMENT_IS_NOT_ON_RECORD"
    many = Raw(server, "broker-a")
    for number in range(watching.WATCHES_MAX):
        many.watch(number + 1, 0)
    many.watch(1, 0)
    many.watch(99, 0)
    failed = [many.failure(), many.failure()]
    assert [one.problem.name for one in failed] == ["TOO_MUCH_AT_ONCE"] * 2
    many.socket.sendall(frame(Unwatch(100, 2)))
    many.done(100)
    many.watch(99, 0)
    while many.told().number != 99:
        pass
    many.socket.sendall(frame(Unwatch(101, 12345)))
    many.done(101)


def test_after_it_was_ended_nothing_more_is_told(ledger: Sandbox, server: RpcServer) -> None:
    one = Raw(server, "broker-a")
    one.watch(1, -1)
    one.told()
    one.socket.sendall(frame(Unwatch(2, 1)))
    one.done(2)
    earmark(ledger)
    one.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        one.receive()


def test_a_mandate_that_is_revoked_ends_the_stream(path: Path) -> None:
    with Sandbox() as ledger, RpcServer(ledger.node, path=path) as server:
        broker, user = ledger.client("broker-a"), persona_keys("investor-b")[0]
        broker.send(messages.GrantMandate(broker.party, user.address, (900,), ()))
        clerk = Client(SocketConnection(path), user, party=broker.party)
        stream = clerk.watch(0)
        next(stream)
        broker.send(messages.RevokeMandate(broker.party, user.address))
        with pytest.raises(LedgerError) as refused:
            for _ in stream:
                pass
        assert refused.value.name == "NOT_RECOGNISED"
        assert client(server, "broker-a").holdings(ledger.account("broker-a"))


# ---- who reads slowly ----


def test_a_reader_that_takes_nothing_is_cut_off_and_keeps_nobody(
    ledger: Sandbox, server: RpcServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(rpc, "UNSENT_BYTES_MAX", 4_096)
    earmark(ledger, 2_000)
    lazy = Raw(server, "regulator", receive_bytes=4_096)
    began = time.monotonic()
    for number in range(4):
        lazy.watch(number + 1, 0)
    busy = client(server, "broker-a")
    while not any("cut off" in message for message in caplog.messages):
        assert busy.holdings(ledger.account("broker-a")).balances
        assert time.monotonic() - began < 20
        time.sleep(0.05)
    assert lazy.is_hung_up()
    items = list(client(server, "regulator").watch(0, follow=False))
    assert len(items) > 2_000


def test_many_readers_at_once(ledger: Sandbox, server: RpcServer) -> None:
    after = ledger.node.height
    readers = [Reader(client(server, "broker-a"), 20, after) for _ in range(20)]
    for reader in readers:
        reader.start()
    earmark(ledger, 20)
    for reader in readers:
        reader.join(30)
    told = {tuple(item.position for item in reader.items) for reader in readers}
    assert len(told) == 1
    assert len(told.pop()) == 20


# ---- lost connections and lost nodes ----


def test_a_stream_survives_the_loss_of_its_connection(ledger: Sandbox, path: Path) -> None:
    first = RpcServer(ledger.node, path=path)
    first.start()
    reader = Reader(persona_client(SocketConnection(path, attempts=50), "broker-a"), 6, ledger.node.height)
    reader.start()
    reader.begun.wait(10)
    earmark(ledger, 3)
    while len(reader.items) < 3:
        time.sleep(0.01)
    first.close()
    earmark(ledger, 1)
    with RpcServer(ledger.node, path=path):
        earmark(ledger, 2)
        reader.join(20)
    positions = [item.position for item in reader.items]
    assert len(positions) == 6
    assert positions == sorted(set(positions))


def serve(folder: Path, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROJECT / "tests" / "e2e" / "served.py"), str(folder), str(path)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ})
    assert started.stdout is not None
    assert started.stdout.readline() == "serving\n"
    return started


def test_what_was_told_was_durable_and_nothing_is_told_twice(tmp_path: Path) -> None:
    """The node is killed while it tells; whatever a reader heard is there afterwards, and it goes on after it."""
    folder, path = tmp_path / "ledger", tmp_path / "node.sock"
    process = serve(folder, path)
    try:
        broker = persona_client(SocketConnection(path, attempts=60), "broker-a")
        reader = Reader(persona_client(SocketConnection(path, attempts=60), "regulator"), 600)
        own = next(line for line in broker.accounts(owner=broker.party))
        share = broker.instrument_id("XS0000000009")
        ask = messages.PlaceEarmark(own.account_id, share, 1)
        reader._after = broker.status().moment.height
        reader.start()
        drafts = [broker.draft(ask).sign(*broker.keys) for _ in range(600)]
        sender = threading.Thread(
            target=lambda: [broker.submit_many(drafts[at : at + 50]) for at in range(0, 600, 50)]
        )
        sender.start()
        while len(reader.items) < 100:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = serve(folder, path)
        sender.join(60)
        reader.join(60)
        told = [(item.position, item.action) for item in reader.items]
        assert len(told) == 600
        again = broker.watch(reader._after, follow=False)
        assert [(item.position, item.action) for item in again] == told
    finally:
        process.kill()
        process.wait()


class Raw:
    """A client by hand."""

    def __init__(self, server: RpcServer, persona: str, receive_bytes: int = 0) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(10)
        self.socket.connect(str(server.path))
        greeting = self.receive()
        assert isinstance(greeting, Greeting)
        node = server._service.node
        key = persona_keys(persona)[0]
        party = persona_client(SocketConnection(server.path), persona).party
        signed = key.sign(authentication_bytes(node.chain_id, greeting.challenge, party, key.address))
        self.socket.sendall(frame(Authenticate(0, party, key.address, ((key.public_key, signed),))))
        assert isinstance(self.receive(), Done)

    def watch(self, number: int, height: int) -> None:
        self.socket.sendall(frame(Watch(number, height, 2**32 - 1, b"")))

    def told(self) -> Told:
        while True:
            reply = self.receive()
            if isinstance(reply, Told):
                return reply

    def failure(self) -> Failed:
        while True:
            reply = self.receive()
            if isinstance(reply, Failed):
                return reply

    def done(self, number: int) -> None:
        while True:
            reply = self.receive()
            if isinstance(reply, Done) and reply.number == number:
                return

    def receive(self) -> object:
        head = self._exactly(4)
        return protocol.REPLY.decode(self._exactly(struct.unpack(">I", head)[0]))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def is_hung_up(self) -> bool:
        try:
            while self.socket.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        return True
