"""What waits for a block: transactions in order of arrival, bounded, with a rate for each submitter."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from counterfoil.engine.submission import Submission
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.outcome import Rejected

WAITING_MAX = 50_000
"""Transactions that may wait; beyond it a submitter is told to come back."""
WAITING_BYTES_MAX = 256 * 1024 * 1024
SUBMITTERS_MAX = 100_000


class Waiting(NamedTuple):
    """One transaction on its way, and where its outcome is waited for."""

    prepared: Prepared
    submission: Submission
    place: int


class Rates:
    """A token bucket for each submitter: `rate_per_second` transactions, with bursts of ten seconds' worth."""

    def __init__(self, rate_per_second: int) -> None:
        self._rate = rate_per_second
        self._levels: dict[bytes, tuple[int, int]] = {}

    def take(self, submitter: bytes, now_ms: int, count: int = 1) -> bool:
        """Whether so many are within the submitter's rate; they are counted then."""
        full = self._rate * 10_000
        level, seen = self._levels.get(submitter, (full, now_ms))
        level = min(full, level + max(0, now_ms - seen) * self._rate)
        if level < 1_000 * count:
            return False
        if len(self._levels) > SUBMITTERS_MAX:
            self._levels.clear()
        self._levels[submitter] = (level - 1_000 * count, now_ms)
        return True


class Pool:
    """Thread-safe and bounded; takes in order of arrival."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, items: list[Waiting]) -> None:
        """Raises `Rejected(POOL_IS_FULL)`, in which case none was taken."""
        size = sum(len(item.prepared.raw) for item in items)
        with self._condition:
            if (
                self._closed
                or len(self._waiting) + len(items) > WAITING_MAX
                or self._bytes + size > WAITING_BYTES_MAX
            ):
                raise Rejected(MachineReject.POOL_IS_FULL, waiting=len(self._waiting))
            self._waiting.extend(items)
            self._bytes += size
            self._condition.notify()

    def take(
        self, count_max: int, bytes_max: int, wait_s: float | None, bytes_before: int = 0
    ) -> list[Waiting]:
        """Up to so many, after waiting for the first one if need be (None: until there is one or the pool closes).

        bytes_before: of what they will join; without company one of any size is taken.
        """
        with self._condition:
            if not self._waiting and not self._closed and wait_s != 0:
                self._condition.wait(wait_s)
            taken: list[Waiting] = []
            size = bytes_before
            while self._waiting and len(taken) < count_max:
                size += len(self._waiting[0].prepared.raw)
                if (taken or bytes_before) and size > bytes_max:
                    break
                item = self._waiting.popleft()
                self._bytes -= len(item.prepared.raw)
                taken.append(item)
            return taken

    def wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
