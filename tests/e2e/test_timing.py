"""By the bytes, the size and the time of its replies a node does not tell what is hidden: at every way to ask it.

The questions are those of tests/e2e/questions.py. Whether two kinds of reply can be told apart by their time is
decided by the test of tests/timing.py (Welch's t and Mann-Whitney's U against 4.5, three samples in a row, 30 of a
kind in the first; `make timing` takes 1,000). That test is itself tested: a leak that is let through the door is seen
at every kind of request.
"""

from __future__ import annotations

import os
import struct
import time
import typing
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from counterfoil.node import hiding, reads_ledger, rpc
from counterfoil.node.hiding import Guesses
from counterfoil.node.protocol import HIDDEN, REPLY, Done, Failed, Read, Request, TryOut, padded_frame
from counterfoil.node.reads import READS
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.service import Service
from counterfoil.node.sizes import LEAST, size_class
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import frame
from counterfoil.sdk import Client, LedgerError, NotVisible, SocketConnection
from tests.e2e.hidden_things import Served, asks
from tests.e2e.questions import QUESTIONS, Question
from tests.timing import THRESHOLD, rounds, statistic, timed, told_apart
from tests.unit.node.cast import key

ASKED = [(name, question) for name, row in QUESTIONS.items() if not isinstance(row, str) for question in row]
TIMED = [(name, question) for name, question in ASKED if not question.how_much]
RIGGED = dict(reversed(TIMED))
"""The first question of each row that names something."""
ALWAYS_RIGGED = ("holdings", "accounts", "history", "Watch", "TryOut", "Wait", "Authenticate")
"""Of each kind of request one; the others by `make timing`."""
THROUGH_THE_DOOR = {"Submit", "Wait", "result"}
"""What leaves as it is ready: a block's making takes much longer, and what nobody else can name is not looked up."""
HIDDEN_LEAK_SECONDS, SEEN_LEAK_SECONDS, SEEN_BESIDE_A_BLOCK_SECONDS = 0.0005, 0.005, 0.02
"""What the door must hide; what must be seen where it does not, be the machine ever so busy; and the same beside the
time that a block takes."""
USUAL_SAMPLES, MANY_SAMPLES = 30, 1_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which leaks are rigged depends on how long the run may take."""
    every = metafunc.config.getoption("--samples") >= MANY_SAMPLES
    rigged = tuple(RIGGED) if every else ALWAYS_RIGGED
    if "rigged" in metafunc.fixturenames:
        metafunc.parametrize("rigged", rigged)
    if "hiding_one" in metafunc.fixturenames:
        metafunc.parametrize("hiding_one", [one for one in rigged if one not in THROUGH_THE_DOOR])


def label(value: object) -> str | None:
    return value.label if isinstance(value, Question) else None


class Both(NamedTuple):
    """served: with little that is hidden, as far as a ledger can have little; busy: with much more."""

    served: Served
    busy: Served


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(Served(tmp_path_factory.mktemp("t")), Served(tmp_path_factory.mktemp("b"), busy=True))
    yield made
    for one in made:
        one.close()


@pytest.fixture
def samples(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--samples"))


class Sampled:
    """Takes samples of a question, and checks that the replies of both kinds say the same, in the same size."""

    def __init__(self, both: Both, question: Question) -> None:
        self.both = both
        self.question = question

    def __call__(self, number: int, count: int) -> tuple[list[float], list[float]]:
        question, served, chance = self.question, self.both.served, Random(number)
        busy = self.both.busy if question.of_two else served
        there = [question.make(busy, question.there(busy)) for _ in range(count)]
        nowhere = [question.make(served, question.nowhere(served, chance)) for _ in range(count)]
        shown: tuple[list[bytes], list[bytes]] = ([], [])
        found = timed(
            (
                asks(busy.door(question.viewer), there, shown[0]),
                asks(served.door(question.viewer), nowhere, shown[1]),
            ),
            number,
        )
        self.check(*shown)
        return found

    def check(self, there: list[bytes], nowhere: list[bytes]) -> None:
        one, other = ({len(reply) for reply in replies} for replies in (there, nowhere))
        assert one == other, f"the sizes differ: {one} {other}"
        assert len(one) == 1
        assert one.pop() == size_class(len(there[0]))
        if self.question.same:
            assert set(there) == set(nowhere), "the replies differ"
        else:
            assert {kind_of(reply) for reply in there} == {kind_of(reply) for reply in nowhere}


def kind_of(reply: bytes) -> tuple[type, str]:
    found = REPLY.decode(reply[4:])
    return type(found), found.problem.name if isinstance(found, Failed) else ""


def test_every_way_to_ask_is_in_the_table() -> None:
    """A new read, or a new kind of request, without a row fails here."""
    requests = {kind.__name__ for kind in typing.get_args(Request)} - {Read.__name__}
    assert set(QUESTIONS) == set(READS) | requests
    without = {name for name, row in QUESTIONS.items() if isinstance(row, str)}
    assert without & set(READS) == {
        name for name, read in READS.items() if read.is_alike and name != "result"
    }
    assert {question.viewer for _, question in ASKED} >= {
        *("former", "broker-s", "auditor-expired", "auditor-revoked", "broker-a", "issuer", "nobody")
    }


@pytest.mark.parametrize(("name", "question"), [entry for entry in ASKED if entry not in TIMED], ids=label)
def test_how_much_is_hidden_shows_neither_in_what_is_said_nor_in_its_size(
    both: Both, name: str, question: Question
) -> None:
    """And none of it is there before the first moment."""
    for seconds in Sampled(both, question)(0, 3):
        assert min(seconds) > hiding.GRID_SECONDS - 0.001


@pytest.mark.slow
@pytest.mark.parametrize(("name", "question"), TIMED, ids=label)
def test_what_is_hidden_cannot_be_told_by_time(
    both: Both, samples: int, name: str, question: Question
) -> None:
    assert not told_apart(Sampled(both, question), rounds(samples))


@pytest.mark.slow
def test_not_at_the_first_look_either(both: Both) -> None:
    """Each account is asked for once: what is there must be read from the disk, decrypted and taken apart."""

    def differ(number: int) -> bool:
        chance = Random(number)
        question, served = RIGGED["holdings"], (both.served, both.busy)[number]
        door, replies = served.door("central-bank"), list[bytes]()
        there = [question.make(served, account) for account in served.accounts]
        nowhere = [question.make(served, chance.randbytes(20)) for _ in there]
        return (
            statistic(*timed((asks(door, there, replies), asks(door, nowhere, replies)), number)) > THRESHOLD
        )

    assert not all(differ(number) for number in range(2))


# ---- the test is tested ----


def leaky(monkeypatch: pytest.MonkeyPatch, both: Both, name: str, leak_seconds: float) -> None:
    """More work wherever what is asked about is there."""
    named = RIGGED[name].there(both.served)
    needle = named.encode() if isinstance(named, str) else named

    def rig(name: str, about: Callable[..., bytes]) -> None:
        whole = getattr(Service, name)

        def work(self: Service, *arguments: Any) -> Any:
            if needle in about(*arguments):
                until = time.perf_counter() + leak_seconds
                while time.perf_counter() < until:
                    pass
            return whole(self, *arguments)

        monkeypatch.setattr(Service, name, work)

    rig("read", lambda who, name, params: params)
    rig("watch", lambda who, cursor: cursor.about)
    rig("try_out", lambda transaction: transaction)
    rig("submit", lambda transactions, submitter: b"".join(transactions))
    rig("wait", lambda transaction, wait_ms: transaction)
    rig("recognise", lambda challenge, party, signer, signatures: party + signer)


@pytest.mark.slow
def test_a_leak_is_seen_where_the_door_lets_it_through(
    both: Both, monkeypatch: pytest.MonkeyPatch, rigged: str
) -> None:
    leaky(monkeypatch, both, rigged, SEEN_BESIDE_A_BLOCK_SECONDS if rigged == "Submit" else SEEN_LEAK_SECONDS)
    monkeypatch.setattr(hiding, "leaves_after", lambda seconds: seconds)
    assert told_apart(Sampled(both, RIGGED[rigged]), rounds(USUAL_SAMPLES))


@pytest.mark.slow
def test_the_door_hides_such_a_leak(both: Both, monkeypatch: pytest.MonkeyPatch, hiding_one: str) -> None:
    """Of half a millisecond it leaves less than such samples see: with thousands, some ten microseconds, by which a
    processor that has just worked wakes sooner."""
    leaky(monkeypatch, both, hiding_one, HIDDEN_LEAK_SECONDS)
    assert not told_apart(Sampled(both, RIGGED[hiding_one]), rounds(USUAL_SAMPLES))


def test_the_statistic_tells_what_differs_and_only_that() -> None:
    chance = Random(7)

    def drawn(shift: float, count: int = 400) -> list[float]:
        return [shift + abs(chance.gauss(1, 0.2)) + (chance.random() < 0.02) * 5 for _ in range(count)]

    assert max(statistic(drawn(0), drawn(0)) for _ in range(200)) < THRESHOLD
    assert min(statistic(drawn(0), drawn(0.15)) for _ in range(50)) > THRESHOLD
    assert statistic(drawn(0, 20), drawn(0, 20)) < THRESHOLD


# ---- sizes ----


def test_every_refusal_has_one_size(both: Both) -> None:
    asked = [
        Read(1, name, msgspec.Raw(encode({field.name: value})))
        for name, read in READS.items()
        for field in msgspec.structs.fields(read.params)
        if field.type is bytes
        for value in (
            both.served.cast.accounts["three at b"],
            os.urandom(20),
            os.urandom(32),
            b"x",
            b"x" * 33,
        )
    ]
    asked += [Read(1, name, msgspec.Raw(encode({"no": "such"}))) for name in READS]
    asked += [
        Read(1, "no such read", msgspec.Raw(encode({}))),
        Read(1, "find", msgspec.Raw(encode({"text": "x"}))),
    ]
    door = both.served.door("central-bank")
    refused = [reply for reply in (door.ask(frame(one)) for one in asked) if kind_of(reply)[0] is Failed]
    assert len(refused) > 100
    assert {len(reply) for reply in refused} == {LEAST}
    assert len({reply for reply in refused if kind_of(reply)[1] == HIDDEN.name}) == 1


def test_answers_have_few_sizes(both: Both) -> None:
    names = ("status", "markets", "instruments", "parties", "personas", "proposals", "grants", "header")
    for viewer in ("central-bank", "regulator"):
        door = both.busy.door(viewer)
        for name in names:
            reply = door.ask(frame(Read(1, name, msgspec.Raw(encode({})))))
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


def test_a_party_that_guesses_is_slowed_down_and_a_stranger_learns_nothing() -> None:
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


def test_guessing_is_refused_before_anything_is_told(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    served = both.served
    monkeypatch.setattr(served.server, "_guesses", Guesses(time.monotonic, at_once=3, per_second=0.001))

    def client(name: str) -> Client:
        return Client(SocketConnection(served.server.path), key(name), party=served.cast.parties[name])

    guessing = client("client-a")
    for _ in range(3):
        with pytest.raises(NotVisible):
            guessing.holdings(os.urandom(20))
    with pytest.raises(LedgerError) as refused:
        guessing.holdings(served.cast.accounts["client-a's"])
    assert refused.value.name == NodeRefusal.ASKED_TOO_OFTEN.name
    assert Client(SocketConnection(served.server.path)).markets()
    assert client("client-o").holdings(served.cast.accounts["client-o's"])


def test_what_waits_is_not_even_counted_for_whoever_may_not_know(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("counted")

    monkeypatch.setattr(reads_ledger.settlement, "waiting_counts", fails)
    ask = frame(Read(1, "status", msgspec.Raw(encode({}))))
    assert kind_of(both.busy.door("central-bank").ask(ask))[0] is Done
    assert kind_of(both.busy.door("regulator").ask(ask)) == (Failed, NodeRefusal.NODE_FAILED.name)


def test_what_leaves_at_moments() -> None:
    """Whatever is not alike for everybody, dry runs, and a signature that is not recognised."""

    def read(name: str) -> Read:
        return Read(1, name, msgspec.Raw(encode({})))

    assert {name for name in READS if not rpc._hides(read(name), None)} == {
        name for name, one in READS.items() if one.is_alike
    }
    refusal = Failed(1, hiding.Refused(hiding.NodeRefusal.NOT_RECOGNISED).problem)
    assert rpc._hides(read("status"), refusal)
    assert rpc._hides(TryOut(1, b""), None)
    assert not rpc._hides(read("no such read"), None)
