"""What the node's door gives away beside its words: the time that an answer took, and how often somebody may guess.

"Not there" and "not yours" take the same way through the reads and the policy. What is left of a difference, a look-up
that finds its record or does not, ends here: refusals leave at one of a few moments, whatever the work before took (and
in one size, see `sizes`). Lists that leave out what is hidden leave so too: their time does not tell how much that was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.policy import ANYBODY

GRID_SECONDS: Final = 0.005
"""A refusal leaves so long after its request was begun, or twice as long, or four times: far beyond what one takes."""
GUESSES_AT_ONCE: Final = 1_000
GUESSES_PER_SECOND: Final = 10
"""How often one party may ask for what is hidden: in a burst, and on average. A member's software that is wrong about
an identity stays far below; whoever tries identities learns at most so many times that there is nothing for it."""
PARTIES_COUNTED_MAX: Final = 10_000


def leaves_after(seconds: float) -> float:
    """How long after its beginning a reply leaves that took so many seconds to make."""
    moment = GRID_SECONDS
    while moment < seconds:
        moment *= 2
    return moment


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
