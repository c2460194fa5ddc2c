"""By the size and the time of its refusals a node does not tell what is not there from what is not yours.

The test itself is described in tests/timing.py, and tested: a door that lets a difference through is seen.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from counterfoil.node import hiding, rpc
from counterfoil.node.hiding import Guesses
from counterfoil.node.ledger import open_ledger
from counterfoil.node.protocol import REPLY, Done, Failed, Read, padded_frame
from counterfoil.node.reads import READS
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.rpc import RpcServer
from counterfoil.node.sizes import LEAST, size_class
from counterfoil.policy.policy import Policy
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import frame
from counterfoil.sdk import (
    Client,
    LedgerError,
    NotVisible,
    Sandbox,
    SocketConnection,
    messages,
    persona_client,
)
from tests.e2e.test_watch import Raw
from tests.timing import THRESHOLD, statistic, timed, told_apart

ACCOUNTS = 420
SAMPLES = 150


class Served:
    """A ledger on disk, encrypted, opened anew so that nothing was looked at before; and what somebody may not see."""

    def __init__(self, folder: Path) -> None:
        path = folder / "ledger"
        with Sandbox(folder=path, encrypted=False) as ledger:
            broker, client, made = ledger.client("broker-b"), ledger.client("investor-b"), ledger.seeded
            ask = messages.OpenAccount(client.party, broker.party, messages.AccountKind.SEGREGATED)
            self.accounts: list[bytes] = []
            for _ in range(ACCOUNTS // 60):
                self.accounts += broker.send(*[ask] * 60).objects
            terms = messages.TradeTerms(
                trade_reference="HIDDEN",
                venue=made.market,
                execution_time_ms=ledger.time_ms,
                trade_date=ledger.today,
                instrument_id=made.share,
                quantity=1,
                price=1,
                price_scale=0,
                amount=1,
                asset=made.euro,
                seller=broker.party,
                buyer=ledger.client("broker-a").party,
            )
            self.trade = broker.send(messages.RecordTrade(terms=terms, recorder=broker.party)).created
            instruct = messages.Instruct(
                market=made.market,
                party=broker.party,
                account=ledger.account("broker-b"),
                movement=messages.Movement.DELIVER,
                method=messages.Method.DVP,
                instrument_id=made.share,
                quantity=1,
                counterparty=ledger.client("broker-a").party,
                trade_date=ledger.today,
                settlement_date=ledger.today,
                reference="HIDDEN",
                asset=made.euro,
                amount=1,
            )
            self.instruction = broker.send(instruct).created
            approvers = (ledger.client(name).keys[0].address for name in ("broker-a", "issuer-a"))
            key = messages.single_key(client.keys[0].public_key)
            client.send(messages.RegisterSigner(key, tuple(sorted(approvers)), 2))
            self.signer = client.keys[0].address
            self.party, self.share = client.party, made.share
        self.node = open_ledger(path, workers=0)
        self.path = folder / "s"
        self.server = RpcServer(self.node, path=self.path)
        self.server._guesses = Guesses(time.monotonic, at_once=10**9)
        self.server.start()
        self.client = persona_client(SocketConnection(self.path), "notary")

    def ask(self, read: str, params: dict[str, Any]) -> Callable[[], None]:
        encoded, connection = encode(params), self.client.connection

        def asked() -> None:
            with pytest.raises(NotVisible):
                connection.read(read, encoded)

        return asked

    def close(self) -> None:
        self.client.close()
        self.server.close()
        self.node.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("t"))
    yield made
    made.close()


QUESTIONS = {
    "holdings": ("account", {}),
    "statement": ("account", {}),
    "history of an account": ("account", {}),
    "history of a party": ("party", {}),
    "history of an instrument": ("instrument", {}),
    "history of a trade": ("business", {}),
    "register": ("instrument", {}),
    "party": ("party", {}),
    "trade": ("trade", {}),
    "instruction": ("instruction", {}),
    "signer": ("signer", {}),
    "history of a signer": ("signer", {}),
    "custody_trail": ("custodian", {}),
    "proof of an account": ("account", {"kind": "account"}),
    "proof of a register": ("instrument", {"kind": "register"}),
    "proof of a trade": ("business", {"kind": "trade"}),
}


def hidden(served: Served, question: str) -> bytes:
    field, _ = QUESTIONS[question]
    if field in ("trade", "business"):
        return served.trade
    known = {"account": served.accounts[0], "party": served.party, "instrument": served.share}
    keys = {"signer": served.signer, "custodian": served.party}
    return {**known, **keys, "instruction": served.instruction}[field]


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_not_there_takes_as_long_as_not_yours(served: Served, question: str) -> None:
    field, more = QUESTIONS[question]
    read, identity = question.split()[0], hidden(served, question)

    def make(number: int) -> tuple[list[float], list[float]]:
        chance = Random(number)
        there = [served.ask(read, {**more, field: identity}) for _ in range(SAMPLES)]
        nowhere = [served.ask(read, {**more, field: chance.randbytes(len(identity))}) for _ in range(SAMPLES)]
        return timed((there, nowhere), number)

    assert not told_apart(make)


@pytest.mark.slow
def test_not_at_the_first_look_either(served: Served) -> None:
    """Each account is asked for once: what is there must be read from the disk, decrypted and taken apart."""
    chance = Random(1)
    there = [served.ask("holdings", {"account": account}) for account in served.accounts[1:]]
    nowhere = [served.ask("holdings", {"account": chance.randbytes(20)}) for _ in there]
    assert statistic(*timed((there, nowhere), 1)) < THRESHOLD


# ---- the test is tested ----


def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that returns early where nothing is found, and works for half a millisecond more where something is."""
    whole = Policy._account

    def early(self: Policy, viewer: bytes, standing: Any, account_id: bytes) -> Any:
        if self._holdings.account(account_id) is None:
            return None
        until = time.perf_counter() + 0.0005
        while time.perf_counter() < until:
            pass
        return whole(self, viewer, standing, account_id)

    monkeypatch.setattr(Policy, "_account", early)


