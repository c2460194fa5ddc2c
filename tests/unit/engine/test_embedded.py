"""The embedded engine: what is taken in, how blocks are cut, when somebody is told, and what stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from counterfoil.engine import embedded, pool
from counterfoil.engine.embedded import EmbeddedEngine
from counterfoil.engine.port import EngineStopped
from counterfoil.engine.rates import DEBT_SECONDS, REJECTED_UNITS, Rates
from counterfoil.engine.submission import Answer, Submission
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.machine.rejects import MachineReject
from counterfoil.modules.governance.messages import ScheduleUpgrade
from counterfoil.modules.parties.messages import ApplyForAdmission, GrantMandate, RevokeMandate
from counterfoil.modules.parties.records import APPLICATION_DAYS_MAX, MANDATES, Mandate, Role
from counterfoil.node.clock import SandboxClock
from counterfoil.node.ledger import LAYOUTS, LedgerNode, complete_genesis
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import NOBODY, Service
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.model.desk import DECIDING, PARAMETERS, SECRETS, Desk, by, party, replayed
from tests.model.opening import stranger

SECONDS = 20
"""Nothing here takes longer than a moment; a test that waits in vain ends all the same."""


class SlowLog(MemoryLog):
    """A log whose syncs wait for permission, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.synced = 0
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.syncing = threading.Event()
        self.failure: Exception | None = None

    def sync(self) -> None:
        self.syncing.set()
        assert self.may_sync.wait(SECONDS)
        if self.failure is not None:
            raise self.failure
        self.synced = self.last_height()


class Running:
    """A founded ledger in memory whose engine runs, unless it is told to wait."""

    def __init__(self, *, start: bool = True, scheduled: bool = False, **settings: Any) -> None:
        self.log = SlowLog()
        genesis = complete_genesis(sandbox_genesis(parameters=PARAMETERS), SECRETS)
        self.node = LedgerNode(
            genesis, SECRETS, MemoryStore(LAYOUTS), self.log, workers=0, scheduled=scheduled
        )
        if settings:
            self.node.engine = EmbeddedEngine(
                self.node.machine,
                self.log,
                self.node.engine._sealer,
                self.node.clock,
                self.node.signatures,
                scheduled=scheduled,
                **settings,
            )
        self.engine = self.node.engine
        self.engine.found()
        self.desk = Desk(self.node)
        self.grants = 0
        if start:
            self.engine.start()

    def grant(self) -> bytes:
        """A transaction that is accepted, each time another."""
        self.grants += 1
        return self.desk.transaction(
            GrantMandate(party("broker-a"), stranger(f"clerk {self.grants}").address), *by("broker-a")
        )

    def submit(self, count: int = 1) -> Submission:
        return self.engine.submit_many([self.grant() for _ in range(count)])

    def blocks(self) -> list[int]:
        """How many transactions each block after the founding has."""
        results = self.node.machine.block_results
        return [len(results(height).results) for height in range(2, self.node.height + 1)]


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.log.may_sync.set()
    made.node.close()


def numbers(answers: Sequence[Answer]) -> list[int]:
    return [answer.result(SECONDS)[1].result.number for answer in answers]


# Taking in


def test_what_is_sent_is_answered_with_height_and_result(running: Running) -> None:
    height, outcome = running.engine.submit(running.grant()).result(SECONDS)
    assert (height, outcome.result.number) == (2, 0)
    assert running.node.machine.block_results(2).results == (outcome.result,)


def test_what_can_never_be_executed_is_answered_at_once_and_makes_no_block(running: Running) -> None:
    answer = running.engine.submit(b"nonsense")
    assert answer.done()
    height, outcome = answer.result()
    assert (height, outcome.result.number) == (0, MachineReject.TRANSACTION_IS_MALFORMED.number)
    assert running.node.height == 1


def test_a_resubmission_is_answered_with_the_first_result(running: Running) -> None:
    raw = running.grant()
    height, first = running.engine.submit(raw).result(SECONDS)
    running.engine.submit(running.grant()).result(SECONDS)
    before = running.node.height
    again = running.engine.submit_many([raw, raw])
    assert [answer.result(SECONDS)[0] for answer in again] == [height, height]
    assert [answer.result(SECONDS)[1].result for answer in again] == [first.result] * 2
    assert running.node.height == before


