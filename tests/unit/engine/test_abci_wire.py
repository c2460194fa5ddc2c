"""Messages on the ABCI socket, and the server: bounds, failures told, nobody harmed by rubbish."""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.engine.cometbft import server as served
from counterfoil.engine.cometbft import wire
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.server import AbciServer
from counterfoil.engine.cometbft.wire import MESSAGE_BYTES_MAX, Inbound, WireBroken, framed


class Answers:
    """An application that answers with empty messages, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def answer(ask: Any) -> Any:
            self.asked.append(name)
            if name == "commit":
                raise RuntimeError("the books are on fire")
            return getattr(abci, "Response" + "".join(part.capitalize() for part in name.split("_")))()

        return answer


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Inbound]]:
    one, other = socket.socketpair()
    yield one, Inbound(other)
    one.close()
    other.close()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 16_383, 16_384, 3_000_000])
def test_a_message_arrives_as_it_was_sent(pair: tuple[socket.socket, Inbound], size: int) -> None:
    one, inbound = pair
    message = random.Random(size).randbytes(size)
    sending = threading.Thread(target=one.sendall, args=(framed(message) * 3,))
    sending.start()
    assert [inbound.next() for _ in range(3)] == [message] * 3
    sending.join()
    assert inbound.is_drained
    one.close()
    assert inbound.next() is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xff\xff\xff\xff\x01", "too many bytes"),
        (b"\x80\x00", "shortest form"),
        (framed(b"x" * 100)[:50], "inside a message"),
        (b"\x80", "inside a message"),
        (b"\x81\x80\x80\x20", "larger than any"),
    ],
)
def test_what_cannot_be_a_message(pair: tuple[socket.socket, Inbound], data: bytes, words: str) -> None:
    one, inbound = pair
    one.sendall(data)
    one.shutdown(socket.SHUT_WR)
    with pytest.raises(WireBroken, match=words):
        inbound.next()


def test_the_limit_is_a_length_and_no_allocation(pair: tuple[socket.socket, Inbound]) -> None:
    one, inbound = pair
    length, head = MESSAGE_BYTES_MAX + 1, bytearray()
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    one.sendall(bytes([*head, length]))
    with pytest.raises(WireBroken, match="larger than any"):
        inbound.next()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[AbciServer, Answers, list[BaseException]]]:
    application, failures = Answers(), []
    with AbciServer(application, tmp_path / "abci.socket", failures.append) as server:
        yield server, application, failures


def connected(server: AbciServer) -> tuple[socket.socket, Inbound]:
    assert isinstance(server.address, Path)
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(server.address))
    one.settimeout(10)
    return one, Inbound(one)


def exchanged(one: socket.socket, inbound: Inbound, *requests: abci.Request) -> list[abci.Response]:
    one.sendall(b"".join(framed(request.SerializeToString()) for request in requests))
    found = []
    for _ in requests:
        data = inbound.next()
        if data is None:
            break
        found.append(abci.Response.FromString(data))
    return found


def test_every_call_of_the_version_is_answered_in_order(
    running: tuple[AbciServer, Answers, list[BaseException]],
) -> None:
    server, application, _ = running
    one, inbound = connected(server)
    kinds = [field.name for field in abci.Request.DESCRIPTOR.oneofs_by_name["value"].fields]
    assert len(kinds) == 16
    kinds.remove("commit")
    requests = []
    for kind in kinds:
        request = abci.Request()
        getattr(request, kind).SetInParent()
        requests.append(request)
    answers = exchanged(one, inbound, *requests)
    assert [answer.WhichOneof("value") for answer in answers] == kinds
    assert application.asked == [kind for kind in kinds if kind not in ("echo", "flush")]
    echo = exchanged(one, inbound, abci.Request(echo=abci.RequestEcho(message="hello")))
    assert echo[0].echo.message == "hello"
    one.close()


def test_a_failure_is_told_to_the_engine_and_to_the_node(
    running: tuple[AbciServer, Answers, list[BaseException]],
) -> None:
    server, _, failures = running
    one, inbound = connected(server)
    (answer,) = exchanged(one, inbound, abci.Request(commit=abci.RequestCommit()))
    assert re.fullmatch(r"RuntimeError \(case [0-9a-f]{8}\)", answer.exception.error), "the engine logs it"
    assert inbound.next() is None, "and the connection is closed"
    assert [str(error) for error in failures] == ["the books are on fire"]


def test_rubbish_costs_its_connection_alone(running: tuple[AbciServer, Answers, list[BaseException]]) -> None:
    server, _, _ = running
    chance = random.Random(5)
    for _ in range(30):
        one, _ = connected(server)
        one.sendall(chance.randbytes(chance.randrange(1, 500)))
        one.close()
    one, inbound = connected(server)
    assert exchanged(one, inbound, abci.Request(info=abci.RequestInfo()))[0].WhichOneof("value") == "info"
    (answer,) = exchanged(one, inbound, abci.Request())
    assert "does not make" in answer.exception.error
    one.close()


def test_connections_beyond_the_limit_are_closed(
    running: tuple[AbciServer, Answers, list[BaseException]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _, _ = running
    monkeypatch.setattr(served, "CONNECTIONS_MAX", 2)
    first, second = connected(server), connected(server)
    for one, inbound in (first, second):
        assert exchanged(one, inbound, abci.Request(info=abci.RequestInfo()))
    third, inbound = connected(server)
    assert inbound.next() is None
    for one in (first[0], second[0], third):
        one.close()


def test_the_socket_is_its_users_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "abci.socket"
    path.touch()
    with AbciServer(Answers(), path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
    assert wire.framed(b"") == b"\0"
