"""How much of a node's and the network's work each member may ask for.

Work is counted in *units*: a message is one, and so is every `UNIT_BYTES` of a transaction. What turned out to be
useless is charged afterwards and dearly, for it took the same work as what counts: whoever sends a great deal of it
has to wait, and the others keep their share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from counterfoil.machine.machine import Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.outcome import Rejected

BURST_SECONDS = 10
"""A submitter that has rested may send so many seconds' worth at once."""
DEBT_SECONDS = 60
"""Nobody waits longer than this for what it has sent."""
UNIT_BYTES = 4_096
REJECTED_UNITS = 50
"""What a rejected message costs beside the unit that it cost when it came."""
SUBMITTERS_MAX = 100_000
"""Beyond so many, those that have rested are forgotten: they would be given a full bucket again."""


def monotonic_ms() -> int:
    """The world's time, which goes on while a sandbox's stands still."""
    return time.monotonic_ns() // 1_000_000


def units(prepared: Prepared) -> int:
    """What it takes to bring a transaction before the ledger."""
    messages = len(prepared.body.messages) if prepared.body is not None else 1
    return messages + len(prepared.raw) // UNIT_BYTES


def useless_units(outcome: Outcome) -> int:
    """What is charged for a transaction once it was decided: for each of its messages that was rejected."""
    result = outcome.result
    if result.number:
        return REJECTED_UNITS * max(1, len(result.messages))
    return REJECTED_UNITS * sum(message.number != 0 for message in result.messages)


class Rates:
    """A bucket of units for each submitter, which fills with `per_second`. Safe to use from several threads."""

    def __init__(
        self,
        per_second: int,
        clock_ms: Callable[[], int] = monotonic_ms,
        burst_seconds: int = BURST_SECONDS,
    ) -> None:
        self._rate = per_second
        self._full = per_second * burst_seconds * 1_000
        self._clock_ms = clock_ms
        self._guard = threading.Lock()
        self._levels: dict[bytes, tuple[int, int]] = {}
        self._kept_max = SUBMITTERS_MAX

    def take(self, submitter: bytes, count: int = 1) -> bool:
        """Whether so many units are within the submitter's rate; they are counted then.

        More than a full bucket, which would never fit, is taken from a full one and leaves a debt.
        """
        with self._guard:
            now_ms = self._clock_ms()
            level = self._level(submitter, now_ms)
            if not self._fits(level, count):
                return False
            self._set(submitter, level - 1_000 * count, now_ms)
            return True

    def would_take(self, submitter: bytes, count: int) -> bool:
        """What `take` would answer; nothing is counted."""
        with self._guard:
            return self._fits(self._level(submitter, self._clock_ms()), count)

    def charge(self, submitter: bytes, count: int) -> None:
        """Count what was done already; the submitter may owe for it then."""
        with self._guard:
            now_ms = self._clock_ms()
            self._set(submitter, self._level(submitter, now_ms) - 1_000 * count, now_ms)

    def charge_useless(self, outcomes: Iterable[tuple[bytes, Outcome]]) -> None:
        """Charge each for what was rejected of what it brought: whoever sent it, or gathered it."""
        owed: dict[bytes, int] = {}
        for submitter, outcome in outcomes:
            if count := useless_units(outcome):
                owed[submitter] = owed.get(submitter, 0) + count
        for submitter, count in owed.items():
            self.charge(submitter, count)

    def owes(self, submitter: bytes) -> bool:
        """Whether it was charged for more than it had."""
        kept = self._levels.get(submitter)
        return kept is not None and kept[0] < 0 and self._wait_ms(submitter, 0) > 0

    def too_fast(self, submitter: bytes, count: int) -> Rejected:
        """What a submitter is told for which so many units are too many now; it says when they will not be."""
        return Rejected(MachineReject.SUBMISSION_IS_TOO_FAST, wait_ms=max(1, self._wait_ms(submitter, count)))

    def _wait_ms(self, submitter: bytes, count: int) -> int:
        """Until so many units are there; with 0, until nothing is owed."""
        with self._guard:
            missing = min(1_000 * count, self._full) - self._level(submitter, self._clock_ms())
        return max(0, -(-missing // self._rate))

    def _fits(self, level: int, count: int) -> bool:
        return level >= min(1_000 * count, self._full)

    def _level(self, submitter: bytes, now_ms: int) -> int:
        level, seen_ms = self._levels.get(submitter, (self._full, now_ms))
        return min(self._full, level + max(0, now_ms - seen_ms) * self._rate)

    def _set(self, submitter: bytes, level: int, now_ms: int) -> None:
        self._levels[submitter] = (max(level, -DEBT_SECONDS * 1_000 * self._rate), now_ms)
        if len(self._levels) > self._kept_max:
            self._levels = {
                one: kept for one, kept in self._levels.items() if self._level(one, now_ms) < self._full
            }
            self._kept_max = max(SUBMITTERS_MAX, 2 * len(self._levels))
