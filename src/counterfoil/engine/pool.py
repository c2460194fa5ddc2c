"""What waits for a block: bounded, and shared fairly between those who sent it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from counterfoil.engine.port import refused
from counterfoil.engine.rates import Rates, units
from counterfoil.engine.submission import Submission
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.outcome import Rejected

WAITING_MAX = 100_000
"""Transactions that may wait; beyond its share of the room a submitter is told to come back."""
WAITING_BYTES_MAX = 256 * 1024 * 1024
ROUND_TRANSACTIONS = 16
ROUND_BYTES = 64 * 1024
"""So many, or so many bytes, are taken of one submitter's before it is another's turn."""


class Waiting(NamedTuple):
    """One transaction on its way, and where its outcome is waited for."""

    prepared: Prepared
    submission: Submission
    place: int


def admitted(submission: Submission, prepared: Iterable[Prepared], rates: Rates) -> list[Waiting]:
    """Those of a submission that may wait for a block; the others are answered at once.

    After the first that is too fast all are, so that what is sent again comes in its order. Raises
    `Rejected(SUBMISSION_IS_TOO_FAST)` before any of it is looked at where the submitter owes already.
    """
    rest: list[Waiting] = []
    too_fast: Rejected | None = None
    submitter = submission.submitter
    if rates.owes(submitter):
        raise rates.too_fast(submitter, 0)
    for place, one in enumerate(prepared):
        reject = one.reject or too_fast
        if reject is None and not rates.take(submitter, units(one)):
            reject = too_fast = rates.too_fast(submitter, units(one))
        if reject is not None:
            submission.answer(place, (0, refused(one, reject)))
        else:
            rest.append(Waiting(one, submission, place))
    return rest


class _Line:
    """What waits of one submitter's, in order of arrival."""

    __slots__ = ("items", "size")

    def __init__(self) -> None:
        self.items: deque[Waiting] = deque()
        self.size = 0


class Pool:
    """Thread-safe and bounded. Each submitter's is taken in order of arrival, and theirs in turn."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._lines: dict[bytes, _Line] = {}
        self._count = 0
        self._bytes = 0
        self._closed = False

    def __len__(self) -> int:
        return self._count

    def add(self, submission: Submission, items: Sequence[Waiting]) -> None:
        """Raises `Rejected(POOL_IS_FULL)`, in which case none was taken.

        A submitter may have no more waiting than what stays free then: alone it has half of the room, and however
        many fill their shares, there is room for one more.
        """
        size = sum(len(item.prepared.raw) for item in items)
        with self._condition:
            line = self._lines.get(submission.submitter) or _Line()
            free = WAITING_MAX - self._count - len(items)
            free_bytes = WAITING_BYTES_MAX - self._bytes - size
            if self._closed or len(line.items) + len(items) > free or line.size + size > free_bytes:
                raise Rejected(
                    MachineReject.POOL_IS_FULL,
                    waiting=self._count,
                    yours=len(line.items),
                    yours_at_most=(WAITING_MAX - self._count + len(line.items)) // 2,
                )
            line.items.extend(items)
            line.size += size
            self._lines[submission.submitter] = line
            self._count += len(items)
            self._bytes += size
            self._condition.notify()

    def take(
        self, count_max: int, bytes_max: int, wait_s: float | None, bytes_before: int = 0
    ) -> list[Waiting]:
        """Up to so many, after waiting for the first one if need be (None: until there is one or the pool closes).

        bytes_before: of what they will join; without company one of any size is taken.
        """
        with self._condition:
            if not self._lines and not self._closed and wait_s != 0:
                self._condition.wait(wait_s)
            taken: list[Waiting] = []
            left = bytes_max - bytes_before
            while self._lines and len(taken) < count_max:
                submitter = next(iter(self._lines))
                line = self._lines[submitter]
                one_of_any_size = not taken and not bytes_before
                found, size = _of_line(line, count_max - len(taken), left, one_of_any_size)
                if not found:
                    break  # it does not fit any more, and is the first to go with the next ones
                del self._lines[submitter]
                if line.items:
                    self._lines[submitter] = line
                taken += found
                left -= size
                line.size -= size
                self._bytes -= size
            self._count -= len(taken)
            return taken

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()


def _of_line(line: _Line, count_max: int, bytes_max: int, one_of_any_size: bool) -> tuple[list[Waiting], int]:
    """What is taken of one submitter's in its turn, and its bytes."""
    found: list[Waiting] = []
    size = 0
    while line.items and len(found) < min(count_max, ROUND_TRANSACTIONS) and size < ROUND_BYTES:
        more = len(line.items[0].prepared.raw)
        if size + more > bytes_max and (found or not one_of_any_size):
            break
        found.append(line.items.popleft())
        size += more
    return found, size
