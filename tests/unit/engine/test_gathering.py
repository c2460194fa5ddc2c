"""Single transactions gathered into bundles and answered: told once, given up only where nothing can come of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from counterfoil.engine.cometbft import gathering as module
from counterfoil.engine.pool import Waiting
from counterfoil.engine.port import EngineStopped
from counterfoil.engine.rates import REJECTED_UNITS
from counterfoil.engine.submission import Submission
from counterfoil.machine.rejects import MachineReject
from counterfoil.modules.parties.messages import RevokeMandate
from counterfoil.node.ledger import SealingKey
from counterfoil.primitives.outcome import Rejected
from tests.conformance.applications import InProcess
from tests.conformance.instant import Instant
from tests.conformance.world import World
from tests.model.desk import by, party

SECONDS = 20


@pytest.fixture
def world() -> World:
    return World(900 + int(time.monotonic() * 1_000) % 1_000)


@pytest.fixture
def consensus(world: World) -> Iterator[Instant]:
    application = InProcess(world.desk)
    made = Instant(application)
    yield made
    made.close()
    made.engine.close()
    application.close()


def eventually(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_many_single_transactions_travel_in_few_bundles_and_each_is_answered(
    consensus: Instant, world: World
) -> None:
    raws = [world.transaction() for _ in range(60)]
    submissions = [consensus.engine.submit(raw) for raw in raws]
    results = [submission.result(SECONDS) for submission in submissions]
    assert all(height == 0 or height > 0 for height, _ in results)
    assert len(consensus.offers) < 20
    accepted = [height for height, outcome in results if outcome.result.number == 0]
    assert accepted
    assert set(accepted) <= {height for height, _ in consensus.blocks}
    assert consensus.engine.waiting == 0


def test_what_was_decided_already_is_answered_without_a_bundle(consensus: Instant, world: World) -> None:
    raw = world.transaction()
    first = consensus.engine.submit(raw).result(SECONDS)
    offers = len(consensus.offers)
    again = consensus.engine.submit_many([raw, raw])
    assert [answer[0] for answer in again.results(SECONDS)] == [first[0]] * 2
    assert again.result(SECONDS)[1].result == first[1].result
    assert len(consensus.offers) == offers


def test_the_same_transaction_from_two_clients_at_once_is_answered_to_both(
    consensus: Instant, world: World
) -> None:
    consensus.hold = True
    raw = world.transaction()
    one, other = consensus.engine.submit(raw), consensus.engine.submit(raw)
    eventually(lambda: bool(consensus.pool))
    consensus.let_go()
    assert one.result(SECONDS)[1].result == other.result(SECONDS)[1].result


def test_a_wrong_signature_never_leaves_the_node(consensus: Instant, world: World) -> None:
    bad = bytearray(world.transaction())
    bad[-1] ^= 1
    good = world.transaction()
    submission = consensus.engine.submit_many([bytes(bad), good])
    (refused_at, refused), (_, accepted) = submission.results(SECONDS)
    assert (refused_at, refused.result.number) == (0, MachineReject.SIGNATURE_IS_WRONG.number)
    assert accepted.result.number != MachineReject.SIGNATURE_IS_WRONG.number
    assert not any(bytes(bad) in item for item in consensus.offers)


def test_a_transaction_on_which_our_rules_fail_is_told_and_the_rest_of_its_bundle_goes_on(
    consensus: Instant, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the kind of error and where it was, and nothing of what the transaction held."""

    def broken(_books: Any, ask: Any, _context: Any) -> None:
        raise KeyError(f"a rule of ours on {ask.party.hex()}")

    monkeypatch.setattr(module, "RESEND_SECONDS", 0.3)
    machine = consensus.ledger.machine
    monkeypatch.setattr(machine, "_rules", {**machine._rules, RevokeMandate: (broken, None)})
    bad = world.desk.transaction(RevokeMandate(party("broker-a"), bytes(20)), *by("broker-a"))
    submission = consensus.engine.submit_many([world.transaction(), bad, world.transaction()])
    results = submission.results(SECONDS)
    assert results[1] == (0, results[1][1])
    assert results[1][1].result.number == MachineReject.RULES_FAILED.number
    assert results[0][0] > 0 or results[2][0] > 0
    assert consensus.engine.waiting == 0
    logged = caplog.text + "".join(record.exc_text or "" for record in caplog.records)
    assert "KeyError" in logged
    assert "a rule of ours" not in logged
    assert party("broker-a").hex() not in logged


