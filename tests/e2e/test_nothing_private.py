"""After more than a thousand failing requests of every kind, and failures of the node itself, nothing private stands in
logs, tracebacks or error texts: no identity, no name, no amount of somebody else's."""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.viewkeys.messages import RecordOpeningKey
from counterfoil.node import protocol, reads_accounts, reads_keys, reads_sealed
from counterfoil.node.hiding import Guesses
from counterfoil.node.personas import persona_keys
from counterfoil.node.protocol import (
    AdvanceClock,
    Authenticate,
    Done,
    Failed,
    Greeting,
    Problem,
    Read,
    Submit,
    Told,
    TryOut,
    Unwatch,
    Wait,
    Watch,
    authentication_bytes,
)
from counterfoil.node.read_log import ReadLog
from counterfoil.node.reads import READS
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.rpc import RpcServer
from counterfoil.node.service import Service
from counterfoil.node.streams import Streams
from counterfoil.policy.policy import Policy
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import frame
from counterfoil.sealing.opening_keys import OpeningKey
from tests.e2e.test_watch import Raw
from tests.model.desk import Desk, party
from tests.model.desk import own as own_keys
from tests.model.hand import STRANGERS, Hand
from tests.model.moves_grants import MOVES
from tests.model.opening import Opening
from tests.model.twin import Twin

VIEWERS = ("broker-b", "investor-a", "issuer-b", "auditor", "exchange")


class Market:
    """A ledger with every kind of thing on it, served; and everything private that is known of it."""

    def __init__(self, path: Path) -> None:
        twin = Twin()
        self.opening = Opening(twin).everything()
        recorded = OpeningKey(b"\x07" * 32).public_key
        self.opening.do(RecordOpeningKey(party("broker-b"), recorded), *own_keys("broker-b"))
        self.hand = Hand(self.opening)
        self.desk: Desk = twin
        self.node = twin.node
        self.node.engine.start()
        self.server = RpcServer(self.node, path=path)
        self.server._guesses = Guesses(time.monotonic, at_once=10**9)
        self.server.start()
        self.private = list(self._private())

    def _private(self) -> Iterator[tuple[str, bytes]]:
        """(kind, identity) of what is not public: accounts, investors, signers, business; see `written`."""
        tables = self.hand.model.tables
        for key, record in tables[20].items():
            if [role.name for role in record.roles] == ["INVESTOR"]:
                yield "party", key
                if record.signer:
                    yield "signer", record.signer
        for key in tables[51]:
            account = self.node.machine.wired.holdings.account(key)
            assert account is not None
            yield "account", key
            yield "relationship", account.relationship
        for number in (16, 52, 72, 80, 90, 98, 110):
            for key in tables[number]:
                yield "object", key
        for user in tables[22]:
            yield "signer", user[20:]
        yield from self._secrets()

    def _secrets(self) -> Iterator[tuple[str, bytes]]:
        """Keys that open: the node's own, the root in force, and view keys that are handed out."""
        secrets, sealed = self.node.secrets, self.node.machine.sealed
        assert sealed is not None
        for key in (
            secrets.network,
            secrets.sealer,
            secrets.opening,
            sealed.epoch.root,
            sealed.epoch.view.key,
        ):
            yield "secret", key
        for name in VIEWERS:
            path = self.node.machine.wired.viewkeys.path_to(party(name))
            yield "secret", sealed.epoch.view.below(path).key

    def identities(self) -> list[bytes]:
        return [identity for _, identity in self.private]

    def amounts(self) -> set[str]:
        """What is held, as digits; small numbers stand in any text."""
        found: set[str] = set()
        for record in self.hand.model.tables[50].values():
            found |= {str(number) for number in (record.available, record.earmarked) if number >= 10_000}
        return found

    def names(self) -> set[str]:
        """Of parties that are not members, and of references."""
        found = {one.reference for one in self.hand.model.tables[90].values()}
        return {name for name in found if len(name) > 2} | {"Investor A", "Investor B"}

    def close(self) -> None:
        self.server.close()
        self.node.close()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    made = Market(tmp_path_factory.mktemp("p") / "s")
    yield made
    made.close()


