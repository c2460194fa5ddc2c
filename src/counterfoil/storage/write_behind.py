"""A record store whose large batches are written by another process, while this one goes on deciding blocks.

The same process reads half of what is asked for at once, where that is much.

Placing, encrypting and putting a row into LMDB costs as much as half the rules of a settlement, and none of it needs to
be waited for: the block log is the truth. One batch at a time is on its way; until it is on disk, reads find it here.
A batch that fails is told at the next one, and stops the ledger as a failed write always does.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.batches import check_order
from counterfoil.storage.cipher import Cipher
from counterfoil.storage.errors import StorageError
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.sealed_database import Item
from counterfoil.storage.writer_process import Writer

HANDED_OVER_LEAST: Final = 5_000
"""Rows and versions of a batch that is worth handing over; a smaller one is written here within a few milliseconds."""
READ_TOGETHER_LEAST: Final = 20_000
"""Rows asked for at once that are worth reading in two processes."""


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
        self._writer: Writer | None = None
        self._waiting: _Waiting | None = None
        self._failure: StorageError | None = None
        self._is_copied = False
        self._left: list[LmdbStore] = []
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
            size = sum(map(len, batch.rows.values())) + len(batch.versions)
            if size < self._handed_over_least and not self._is_copied:
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

    def begin_copy(self, directory: Path, cipher: Cipher) -> None:
        """Begin to fill a second store, in an empty directory and under another cipher, from this one. Until `move`
        or `give_up_copy` every batch, however small, is written to both by the other process."""
        with self._talking:
            self.settle()
            self._writing().begin_copy(directory, cipher)
            self._is_copied = True

    def copy_piece(self) -> bool:
        """Fill the next piece, within some tens of milliseconds; whether the second store now is what this one is.

        StorageFull, StorageFailed where the second store is lost; this one is none the worse.
        """
        with self._talking:
            self.settle()
            return self._writing().copy_piece()

    def move(self, directory: Path, cipher: Cipher) -> None:
        """Go on in the second store. Reads that have begun end in the one before, which stays open for them."""
        with self._talking:
            self.settle()
            self._end_copy()
            before = self._store
            self._store = LmdbStore(directory, self._layouts, cipher, map_size=before.map_size)
            self._cipher = cipher
            self._left.append(before)

    def give_up_copy(self) -> None:
        """The second store is forgotten; its directory is left to the caller."""
        with self._talking:
            self.settle()
            self._end_copy()

    def let_go(self) -> None:
        """Close stores that were left and that nobody reads any more; what they hold on disk is free then."""
        with self._talking:
            for store in [store for store in self._left if not store.has_readers()]:
                self._left.remove(store)
                store.close()

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
            self._end_copy()
            for store in (*self._left, self._store):
                store.close()

    def _end_copy(self) -> None:
        """Let the other process end; the next one knows of one store only."""
        self._is_copied = False
        if self._writer is not None:
            self._writer.stop()
            self._writer = None

    def _writing(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self._store, self._layouts, self._cipher)
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
