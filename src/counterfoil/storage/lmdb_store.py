"""The record store on disk: LMDB behind the state's port.

One environment with named databases: rows (under tagged keys), the history (pages of versions, keyed by the position
of the first, only ever appended), one for each kind of blob and of entry, and one record that says how far the store
has come. A batch is one LMDB transaction: its pages and then its root are synced, so that after a crash the store is
either before or after the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from operator import itemgetter
from pathlib import Path

import lmdb

from counterfoil.state.port import BLOB_KINDS, ENTRY_KINDS, SEALED_BLOB_KINDS, TableLayout, WriteBatch
from counterfoil.storage.batches import check_order
from counterfoil.storage.cipher import Checksums, Cipher, Damaged
from counterfoil.storage.disk_keys import DiskKeys
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.fault_points import (
    AFTER_STORE_WRITE,
    BEFORE_STORE_WRITE,
    INSIDE_STORE_COPY,
    INSIDE_STORE_WRITE,
    reached,
)
from counterfoil.storage.lmdb_environment import MAP_SIZE, Environment, FrozenEnvironment, ReadTransaction
from counterfoil.storage.packing import (
    blob_parts,
    pack_progress,
    pack_versions,
    parts_of,
    unpack_progress,
    unpack_version,
)
from counterfoil.storage.sealed_database import Item, SealedDatabase

HISTORY_PAGE = 64
"""So many versions share one sealed value: sealing and storing them one by one would cost three times as much, and
reading one of them still takes only a few microseconds."""

FILL_ITEMS = 5_000
FILL_BYTES = 4 << 20
"""Of a piece when a store is filled from another; it takes some tens of milliseconds."""

Place = tuple[int, bytes]
"""Which of a store's databases, and from which key on."""

_LENGTHS = [length.to_bytes(2, "big") for length in range(512)]
_PROGRESS = b"progress"