def test_two_of_the_same_in_one_block_have_one_result() -> None:
    running = Running(start=False)
    raw = running.grant()
    answers = running.engine.submit_many([raw, running.grant(), raw])
    running.engine.start()
    heights = [answer.result(SECONDS)[0] for answer in answers]
    assert heights == [2, 2, 2]
    assert answers[0].result()[1].result == answers[2].result()[1].result
    assert running.blocks() == [2]
    running.node.close()


def test_the_first_result_of_a_rejected_transaction_is_its_rejection(running: Running) -> None:
    raw = running.desk.transaction(RevokeMandate(party("broker-a"), bytes(20)), *by("broker-a"))
    height, first = running.engine.submit(raw).result(SECONDS)
    assert first.rejects
    assert running.engine.submit(raw).result(SECONDS)[0] == height


# Rates and bounds


def test_who_is_too_fast_is_told_so_and_the_others_are_not() -> None:
    running = Running(rates=Rates(1, lambda: 1_000_000))
    raws = [running.grant() for _ in range(12)]
    answers = running.engine.submit_many(raws, b"hasty")
    other = running.engine.submit(raws[11], b"patient")
    assert numbers(answers) == [0] * 10 + [MachineReject.SUBMISSION_IS_TOO_FAST.number] * 2
    assert numbers(other) == [0]
    assert answers[10].result()[0] == 0
    (told,) = answers[10].result()[1].rejects
    assert told.facts == {"wait_ms": 1_000}
    again = running.engine.submit(raws[10], b"patient")
    assert numbers(again) == [0], "its id was not used up"
    running.node.close()


def test_whoever_sends_a_great_deal_that_is_rejected_has_to_wait_and_nobody_else() -> None:
    """Also for what was taken in before it turned out."""
    clock = [1_000_000]
    running = Running(
        start=False, block_transactions=REJECTED_UNITS, rates=Rates(REJECTED_UNITS, lambda: clock[0])
    )
    useless = [
        running.desk.transaction(RevokeMandate(party("broker-a"), bytes([at]) * 20), *by("broker-a"))
        for at in range(5 * REJECTED_UNITS)
    ]
    flood = running.engine.submit_many(useless, b"flooder")
    good = running.engine.submit_many([running.grant() for _ in range(30)], b"honest")
    running.engine.start()
    assert numbers(good) == [0] * 30
    told = numbers(flood)
    executed = [number for number in told if number != MachineReject.SUBMISSION_IS_TOO_FAST.number]
    assert 0 not in executed
    assert 10 <= len(executed) <= 10 + 3 * REJECTED_UNITS, "a bucket, and the blocks that were under way"
    with pytest.raises(Rejected) as refused:
        running.engine.submit(useless[-1], b"flooder")
    assert refused.value.code is MachineReject.SUBMISSION_IS_TOO_FAST
    clock[0] += DEBT_SECONDS * 1_000 + 1_000
    assert numbers(running.engine.submit(running.grant(), b"flooder")) == [0]
    running.node.close()


