"""What the node's door gives away beside its words: the time that an answer took, and how often somebody may guess.

"Not there" and "not yours" take the same way through the reads and the policy. What is left of a difference, a look-up
that finds its record or does not, ends here: refusals leave at one of a few moments, whatever the work before took (and
in one size, see `sizes`). Whatever leaves out what is hidden leaves so too, be it a list, a stream or a dry run: its
time does not tell how much that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections.abc import Callable
from typing import Final

from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.policy import ANYBODY

GRID_SECONDS: Final = 0.005
"""A reply leaves so long after its request was begun, or twice as long, or four times: far above what one takes."""
GUESSES_AT_ONCE: Final = 1_000
GUESSES_PER_SECOND: Final = 10
"""How often one party may ask for what is hidden: in a burst, and on average. A member's software that is wrong about
an identity stays far below; whoever tries identities learns at most so many times that there is nothing for it."""
PARTIES_COUNTED_MAX: Final = 10_000


def leaves_after(seconds: float, grid: float = GRID_SECONDS) -> float:
    """How long after its beginning a reply leaves that took so many seconds to make."""
    moment = grid
    while moment < seconds:
        moment *= 2
    return moment


class Departures:
    """Wakes tasks of an event loop at exact moments, by a thread of its own.

    The loop's own timers will not do: the system's wait has whole milliseconds, rounded up from when the wait begins,
    so that when a timer fires depends on when the work before it ended, which is what must not show.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="counterfoil-rpc-departures", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    async def after(self, began: float) -> None:
        """Return at the moment for what was begun at another (both of `time.monotonic`) and is ready now."""
        await self.at(began + leaves_after(time.monotonic() - began))

    async def at(self, moment: float) -> None:
        """Return at a moment (of `time.monotonic`), or at once where it is over."""
        loop, reached = asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (moment, self._count, lambda: loop.call_soon_threadsafe(reached.set)))
            self._changed.notify()
        await reached.wait()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed:
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    if wait is not None and wait <= 0:
                        break
                    self._changed.wait(wait)
                if self._closed:
                    return
                _, _, wake = heapq.heappop(self._due)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                wake()


class Guesses:
    """A token bucket for each party. Strangers are not counted: to them everything is hidden, however often they ask.

    clock: seconds, rising.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        at_once: int = GUESSES_AT_ONCE,
        per_second: float = GUESSES_PER_SECOND,
    ) -> None:
        self._clock = clock
        self._at_once = at_once
        self._per_second = per_second
        self._used: dict[bytes, tuple[float, float]] = {}

    def check(self, party: bytes) -> None:
        """Refused ASKED_TOO_OFTEN where the party has used up its guesses, before it is told anything."""
        if self._level(party) > self._at_once - 1:
            raise Refused(NodeRefusal.ASKED_TOO_OFTEN, at_once=self._at_once)

    def count(self, party: bytes) -> None:
        """Something was hidden from it."""
        if party == ANYBODY:
            return
        level = self._level(party) + 1
        if party not in self._used and len(self._used) >= PARTIES_COUNTED_MAX:
            del self._used[next(iter(self._used))]
        self._used[party] = (level, self._clock())

    def _level(self, party: bytes) -> float:
        level, seen = self._used.get(party, (0.0, self._clock()))
        return max(0.0, level - (self._clock() - seen) * self._per_second)
