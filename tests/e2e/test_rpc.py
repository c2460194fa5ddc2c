"""A node's socket: the same answers as in the process itself, through many clients, lost connections and bad frames."""

from __future__ import annotations

import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from counterfoil.node import protocol, rpc
from counterfoil.node.personas import persona_keys
from counterfoil.node.protocol import Authenticate, Failed, Greeting, Read, Submit, authentication_bytes
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.rpc import RpcServer
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import frame
from counterfoil.sdk import (
    Client,
    Draft,
    LedgerError,
    NodeUnreachable,
    NotVisible,
    Sandbox,
    SocketConnection,
    TransactionRejected,
    connections,
    messages,
    persona_client,
)
from counterfoil.sdk.connections import _in_frames

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
    with RpcServer(ledger.node, path=path, port=0) as made:
        yield made


def connect(server: RpcServer) -> SocketConnection:
    assert server.path is not None
    return SocketConnection(server.path)


def client(server: RpcServer, persona: str) -> Client:
    return persona_client(connect(server), persona)


def earmark(ledger: Sandbox, quantity: int = 1) -> messages.PlaceEarmark:
    return messages.PlaceEarmark(ledger.account("broker-a"), ledger.seeded.share, quantity)


def drafts(ledger: Sandbox, client: Client, count: int) -> list[Draft]:
    expiry_ms = client.time_ms() + 300_000
    signers = [key.address for key in client.keys]
    asks = (earmark(ledger) for _ in range(count))
    return [
        Draft.of(client.connection.chain_id, [ask], signers, expiry_ms).sign(*client.keys) for ask in asks
    ]


# ---- the same as in the process ----


def test_reads_answer_as_in_the_process_itself(ledger: Sandbox, server: RpcServer) -> None:
    here, there = ledger.client("issuer-a"), client(server, "issuer-a")
    share = ledger.seeded.share
    assert there.register(share) == here.register(share)
    assert there.history(instrument=share) == here.history(instrument=share)
    assert there.instrument(share) == here.instrument(share)
    assert there.markets() == here.markets()
    assert there.proof("register", instrument=share) == here.proof("register", instrument=share)
    assert there.accounts(owner=here.party) == here.accounts(owner=here.party)


def test_submit_wait_and_dry_run(ledger: Sandbox, server: RpcServer) -> None:
    broker = client(server, "broker-a")
    result = broker.send(earmark(ledger))
    assert result.ok
    assert result.height == ledger.node.height
    draft = broker.draft(earmark(ledger, 2)).sign(*broker.keys)
    assert broker.try_out(draft).ok
    assert broker.wait(draft, 0.05) is None
    sender = threading.Timer(0.2, lambda: ledger.client("broker-a").submit(draft))
    sender.start()
    found = broker.wait(draft, 10)
    sender.join()
    assert found is not None
    assert found.ok
    assert broker.submit(draft) == found


def test_refusals_come_through_with_their_remedy(ledger: Sandbox, server: RpcServer) -> None:
    broker = client(server, "broker-a")
    with pytest.raises(TransactionRejected) as rejected:
        broker.send(earmark(ledger, 10**9))
    assert rejected.value.facts["available"].isdigit()
    with pytest.raises(NotVisible):
        broker.register(ledger.seeded.share)
    with pytest.raises(LedgerError) as caught:
        broker.holdings(ledger.account("broker-a"), at="never")
    assert caught.value.name == "PARAMETERS_ARE_WRONG"
    with pytest.raises(LedgerError) as caught:
        broker.connection.read("no such read", encode({}))
    assert caught.value.name == "READ_IS_UNKNOWN"


def test_the_clock_of_a_sandbox_is_moved_through_the_socket(path: Path) -> None:
    with Sandbox() as own, RpcServer(own.node, path=path) as server:
        regulator = client(server, "regulator")
        target = regulator.time_ms() + 86_400_000
        assert regulator.connection.advance_clock(target) == target
        assert regulator.market("XSBX").business_date == 20240103


def test_by_loopback_port_too(ledger: Sandbox, server: RpcServer) -> None:
    assert server.port
    by_port = persona_client(SocketConnection(server.port), "broker-a")
    assert by_port.holdings(ledger.account("broker-a")).balances


