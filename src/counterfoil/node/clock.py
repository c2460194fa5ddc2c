"""Where an embedded ledger's time comes from."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock_ms() -> int:
    """Milliseconds since 1970 UTC, as this machine sees it."""
    return time.time_ns() // 1_000_000


def time_ms_of(instant: datetime) -> int:
    """Milliseconds since 1970 UTC of an instant with its zone, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """Milliseconds since 1970 UTC of an ISO 8601 instant. ValueError where it is none, or lacks its zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} lacks its zone, such as Z or +01:00.")
    return time_ms_of(instant)


class SandboxClock:
    """A sandbox ledger's time: it stands still until it is advanced, but for one millisecond a block.

    Only a ledger whose genesis says that it is a sandbox gets one.
    """

    def __init__(self, time_ms: int) -> None:
        self._time_ms = time_ms

    def __call__(self) -> int:
        return self._time_ms

    def advance_to(self, time_ms: int) -> None:
        """Never backward."""
        self._time_ms = max(self._time_ms, time_ms)