def sample(served: Served, number: int) -> tuple[list[float], list[float]]:
    chance = Random(number)
    account = served.accounts[0]
    there = [served.ask("holdings", {"account": account}) for _ in range(SAMPLES)]
    nowhere = [served.ask("holdings", {"account": chance.randbytes(20)}) for _ in range(SAMPLES)]
    return timed((there, nowhere), number)


def test_a_leak_is_seen_where_the_door_lets_it_through(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaky(monkeypatch)
    monkeypatch.setattr(rpc, "leaves_after", lambda seconds: seconds)
    assert told_apart(lambda number: sample(served, number))


@pytest.mark.slow
def test_the_door_hides_such_a_leak(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    leaky(monkeypatch)
    assert not told_apart(lambda number: sample(served, number))


def test_the_statistic_tells_what_differs_and_only_that() -> None:
    chance = Random(7)

    def drawn(shift: float, count: int = 400) -> list[float]:
        return [shift + abs(chance.gauss(1, 0.2)) + (chance.random() < 0.02) * 5 for _ in range(count)]

    assert max(statistic(drawn(0), drawn(0)) for _ in range(200)) < THRESHOLD
    assert min(statistic(drawn(0), drawn(0.15)) for _ in range(50)) > THRESHOLD
    assert statistic(drawn(0, 20), drawn(0, 20)) < THRESHOLD


# ---- sizes ----


def frames(served: Served, *requests: object) -> list[bytes]:
    """The replies as they travel."""
    raw = Raw(served.server, "notary")
    found = []
    for request in requests:
        raw.socket.sendall(frame(request))
        head = raw._exactly(4)
        found.append(head + raw._exactly(struct.unpack(">I", head)[0]))
    return found


def test_every_refusal_has_one_size(served: Served) -> None:
    asked = []
    for question, (field, more) in QUESTIONS.items():
        read, identity = question.split()[0], hidden(served, question)
        for value in (identity, os.urandom(len(identity)), b"x", b"x" * 33):
            asked.append(Read(1, read, msgspec.Raw(encode({**more, field: value}))))
    asked += [Read(2, name, msgspec.Raw(encode({"no": "such"}))) for name in READS]
    asked += [Read(3, "no such read", msgspec.Raw(encode({}))), Read(4, "personas", msgspec.Raw(encode({})))]
    replies = frames(served, *asked)
    refused = replies[:-1]
    assert {len(reply) for reply in refused} == {LEAST}
    hidden_ones = replies[: 4 * len(QUESTIONS)]
    assert len({bytes(reply) for reply in hidden_ones}) == 1


def test_answers_have_few_sizes(served: Served) -> None:
    names = ("status", "markets", "instruments", "parties", "personas", "proposals", "grants", "header")
    for reply in frames(served, *[Read(1, name, msgspec.Raw(encode({}))) for name in names]):
        assert len(reply) == size_class(len(reply))


def test_size_classes() -> None:
    sizes = {size_class(size) for size in range(1, 200_000)}
    assert min(sizes) == LEAST
    assert len(sizes) < 200
    for size in (*range(1, 5_000), 10**5, 10**6, 10**7 + 1, 2**26):
        assert size <= size_class(size) == size_class(size_class(size))
        assert size_class(size) <= max(LEAST, size * 1.12)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 511, 512, 700, 65_535, 70_000])
