"""Buckets of work, and the pool's shares."""

from __future__ import annotations

import pytest

from counterfoil.engine import pool, rates
from counterfoil.engine.pool import ROUND_BYTES, ROUND_TRANSACTIONS, Pool, Waiting
from counterfoil.engine.rates import DEBT_SECONDS, REJECTED_UNITS, UNIT_BYTES, Rates, units, useless_units
from counterfoil.engine.submission import Submission
from counterfoil.machine.machine import Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Body, Mode, Prepared
from counterfoil.primitives.outcome import Rejected
from counterfoil.state.receipts import MessageResult, TransactionResult


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


# Rates


def test_a_submitter_has_a_rate_with_bursts_of_ten_seconds() -> None:
    clock = Clock()
    made = Rates(5, clock)
    assert [made.take(b"one") for _ in range(51)] == [True] * 50 + [False]
    assert made.take(b"other"), "each submitter has its own"
    clock.now_ms += 199
    assert not made.take(b"one")
    clock.now_ms += 1
    assert made.take(b"one"), "one more after a fifth of a second"
    assert not made.take(b"one")
    clock.now_ms -= 2_000
    assert not made.take(b"one"), "time that goes back gives nothing"
    clock.now_ms += 10**9
    assert [made.take(b"one") for _ in range(51)] == [True] * 50 + [False], "and saves no more"


def test_what_is_larger_than_a_bucket_needs_a_full_one_and_leaves_a_debt() -> None:
    clock = Clock()
    made = Rates(5, clock)
    assert made.take(b"one", 75)
    assert made.owes(b"one")
    assert made.too_fast(b"one", 0).facts == {"wait_ms": 5_000}
    clock.now_ms += 14_999
    assert not made.take(b"one", 75)
    clock.now_ms += 1
    assert made.take(b"one", 75)


def test_a_burst_may_be_shorter_and_a_question_counts_nothing() -> None:
    made = Rates(5, Clock(), burst_seconds=2)
    assert all(made.would_take(b"one", 10) for _ in range(5))
    assert made.take(b"one", 10)
    assert not made.would_take(b"one", 1)


def test_a_debt_has_a_bound_and_is_nobody_elses() -> None:
    clock = Clock()
    made = Rates(5, clock)
    made.charge(b"one", 10**6)
    assert made.owes(b"one")
    assert not made.owes(b"other")
    assert made.too_fast(b"one", 0).facts == {"wait_ms": DEBT_SECONDS * 1_000}
    clock.now_ms += DEBT_SECONDS * 1_000
    assert not made.owes(b"one")
    assert not made.take(b"one")
    clock.now_ms += 200
    assert made.take(b"one")


def test_the_table_forgets_those_alone_that_have_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SUBMITTERS_MAX", 100)
    clock = Clock()
    made = Rates(5, clock)
    made.charge(b"debtor", 1_000)
    for at in range(1_000):
        assert made.take(at.to_bytes(2, "big"))
        clock.now_ms += 1
    assert len(made._levels) <= 2 * 202, "some two hundred have not rested yet"
    assert made.owes(b"debtor")


def prepared(messages: int = 1, size: int = 100) -> Prepared:
    made = Prepared(bytes(size))
    made.body = Body(1, bytes(16), (bytes(20),), Mode.EACH_ON_ITS_OWN, (None,) * messages)
    return made


def test_work_is_counted_by_messages_and_bytes() -> None:
    assert units(prepared()) == 1
    assert units(prepared(messages=100)) == 100
    assert units(prepared(size=2 * UNIT_BYTES + 1)) == 3


