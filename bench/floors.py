"""What each figure must reach at full size, on two cores and with nothing else running: a run that misses one fails."""

from __future__ import annotations

import sys

DVP = {"two signatures": 4_000, "one signature": 6_000, "lists of 100, one a side": 7_000}
"""DVP a second on the embedded engine, encrypted at rest."""
BATCH_LEGS = 100_000
"""Legs a second of one net batch."""
NETWORK_DVP = 600
"""DVP a second of four validators on one machine."""
NETWORK_P99_MS = 2_000

_missed: list[str] = []


def least(name: str, figure: float, floor: float) -> None:
    """Note that a figure is too small."""
    if figure < floor:
        _missed.append(f"{name}: {figure:,.0f}, at least {floor:,.0f} wanted")


def most(name: str, figure: float, ceiling: float) -> None:
    """Note that a figure is too large."""
    if figure > ceiling:
        _missed.append(f"{name}: {figure:,.0f}, at most {ceiling:,.0f} wanted")


def end() -> None:
    """Leave with exit code 1 where anything was missed, after saying what."""
    if _missed:
        print("\nmissed:\n" + "\n".join(f"    {line}" for line in _missed), flush=True)
        sys.exit(1)