def test_a_bundle_that_the_engine_lost_is_offered_again(
    consensus: Instant, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESEND_SECONDS", 0.2)
    consensus.away = True
    submission = consensus.engine.submit(world.transaction())
    time.sleep(0.5)
    assert not submission.done()
    consensus.away = False
    submission.result(SECONDS)
    consensus.hold = True
    submission = consensus.engine.submit(world.transaction())
    eventually(lambda: bool(consensus.pool))
    consensus.pool.clear()  # as an engine that was restarted
    consensus.let_go()
    submission.result(SECONDS)


def test_what_has_expired_is_given_up(
    consensus: Instant, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESEND_SECONDS", 0.2)
    consensus.away = True
    last = consensus.ledger.machine.last
    assert last is not None
    world.desk.nonce = 77_000_000
    deal = world.opening.both(f"{world.seed}/expiring", 1)
    raw = world.desk.transaction(deal, *by("broker-a", "broker-b"), expiry_ms=last.time_ms + 5_000)
    submission = consensus.engine.submit(raw)
    time.sleep(0.3)
    assert not submission.done()
    tick = world.items.bundle(world.desk.node.sealer, [], last.time_ms + 60_000)
    consensus.hold = True  # the block is decided here and not by its own thread as well
    consensus.pool.append(tick)
    consensus.decide()
    height, outcome = submission.result(SECONDS)
    assert (height, outcome.result.number) == (0, MachineReject.TRANSACTION_HAS_EXPIRED.number)


def test_a_node_that_may_not_gather_says_so(consensus: Instant, world: World) -> None:
    consensus.engine._gathering._sealer = SealingKey(bytes(range(40, 72)))
    height, outcome = consensus.engine.submit(world.transaction()).result(SECONDS)
    assert (height, outcome.result.number) == (0, MachineReject.GATHERER_IS_NO_MEMBER.number)
    assert consensus.engine.waiting == 0


def test_whoever_waits_is_told_when_the_node_fails_or_closes(consensus: Instant, world: World) -> None:
    consensus.hold = True
    submission = consensus.engine.submit(world.transaction())
    eventually(lambda: bool(consensus.pool))
    consensus.engine._fail(RuntimeError("the books are on fire"))
    with pytest.raises(EngineStopped, match="on fire"):
        submission.result(SECONDS)
    with pytest.raises(EngineStopped):
        consensus.engine.submit(world.transaction())


def test_what_is_due_happens_through_a_tick_and_the_clock_moves_for_everybody(
    consensus: Instant, world: World
) -> None:
    engine = consensus.engine
    while engine.decide_due() is not None:
        pass
    assert engine.decide_due() is None
    last = engine.machine.last
    assert last is not None
    engine.move_clock(last.time_ms + 86_400_000)
    moved = engine.machine.last
    assert moved is not None
    assert moved.time_ms == last.time_ms + 86_400_000
    assert moved.change_count > 0, "the scheduled market turned its day in the tick's own block"


def test_whoever_sends_too_much_that_is_rejected_is_put_before_the_network_no_more(
    consensus: Instant, world: World
) -> None:
    """What is in the pool already waits no longer either; everybody else's goes on."""
    engine, rates = consensus.engine, consensus.engine._rates
    now_ms = rates._clock_ms()
    rates._clock_ms = lambda: now_ms
    bad = bytearray(world.transaction())
    bad[-1] ^= 1
    waiting = engine._gathering._of_those_who_owe_nothing
    reader = engine.machine.reader

    def taken(submitter: bytes) -> Waiting:
        return Waiting(reader.prepare(world.transaction()), Submission(1, submitter), 0)

    assert engine.submit(bytes(bad), b"flooder").result(SECONDS)[0] == 0
    assert rates._level(b"flooder", now_ms) == rates._full - 1_000 * (1 + REJECTED_UNITS)
    flooders, honest = taken(b"flooder"), taken(b"honest")
    assert waiting([flooders, honest]) == [flooders, honest]
    rates.charge(b"flooder", 10**9)
    assert waiting([flooders, honest]) == [honest]
    (_, outcome), *_ = flooders.submission.results(SECONDS)
    assert outcome.result.number == MachineReject.SUBMISSION_IS_TOO_FAST.number
    offers = len(consensus.offers)
    with pytest.raises(Rejected) as refused:
        engine.submit(world.transaction(), b"flooder")
    assert refused.value.code is MachineReject.SUBMISSION_IS_TOO_FAST
    assert len(consensus.offers) == offers
    _, outcome = engine.submit(world.transaction(), b"honest").result(SECONDS)
    assert outcome.result.number != MachineReject.SUBMISSION_IS_TOO_FAST.number


def test_what_the_rules_reject_is_charged_to_whoever_sent_it(consensus: Instant, world: World) -> None:
    rates = consensus.engine._rates
    bad = world.desk.transaction(RevokeMandate(party("broker-a"), bytes(20)), *by("broker-a"))
    now_ms = rates._clock_ms()
    rates._clock_ms = lambda: now_ms
    assert consensus.engine.submit(bad, b"one").result(SECONDS)[1].result.number
    assert rates._level(b"one", now_ms) == rates._full - 1_000 * (1 + REJECTED_UNITS)