class LmdbStore:
    """The record store in one directory, which must exist; the ledger folder's lock keeps other processes out.

    layouts: of every table that may be written or read. Raises CorruptStorage, StorageFull, StorageFailed.
    """

    _height: int
    _versions_end: int

    def __init__(
        self,
        directory: Path,
        layouts: Mapping[int, TableLayout],
        cipher: Cipher,
        *,
        map_size: int = MAP_SIZE,
    ) -> None:
        self._keys = DiskKeys(layouts, cipher.tag_key)
        self._cipher = cipher
        self._environment = Environment(directory, map_size)
        blobs = {kind: f"blob {kind}" for kind in BLOB_KINDS}
        entries = {kind: f"entry {kind}" for kind in ENTRY_KINDS}
        try:
            self._environment.refuse_unknown(
                ["rows", "history", "progress", *blobs.values(), *entries.values()]
            )
            self._rows = self._database("rows", b"")
            self._history = self._database("history", b"\x00v")
            self._blobs = {
                kind: self._database(name, b"\x00b", Checksums() if kind in SEALED_BLOB_KINDS else cipher)
                for kind, name in blobs.items()
            }
            self._entries = {kind: self._database(name, b"\x00e") for kind, name in entries.items()}
            self._progress = self._database("progress", b"\x00p")
            self.take_up()
        except lmdb.Error as error:
            self._environment.close()
            raise self._environment.translated(error) from error
        except BaseException:
            self._environment.close()
            raise

    @property
    def file(self) -> Path:
        """Where everything lies."""
        return self._environment.file

    @property
    def map_size(self) -> int:
        return self._environment.map_size

    def height(self) -> int:
        return self._height

    def versions_end(self) -> int:
        return self._versions_end

    def row(self, table: int, key: bytes) -> bytes | None:
        environment = self._environment
        disk_key = self._keys.of[table](key)
        txn = environment.begin_read()
        try:
            return self._row(txn, table, key, disk_key)
        except lmdb.Error as error:
            raise environment.translated(error) from error
        finally:
            environment.end_read(txn)

    def rows_of(self, table: int, keys: list[bytes]) -> list[bytes | None]:
        opened = self._opened_row
        disk_keys = list(map(self._keys.of[table], keys))
        with self._environment.reading() as txn:
            found = map(self._rows.get_many(txn, sorted(disk_keys)).get, disk_keys)
            return [
                opened(table, key, disk_key, stored)
                if stored is not None
                else self._row(txn, table, key, disk_key)
                for key, disk_key, stored in zip(keys, disk_keys, list(found), strict=True)
            ]

    def scan(self, table: int, prefix: bytes) -> Iterator[Item]:
        """Sees the store as it was when the scan began. The view lasts until the scan ends or is closed."""
        disk_prefix = self._keys.prefix(table, prefix)
        clear = self._keys.clear[table]
        tagged = bool(self._cipher.tag_key)
        with self._environment.reading() as txn:
            for disk_key, plain in self._rows.scan(txn, disk_prefix):
                yield _readable(disk_key, plain, clear) if tagged else (disk_key[1:], plain)

    def version(self, position: int) -> bytes:
        """The version at a position below `versions_end()`, else LookupError."""
        if not 0 <= position < self._versions_end:
            raise LookupError(f"the history has no position {position}")
        with self._environment.reading() as txn:
            page = self._history.floor(txn, position.to_bytes(8, "big"))
        found = None if page is None else unpack_version(page[1], position - int.from_bytes(page[0], "big"))
        if found is None:
            raise CorruptStorage(self._environment.file, "the history has a gap", position=position)
        return found

    def blob(self, kind: str, number: int) -> bytes | None:
        database, key = self._blobs[kind], number.to_bytes(8, "big")
        with self._environment.reading() as txn:
            first = database.get(txn, key + bytes(4))
            if first is None:
                return None
            count = parts_of(first)
            if count == 1:
                return first[4:]
            parts = [first[4:]]
            for index in range(1, count):
                part = database.get(txn, key + index.to_bytes(4, "big"))
                if part is None:
                    raise database.corrupt("a part is missing", key + index.to_bytes(4, "big"))
                parts.append(part)
            return b"".join(parts)

    def last_blob(self, kind: str) -> int | None:
        with self._environment.reading() as txn:
            last = self._blobs[kind].last(txn)
        return None if last is None else int.from_bytes(last[0][:8], "big")

    def entry(self, kind: str, key: bytes) -> bytes | None:
        with self._environment.reading() as txn:
            return self._entries[kind].get(txn, key)

    def entries(self, kind: str, prefix: bytes = b"", start: bytes = b"") -> Iterator[Item]:
        """Sees the store as it was when the listing began, like `scan`."""
        with self._environment.reading() as txn:
            yield from self._entries[kind].scan(txn, prefix, start)

    def entry_before(self, kind: str, key: bytes) -> bytes | None:
        with self._environment.reading() as txn:
            found = self._entries[kind].before(txn, key)
        return None if found is None else found[0]

    def entry_at_or_before(self, kind: str, key: bytes) -> bytes | None:
        with self._environment.reading() as txn:
            found = self._entries[kind].at_or_before(txn, key)
        return None if found is None else found[0]

    def write(self, batch: WriteBatch) -> None:
        """All or nothing, durable when it returns. ValueError for a batch that does not follow the last one."""
        check_order(batch, self._height, self._versions_end)
        end = self._versions_end + len(batch.versions)
        reached(BEFORE_STORE_WRITE)
        self._put(batch, pack_progress(batch.height, end))
        self._height, self._versions_end = batch.height, end
        reached(AFTER_STORE_WRITE)

    def follow(self, batch: WriteBatch) -> None:
        """Write a batch that the store has taken from which this one is still being filled."""
        self._put(batch, None)

    def fill(self, source: LmdbStore, place: Place) -> Place | None:
        """Take over a piece of what another store holds, from a place on; where to go on, or None after the last
        piece. Between two pieces this store follows every batch of the other; it is none until it is `complete`."""
        number, start = place
        theirs, ours = source._filled()[number], self._filled()[number]
        items: list[Item] = []
        size, more = 0, False
        with source._environment.reading() as txn:
            for item in theirs.scan(txn, b"", start):
                if len(items) == FILL_ITEMS or size >= FILL_BYTES:
                    more = True
                    break
                items.append(item)
                size += len(item[1])
        if items:
            placed = sorted(self._placed_anew(source, items)) if number == 0 else items
            self._environment.write(lambda txn: ours.put(txn, placed))
            reached(INSIDE_STORE_COPY)
        if more:
            return number, items[-1][0] + b"\x00"
        return (number + 1, b"") if number + 1 < len(self._filled()) else None

    def complete(self, source: LmdbStore) -> None:
        """Say how far this store has come: as far as the one that it was filled from. CorruptStorage if anything is
        missing."""
        with self._environment.reading() as mine, source._environment.reading() as txn:
            for ours, theirs in zip(self._filled(), source._filled(), strict=True):
                if ours.count(mine) != theirs.count(txn):
                    raise ours.corrupt("not every value was taken over", b"")
        progress = [(_PROGRESS, pack_progress(source.height(), source.versions_end()))]
        self._environment.write(lambda txn: self._progress.put(txn, progress))
        self.take_up()

    def examine(self, progress: Callable[[int], None] = lambda count: None) -> int:
        """Open everything that the store holds; returns how many values there are, or raises CorruptStorage.

        progress is told how many more values were opened, now and then.
        """
        with self._environment.reading() as txn:
            found = sum(database.examine(txn, progress) for database in self._databases())
            end = 0
            for key, page in self._history.scan(txn, b""):
                if int.from_bytes(key, "big") != end:
                    raise CorruptStorage(self._environment.file, "the history has a gap", position=end)
                end += page[0]
        if end != self._versions_end:
            raise CorruptStorage(self._environment.file, "the history has a gap", position=end)
        return found

    def size_bytes(self) -> int:
        """Of the file, with pages that are free to be used again."""
        return self._environment.file.stat().st_size

    def settle(self) -> None:
        """Nothing is on its way."""

    def frozen(self) -> LmdbStore:
        """A view of what is written now. It keeps the pages alive that it sees."""
        view = copy(self)
        view._environment = FrozenEnvironment(self._environment)
        return view

    def close(self) -> None:
        self._environment.close()

    def has_readers(self) -> bool:
        return self._environment.has_readers()

    def _database(self, name: str, place: bytes, cipher: Cipher | None = None) -> SealedDatabase:
        marked = place + name.encode() + b"\x00" if place else b""
        return SealedDatabase(
            self._environment.raw, name, marked, cipher or self._cipher, self._environment.file
        )

    def _databases(self) -> list[SealedDatabase]:
        return [*self._filled(), self._progress]

    def _filled(self) -> list[SealedDatabase]:
        """The rows first."""
        return [self._rows, self._history, *self._blobs.values(), *self._entries.values()]

    def _put(self, batch: WriteBatch, progress: bytes | None) -> None:
        rows, removed = self._placed(batch)

        def change(txn: ReadTransaction) -> None:
            self._rows.put(txn, ((disk_key, hidden + row) for disk_key, hidden, row in rows))
            for disk_key in removed:
                txn.delete(disk_key, db=self._rows.handle)
            pages = pack_versions(batch.first_version, batch.versions, HISTORY_PAGE)
            self._history.put(txn, pages, append=True)
            self._put_blobs(txn, batch)
            self._put_entries(txn, batch)
            if progress is not None:
                self._progress.put(txn, [(_PROGRESS, progress)])
            reached(INSIDE_STORE_WRITE)

        self._environment.write(change)

    def take_up(self) -> None:
        """Look how far the store has come: at the start, and when another process has written to it."""
        self._height, self._versions_end = 0, 0
        with self._environment.reading() as txn:
            stored = self._progress.get(txn, _PROGRESS)
            if stored is not None:
                self._height, self._versions_end = unpack_progress(stored)
            elif any(database.count(txn) for database in self._databases()):
                raise self._progress.corrupt("it does not say how far it has come", _PROGRESS)

    def _row(self, txn: ReadTransaction, table: int, key: bytes, disk_key: bytes) -> bytes | None:
        stored = txn.get(disk_key, db=self._rows.handle)
        if stored is None:
            self._rows.gap(txn, disk_key)
            return None
        return self._opened_row(table, key, disk_key, stored)

    def _opened_row(self, table: int, key: bytes, disk_key: bytes, stored: bytes) -> bytes:
        try:
            plain = self._cipher.open(disk_key, stored)
        except Damaged:
            raise self._damaged_row(table, key, disk_key) from None
        if not self._cipher.tag_key:
            return plain
        hidden = key[self._keys.clear[table] :]
        end = 2 + len(hidden)
        if plain[:end] != _LENGTHS[len(hidden)] + hidden:
            raise self._damaged_row(table, key, disk_key)
        return plain[end:]

    def _damaged_row(self, table: int, key: bytes, disk_key: bytes) -> CorruptStorage:
        problem = "a row is not what was written"
        return CorruptStorage(self._environment.file, problem, table=table, key=key, disk_key=disk_key)

    def _placed(self, batch: WriteBatch) -> tuple[list[tuple[bytes, bytes, bytes]], list[bytes]]:
        """(disk key, what of the key is hidden by it, row) in the order of disk keys; disk keys to be removed."""
        of, clear, tagged = self._keys.of, self._keys.clear, bool(self._cipher.tag_key)
        rows: list[tuple[bytes, bytes, bytes]] = []
        removed: list[bytes] = []
        for table, rows_of_table in batch.rows.items():
            disk_key_of, hidden_from = of[table], clear[table]
            for key, row in rows_of_table.items():
                disk_key = disk_key_of(key)
                if row is None:
                    removed.append(disk_key)
                elif tagged:
                    rows.append((disk_key, _LENGTHS[len(key) - hidden_from] + key[hidden_from:], row))
                else:
                    rows.append((disk_key, b"", row))
        rows.sort(key=itemgetter(0))
        return rows, sorted(removed)

    def _placed_anew(self, source: LmdbStore, items: list[Item]) -> Iterator[Item]:
        """Rows of another store under this one's keys."""
        for disk_key, plain in items:
            table = disk_key[0]
            clear = source._keys.clear[table]
            if source._cipher.tag_key:
                key, row = _readable(disk_key, plain, clear)
            else:
                key, row = disk_key[1:], plain
            hidden = key[clear:]
            yield (
                self._keys.of[table](key),
                (_LENGTHS[len(hidden)] + hidden if self._cipher.tag_key else b"") + row,
            )

    def _put_blobs(self, txn: ReadTransaction, batch: WriteBatch) -> None:
        by_kind: dict[str, dict[int, bytes]] = {}
        for kind, number, data in batch.blobs:
            by_kind.setdefault(kind, {})[number] = data
        for kind, blobs in by_kind.items():
            database = self._blobs[kind]
            for number in sorted(blobs):
                _remove_further_parts(txn, database, number)
            database.put(txn, blob_parts(sorted(blobs.items())))

    def _put_entries(self, txn: ReadTransaction, batch: WriteBatch) -> None:
        by_kind: dict[str, dict[bytes, bytes | None]] = {}
        for kind, key, data in batch.entries:
            by_kind.setdefault(kind, {})[key] = data
        for kind, entries in by_kind.items():
            database = self._entries[kind]
            database.put(txn, sorted((key, data) for key, data in entries.items() if data is not None))
            for key in sorted(key for key, data in entries.items() if data is None):
                txn.delete(key, db=database.handle)


def _readable(disk_key: bytes, plain: bytes, clear: int) -> tuple[bytes, bytes]:
    """(key, row) of a row whose key is tagged on disk."""
    end = 2 + int.from_bytes(plain[:2], "big")
    return disk_key[1 : 1 + clear] + plain[2:end], plain[end:]


def _remove_further_parts(txn: ReadTransaction, database: SealedDatabase, number: int) -> None:
    """What an older and longer blob of this number would leave behind its replacement."""
    key, index = number.to_bytes(8, "big"), 1
    while txn.delete(key + index.to_bytes(4, "big"), db=database.handle):
        index += 1
