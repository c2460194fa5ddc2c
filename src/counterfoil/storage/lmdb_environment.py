"""An LMDB environment: opened only when its structure is sound, grown when its map is full, errors in our words."""

from __future__ import annotations

import errno
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import lmdb
from lmdb import verify

from counterfoil.storage.errors import FULL, CorruptStorage, StorageError, StorageFailed, StorageFull

MAP_SIZE = 1 << 40
"""1 TiB of addresses, not of disk or memory: the file grows only as it is written."""

MAP_SIZE_LEAST = 1 << 30
"""Where addresses are scarce the map is halved until it fits, down to this; it grows when it is full."""

EXAMINED_AT_OPEN_MAX = 256 << 20
"""A file up to this size is examined page by page whenever it is opened (about 3 ms a MiB); a larger one when its
keeper asks. Until then, damage to the pages that hold a larger file together may end the process."""

QUIET_WAIT_SECONDS = 10
"""So long a write that must be given up, or needs a larger map, waits for the reads of other threads to end."""

ROOM_LEAST = 1 << 20
PAGE_SIZE = 4096
READERS_MAX = 1024
DATABASES_MAX = 64

ReadTransaction: TypeAlias = "lmdb.Transaction[bytes]"

_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
    lmdb.BadTxnError,
)


class Environment:
    """The environment in one directory. One thread writes at a time, any thread reads what was written last."""

    def __init__(
        self, directory: Path, map_size: int = MAP_SIZE, map_size_least: int = MAP_SIZE_LEAST
    ) -> None:
        self.file = directory / "data.mdb"
        self.map_size = map_size
        self._writing = threading.Lock()
        self._readers: set[ReadTransaction] = set()
        self._turn = 0  # odd while no read may begin
        if self.file.exists() and 0 < self.file.stat().st_size <= EXAMINED_AT_OPEN_MAX:
            examine_structure(self.file)
        while True:
            try:
                self.raw = _opened(directory, self.map_size)
                break
            except (lmdb.Error, MemoryError, OverflowError) as error:
                scarce = not isinstance(error, lmdb.Error) or error.code in (
                    errno.ENOMEM,
                    errno.EINVAL,
                    errno.EFBIG,
                )
                if not scarce or self.map_size // 2 < map_size_least:
                    raise self.translated(error) from error
                self.map_size //= 2

    def refuse_unknown(self, names: list[str]) -> None:
        """CorruptStorage when there is a database of another name: a damaged name would pass for a new, empty one."""
        with self.reading() as txn:
            found = [bytes(key) for key in txn.cursor().iternext(keys=True, values=False)]
        for name in found:
            if name not in {known.encode() for known in names}:
                raise CorruptStorage(self.file, "it holds a database that was never made", name=name)

    def translated(self, error: Exception) -> StorageError:
        """What an error of LMDB means to us."""
        if isinstance(error, _DAMAGE):
            return CorruptStorage(self.file, str(error))
        if isinstance(error, lmdb.Error) and (
            error.code in FULL or (error.code == errno.EIO and self._is_out_of_room())
        ):
            return StorageFull(self.file)
        return StorageFailed(self.file, error)

    def _is_out_of_room(self) -> bool:
        """Whether a write that ended half way, which LMDB calls an input/output error, was for lack of room."""
        disk = os.statvfs(self.file.parent)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        at_limit = (
            limit != resource.RLIM_INFINITY and self.file.stat().st_size >= limit // PAGE_SIZE * PAGE_SIZE
        )
        return disk.f_bavail * disk.f_frsize < ROOM_LEAST or at_limit

    def begin_read(self) -> ReadTransaction:
        """A view of what was written last; give it back with `end_read` soon, since it keeps old pages alive."""
        while True:
            turn = self._turn
            if not turn & 1:
                try:
                    txn = self.raw.begin()
                except lmdb.MapResizedError:
                    self._adopt_map()
                    continue
                self._readers.add(txn)
                if self._turn == turn:
                    return txn
                self.end_read(txn)
            time.sleep(0.001)

    def end_read(self, txn: ReadTransaction) -> None:
        txn.abort()
        self._readers.discard(txn)

    @contextmanager
    def reading(self) -> Iterator[ReadTransaction]:
        txn = self.begin_read()
        try:
            yield txn
        except lmdb.Error as error:
            raise self.translated(error) from error
        finally:
            self.end_read(txn)

    def write(self, change: Callable[[ReadTransaction], None]) -> None:
        """Apply `change` in one transaction, durable when this returns; it is run again when the map has to grow."""
        with self._writing:
            while True:
                try:
                    self._write_once(change)
                    return
                except lmdb.MapFullError:
                    self._grow()
                except lmdb.Error as error:
                    raise self.translated(error) from error

    def has_readers(self) -> bool:
        """Whether a view is open, as of this moment."""
        return bool(self._readers)

    def close(self) -> None:
        self.raw.close()

    def _write_once(self, change: Callable[[ReadTransaction], None]) -> None:
        txn = self.raw.begin(write=True)
        try:
            change(txn)
            txn.commit()
        except BaseException:
            # py-lmdb gives a transaction up only at a moment when no other thread is inside LMDB.
            with self._quiet():
                txn.abort()
            raise

    def _grow(self) -> None:
        """Double the map, which no read may overlap."""
        with self._quiet() as quiet:
            if not quiet:
                raise StorageFull(self.file, "its map must grow, but a read does not end")
            try:
                self.raw.set_mapsize(self.map_size * 2)
            except lmdb.Error as error:
                raise self.translated(error) from error
            self.map_size *= 2

    def _adopt_map(self) -> None:
        """Take over the larger map that another process has made."""
        with self._quiet() as quiet:
            if not quiet:
                raise StorageFailed(self.file, "its map has grown, but a read does not end")
            self.raw.set_mapsize(0)
            self.map_size = self.raw.info()["map_size"]

    @contextmanager
    def _quiet(self) -> Iterator[bool]:
        """Let no read begin, and wait for those that have; false if some of them do not end."""
        self._turn += 1
        try:
            give_up = time.monotonic() + QUIET_WAIT_SECONDS
            while self._readers and time.monotonic() < give_up:
                time.sleep(0.0005)
            yield not self._readers
        finally:
            self._turn += 1


