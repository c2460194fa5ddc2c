"""One process at a time on a ledger folder.

A POSIX record lock: it ends with the process, even a killed one, and is not inherited by worker processes, which
may outlive a killed parent and would otherwise keep its successor out. Because such a lock does not keep out the
process that holds it, that is checked apart.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from counterfoil.storage import files
from counterfoil.storage.errors import FolderInUse, as_storage_error

LOCK_NAME = "lock"

_guard = threading.Lock()
_held: dict[tuple[int, int], int] = {}
"""(device, inode) of the lock files that this process holds, with the process that took them: a forked child
inherits the table, but not the locks."""


class FolderLock:
    """Taken when made, until `release`. FolderInUse names the process that has it."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        with _guard:
            try:
                if _identity(path) in _held and _held[_identity(path)] == os.getpid():
                    raise FolderInUse(
                        f"The ledger in {folder} is open in this very process ({os.getpid()}) already."
                    )
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise as_storage_error(path, error) from error
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                holder = files.read_at(self._descriptor, 20, 0).decode("ascii", errors="replace").strip()
                os.close(self._descriptor)
                raise FolderInUse(
                    f"The ledger in {folder} is in use by process {holder or '(unknown)'}; stop it first."
                ) from None
            except OSError as error:
                os.close(self._descriptor)
                raise as_storage_error(path, error) from error
            self._identity = _identity(path)
            _held[self._identity] = os.getpid()
        try:
            files.truncate(self._descriptor, 0)
            files.write_at(self._descriptor, [b"%d\n" % os.getpid()], 0)
        except OSError:
            pass  # the number is for the message alone; a full disk shall not keep anybody out

    def release(self) -> None:
        with _guard:
            if self._descriptor >= 0:
                _held.pop(self._identity, None)
                os.close(self._descriptor)
                self._descriptor = -1


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino
