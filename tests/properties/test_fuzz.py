"""Inputs that nobody means: no crash, no hang, bounded memory, and a numbered reject for every message that decodes."""

from __future__ import annotations

import os

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.wiring import MESSAGES
from counterfoil.node.service import Service
from counterfoil.primitives.codec import Message, encode
from tests.fuzz.running import run
from tests.model.desk import Desk, replayed
from tests.model.mutations import mutants
from tests.model.opening import DAY_MS, Opening
from tests.model.samples import missing_kinds, samples

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
COUNT = 1_000_000 if DEEP else 20_000
"""`python -m tests.fuzz` feeds any number from any seed."""
SHARE = 1 if DEEP else 8
"""Of the messages that are committed for good, every so many-th."""
KNOWN = {code.number for code in MachineReject}


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_random_and_mutated_inputs_find_nothing() -> None:
    report = run(COUNT, seed=3)
    print("\n".join(report.lines()))
    assert not report.complaints(), "\n".join(report.complaints())


def test_there_is_an_accepted_sample_of_every_kind_of_message() -> None:
    opening = Opening().everything()
    opening.desk.pass_time()
    kinds = []
    for message, keys in samples(opening):
        outcome = opening.desk.try_out(message, *keys)
        assert not outcome.result.number, f"{message}: {outcome.rejects[0]}"
        kinds.append(type(message))
    assert not missing_kinds(kinds)


@pytest.mark.parametrize("part", range(2))
def test_every_field_of_every_message_may_hold_anything(part: int) -> None:
    """Wrong sizes, the ends of every range, endless texts and lists: accepted, or refused with a number; no failure."""
    opening = Opening().everything()
    desk, machine = opening.desk, opening.desk.machine
    desk.pass_time()
    numbers: set[int] = set()
    tried: set[type[Message]] = set()
    for place, (message, keys) in enumerate(samples(opening)):
        if place % 2 != part:
            continue
        tried.add(type(message))
        for path, changed in mutants(message):
            prepared = desk.prepared(desk.transaction(changed, *keys))
            try:
                (outcome,) = machine.execute(desk.height + 1, desk.next_time_ms(), [[prepared]], bytes(32))
                for shelf in machine.state.books.shelves.values():
                    for key in shelf.touched:
                        encode(shelf.live[key])
            except Exception as error:
                raise AssertionError(f"{type(message).__name__}.{path} = {changed}") from error
            machine.discard()
            numbers.add(outcome.result.number)
    assert MachineReject.RULES_FAILED.number not in numbers
    assert 0 in numbers
    assert len(numbers - KNOWN) > 80
    assert len(tried) > len(MESSAGES) // 3


def _passed(opening: Opening) -> Opening:
    opening.desk.pass_time()
    return opening


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_what_is_accepted_breaks_nothing_later() -> None:
    """Committed for good, with days of deadlines and retries after it: the books stay right, and replay agrees."""
    count = sum(1 for _ in samples(_passed(Opening().everything())))
    for place in range(0, count, SHARE):
        opening = _passed(Opening().everything())
        message, keys = list(samples(opening))[place]
        _commit_all(opening.desk, message, keys)
        service = Service(opening.desk.node)
        for _ in range(4):
            service.advance_clock(opening.desk.time_ms + DAY_MS)
        service.advance_clock(opening.desk.time_ms + 60 * DAY_MS)
        opening.desk.machine.check_everything()
        if place % 5 == 0:
            again = replayed(opening.desk)
            assert again.machine.last == opening.desk.machine.last


def _commit_all(desk: Desk, message: Message, keys: tuple[SandboxKey, ...]) -> None:
    batch = []
    for _, changed in mutants(message):
        batch.append(desk.transaction(changed, *keys))
        if len(batch) == 10:
            desk.pass_time()
            desk.block(batch)
            batch = []
    desk.pass_time()
    desk.block(batch)