def written(identity: bytes) -> list[str]:
    """Every way in which an identity may stand in a text."""
    ways = [identity.hex(), identity.hex().upper(), repr(identity)[2:-1], str(list(identity))]
    if len(identity) == 20:
        ways += [to_text(kind, identity) for kind in AddressKind]
    return ways


def private_in(market: Market, text: str, known: bytes = b"") -> list[str]:
    """What a text tells that is private, but what whoever reads it has named itself."""
    found = []
    for kind, identity in market.private:
        own = identity in known or identity.hex().encode() in known
        if not own and any(way in text for way in written(identity)):
            found.append(f"{kind} {identity.hex()}")
    words = market.amounts() | market.names()
    said = {word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)}
    return found + sorted(word for word in said if not _named(word, known))


def _named(word: str, sent: bytes) -> bool:
    """Whether what was asked holds the word itself, or the amount as it is written in a message."""
    return word.encode() in sent or (word.isdigit() and encode(int(word)) in sent)


class Client(Raw):
    """Keeps what it asked and what it was told."""

    def __init__(self, market: Market, persona: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(market.server.path))
        greeting = self.receive()
        assert isinstance(greeting, Greeting)
        self.greeting = greeting
        if persona:
            key = persona_keys(persona)[0]
            signed = key.sign(
                authentication_bytes(market.node.chain_id, greeting.challenge, party(persona), key.address)
            )
            ask = Authenticate(0, party(persona), key.address, ((key.public_key, signed),))
            assert isinstance(self.ask(ask), Done)

    def ask(self, request: Any) -> Done | Failed | Told:
        self.socket.sendall(frame(request))
        while True:
            reply = self.receive()
            if isinstance(reply, Done | Failed | Told):
                return reply

    def send_bytes(self, data: bytes) -> Failed:
        self.socket.sendall(data)
        reply = self.receive()
        assert isinstance(reply, Failed)
        return reply


def text_of(problem: Problem) -> str:
    return repr(msgspec.structs.asdict(problem))


def requests(market: Market, chance: Random) -> Iterator[Any]:
    """Requests of every kind that must fail, or fail for most who send them."""
    identities = market.identities()
    for name, read in READS.items():
        fields = [field for field in msgspec.structs.fields(read.params) if field.type is bytes]
        for field in fields:
            for identity in chance.sample(identities, 6):
                params: dict[str, Any] = {field.name: identity}
                if name == "proof":
                    params["kind"] = chance.choice(("account", "holding", "register", "trade", "receipt"))
                yield Read(1, name, msgspec.Raw(encode(params)))
        wrong = {identities[0].hex(): identities[1], "account": 5, "at": "never"}
        yield Read(2, name, msgspec.Raw(encode(wrong)))
        yield Read(3, name, msgspec.Raw(encode({"at": chance.choice(("9999", "2001-01-01", "x" * 500))})))
        yield Read(4, name, msgspec.Raw(encode([identities[2]])))
    yield Read(5, identities[0].hex(), msgspec.Raw(encode({})))
    for identity in chance.sample(identities, 10):
        yield Wait(6, identity.ljust(32, b"\0"), 0)
        yield Watch(7, 10**9, 0, identity)
        yield Watch(8, 0, -5, identity)
        yield TryOut(9, identity)
        yield Submit(10, (identity,))
        yield Authenticate(11, identity[:20], identity[:20], ((b"\1" + bytes(32), bytes(64)),))
        yield AdvanceClock(12, 10**17)
        yield Unwatch(13, 99)


