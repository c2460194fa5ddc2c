"""A record store whose large batches are written by another process, while this one goes on deciding blocks.

The same process reads half of what is asked for at once, where that is much.

Placing, encrypting and putting a row into LMDB costs as much as half the rules of a settlement, and none of it needs to
be waited for: the block log is the truth. One batch at a time is on its way; until it is on disk, reads find it here.
A batch that fails is told at the next one, and stops the ledger as a failed write always does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import BinaryIO, Final, TypeVar, cast

import msgspec

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.batches import check_order
from counterfoil.storage.cipher import Cipher
from counterfoil.storage.errors import StorageError, StorageFailed, StorageFull
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.sealed_database import Item
from counterfoil.storage.store_writer import FOUND, WRITTEN, End, Find, Open, Part, Request, frame, read_frame

if sys.platform == "linux":
    import fcntl

HANDED_OVER_LEAST: Final = 5_000
"""Rows and versions of a batch that is worth handing over; a smaller one is written here within a few milliseconds."""
READ_TOGETHER_LEAST: Final = 20_000
"""Rows asked for at once that are worth reading in two processes."""
PART_ITEMS: Final = 20_000
PIPE_BYTES: Final = 1 << 20
STOP_SECONDS: Final = 120.0

_COMMAND: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from counterfoil.storage.store_writer import main; main()"
)
T = TypeVar("T")


class WriteBehind:
    """The port over one `LmdbStore`, which this process reads and either process writes, never both at once."""

    def __init__(
        self,
        store: LmdbStore,
        layouts: Mapping[int, TableLayout],
        cipher: Cipher,
        handed_over_least: int = HANDED_OVER_LEAST,
    ) -> None:
        self._store = store
        self._layouts = layouts
        self._cipher = cipher
        self._handed_over_least = handed_over_least
        self._writer: _Writer | None = None
        self._waiting: _Waiting | None = None
        self._failure: StorageError | None = None
        self._talking = threading.RLock()

    def height(self) -> int:
        waiting = self._waiting
        return self._store.height() if waiting is None else waiting.height

    def versions_end(self) -> int:
        waiting = self._waiting
        return self._store.versions_end() if waiting is None else waiting.versions_end

    def row(self, table: int, key: bytes) -> bytes | None:
        waiting = self._waiting
        if waiting is not None and (rows := waiting.rows.get(table)) is not None and key in rows:
            return rows[key]
        return self._store.row(table, key)

    def rows_of(self, table: int, keys: list[bytes]) -> list[bytes | None]:
        while True:
            waiting = self._waiting
            found = self._rows_of(table, keys)
            if self._waiting is waiting:
                break
        rows = {} if waiting is None else waiting.rows.get(table, {})
        return [rows.get(key, row) for key, row in zip(keys, found, strict=True)] if rows else found

    def scan(self, table: int, prefix: bytes) -> Iterator[Item]:
        """Sees the store as it was when the scan began; what is on its way to disk comes last."""
        while True:
            waiting = self._waiting
            stored = self._store.scan(table, prefix)
            first = next(stored, None)
            if self._waiting is waiting:
                break
        rows = {} if waiting is None else waiting.rows.get(table, {})
        for key, row in chain([] if first is None else [first], stored):
            if key not in rows:
                yield key, row
        for key, newer in rows.items():
            if newer is not None and key.startswith(prefix):
                yield key, newer

    def version(self, position: int) -> bytes:
        waiting = self._waiting
        if waiting is not None and position >= waiting.first_version:
            if position < waiting.versions_end:
                return waiting.versions[position - waiting.first_version]
            raise LookupError(f"the history has no position {position}")
        return self._store.version(position)

    def blob(self, kind: str, number: int) -> bytes | None:
        waiting = self._waiting
        found = None if waiting is None else waiting.blobs.get((kind, number))
        return self._store.blob(kind, number) if found is None else found

    def last_blob(self, kind: str) -> int | None:
        waiting = [] if self._waiting is None else [at for of, at in self._waiting.blobs if of == kind]
        stored = self._store.last_blob(kind)
        return max([*waiting, *([] if stored is None else [stored])], default=None)

    def entry(self, kind: str, key: bytes) -> bytes | None:
        waiting = self._waiting
        if waiting is not None and key in (entries := waiting.entries.get(kind, {})):
            return entries[key]
        return self._store.entry(kind, key)

    def entries(self, kind: str, prefix: bytes = b"", start: bytes = b"") -> Iterator[Item]:
        self.settle()
        return self._store.entries(kind, prefix, start)

    def entry_before(self, kind: str, key: bytes) -> bytes | None:
        return self._nearest(kind, key, self._store.entry_before(kind, key), bisect_left)

    def entry_at_or_before(self, kind: str, key: bytes) -> bytes | None:
        return self._nearest(kind, key, self._store.entry_at_or_before(kind, key), bisect_right)

    def write(self, batch: WriteBatch) -> None:
        with self._talking:
            self.settle()
            if sum(map(len, batch.rows.values())) + len(batch.versions) < self._handed_over_least:
                self._store.write(batch)
                return
            check_order(batch, self._store.height(), self._store.versions_end())
            try:
                self._writing().hand_over(batch)
            except StorageError as error:
                self._failure = error
                raise
            self._waiting = _Waiting(batch)

    def settle(self) -> None:
        """Wait until what was handed over is on disk. StorageFull or StorageFailed, from then on, where it is not."""
        with self._talking:
            if self._failure is not None:
                raise self._failure
            if self._waiting is not None and self._writer is not None:
                try:
                    self._writer.written()
                except StorageError as error:
                    self._failure = error
                    raise
                self._store.take_up()
                self._waiting = None

    def frozen(self) -> LmdbStore:
        """See `LmdbStore.frozen`."""
        with self._talking:
            self.settle()
            return self._store.frozen()

    def examine(self, progress: Callable[[int], None] = lambda count: None) -> int:
        """See `LmdbStore.examine`."""
        self.settle()
        return self._store.examine(progress)

    def size_bytes(self) -> int:
        return self._store.size_bytes()

    def close(self) -> None:
        """Raises what `settle` would, unless it was told already."""
        try:
            if self._failure is None:
                self.settle()
        finally:
            if self._writer is not None:
                self._writer.stop()
                self._writer = None
            self._store.close()

    def _writing(self) -> _Writer:
        if self._writer is None:
            self._writer = _Writer(self._store, self._layouts, self._cipher)
        return self._writer

    def _rows_of(self, table: int, keys: list[bytes]) -> list[bytes | None]:
        if len(keys) < READ_TOGETHER_LEAST or self._waiting is not None or self._failure is not None:
            return self._store.rows_of(table, keys)
        half = len(keys) // 2
        with self._talking:
            answer = self._writing().find(table, keys[half:])
            here = self._store.rows_of(table, keys[:half])
            there = answer()
        return here + (self._store.rows_of(table, keys[half:]) if there is None else there)

    def _nearest(
        self, kind: str, key: bytes, found: bytes | None, bisect: Callable[[list[bytes], bytes], int]
    ) -> bytes | None:
        """The nearest key in the store or on its way there; `found` is the store's own."""
        waiting = self._waiting
        if waiting is None or not (entries := waiting.entries.get(kind)):
            return found
        while found is not None and entries.get(found, b"") is None:
            found = self._store.entry_before(kind, found)
        keys = waiting.keys_in_order(kind)
        at = bisect(keys, key)
        return keys[at - 1] if at and (found is None or keys[at - 1] > found) else found


