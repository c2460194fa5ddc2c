"""A block log that lives in memory alone, for tests and scratch ledgers."""

from __future__ import annotations

from collections.abc import Iterator


class MemoryLog:
    """The block log's interface over a list; nothing of it outlives the process."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, bytes]] = []

    def append(self, height: int, payload: bytes) -> None:
        self._blocks.append((height, payload))

    def sync(self) -> None:
        """Nothing to wait for."""

    def last_height(self) -> int:
        return self._blocks[-1][0] if self._blocks else 0

    def first_height(self) -> int:
        return self._blocks[0][0] if self._blocks else 0

    def read_from(self, height: int) -> Iterator[tuple[int, bytes]]:
        for found, payload in list(self._blocks):
            if found >= height:
                yield found, payload

    def close(self) -> None:
        """Nothing to let go."""