def test_each_rejected_message_is_charged() -> None:
    def outcome(number: int, *messages: int) -> Outcome:
        results = tuple(MessageResult(one) for one in messages)
        return Outcome(TransactionResult(bytes(32), number, results), ())

    assert useless_units(outcome(0, 0)) == 0
    assert useless_units(outcome(0, 0, 7, 8)) == 2 * REJECTED_UNITS
    assert useless_units(outcome(7)) == REJECTED_UNITS
    assert useless_units(outcome(7, 0, 0, 7)) == 3 * REJECTED_UNITS, "all or nothing"
    clock = Clock()
    made = Rates(REJECTED_UNITS, clock)
    made.charge_useless([(b"one", outcome(7)), (b"two", outcome(0, 0)), (b"one", outcome(7))])
    assert [made.take(b"one") for _ in range(8 * REJECTED_UNITS + 1)].count(False) == 1
    assert [made.take(b"two") for _ in range(10 * REJECTED_UNITS + 1)].count(False) == 1


# The pool


def some(submission: Submission, *sizes: int) -> list[Waiting]:
    return [Waiting(prepared(size=size), submission, place) for place, size in enumerate(sizes)]


@pytest.mark.parametrize(("bound", "limit"), [("WAITING_MAX", 10), ("WAITING_BYTES_MAX", 1_000)])
def test_a_submitter_has_half_of_what_is_free(
    bound: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, bound, limit)
    made = Pool()
    one, other, third = (Submission(1, name) for name in (b"one", b"other", b"third"))
    made.add(one, some(one, *[100] * 3))
    with pytest.raises(Rejected) as full:
        made.add(one, some(one, *[100] * 3))
    assert full.value.code is MachineReject.POOL_IS_FULL
    assert full.value.facts["yours"] == 3
    assert len(made) == 3, "none of them was taken"
    made.add(one, some(one, *[100] * 2))
    for submission, share in ((other, 2), (third, 1)):
        with pytest.raises(Rejected):
            made.add(submission, some(submission, *[100] * (share + 1)))
        made.add(submission, some(submission, *[100] * share))
    assert len(made.take(4, 10**9, 0)) == 4
    assert len(made) == 4
    made.add(third, some(third, *[100] * 2))


def test_each_gets_its_turn_and_keeps_its_order() -> None:
    made = Pool()
    flood, honest = Submission(1_000, b"flood"), Submission(20, b"honest")
    made.add(flood, some(flood, *[100] * 1_000))
    made.add(honest, some(honest, *[100] * 20))
    taken = made.take(4 * ROUND_TRANSACTIONS, 10**9, 0)
    assert [item.submission for item in taken].count(honest) == 20, "a flood before it does not hold it up"
    for submission in (flood, honest):
        places = [item.place for item in taken if item.submission is submission]
        assert places == list(range(len(places)))
    rest = made.take(10_000, 10**9, 0)
    assert [item.place for item in rest] == list(range(len(taken) - 20, 1_000))
    assert len(made) == 0


def test_a_round_is_cut_by_bytes_too() -> None:
    made = Pool()
    large, small = Submission(10, b"large"), Submission(10, b"small")
    made.add(large, some(large, *[ROUND_BYTES] * 10))
    made.add(small, some(small, *[100] * 10))
    taken = made.take(11, 10**9, 0)
    assert [item.submission for item in taken].count(large) == 1


def test_what_did_not_fit_is_first_in_the_next_batch() -> None:
    made = Pool()
    small, large = Submission(1, b"small"), Submission(1, b"large")
    for _ in range(4):
        made.add(small, some(small, *[100] * ROUND_TRANSACTIONS))
    made.add(large, some(large, ROUND_BYTES))
    assert large not in [item.submission for item in made.take(100, ROUND_BYTES, 0)]
    assert made.take(100, ROUND_BYTES, 0)[0].submission is large


def test_a_batch_is_cut_by_bytes_but_holds_at_least_one() -> None:
    made = Pool()
    submission = Submission(4)
    made.add(submission, some(submission, *[100] * 4))
    assert len(made.take(10, 200, 0)) == 2
    assert made.take(10, 150, 0, bytes_before=100) == []
    assert len(made.take(10, 1, 0)) == 1
    assert len(made.take(0, 10**6, 0)) == 0
    assert len(made.take(10, 10**6, None)) == 1
    assert made.take(10, 10**6, 0) == []
    made.close()
    assert made.take(10, 10**6, None) == [], "a closed pool does not wait"
    with pytest.raises(Rejected):
        made.add(submission, some(submission, 1))