class _Waiting:
    """A batch on its way to disk, in the form in which reads ask for it."""

    def __init__(self, batch: WriteBatch) -> None:
        self.height = batch.height
        self.rows = batch.rows
        self.first_version = batch.first_version
        self.versions = batch.versions
        self.versions_end = batch.first_version + len(batch.versions)
        self.blobs = {(kind, number): data for kind, number, data in batch.blobs}
        self.entries: dict[str, dict[bytes, bytes | None]] = {}
        for kind, key, data in batch.entries:
            self.entries.setdefault(kind, {})[key] = data
        self._in_order: dict[str, list[bytes]] = {}

    def keys_in_order(self, kind: str) -> list[bytes]:
        """Of the entries that are put, not of those that are removed."""
        found = self._in_order.get(kind)
        if found is None:
            found = sorted(key for key, data in self.entries[kind].items() if data is not None)
            self._in_order[kind] = found
        return found


class _Writer:
    """The other process. One batch at a time is handed over to it."""

    def __init__(self, store: LmdbStore, layouts: Mapping[int, TableLayout], cipher: Cipher) -> None:
        self._file = store.file
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *sys.path],
            bufsize=1 << 16,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the writing process has no pipes")
        self._requests = self._process.stdin.fileno()
        self._answers = cast(BinaryIO, self._process.stdout)
        if sys.platform == "linux":
            fcntl.fcntl(self._requests, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        known = {number: (layout.clear, layout.sizes) for number, layout in layouts.items()}
        self._send(Open(str(store.file.parent), known, store.map_size, cipher.for_another()))
        self.written()

    def hand_over(self, batch: WriteBatch) -> None:
        for table, rows in batch.rows.items():
            for part in _parts(rows.items()):
                self._send(Part(rows={table: dict(part)}))
        for versions in _parts(batch.versions):
            self._send(Part(versions=versions))
        for blob in batch.blobs:
            self._send(Part(blobs=[blob]))
        for entries in _parts(batch.entries):
            self._send(Part(entries=entries))
        self._send(End(batch.height, batch.first_version))

    def find(self, table: int, keys: list[bytes]) -> Callable[[], list[bytes | None] | None]:
        """Ask for rows; what is returned gives them, or None where they cannot be read there."""
        self._send(Find(table, keys))

        def answer() -> list[bytes | None] | None:
            payload = read_frame(self._answers)
            if payload is None:
                raise StorageFailed(self._file, "the process that writes it has ended")
            try:
                return FOUND.decode(payload)
            except msgspec.ValidationError:
                return None

        return answer

    def written(self) -> None:
        """Wait for the answer to what was sent last."""
        payload = read_frame(self._answers)
        if payload is None:
            raise StorageFailed(self._file, "the process that writes it has ended")
        answer = WRITTEN.decode(payload)
        if answer.full:
            raise StorageFull(self._file)
        if answer.problem:
            raise StorageFailed(self._file, answer.problem)

    def stop(self) -> None:
        """Let it end; it has nothing left to do."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Request) -> None:
        left = memoryview(frame(message))
        try:
            while left:
                left = left[os.write(self._requests, left) :]
        except OSError as error:
            raise StorageFailed(
                self._file, f"the process that writes it is gone ({error.strerror})"
            ) from None


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    """Runs of up to `PART_ITEMS`."""
    source = iter(items)
    while part := list(islice(source, PART_ITEMS)):
        yield part