class FrozenEnvironment(Environment):
    """An environment as it was when this was made: every read is of one view, which `close` ends."""

    def __init__(self, environment: Environment) -> None:
        self.file = environment.file
        self.raw = environment.raw
        self._environment = environment
        self._view = environment.begin_read()

    def begin_read(self) -> ReadTransaction:
        return self._view

    def end_read(self, txn: ReadTransaction) -> None:
        """The view goes on."""

    def write(self, change: Callable[[ReadTransaction], None]) -> None:
        raise StorageFailed(self.file, "a view of the past cannot be written to")

    def close(self) -> None:
        self._environment.end_read(self._view)


def examine_structure(file: Path) -> None:
    """Walk all pages of an LMDB file without mapping it; CorruptStorage if any of them is not as it must be.

    LMDB trusts its pages: a damaged one could end the process. This cannot. About 3 seconds a GiB.
    """
    try:
        problems = verify.verify(str(file), subdir=False)  # type: ignore[no-untyped-call]
    except verify.VerifyError as error:
        raise CorruptStorage(file, f"its pages cannot be walked: {error}") from None
    except OSError as error:
        raise StorageFailed(file, error.strerror or error) from error
    if problems:
        raise CorruptStorage(file, f"its pages are not sound: {problems[0]}")


def _opened(directory: Path, map_size: int) -> lmdb.Environment:
    # meminit stays on: without it, unused parts of pages would carry whatever the process had in memory to disk.
    return lmdb.open(
        str(directory),
        map_size=map_size,
        max_dbs=DATABASES_MAX,
        max_readers=READERS_MAX,
        max_spare_txns=8,
        readahead=False,
        mode=0o600,
    )
