"""Repeatable numbers for demonstrations: SHA-256 over a seed and a counter. Not for keys, and not for lots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate

_NUMBERS_PER_BLOCK = 4
_SPAN = 1 << 64


class CounterRandom:
    """A stream of 64-bit numbers: block i is SHA-256(seed bytes, i as 8 bytes), read as four big-endian numbers.

    The same seed gives the same stream on every machine and every version of Python.
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._block = 0
        self._numbers: list[int] = []

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1, all equally likely: draws from the uneven end of the range are thrown away."""
        if not 1 <= limit <= _SPAN:
            raise ValueError("a limit is 1 to 2^64")
        even_range = _SPAN - _SPAN % limit
        while True:
            number = self._next()
            if number < even_range:
                return number % limit

    def pick(self, running_sums: Sequence[int]) -> int:
        """A position, each as likely as its weight says; the weights come summed up (`running`)."""
        return bisect_right(running_sums, self.below(running_sums[-1]))

    def _next(self) -> int:
        if not self._numbers:
            block = sha256(self._seed + self._block.to_bytes(8, "big")).digest()
            self._block += 1
            self._numbers = [
                int.from_bytes(block[8 * at : 8 * at + 8], "big")
                for at in reversed(range(_NUMBERS_PER_BLOCK))
            ]
        return self._numbers.pop()


def running(weights: Sequence[int]) -> tuple[int, ...]:
    """The weights summed up from the first on, as `CounterRandom.pick` takes them."""
    return tuple(accumulate(weights))