def test_no_signature_is_checked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of what is sent again while it waits, while it is under way, or once it was decided."""
    checked: list[bytes] = []
    check = embedded.check

    def counted(signatures: Any, prepared: Any) -> Any:
        checked.extend(one.raw for one in prepared)
        return check(signatures, prepared)

    monkeypatch.setattr(embedded, "check", counted)
    running = Running(start=False, block_transactions=4)
    raws = [running.grant() for _ in range(6)]
    answers = running.engine.submit_many([*raws, *raws, raws[0]])
    running.engine.start()
    assert numbers(answers) == [0] * 13
    assert numbers(running.engine.submit_many(raws)) == [0] * 6
    assert sorted(checked) == sorted(raws)
    running.node.close()


def test_a_full_pool_refuses_all_of_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAITING_MAX", 6)
    running = Running(start=False)
    first = running.submit(2)
    with pytest.raises(Rejected) as full:
        running.submit(2)
    assert full.value.code is MachineReject.POOL_IS_FULL
    assert running.engine.waiting == 2
    running.engine.start()
    assert numbers(first) == [0, 0]
    assert numbers(running.submit(3)) == [0, 0, 0]
    running.node.close()


# Cutting blocks


def test_what_comes_together_is_gathered_into_one_block() -> None:
    running = Running(start=False)
    answers = running.submit(50)
    running.engine.start()
    assert numbers(answers) == [0] * 50
    assert running.blocks() == [50]
    running.node.close()


def test_a_first_transaction_waits_a_moment_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "GATHER_SECONDS", 0.3)
    running = Running()
    first = running.submit()
    second = running.submit()
    assert {answer.result(SECONDS)[0] for answer in [*first, *second]} == {2}
    running.node.close()


def test_a_block_holds_no_more_than_it_may() -> None:
    running = Running(start=False, block_transactions=8)
    answers = running.submit(20)
    running.engine.start()
    assert numbers(answers) == [0] * 20
    assert running.blocks() == [8, 8, 4]
    assert [answer.result()[0] for answer in answers] == [2] * 8 + [3] * 8 + [4] * 4, "in order of arrival"
    running.node.close()


def test_a_block_is_cut_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(start=False)
    raws = [running.grant() for _ in range(6)]
    monkeypatch.setattr(embedded, "BLOCK_BYTES_MAX", 2 * len(raws[0]) + 1)
    answers = running.engine.submit_many(raws)
    running.engine.start()
    assert numbers(answers) == [0] * 6
    assert max(running.blocks()) == 2
    running.node.close()


def test_an_idle_ledger_makes_no_blocks_but_when_a_deadline_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "IDLE_SECONDS", 0.01)
    running = Running(scheduled=True)
    key = stranger("applicant")
    asked = ApplyForAdmission(party("regulator"), (Role.NOTARY,), "Somebody", "", key.address)
    assert running.engine.submit(running.desk.transaction(asked, key)).result(SECONDS)[0] == 2
    threading.Event().wait(0.1)
    assert running.node.height == 2
    assert isinstance(running.node.clock, SandboxClock)
    running.node.clock.advance_to(running.node.clock() + (APPLICATION_DAYS_MAX + 1) * 86_400_000)
    for _ in range(500):
        if running.node.height == 3:
            break
        threading.Event().wait(0.01)
    assert running.node.height == 3
    threading.Event().wait(0.1)
    assert running.node.height == 3
    running.node.close()


# Telling


def test_nobody_is_told_before_the_block_is_on_disk(running: Running) -> None:
    running.log.may_sync.clear()
    running.log.syncing.clear()
    (answer,) = running.submit()
    assert running.log.syncing.wait(SECONDS)
    threading.Event().wait(0.05)
    assert not answer.done()
    assert running.log.last_height() == 2, "it is appended, but not yet told"
    assert running.log.synced < 2
    running.log.may_sync.set()
    assert answer.result(SECONDS)[0] == 2
    assert running.log.synced >= 2


def test_closing_decides_what_waits_and_then_takes_nothing(running: Running) -> None:
    answers = running.submit(5)
    running.engine.close()
    assert numbers(answers) == [0] * 5
    with pytest.raises(EngineStopped):
        running.submit()
    assert running.node.store.height() == running.node.height


# What goes wrong


def broken(_books: Any, _ask: Any, _context: Any) -> None:
    raise KeyError("a rule of ours")


def test_a_transaction_on_which_the_rules_fail_is_refused_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = Running(start=False)
    machine = running.node.machine
    monkeypatch.setattr(machine, "_rules", {**machine._rules, RevokeMandate: (broken, None)})
    raws = [running.grant() for _ in range(3)]
    bad = running.desk.transaction(RevokeMandate(party("broker-a"), bytes(20)), *by("broker-a"))
    answers = running.engine.submit_many([raws[0], bad, raws[1], bad, raws[2]])
    running.engine.start()
    failed = MachineReject.RULES_FAILED.number
    assert numbers(answers) == [0, failed, 0, failed, 0]
    assert [answer.result()[0] for answer in answers] == [2, 0, 2, 0, 2]
    assert running.blocks() == [3]
    monkeypatch.undo()
    assert running.engine.submit(bad).result(SECONDS)[1].result.number not in (0, failed), "its id is free"
    running.node.close()
    assert replayed(running.desk).machine.last == machine.last


def violate(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_books: Any, _changed: Any) -> None:
        raise InvariantViolation("what cannot be")

    machine = running.node.machine
    (module, books), *others = machine.wired.modules
    modules = ((replace(module, invariants=(never,)), books), *others)
    monkeypatch.setattr(machine, "wired", machine.wired._replace(modules=modules))


def test_what_cannot_be_stops_the_node_and_everybody_who_waits_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = Running(start=False, block_transactions=2)
    answers = running.submit(7)
    violate(running, monkeypatch)
    running.engine.start()
    for answer in answers:
        with pytest.raises(EngineStopped, match="what cannot be"):
            answer.result(SECONDS)
    with pytest.raises(EngineStopped) as stopped:
        running.submit()
    assert isinstance(stopped.value.__cause__, InvariantViolation)
    assert running.log.last_height() == 1
    with pytest.raises(Refused) as refused:
        Service(running.node).read(NOBODY, "status", b"\x80")
    assert refused.value.code is NodeRefusal.NODE_STOPPED
    running.engine.close()
    assert running.node.store.height() == 1, "nothing of what cannot be is written"


def test_an_unknown_rule_version_stops_the_node_with_a_clear_message() -> None:
    running = Running()
    scheduled = ScheduleUpgrade(party("regulator"), 7, 3)
    raw = running.desk.transaction(scheduled, *by(*DECIDING))
    assert running.engine.submit(raw).result(SECONDS)[0] == 2
    (answer,) = running.submit()
    with pytest.raises(EngineStopped, match="rule version 7 is in force; this program knows 1: install"):
        answer.result(SECONDS)
    assert isinstance(running.engine.failure, ProgramIsOutdated)
    running.engine.close()
    assert running.node.store.height() == 1
    assert running.log.last_height() == 2


def test_what_could_not_be_made_durable_is_never_told_nor_served(running: Running) -> None:
    running.submit()[0].result(SECONDS)
    running.log.failure = OSError("no room")
    raw = running.grant()
    answer = running.engine.submit(raw)
    with pytest.raises(EngineStopped, match="no room"):
        answer.result(SECONDS)
    service = Service(running.node)
    for ask in (
        lambda: service.result(raw),
        lambda: service.read(NOBODY, "status", b"\x80"),
        lambda: service.submit([raw], b""),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code is NodeRefusal.NODE_STOPPED


def test_a_failure_on_another_thread_stops_the_engine_too(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever moves a sandbox's clock makes blocks on a thread of its own."""
    running.log.failure = OSError("no room")
    violating = running.node.machine.wired.deadlines

    def due(_books: Any, _block: Any, _limit: int) -> list[Any]:
        shelf = running.node.state.books.shelf(MANDATES)
        return [lambda context: shelf.put(bytes(40), Mandate((), ()))]

    machine = running.node.machine
    monkeypatch.setattr(machine, "wired", machine.wired._replace(deadlines=((due, None), *violating)))
    with pytest.raises(OSError, match="no room"):
        running.engine.decide_due()
    assert running.engine.failure is not None
    with pytest.raises(EngineStopped):
        running.engine.submit(running.grant())
    with pytest.raises(EngineStopped):
        running.engine.decide_due()


