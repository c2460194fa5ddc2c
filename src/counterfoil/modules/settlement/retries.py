"""Trying again what waited, when what it waited for has arrived: after a block's transactions, in one fixed order.

Three sources are merged by priority, intended date and entry: what is ready, what is due on an open market's business
date, and what waits for an account and instrument whose available quantity rose. Each settlement may make others
possible; they are taken up in the same pass. What exceeds the block's limit goes on in the next block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import cast

from sortedcontainers import SortedList

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.settlement.attempts import attempt, changes_anything
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.judging import judge, pair_of
from counterfoil.modules.settlement.queues import due_buckets, first_after
from counterfoil.modules.settlement.records import Risen, Waiting
from counterfoil.state.books import Shelf

LOOKED_AT_FOR_EACH_ACTION = 8
"""Places that may be looked at in vain for each action that a block allows: most of what waits for one account is
larger than what arrived."""

_READY, _DUE, _RISEN = 0, 1, 2
Action = Callable[[ActionContext], None]


class _Source:
    """One queue, or the part of one under a prefix, walked in order while it changes.

    What is made ready while the pass goes on is taken up wherever it stands in the order; what stays ready though it
    was tried (`stuck`) does not come again.
    """

    __slots__ = ("after", "kind", "prefix", "shelf", "stuck", "turn")

    def __init__(self, kind: int, shelf: Shelf[Waiting], prefix: bytes, after: bytes = b"") -> None:
        self.kind = kind
        self.turn = 0
        self.stuck: dict[bytes, None] = {}
        self.shelf = shelf
        self.prefix = prefix
        self.after = after

    def peek(self) -> tuple[bytes, Waiting] | None:
        """(order, place) of the next one."""
        found = first_after(self.shelf, self.prefix, self.after)
        while found is not None and found[0] in self.stuck:
            found = first_after(self.shelf, self.prefix, found[0])
        if found is None:
            return None
        key, waiting = found
        return key[len(self.prefix) :], waiting


class _Pass:
    """One block's retries: sources in a heap by the order of their next place.

    A source has one valid entry in the heap, that of its last turn; what an earlier turn left there is passed over.
    """

    def __init__(self, books: SettlementBooks) -> None:
        self._waiting = books.waiting
        self._places = cast("SortedList[bytes]", books.waiting.index)
        self._sources: dict[bytes, _Source] = {}
        self._heap: list[tuple[bytes, bytes, int]] = []

    def add(self, kind: int, shelf: Shelf[Waiting], prefix: bytes, after: bytes = b"") -> None:
        """Take up a source, from `after` on; one that is there already is walked from there again."""
        name = bytes((kind,)) + prefix
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source(kind, shelf, prefix)
        source.after = after
        self._push(name, source)

    def rise(self, place: bytes, after: bytes = b"") -> None:
        """An account's available quantity of an instrument rose (40 bytes). Most often nothing waits for it."""
        places = self._places
        at = places.bisect_left(place)
        if at < len(places) and places[at].startswith(place):
            self.add(_RISEN, self._waiting, place, after)

    def next(self) -> tuple[_Source, Waiting] | None:
        """The first place of all, by order; it will not come again unless its source is added anew."""
        while self._heap:
            order, name, turn = heappop(self._heap)
            source = self._sources[name]
            if turn != source.turn:
                continue
            found = source.peek()
            if found is not None and found[0] == order:
                source.after = order
                self._push(name, source)
                return source, found[1]
            self._push(name, source)
        return None

    def left(self) -> list[tuple[bytes, bytes]]:
        """(account and instrument, after which order) of what rose and is not wholly looked at."""
        return [
            (source.prefix, source.after)
            for source in self._sources.values()
            if source.kind == _RISEN and source.peek() is not None
        ]

    def _push(self, name: bytes, source: _Source) -> None:
        source.turn += 1
        found = source.peek()
        if found is not None:
            heappush(self._heap, (found[0], name, source.turn))


def retry(books: SettlementBooks, block: BlockContext, limit: int) -> Iterator[Action]:
    """The block's attempts, each an action of its own; at most `limit` together with the one that notes the rest."""
    queue = _Pass(books)
    carried = [(key, risen.after) for key, risen in books.risen.scan()]
    if carried:
        limit -= 1
        yield lambda _context: _take_up(books, carried)
    for place, after in carried:
        queue.rise(place, after)
    if books.waiting.index:
        for place in block.credited:
            queue.rise(place)
    queue.add(_READY, books.ready, b"")
    for bucket in due_buckets(books):
        queue.add(_DUE, books.due, bucket)

    looks = max(limit, 1) * LOOKED_AT_FOR_EACH_ACTION
    credited: list[bytes] = []
    while limit > 1 and looks > 0:
        found = queue.next()
        if found is None:
            return
        looks -= 1
        source, waiting = found
        if source.kind == _RISEN and not _is_worth_trying(books, source.prefix, waiting, block.time_ms):
            continue
        limit -= 1
        yield _trying(books, waiting.instruction, credited)
        for place in credited:
            queue.rise(place)
        credited.clear()
        if books.ready.index:
            if source.kind == _READY and books.ready.find(source.after) is not None:
                source.stuck[source.after] = None
            queue.add(_READY, books.ready, b"")
    left = queue.left()
    if left:
        yield lambda _context: _carry_over(books, left)


def _is_worth_trying(books: SettlementBooks, place: bytes, waiting: Waiting, time_ms: int) -> bool:
    """Whether enough is available, and an attempt would change anything."""
    if books.holdings.balance(place[:20], place[20:])[0] < waiting.least:
        return False
    pair = pair_of(books, waiting.instruction)
    return pair is not None and changes_anything(judge(books, pair, time_ms))


def _trying(books: SettlementBooks, delivery_id: bytes, credited: list[bytes]) -> Action:
    def act(context: ActionContext) -> None:
        attempt(books, context, delivery_id)
        credited.extend(context.credited)

    return act


def _take_up(books: SettlementBooks, carried: list[tuple[bytes, bytes]]) -> None:
    for place, _ in carried:
        books.risen.delete(place)


def _carry_over(books: SettlementBooks, left: list[tuple[bytes, bytes]]) -> None:
    for place, after in left:
        books.risen.put(place, Risen(after))
