"""A stream of what happens on a ledger, as a program reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from types import TracebackType

from counterfoil.node.streams import Batch, Position, StreamItem


class Stream:
    """Items in their order, one for each action of which the viewer may see something. Close it, or use it as a context
    manager.

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