# Replaying


def test_a_block_that_leads_elsewhere_is_refused(running: Running) -> None:
    running.submit()[0].result(SECONDS)
    running.submit()[0].result(SECONDS)
    founding, first, second = running.node.blocks()
    other_header = msgspec.structs.replace(first, header=second.header)
    other_time = msgspec.structs.replace(
        first, block=msgspec.structs.replace(first.block, time_ms=first.block.time_ms + 1)
    )
    nothing = msgspec.structs.replace(first, block=msgspec.structs.replace(first.block, items=()))
    other_seal = msgspec.structs.replace(first, seal=second.seal)
    for bad, why in (
        (other_header, "another header"),
        (other_time, "another header"),
        (nothing, "another header"),
        (other_seal, "not by a sealer"),
        (second, "another header"),
    ):
        again = Running(start=False).node
        with pytest.raises(InvariantViolation, match=why):
            again.engine.replay(bad)
    assert founding.block.height == 1


def test_a_log_that_ends_before_the_store_is_refused(running: Running) -> None:
    running.submit()[0].result(SECONDS)
    running.engine.close()
    running.log._blocks.pop()
    later = LedgerNode(
        running.node.genesis_bytes, SECRETS, running.node.store, running.log, workers=0, scheduled=False
    )
    with pytest.raises(InvariantViolation, match="blocks are missing; restore the folder"):
        later.take_up()


def test_what_the_store_has_not_seen_is_replayed_from_the_log() -> None:
    running = Running()
    for _ in range(4):
        running.submit()[0].result(SECONDS)
    height, last = running.node.height, running.node.machine.last
    assert running.node.store.height() < height
    later = LedgerNode(
        running.node.genesis_bytes, SECRETS, running.node.store, running.log, workers=0, scheduled=False
    )
    told: list[tuple[int, int]] = []
    assert later.take_up(lambda done, of: told.append((done, of))) == height - 1
    assert told == [(number, height - 1) for number in range(1, height)]
    assert later.machine.last == last
    assert later.store.height() == height
