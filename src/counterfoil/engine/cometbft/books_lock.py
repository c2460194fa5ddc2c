"""The lock over the machine: whoever takes it reads the books of the last block, whatever proposal is being judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BooksLock:
    """A lock that may be taken again by the thread that has it. `clear` takes an undecided block off the books."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._inside = False
        self.clear: Callable[[], None] = lambda: None

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            if not self._inside:
                self.clear()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """For the engine itself, which leaves an undecided block where it is."""
        with self._lock:
            before, self._inside = self._inside, True
            try:
                yield
            finally:
                self._inside = before
