"""Feeding many inputs, and what is reported of it: how many led to what, how long the slowest took, how memory grew."""

from __future__ import annotations

import faulthandler
import resource
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.targets import Doors

SLOWEST_SECONDS_MAX = 5.0
"""No single input may take longer, on a busy machine too."""
HANG_SECONDS = 120
"""After so long the process says where it hangs, and ends."""
GROWTH_MB_MAX = 400
"""By so much memory may grow while all inputs are fed: caches fill, nothing leaks."""
BATCH = 1_000
FINDINGS_MAX = 20


@dataclass
class Report:
    count: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    slowest: str = ""
    growth_mb: float = 0.0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        """What is wrong; empty where nothing is."""
        found = list(self.findings.values())
        if self.slowest_seconds > SLOWEST_SECONDS_MAX:
            found.append(f"an input of {self.slowest} took {self.slowest_seconds:.1f} s")
        if self.growth_mb > GROWTH_MB_MAX:
            found.append(f"memory grew by {self.growth_mb:.0f} MB")
        return found

    def lines(self) -> list[str]:
        """By door: inputs, and how many led to what."""
        doors: dict[str, Counter[str]] = {}
        for (door, answer), count in self.counts.items():
            doors.setdefault(door, Counter())[answer] += count
        lines = [
            f"{self.count:,} inputs in {self.seconds:.0f} s; slowest {self.slowest_seconds * 1_000:.0f} ms"
            f" ({self.slowest}); memory grew by {self.growth_mb:.0f} MB"
        ]
        for door, answers in sorted(doors.items()):
            told = ", ".join(f"{answer}: {count:,}" for answer, count in answers.most_common(8))
            lines.append(f"  {door:20} {sum(answers.values()):>9,}  {len(answers)} answers: {told}")
        return lines


def run(count: int, seed: int, progress: Callable[[int], None] | None = None) -> Report:
    """Feed so many inputs. A batch depends on the seed and its number alone, so that a finding can be repeated."""
    doors, report = Doors(), Report()
    before = _resident_mb()
    began = time.monotonic()
    for first in range(0, count, BATCH):
        chance = Random(f"{seed}/{first}")
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        for number in range(first, min(first + BATCH, count)):
            started = time.perf_counter()
            try:
                door, answer = doors.one(chance)
                report.counts[door, answer] += 1
            except Exception as error:
                door = "a door that failed"
                _note(report, number, error)
                doors.take_back()
            taken = time.perf_counter() - started
            if taken > report.slowest_seconds:
                report.slowest_seconds, report.slowest = taken, f"{door}, input {number}"
            report.count += 1
        if progress is not None:
            progress(report.count)
    faulthandler.cancel_dump_traceback_later()
    report.seconds = time.monotonic() - began
    report.growth_mb = _resident_mb() - before
    return report


def _note(report: Report, number: int, error: Exception) -> None:
    """Keep one finding of each kind and place."""
    frames = traceback.extract_tb(
        error.__cause__.__traceback__ if error.__cause__ is not None else error.__traceback__
    )
    where = f"{frames[-1].filename}:{frames[-1].lineno}"
    kind = f"{type(error.__cause__ or error).__name__} at {where}"
    if kind not in report.findings and len(report.findings) < FINDINGS_MAX:
        report.findings[kind] = f"input {number}: {''.join(traceback.format_exception(error))}"


def _resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20