def test_a_padded_reply_says_the_same(count: int) -> None:
    value = msgspec.Raw(encode(bytes(count)))
    framed = padded_frame(Done(5, value))
    assert len(framed) == size_class(len(framed))
    reply = REPLY.decode(framed[4:])
    assert (reply.number, bytes(reply.value)) == (5, bytes(value))
    assert struct.unpack(">I", framed[:4])[0] == len(framed) - 4


# ---- guessing ----


def test_refusals_leave_at_few_moments() -> None:
    grid = hiding.GRID_SECONDS
    assert [hiding.leaves_after(seconds * grid) for seconds in (0, 0.1, 1, 1.01, 2, 3, 9)] == [
        grid * times for times in (1, 1, 1, 2, 2, 4, 16)
    ]


def test_a_party_that_guesses_is_slowed_down_and_a_stranger_learns_nothing(served: Served) -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0], at_once=5, per_second=2)
    for _ in range(5):
        guesses.check(b"party")
        guesses.count(b"party")
    for party, refused in ((b"party", True), (b"other", False), (b"", False)):
        if refused:
            with pytest.raises(Exception, match="ASKED_TOO_OFTEN"):
                guesses.check(party)
        else:
            guesses.check(party)
    now[0] = 0.5
    guesses.check(b"party")
    guesses.count(b"party")
    with pytest.raises(Exception, match="ASKED_TOO_OFTEN"):
        guesses.check(b"party")
    for _ in range(100):
        guesses.count(b"")
    guesses.check(b"")
    now[0] = 1_000.0
    guesses.check(b"party")


def test_guessing_is_refused_before_anything_is_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.server, "_guesses", Guesses(time.monotonic, at_once=3, per_second=0.001))
    client = persona_client(SocketConnection(served.path), "investor-a")
    own = client.accounts(owner=client.party)[0].account_id
    for _ in range(3):
        with pytest.raises(NotVisible):
            client.holdings(os.urandom(20))
    with pytest.raises(LedgerError) as refused:
        client.holdings(own)
    assert refused.value.name == NodeRefusal.ASKED_TOO_OFTEN.name
    assert Client(SocketConnection(served.path)).markets()
    other = persona_client(SocketConnection(served.path), "investor-b")
    assert other.holdings(other.accounts(owner=other.party)[0].account_id)


def test_what_is_not_recognised_leaves_so_too(served: Served) -> None:
    assert rpc._hides(Read(1, "status", msgspec.Raw(b"\x80")), None) is False
    refusal = Failed(1, hiding.Refused(hiding.NodeRefusal.NOT_RECOGNISED).problem)
    assert rpc._hides(Read(1, "status", msgspec.Raw(b"\x80")), refusal) is True
    assert rpc._hides(Read(1, "accounts", msgspec.Raw(encode({"owner": b"o"}))), None) is True
    assert rpc._hides(Read(1, "proof", msgspec.Raw(encode({"kind": "receipt"}))), None) is True
    assert rpc._hides(Read(1, "proof", msgspec.Raw(encode({"kind": "account"}))), None) is False
