"""Where what cannot settle now waits, in one fixed order: priority, intended settlement date, entry."""

from __future__ import annotations

from typing import cast

from sortedcontainers import SortedList

from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.records import (
    COUNTERS_KEY,
    DUE,
    MATCHING,
    READY,
    WAITING,
    Counters,
    Instruction,
    Waiting,
)
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state.books import Shelf

ORDER_SIZE = 13

IN_MATCHING = bytes((MATCHING.number,))
IN_WAITING = bytes((WAITING.number,))
IN_DUE = bytes((DUE.number,))
IN_READY = bytes((READY.number,))
"""First byte of an instruction's `queue`; the queue's key follows."""


def order_key(delivery: Instruction, receipt: Instruction) -> bytes:
    """13 bytes that sort as the market tries: the higher of the two priorities (1), intended date (4), entry (8)."""
    priority = min(delivery.priority, receipt.priority)
    return (
        bytes((priority,)) + delivery.settlement_date.to_bytes(4, "big") + delivery.entry.to_bytes(8, "big")
    )


def waiting_place(account_id: bytes, instrument_id: bytes, order: bytes) -> bytes:
    return IN_WAITING + account_id + instrument_id + order


def due_place(market: str, date: int, order: bytes) -> bytes:
    return IN_DUE + market.encode() + date.to_bytes(4, "big") + order


def matching_place(key: bytes) -> bytes:
    return IN_MATCHING + key


def ready_place(order: bytes) -> bytes:
    return IN_READY + order


def join_queue(books: SettlementBooks, place: bytes, delivery_id: bytes, least: int = 0) -> None:
    """Put a pair, or an unmatched instruction, into a queue. `place` is the queue's table number and key."""
    shelf_of(books, place).put(place[1:], Waiting(delivery_id, least))


def leave_queue(books: SettlementBooks, place: bytes) -> None:
    """Take it out of the queue in which it waits; b"" is none."""
    if place:
        shelf_of(books, place).delete(place[1:])


def shelf_of(books: SettlementBooks, place: bytes) -> Shelf[Waiting]:
    number = place[:1]
    if number == IN_WAITING:
        return books.waiting
    if number == IN_DUE:
        return books.due
    if number == IN_READY:
        return books.ready
    if number == IN_MATCHING:
        return books.matching
    raise InvariantViolation("an instruction's queue is one of four")


def next_entry(books: SettlementBooks) -> int:
    """The next entry number."""
    counters = books.counters.find(COUNTERS_KEY)
    number = counters.entries + 1 if counters is not None else 1
    books.counters.put(COUNTERS_KEY, Counters(number))
    return number


def first_after(shelf: Shelf[Waiting], prefix: bytes, after: bytes) -> tuple[bytes, Waiting] | None:
    """The first place under `prefix` whose key is greater than `prefix + after`; `after` b"" for the first at all.

    It looks the place up anew, so that the queue may change between two calls.
    """
    index = cast("SortedList[bytes]", shelf.index)
    key = prefix + after
    at = index.bisect_right(key) if after else index.bisect_left(key)
    if at >= len(index):
        return None
    found = cast(bytes, index[at])
    if not found.startswith(prefix):
        return None
    return found, cast(Waiting, shelf.live[found])


def due_buckets(books: SettlementBooks) -> list[bytes]:
    """Prefixes (market, date) of everything in DUE whose market is open on that date or later, ascending."""
    index = cast("SortedList[bytes]", books.due.index)
    buckets: list[bytes] = []
    seek = b""
    while True:
        at = index.bisect_left(seek)
        if at >= len(index):
            return buckets
        bucket = cast(bytes, index[at])[:8]
        market, date = bucket[:4].decode(), int.from_bytes(bucket[4:], "big")
        if books.markets.is_open(market) and date <= books.markets.business_date(market):
            buckets.append(bucket)
            seek = bucket + b"\xff" * (ORDER_SIZE + 1)
        else:
            seek = bucket[:4] + b"\xff" * 18