def transactions(market: Market, chance: Random) -> Iterator[bytes]:
    """Of every kind of message, signed by somebody who may not, or made so that it is refused."""
    hand = market.hand
    hand.chance = chance
    for kind in MOVES:
        for _ in range(3):
            made = MOVES[kind](hand)
            if made is not None:
                signer = chance.choice(
                    (*STRANGERS[:2], *persona_keys("broker-b"), *persona_keys("investor-a"))
                )
                yield hand.sign([made[0]], (signer.address,))


def bad_frames(market: Market) -> Iterator[bytes]:
    identity = market.identities()[0]
    yield struct.pack(">I", 10**9) + identity
    yield struct.pack(">I", len(identity)) + identity
    body = encode([99, 1, identity])
    yield struct.pack(">I", len(body)) + body
    body = encode([13, 1, {identity: identity}, identity])
    yield struct.pack(">I", len(body)) + body


@pytest.mark.slow
def test_a_thousand_failing_requests(
    market: Market, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    failed: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for number, viewer in enumerate(("", *VIEWERS)):
        chance = Random(number)
        client = Client(market, viewer)
        asks = [*requests(market, chance)]
        asks += [TryOut(20, raw) for raw in transactions(market, chance)]
        asks += [Submit(21, (raw,)) for raw in transactions(market, chance)]
        for ask in asks:
            reply = client.ask(ask)
            sent = encode(ask)
            problems = [reply.problem] if isinstance(reply, Failed) else []
            if isinstance(reply, Done) and isinstance(ask, TryOut):
                problems += protocol.ANSWERED.decode(reply.value).problems
            if isinstance(reply, Done) and isinstance(ask, Submit):
                (answer,) = protocol.ANSWERED_MANY.decode(reply.value)
                problems += answer.problems
            for problem in problems:
                failed[problem.name] += 1
                kinds[type(ask).__name__] += 1
                told = private_in(market, text_of(problem), sent)
                assert not told, f"{viewer or 'a stranger'} learns from {problem}: {told}"
        for data in bad_frames(market):
            problem = Client(market, viewer).send_bytes(data).problem
            failed[problem.name] += 1
            kinds["frame"] += 1
            assert not private_in(market, text_of(problem), data)
    assert sum(failed.values()) > 1_000, failed
    wanted = {"Read", "Submit", "TryOut", "Watch", "Authenticate", "AdvanceClock", "frame"}
    assert set(kinds) >= wanted, kinds
    assert len(failed) > 60, failed
    said = capfd.readouterr()
    assert not private_in(market, caplog.text + said.out + said.err)


# ---- failures of our own ----


class Broken(Exception):
    """An error of ours whose text, arguments and frames are full of what is private."""


def broken(market: Market) -> Callable[..., Any]:
    identities, amounts, names = market.identities()[:40], sorted(market.amounts()), sorted(market.names())

    def fails(*arguments: Any, **more: Any) -> Any:
        holder, balance = identities[3], amounts[0]
        try:
            raise ValueError(f"account {holder.hex()} of {names} holds {balance}")
        except ValueError:
            raise Broken(identities, amounts, names, arguments) from None

    return fails


def chained(market: Market) -> Callable[..., Any]:
    """The same with its causes."""
    identities, amounts = market.identities(), sorted(market.amounts())

    def fails(*arguments: Any, **more: Any) -> Any:
        try:
            raise KeyError(identities[5], repr(arguments))
        except KeyError as error:
            raise Broken(f"{identities[7].hex()} {amounts}") from error

    return fails


PLACES: dict[str, tuple[Any, str, Callable[[Market], Any]]] = {
    "view keys": (reads_keys, "handed", lambda m: Read(1, "view_keys", params(since=0))),
    "what is sealed": (reads_sealed, "header_as_of", lambda m: Read(1, "sealed_receipts", params(first=1))),
    "a query": (holdings, "balances", lambda m: Read(1, "holdings", params(account=own(m)))),
    "a label": (reads_accounts, "label", lambda m: Read(1, "holdings", params(account=own(m)))),
    "the policy": (Policy, "right", lambda m: Read(1, "accounts", params(owner=party("broker-b")))),
    "the policy of a stream": (Policy, "right", lambda m: Watch(1, 0, 0, b"")),
    "a stream": (Streams, "next", lambda m: Watch(2, 0, 0, own(m))),
    "the log of reads": (ReadLog, "note", lambda m: Read(1, "holdings", params(account=own(m)))),
    "a dry run": (Service, "try_out", lambda m: TryOut(1, own(m))),
    "a wait": (Service, "wait", lambda m: Wait(1, own(m), 5)),
    "a recognition": (Service, "recognise", lambda m: Authenticate(1, own(m), own(m), ())),
    "a submission": (Service, "submit", lambda m: Submit(1, (own(m),))),
}


def own(market: Market) -> bytes:
    return market.opening.accounts["b"]


def params(**fields: Any) -> msgspec.Raw:
    return msgspec.Raw(encode(fields))


@pytest.mark.parametrize("make", [broken, chained])
@pytest.mark.parametrize("place", PLACES)
def test_failures_of_the_node_tell_nothing(
    market: Market,
    place: str,
    make: Callable[[Market], Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(market, "broker-b")
    where, name, ask = PLACES[place]
    monkeypatch.setattr(where, name, make(market))
    request = ask(market)
    reply = client.ask(request)
    assert isinstance(reply, Failed)
    assert reply.problem.name == NodeRefusal.NODE_FAILED.name
    case = reply.problem.facts["case"]
    assert not private_in(market, text_of(reply.problem))
    said = capfd.readouterr()
    text = caplog.text + said.out + said.err
    assert not private_in(market, text), text
    assert case in text, "the report leads to the log"
    assert "Broken" in text
    assert "tests/e2e/test_nothing_private.py" in text, "the log says where it failed"


def test_a_rule_that_breaks_tells_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    machine = market.node.machine
    hand = market.hand
    hand.chance = Random(1)
    message = market.opening.instruct("PRIVATE-REFERENCE")
    rules = {**machine._rules, type(message): (chained(market), None)}
    monkeypatch.setattr(machine, "_rules", rules)
    raw = market.desk.transaction(message, *persona_keys("broker-a"))
    transaction = market.desk.prepared(raw).id
    reply = Client(market, "broker-a").ask(Submit(1, (raw,)))
    assert isinstance(reply, Done)
    (answer,) = protocol.ANSWERED_MANY.decode(reply.value)
    (problem,) = answer.problems
    assert problem.name == "RULES_FAILED"
    assert problem.facts["case"] in caplog.text
    assert not private_in(market, caplog.text)
    assert transaction.hex() not in caplog.text
    assert "PRIVATE-REFERENCE" not in caplog.text


def test_a_stopped_node_tells_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failure = Broken(market.identities(), market.amounts())
    monkeypatch.setattr(market.node.engine, "failure", failure)
    client = Client(market, "")
    for request in (
        Read(1, "status", params()),
        Wait(2, bytes(32), 0),
        Submit(3, (b"",)),
        Watch(4, 0, 0, b""),
    ):
        reply = client.ask(request)
        assert isinstance(reply, Failed)
        assert reply.problem.name == "NODE_STOPPED"
        assert not private_in(market, text_of(reply.problem))
    assert not private_in(market, caplog.text)


def test_this_test_would_see_it(market: Market) -> None:
    account, amount = market.opening.accounts["b"], sorted(market.amounts())[0]
    for text in (
        account.hex(),
        repr({"x": account}),
        to_text(AddressKind.ACCOUNT, account),
        f"held {amount}",
    ):
        assert private_in(market, f"some words {text} and others")
    assert not private_in(market, "some words and others, block 17, 1,024 bytes")
    assert os.environ.get("COUNTERFOIL_FAULT_POINT") is None
