"""A stream of what happens on a ledger, as a program reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType

import msgspec

from counterfoil.node.streams import Batch, Position, StreamItem
from counterfoil.primitives.codec import Fact


class OpenAction:
    """What was told of an action of which more is to come, so that it is not told again after a lost connection."""

    def __init__(self) -> None:
        self._at = (0, 0)
        self._told: dict[Fact, int] = {}
        self._again: dict[Fact, int] = {}

    def begin_again(self) -> None:
        """From here on the action is told from its beginning."""
        self._again.clear()

    def without_told(self, items: Iterable[StreamItem]) -> Iterator[StreamItem]:
        """The items without what they repeat."""
        for item in items:
            at = (item.height, item.place)
            if at != self._at:
                self._at = at
                self._told.clear()
                self._again.clear()
            if item.part or item.has_more or self._told:
                facts = tuple(fact for fact in item.facts if self._is_new(fact))
                if not facts and item.has_more:
                    continue
                item = msgspec.structs.replace(item, facts=facts)
            yield item

    def _is_new(self, fact: Fact) -> bool:
        count = self._again[fact] = self._again.get(fact, 0) + 1
        if count <= self._told.get(fact, 0):
            return False
        self._told[fact] = count
        return True


class Stream:
    """Items in their order, one for each action of which the viewer may see something; of one that told much, several
    parts (`has_more`). Close it, or use it as a context manager.

    position: how far it was read. Keep it, and a later stream goes on from there: `client.watch(position)`.
    """

    def __init__(self, batches: Iterator[Batch], begin: Position | None) -> None:
        self._batches = batches
        self._items: deque[StreamItem] = deque()
        self._reached = begin
        self.position = begin

    def __iter__(self) -> Iterator[StreamItem]:
        return self

    def __next__(self) -> StreamItem:
        while not self._items:
            self.position = self._reached or self.position
            self.take(next(self._batches))
        item = self._items.popleft()
        self.position = item.position
        return item

    def take(self, batch: Batch) -> None:
        """What the node told."""
        self._items.extend(batch.items)
        self._reached = batch.reached

    def close(self) -> None:
        if isinstance(self._batches, Generator):
            self._batches.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
