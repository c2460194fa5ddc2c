"""What is always true of instructions and queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.holdings.interface import EarmarkReason
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.endings import recycling_key, reference_key
from counterfoil.modules.settlement.queues import IN_MATCHING, IN_READY, IN_WAITING, shelf_of
from counterfoil.modules.settlement.records import (
    BATCH_CHUNKS,
    BATCHES,
    DUE,
    INSTRUCTIONS,
    MATCHING,
    OPEN_BATCHES,
    READY,
    RECYCLED,
    WAITING,
    Batch,
    Instruction,
    MatchingStatus,
    Movement,
    Recycled,
    Waiting,
)
from counterfoil.modules.settlement.rules_batch import open_batch_key
from counterfoil.primitives.outcome import InvariantViolation, ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]
_QUEUES = (MATCHING.number, WAITING.number, DUE.number, READY.number)


def check(books: SettlementBooks, changed: Changes) -> None:
    """Instructions that changed are whole; what has ended set nothing aside and waits nowhere."""
    for instruction_id, (old, new) in changed.get(INSTRUCTIONS.number, {}).items():
        if new is not None:
            _check_instruction(books, instruction_id, new)
        elif old is not None and old.earmark:
            ensure(books.holdings.earmark_of(old.earmark) is None, "an ended instruction has no earmark")
    for number in _QUEUES:
        for key, (_, place) in changed.get(number, {}).items():
            if place is not None:
                _check_place(books, bytes((number,)) + key, place)
    for key, (_, recycled) in changed.get(RECYCLED.number, {}).items():
        if recycled is not None:
            _check_recycled(books, key, recycled)
    for batch_id, (_, batch) in changed.get(BATCHES.number, {}).items():
        if batch is not None:
            _check_batch(books, batch_id, batch)
    for key, (_, place) in changed.get(OPEN_BATCHES.number, {}).items():
        if place is not None:
            _check_batch_place(books, key)
    for key, (_, chunk) in changed.get(BATCH_CHUNKS.number, {}).items():
        ensure(chunk is None or books.batches.find(key[:32]) is not None, "a part belongs to a live batch")


def check_all(books: SettlementBooks) -> None:
    """The same of everything that waits."""
    for number in _QUEUES:
        prefix = bytes((number,))
        for key, place in shelf_of(books, prefix).scan():
            _check_place(books, prefix + key, place)
            instruction = books.instructions.find(place.instruction)
            if instruction is not None:
                _check_instruction(books, place.instruction, instruction)
    for key, recycled in books.recycled.scan():
        _check_recycled(books, key, recycled)
    for key, _ in books.open_batches.scan():
        _check_batch_place(books, key)


def _check_instruction(books: SettlementBooks, instruction_id: bytes, instruction: Instruction) -> None:
    ensure(
        0 <= instruction.settled_quantity < instruction.quantity
        and 0 <= instruction.settled_amount <= instruction.amount + _tolerated(books, instruction),
        "a live instruction has settled less than was instructed",
    )
    reference = books.references.find(reference_key(instruction.party, instruction.reference))
    ensure(
        reference is not None and reference.instruction == instruction_id,
        "a live instruction has its reference",
    )
    recycled = books.recycled.find(recycling_key(instruction))
    ensure(
        recycled is not None and recycled.instruction == instruction_id,
        "a live instruction stands under its intended date",
    )
    matched = instruction.matching is MatchingStatus.MATCHED
    ensure(matched == bool(instruction.counterpart), "a matched instruction has a counterpart")
    if matched:
        _check_pair(books, instruction_id, instruction)
    else:
        ensure(instruction.queue[:1] == IN_MATCHING, "an unmatched instruction waits for a match")
    if instruction.queue:
        place = shelf_of(books, instruction.queue).find(instruction.queue[1:])
        ensure(
            place is not None and place.instruction == instruction_id, "an instruction waits where it says"
        )
    if instruction.earmark:
        earmark = books.holdings.earmark_of(instruction.earmark)
        ensure(
            earmark is None
            or (earmark.reason is EarmarkReason.SETTLEMENT and earmark.owner == instruction_id),
            "what is set aside for an instruction is its own",
        )


def _check_pair(books: SettlementBooks, instruction_id: bytes, instruction: Instruction) -> None:
    other = books.instructions.find(instruction.counterpart)
    if other is None:
        raise InvariantViolation("the counterpart of a matched instruction lives")
    ensure(other.counterpart == instruction_id, "a pair is matched both ways")
    ensure(other.movement is not instruction.movement, "one side delivers, the other receives")
    ensure(
        (other.market, other.method, other.instrument_id, other.quantity, other.asset, other.settled_quantity)
        == (
            instruction.market,
            instruction.method,
            instruction.instrument_id,
            instruction.quantity,
            instruction.asset,
            instruction.settled_quantity,
        ),
        "a matched pair agrees, and both sides have settled the same",
    )
    ensure(
        not instruction.queue or instruction.movement is Movement.DELIVER,
        "a pair waits by its delivering side",
    )


def _tolerated(books: SettlementBooks, instruction: Instruction) -> int:
    """By how much the delivering side's amount, which is paid, may be above the receiving side's."""
    if instruction.movement is Movement.DELIVER or not instruction.counterpart:
        return 0
    other = books.instructions.find(instruction.counterpart)
    return max(other.amount - instruction.amount, 0) if other is not None else 0


def _check_place(books: SettlementBooks, queue: bytes, place: Waiting) -> None:
    instruction = books.instructions.find(place.instruction)
    ensure(instruction is not None and instruction.queue == queue, "what waits is a live instruction, once")
    if instruction is not None and queue[:1] in (IN_WAITING, IN_READY):
        ensure(instruction.matching is MatchingStatus.MATCHED, "only matched pairs wait for provision")


def _check_recycled(books: SettlementBooks, key: bytes, recycled: Recycled) -> None:
    instruction = books.instructions.find(recycled.instruction)
    ensure(
        instruction is not None and recycling_key(instruction) == key,
        "what is recycled is a live instruction",
    )


def _check_batch(books: SettlementBooks, batch_id: bytes, batch: Batch) -> None:
    ensure(0 <= batch.loaded <= batch.chunks, "a batch has no more parts than were announced")
    place = books.open_batches.at_hand(open_batch_key(batch_id, batch))
    ensure(place is not None, "an open batch stands under its date")


def _check_batch_place(books: SettlementBooks, key: bytes) -> None:
    batch = books.batches.find(key[8:])
    ensure(
        batch is not None and open_batch_key(key[8:], batch) == key,
        "what stands under a date is an open batch",
    )
