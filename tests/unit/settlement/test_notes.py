"""Notes from one side to the other: passed to the receiver and to nobody else, once, and never read."""

from __future__ import annotations

import pytest

from counterfoil.modules.settlement.facts import InstructionSettled, NotePassed
from counterfoil.modules.settlement.messages import Cancel, InstructBothWithNotes, InstructWithNote
from counterfoil.modules.settlement.records import NOTE_BYTES_MAX
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.outcome import RejectCode
from tests.unit.settlement.messages import both, deliver, receive
from tests.unit.settlement.world import World, account, told

NOTE, ANSWER = b"for the receiver alone", b"and back"


@pytest.fixture
def world() -> World:
    world = World()
    world.give("seller's", "share", 1_000)
    world.give("buyer's", "usd", 50_000)
    world.end_block()
    return world


def relationship(world: World, name: str) -> bytes:
    found = world.holdings.account(account(name))
    assert found is not None
    return found.relationship


def passed(context: object) -> list[tuple[NotePassed, tuple[bytes, ...]]]:
    return [(fact, whom) for fact, whom in context.facts if isinstance(fact, NotePassed)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (NOTE, None),
        (bytes(NOTE_BYTES_MAX), None),
        (b"", SettlementReject.NOTE_IS_MALFORMED),
        (bytes(NOTE_BYTES_MAX + 1), SettlementReject.NOTE_IS_MALFORMED),
    ],
)
def test_instruct_with_note(world: World, note: bytes, expected: RejectCode | None) -> None:
    message = InstructWithNote(deliver(), note)
    if expected is not None:
        assert world.refused(message, "seller") is expected
        return
    context = world.act(message, "seller")
    assert passed(context) == []
    context = world.act(receive(), "buyer")
    (found,) = passed(context)
    assert found == (NotePassed(context.created[0], note), (relationship(world, "buyer's"),))
    world.end_block()


def test_both_sides_notes_are_passed_when_they_match(world: World) -> None:
    first = world.act(InstructWithNote(deliver(hold=True), NOTE), "seller")
    second = world.act(InstructWithNote(receive(), ANSWER), "buyer")
    assert sorted(passed(second), key=lambda one: one[0].note) == [
        (NotePassed(first.created[0], ANSWER), (relationship(world, "seller's"),)),
        (NotePassed(second.created[0], NOTE), (relationship(world, "buyer's"),)),
    ]
    for instruction_id in (first.created[0], second.created[0]):
        live = world.live(instruction_id)
        assert live.note == b"", "passed once"
    world.end_block()


def test_a_note_that_never_matches_is_told_to_nobody(world: World) -> None:
    context = world.act(InstructWithNote(deliver(), NOTE), "seller")
    ended = world.act(Cancel(context.created[0]), "seller")
    assert passed(ended) == []
    assert passed(world.act(receive(), "buyer")) == []
    world.end_block()


@pytest.mark.parametrize(
    ("to_receiver", "to_deliverer", "expected"),
    [
        (NOTE, b"", None),
        (b"", ANSWER, None),
        (NOTE, ANSWER, None),
        (b"", b"", SettlementReject.NOTE_IS_MALFORMED),
        (NOTE, bytes(NOTE_BYTES_MAX + 1), SettlementReject.NOTE_IS_MALFORMED),
        (bytes(NOTE_BYTES_MAX + 1), b"", SettlementReject.NOTE_IS_MALFORMED),
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_instruct_both_with_notes(
    world: World, to_receiver: bytes, to_deliverer: bytes, expected: RejectCode | None, held: bool
) -> None:
    message = InstructBothWithNotes(both(delivery_hold=held), to_receiver, to_deliverer)
    if expected is not None:
        assert world.refused(message, "seller", "buyer") is expected
        return
    context = world.act(message, "seller", "buyer")
    _, delivery_id, receipt_id = context.created
    wanted = []
    if to_receiver:
        wanted.append((NotePassed(receipt_id, to_receiver), (relationship(world, "buyer's"),)))
    if to_deliverer:
        wanted.append((NotePassed(delivery_id, to_deliverer), (relationship(world, "seller's"),)))
    assert passed(context) == wanted
    assert not told(context, InstructionSettled)
    world.end_block()
