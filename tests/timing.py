"""A statistical test of whether two kinds of request can be told apart by the time that their answers take.

As dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017): requests of both kinds are sent
in random order, one after the other, each timed by the client on its own; then a test statistic asks whether the two
samples come from one distribution. Two statistics are looked at, and the larger counts: Welch's t after the slowest
tenth of all samples is cropped (that is the machine's noise), which sees a shift of the mean; and the normal
approximation of the Mann-Whitney U over all samples, which sees any shift of ranks and minds no outliers.

THRESHOLD 4.5: under the null hypothesis a normal statistic exceeds it (on either side) once in 147,000 times,
Student's t of 30 and 30 once in 29,000, and the larger of the two statistics at most twice as often. Told apart
counts only what ROUNDS = 3 samples in a row show, each twice as large as the one before: what exceeds it by chance,
or because the machine was busy, is looked at anew and closer. So a question without a difference is called told apart
with a probability below 1e-4 by a first sample of 30, and below 1e-12 by three; a run of a hundred questions fails
for no reason less than once in 1e10 runs. Kinds are drawn in random order: noise of the machine, however it comes in
waves, falls on both alike.

What the test can see depends on the noise s and the number n of samples of a kind: a shift of about 4.5 s √(2/n).
With 30 samples (the usual run) and a noise of 0.2 ms that is 0.23 ms, with 1,000 (`make timing`) 40 µs.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from statistics import fmean, variance

THRESHOLD = 4.5
CROPPED = 0.9

ROUNDS = 3

Ask = Callable[[], Callable[[], object] | None]
"""Sends one request and waits for its reply; what it returns is done after that, and not timed."""


def timed(asks: Sequence[Sequence[Ask]], seed: int) -> tuple[list[float], list[float]]:
    """Seconds of each answer: of the first and of the second kind."""
    order = [(kind, ask) for kind, some in enumerate(asks) for ask in some]
    random.Random(seed).shuffle(order)
    found: tuple[list[float], list[float]] = ([], [])
    for kind, ask in order:
        began = time.perf_counter()
        rest = ask()
        found[kind].append(time.perf_counter() - began)
        if rest is not None:
            rest()
    return found


def statistic(first: Sequence[float], second: Sequence[float]) -> float:
    """The larger of the two statistics; how sure one may be that the samples differ."""
    return max(abs(_welch(first, second)), abs(_ranks(first, second)))


def rounds(samples: int) -> tuple[int, ...]:
    """How many of a kind each round takes, from so many on."""
    return tuple(samples << number for number in range(ROUNDS))


def told_apart(make: Callable[[int, int], tuple[list[float], list[float]]], sizes: Sequence[int]) -> bool:
    """Whether all rounds tell the two kinds apart. make: is given a round's number, and how many samples of a kind it
    takes."""
    return all(statistic(*make(number, size)) > THRESHOLD for number, size in enumerate(sizes))


def _welch(first: Sequence[float], second: Sequence[float]) -> float:
    limit = sorted([*first, *second])[int(CROPPED * (len(first) + len(second))) - 1]
    one, other = ([value for value in some if value <= limit] for some in (first, second))
    if min(len(one), len(other)) < 2:
        return math.inf
    noise = math.sqrt(variance(one) / len(one) + variance(other) / len(other))
    return (fmean(one) - fmean(other)) / noise if noise else 0.0


def _ranks(first: Sequence[float], second: Sequence[float]) -> float:
    """Mann-Whitney; ties share their ranks (there are few at a nanosecond's resolution, and the variance is left)."""
    values = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks: dict[float, list[int]] = {}
    for rank, (value, _) in enumerate(values, 1):
        ranks.setdefault(value, []).append(rank)
    total = sum(fmean(ranks[value]) for value in first)
    n, m = len(first), len(second)
    above = total - n * (n + 1) / 2
    return (above - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
