"""What can go wrong with disk. Every message names the file and says what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from counterfoil.state.port import StoreFailed

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The operating system's numbers for "no room": the device, the user's quota, the largest size of a file."""


class StorageError(StoreFailed):
    """Base of everything that disk can do to us."""


class CorruptStorage(StorageError):
    """Bytes on disk that are not what was written. They are never served.

    file: which file. where: what the damaged place is called (table, key, position, offset, height …).
    """

    def __init__(self, file: Path | str, problem: str, **where: object) -> None:
        super().__init__(str(file), problem, where)
        self.file = str(file)
        self.problem = problem
        self.where = where

    def __str__(self) -> str:
        told = ", ".join(f"{name} {_readable(value)}" for name, value in self.where.items())
        return f"{self.file} is damaged: {self.problem}{f' ({told})' if told else ''}."


class StorageFull(StorageError):
    """No room for what was to be written. Nothing of it is left behind; make room and try again."""

    def __init__(self, file: Path | str, problem: str = "there is no room left on the disk") -> None:
        super().__init__(f"{file}: {problem}. Nothing was written; make room and try again.")
        self.file = str(file)


class StorageFailed(StorageError):
    """The operating system refused to read or write, for a reason other than room."""

    def __init__(self, file: Path | str, reason: object) -> None:
        super().__init__(f"{file}: {reason}.")
        self.file = str(file)


class StorageKeyRefused(StorageError):
    """The storage key is missing, malformed, kept in a wrong place, or not this ledger's."""


class WrongStorageKey(StorageKeyRefused):
    """A well-formed storage key, but not the one that this ledger was made with."""


class FolderRefused(StorageError):
    """Not a ledger folder, or not one that can be made here."""


class FolderInUse(FolderRefused):
    """Another process works on this ledger folder."""


def as_storage_error(file: Path | str, error: OSError) -> StorageError:
    """The operating system's refusal in our words."""
    if error.errno in FULL:
        return StorageFull(file)
    return StorageFailed(file, error.strerror or error)


def _readable(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
