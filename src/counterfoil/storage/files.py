"""The few file operations that durability rests on, in one place, so that tests can make each of them fail."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: fsync there does not empty the drive's own cache, this does."""


def create(path: Path, mode: int = 0o600) -> int:
    """A new, empty file, open for reading and writing; FileExistsError when there is one."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def write_at(descriptor: int, parts: list[bytes], offset: int) -> int:
    """One write call for all parts; returns how many bytes it took, which may be fewer than asked."""
    return os.pwritev(descriptor, parts, offset)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the file."""
    data = os.pread(descriptor, size, offset)
    while len(data) < size:
        more = os.pread(descriptor, size - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def truncate(descriptor: int, size: int) -> None:
    os.ftruncate(descriptor, size)


def sync(descriptor: int) -> None:
    """Returns when the file's data and size are on the device."""
    if _FULL_SYNC is not None:
        fcntl.fcntl(descriptor, _FULL_SYNC)
    else:
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Returns when the names in a directory are on the device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """A new file with this content, durable with its name; nothing is left of it when that fails."""
    descriptor = create(path, mode)
    try:
        if write_at(descriptor, [data], 0) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)
        sync_directory(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Other content for a file, whole or not at all; durable when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    write_new(fresh, data, mode)
    os.replace(fresh, path)
    sync_directory(path.parent)
