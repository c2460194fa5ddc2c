"""Changing the storage key of a ledger: while its node runs, in the background, or at once where none does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from counterfoil.node.ledger import LedgerNode
from counterfoil.storage.errors import StorageError
from counterfoil.storage.folder import LedgerFolder
from counterfoil.storage.key_change import KeyChanges
from counterfoil.storage.write_behind import WriteBehind

LOOK_SECONDS = 1.0
"""So often a running node looks whether a storage key was asked for."""
TRY_AGAIN_SECONDS = 60.0
"""So long a change that failed waits, for room perhaps."""
LET_GO_SECONDS = 60.0
"""So long a store that was left is kept open for those who read it."""


class StorageKeyWatch:
    """A thread of a running node that takes storage keys as they are asked for, and moves what lies under older ones.

    It rests as long as it works, so that it takes half of one core and of the disk's time at most. tell: is called
    with what an operator should know, in words.
    """

    def __init__(self, node: LedgerNode, tell: Callable[[str], None]) -> None:
        self._folder, self._store = parts_of(node)
        self._changes = KeyChanges(self._folder, self._store, node.read_log.closed_volumes)
        self._tell = tell
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storage keys", daemon=True)
        self._thread.start()

    def __enter__(self) -> StorageKeyWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Returns when the thread has ended; what it was at is taken up again at the next start."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause, moved_at = 0.0, None
        while not self._stopping.wait(pause):
            pause = LOOK_SECONDS
            try:
                if self._changes.take_wish():
                    self._tell(
                        f"Storage key {self._folder.at_rest.newest} was taken; values are moving to it."
                    )
                if self._changes.is_unfinished and self._move():
                    moved_at = time.monotonic()
            except StorageError as error:
                self._tell(f"The change of the storage key is not finished, and is tried again: {error}")
                pause = TRY_AGAIN_SECONDS
            if moved_at is not None and time.monotonic() > moved_at + LET_GO_SECONDS:
                self._store.let_go()
                moved_at = None

    def _move(self) -> bool:
        """Whether it was finished; not where the thread is to end."""
        began = time.monotonic()
        for _ in self._changes.pieces():
            if self._stopping.wait(time.monotonic() - began):
                return False
            began = time.monotonic()
        self._tell(f"Nothing is left under a storage key before {self._folder.at_rest.newest}.")
        return True


def finish_changes(node: LedgerNode) -> None:
    """Take the storage key that was asked for and move everything to it, on a ledger that nothing else works on."""
    changes = KeyChanges(*parts_of(node), node.read_log.closed_volumes)
    changes.take_wish()
    for _ in changes.pieces():
        pass


def parts_of(node: LedgerNode) -> tuple[LedgerFolder, WriteBehind]:
    """The folder and the record store of a ledger on disk; ValueError for one in memory."""
    if node.folder is None or not isinstance(node.store, WriteBehind):
        raise ValueError("a ledger in memory has no storage key")
    return node.folder, node.store