# ---- many ----


def test_thousands_in_one_call_keep_their_order(ledger: Sandbox, server: RpcServer) -> None:
    broker = client(server, "broker-a")
    made = drafts(ledger, broker, 4_500)
    assert len(list(_in_frames([draft.transaction for draft in made]))) > 2
    results = broker.submit_many(made)
    assert [result.id for result in results] == [draft.id for draft in made]
    assert all(result.ok for result in results)
    heights = [result.height for result in results]
    assert heights == sorted(heights)


def test_many_clients_at_once(ledger: Sandbox, server: RpcServer) -> None:
    done: list[int] = []
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            broker = client(server, "broker-a")
            for _ in range(3):
                assert broker.send(earmark(ledger)).ok
                assert broker.holdings(ledger.account("broker-a")).balances
            broker.close()
            done.append(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(done) == 24


def test_one_client_for_several_threads(ledger: Sandbox, server: RpcServer) -> None:
    broker = client(server, "broker-a")
    answers: list[bool] = []

    def work() -> None:
        answers.extend(broker.send(earmark(ledger)).ok for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 30


def test_a_reader_that_waits_keeps_nobody(ledger: Sandbox, server: RpcServer) -> None:
    waiting = [client(server, "broker-a") for _ in range(8)]
    draft = waiting[0].draft(earmark(ledger)).sign(*waiting[0].keys)
    threads = [threading.Thread(target=lambda one=one: one.wait(draft, 5)) for one in waiting]
    for thread in threads:
        thread.start()
    other = client(server, "broker-b")
    began = time.monotonic()
    assert other.status().moment.height
    assert time.monotonic() - began < 2
    other.connection.submit([draft.transaction])
    for thread in threads:
        thread.join()


def test_more_clients_than_are_served_are_told_so(
    ledger: Sandbox, server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CLIENTS_MAX", 2)
    first, second = connect(server), connect(server)
    with pytest.raises(LedgerError) as caught:
        connect(server)
    assert caught.value.name == NodeRefusal.TOO_MANY_CLIENTS.name
    first.close()
    second.close()
    for _ in range(100):
        try:
            connect(server)
            return
        except LedgerError:
            time.sleep(0.02)
    pytest.fail("a place that was given up is not given again")


# ---- bad frames and bad manners ----


class Raw:
    """A client without manners."""

    def __init__(self, server: RpcServer) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(server.path))
        greeting = self.receive()
        assert isinstance(greeting, Greeting)
        self.greeting = greeting

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
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


BAD_FRAMES = {
    "too long for a stranger": (
        struct.pack(">I", protocol.STRANGER_FRAME_BYTES_MAX + 1),
        NodeRefusal.FRAME_IS_TOO_LARGE.name,
    ),
    "longest length there is": (b"\xff\xff\xff\xff", NodeRefusal.FRAME_IS_TOO_LARGE.name),
    "empty": (struct.pack(">I", 0), NodeRefusal.FRAME_IS_MALFORMED.name),
    "no msgpack": (struct.pack(">I", 3) + b"\xc1\xc1\xc1", NodeRefusal.FRAME_IS_MALFORMED.name),
    "text of another protocol": (b"GET / HTTP/1.1\r\n\r\n", NodeRefusal.FRAME_IS_TOO_LARGE.name),
    "an answer": (frame(Failed(1, protocol.HIDDEN)), NodeRefusal.FRAME_IS_MALFORMED.name),
    "a request with a field too many": (
        struct.pack(">I", 5) + b"\x94\x0b\x01\x90\x01",
        NodeRefusal.FRAME_IS_MALFORMED.name,
    ),
    "not canonical": (struct.pack(">I", 5) + b"\x93\xcc\x0b\x01\x90", NodeRefusal.FRAME_IS_MALFORMED.name),
    "nested beyond measure": (
        struct.pack(">I", 60_000) + b"\x91" * 60_000,
        NodeRefusal.FRAME_IS_MALFORMED.name,
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_frame_is_refused_and_hung_up_on(ledger: Sandbox, server: RpcServer, case: str) -> None:
    data, name = BAD_FRAMES[case]
    bad = Raw(server)
    bad.socket.sendall(data)
    reply = bad.receive()
    assert isinstance(reply, Failed)
    assert (reply.number, reply.problem.name) == (0, name)
    assert bad.is_hung_up()
    assert client(server, "broker-a").holdings(ledger.account("broker-a"))


def test_halves_of_frames_and_silent_clients_harm_nobody(ledger: Sandbox, server: RpcServer) -> None:
    silent = [Raw(server) for _ in range(5)]
    for number, one in enumerate(silent):
        one.socket.sendall((struct.pack(">I", 1_000) + b"x" * 100)[: number * 2])
    assert client(server, "broker-a").holdings(ledger.account("broker-a"))
    for one in silent:
        one.socket.close()
    assert client(server, "broker-a").holdings(ledger.account("broker-a"))


def test_a_frame_that_does_not_end_is_given_up(server: RpcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "FRAME_SECONDS_MAX", 0.2)
    slow = Raw(server)
    slow.socket.sendall(struct.pack(">I", 100) + b"x")
    assert slow.is_hung_up()


def test_a_client_that_reads_no_answers_is_not_served_further(
    ledger: Sandbox, server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = Raw(server)
    greedy.socket.settimeout(2)
    ask = frame(Read(1, "instrument", msgspec.Raw(encode({"instrument": ledger.seeded.share}))))
    with pytest.raises(TimeoutError):
        for _ in range(1_000_000):
            greedy.socket.sendall(ask)
    assert client(server, "broker-a").holdings(ledger.account("broker-a"))


def test_too_many_transactions_in_one_request(server: RpcServer) -> None:
    many = Raw(server)
    many.socket.sendall(frame(Submit(5, (b"",) * (protocol.TRANSACTIONS_MAX + 1))))
    reply = many.receive()
    assert isinstance(reply, Failed)
    assert (reply.number, reply.problem.name) == (5, NodeRefusal.FRAME_IS_TOO_LARGE.name)
    many.socket.sendall(frame(Submit(6, (b"", b"garbage"))))
    done = many.receive()
    assert isinstance(done, protocol.Done)
    answers = protocol.ANSWERED_MANY.decode(done.value)
    assert [answer.problems[0].name for answer in answers] == ["TRANSACTION_IS_MALFORMED"] * 2


# ---- who it is ----


def test_a_signature_for_one_connection_is_none_for_another(ledger: Sandbox, server: RpcServer) -> None:
    (key,) = persona_keys("broker-a")
    party = ledger.client("broker-a").party
    one, other = Raw(server), Raw(server)
    signed = key.sign(authentication_bytes(ledger.node.chain_id, one.greeting.challenge, party, key.address))
    ask = frame(Authenticate(1, party, key.address, ((key.public_key, signed),)))
    other.socket.sendall(ask)
    refused = other.receive()
    assert isinstance(refused, Failed)
    assert refused.problem.name == "NOT_RECOGNISED"
    one.socket.sendall(ask)
    assert isinstance(one.receive(), protocol.Done)


@pytest.mark.parametrize(
    "case", ["another party", "no signature", "wrong key", "too many", "empty party", "long party"]
)
def test_who_is_not_recognised(ledger: Sandbox, server: RpcServer, case: str) -> None:
    (key,) = persona_keys("broker-a")
    (foreign,) = persona_keys("broker-b")
    party = ledger.client("broker-a").party
    raw = Raw(server)
    if case == "another party":
        party = ledger.client("broker-b").party
    party = {"empty party": b"", "long party": b"p" * 5_000}.get(case, party)
    text = authentication_bytes(ledger.node.chain_id, raw.greeting.challenge, party, key.address)
    signatures: tuple[tuple[bytes, bytes], ...] = ((key.public_key, key.sign(text)),)
    if case == "no signature":
        signatures = ()
    if case == "wrong key":
        signatures = ((foreign.public_key, foreign.sign(text)),)
    if case == "too many":
        signatures *= 65
    raw.socket.sendall(frame(Authenticate(3, party, key.address, signatures)))
    reply = raw.receive()
    assert isinstance(reply, Failed)
    assert (reply.number, reply.problem.name) == (3, "NOT_RECOGNISED")
    raw.socket.sendall(
        frame(Read(4, "holdings", msgspec.Raw(encode({"account": ledger.account("broker-a")}))))
    )
    hidden = raw.receive()
    assert isinstance(hidden, Failed)
    assert hidden.problem == protocol.HIDDEN


def test_a_stranger_may_still_submit(ledger: Sandbox, server: RpcServer) -> None:
    draft = ledger.client("broker-a").draft(earmark(ledger)).sign(*persona_keys("broker-a"))
    (answer,) = connect(server).submit([draft.transaction])
    assert answer.number == 0


# ---- the socket itself ----


def test_the_socket_is_for_this_user_alone(server: RpcServer, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.close()
    assert not path.exists()


def test_a_second_node_does_not_take_the_socket(ledger: Sandbox, server: RpcServer, path: Path) -> None:
    with pytest.raises(OSError, match="another process serves"):
        RpcServer(ledger.node, path=path).start()
    assert client(server, "broker-a").status()


def test_a_socket_that_was_left_behind_is_replaced(ledger: Sandbox, path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with RpcServer(ledger.node, path=path) as server:
        assert client(server, "broker-a").status()


def test_addresses_that_cannot_be_served(ledger: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        RpcServer(ledger.node, port=0, host="0.0.0.0")
    with pytest.raises(ValueError, match="path"):
        RpcServer(ledger.node)
    with pytest.raises(OSError, match="shorter"):
        RpcServer(ledger.node, path=tmp_path / ("x" * 200)).start()
    plain = tmp_path / "file"
    plain.write_text("mine")
    with pytest.raises(OSError):
        RpcServer(ledger.node, path=plain).start()
    assert plain.read_text() == "mine"


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="no answer"):
        SocketConnection(tmp_path / "nothing.sock", attempts=2)


# ---- lost connections and lost nodes ----


def test_a_lost_connection_is_made_again(ledger: Sandbox, path: Path) -> None:
    first = RpcServer(ledger.node, path=path)
    first.start()
    broker = client(first, "broker-a")
    before = broker.holdings(ledger.account("broker-a")).balances
    first.close()
    with RpcServer(ledger.node, path=path):
        assert broker.holdings(ledger.account("broker-a")).balances == before
        assert broker.send(earmark(ledger)).ok


def serve(folder: Path, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROJECT / "tests" / "e2e" / "served.py"), str(folder), str(path)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ})
    assert started.stdout is not None
    assert started.stdout.readline() == "serving\n"
    return started


def test_a_killed_node_takes_nothing_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are under way when the node is killed; the client goes on by itself when it is back."""
    monkeypatch.setattr(connections, "TRANSACTIONS_MAX", 100)
    folder, path = tmp_path / "ledger", tmp_path / "node.sock"
    process = serve(folder, path)
    try:
        broker = persona_client(SocketConnection(path, attempts=60), "broker-a")
        watcher = Client(SocketConnection(path))
        own = next(line for line in broker.accounts(owner=broker.party))
        share = broker.instrument_id("XS0000000009")
        ask = messages.PlaceEarmark(own.account_id, share, 1)
        expiry_ms, signers = broker.time_ms() + 300_000, [key.address for key in broker.keys]
        chain = broker.connection.chain_id
        made = [Draft.of(chain, [ask], signers, expiry_ms).sign(*broker.keys) for _ in range(1_500)]
        began = watcher.status().moment.height
        restarted: list[subprocess.Popen[str]] = []

        def kill_and_restart() -> None:
            while watcher.status().moment.height < began + 3:
                time.sleep(0.001)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            restarted.append(serve(folder, path))

        killer = threading.Thread(target=kill_and_restart)
        killer.start()
        results = broker.submit_many(made)
        killer.join()
        process = restarted[0]
        assert [result.id for result in results] == [draft.id for draft in made]
        assert all(result.ok for result in results)
        assert broker.balance(own.account_id, share) == (98_500, 1_500)
        again = broker.submit_many(made)
        assert [result.height for result in again] == [result.height for result in results]
        assert broker.balance(own.account_id, share) == (98_500, 1_500)
    finally:
        process.kill()
        process.wait()
