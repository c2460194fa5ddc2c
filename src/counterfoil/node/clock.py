"""Where an embedded ledger's time comes from."""

from __future__ import annotations

import time


def system_clock_ms() -> int:
    """Milliseconds since 1970 UTC, as this machine sees it."""
    return time.time_ns() // 1_000_000


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
