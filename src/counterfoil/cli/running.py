"""What commands that run until they are told to stop have in common."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from counterfoil.cli.failures import UsageError
from counterfoil.cli.output import say
from counterfoil.node.monitoring import Monitor, Watched

POLL_SECONDS = 0.5


class Stopping:
    """Takes note of SIGINT and SIGTERM from its making on."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._event.set())

    def wait(self, look: Callable[[], None]) -> None:
        """Return when the process shall stop; `look` is called now and then, and may raise."""
        while not self._event.wait(POLL_SECONDS):
            look()


def monitored(watched: Watched, port: int | None) -> AbstractContextManager[object]:
    """Health and metrics on a port of this machine, where one is asked for (None or 0 of a node's settings: none)."""
    if not port:
        return nullcontext()
    try:
        monitor = Monitor(watched, port)
    except OSError as error:
        raise UsageError(
            f"Port {port} of 127.0.0.1 cannot be had for the monitor: {error.strerror}."
        ) from None
    say(f"Health and metrics: http://127.0.0.1:{monitor.port}/ready and /metrics, for this machine alone.")
    return monitor
