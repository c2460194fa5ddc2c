"""The record store in memory: for tests, and for ledgers that are not to be kept."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from copy import copy

from counterfoil.state.port import BLOB_KINDS, ENTRY_KINDS, TableLayout, WriteBatch
from counterfoil.storage.batches import check_order
from counterfoil.storage.disk_keys import DiskKeys


class MemoryStore:
    """Holds rows, history, blobs and entries as long as the process lives; keys in their own order."""

    def __init__(self, layouts: Mapping[int, TableLayout]) -> None:
        self._keys = DiskKeys(layouts, b"")
        self._height = 0
        self._rows = _SortedMap()
        self._versions: list[bytes] = []
        self._blobs: dict[str, dict[int, bytes]] = {kind: {} for kind in BLOB_KINDS}
        self._entries = {kind: _SortedMap() for kind in ENTRY_KINDS}

    def height(self) -> int:
        return self._height

    def versions_end(self) -> int:
        return len(self._versions)

    def row(self, table: int, key: bytes) -> bytes | None:
        return self._rows.values.get(self._keys.of[table](key))

    def rows_of(self, table: int, keys: list[bytes]) -> list[bytes | None]:
        return [self.row(table, key) for key in keys]

    def scan(self, table: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Sees the store as it was when the scan began."""
        for disk_key, row in self._rows.items(self._keys.prefix(table, prefix), b""):
            yield disk_key[1:], row

    def version(self, position: int) -> bytes:
        """The version at a position below `versions_end()`, else LookupError."""
        if not 0 <= position < len(self._versions):
            raise LookupError(f"the history has no position {position}")
        return self._versions[position]

    def blob(self, kind: str, number: int) -> bytes | None:
        return self._blobs[kind].get(number)

    def last_blob(self, kind: str) -> int | None:
        return max(self._blobs[kind], default=None)

    def entry(self, kind: str, key: bytes) -> bytes | None:
        return self._entries[kind].values.get(key)

    def entries(self, kind: str, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Sees the store as it was when the listing began, like `scan`."""
        yield from self._entries[kind].items(prefix, start)

    def entry_before(self, kind: str, key: bytes) -> bytes | None:
        keys = self._entries[kind].keys()
        index = bisect_left(keys, key)
        return keys[index - 1] if index else None

    def entry_at_or_before(self, kind: str, key: bytes) -> bytes | None:
        keys = self._entries[kind].keys()
        index = bisect_right(keys, key)
        return keys[index - 1] if index else None

    def write(self, batch: WriteBatch) -> None:
        """All or nothing. ValueError for a batch that does not follow the last one."""
        check_order(batch, self._height, len(self._versions))
        rows = [
            (self._keys.of[table](key), row)
            for table, rows_of_table in batch.rows.items()
            for key, row in rows_of_table.items()
        ]
        blobs = [(self._blobs[kind], number, data) for kind, number, data in batch.blobs]
        entries = [(self._entries[kind], key, data) for kind, key, data in batch.entries]
        for disk_key, row in rows:
            self._rows.put(disk_key, row)
        for numbers, number, blob in blobs:
            numbers[number] = blob
        for shelf, key, data in entries:
            shelf.put(key, data)
        self._versions += batch.versions
        self._height = batch.height

    def settle(self) -> None:
        """Nothing is on its way."""

    def frozen(self) -> MemoryStore:
        """A copy."""
        view = copy(self)
        view._rows = self._rows.copied()
        view._versions = list(self._versions)
        view._blobs = {kind: dict(blobs) for kind, blobs in self._blobs.items()}
        view._entries = {kind: entries.copied() for kind, entries in self._entries.items()}
        return view

    def close(self) -> None:
        """Nothing to let go of."""


class _SortedMap:
    """A dictionary that can be listed in the order of its keys, which are sorted when first asked for."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._sorted: list[bytes] | None = []

    def copied(self) -> _SortedMap:
        found = _SortedMap()
        found.values, found._sorted = dict(self.values), None
        return found

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self.values.pop(key, None) is not None:
                self._sorted = None
        else:
            if key not in self.values:
                self._sorted = None
            self.values[key] = value

    def keys(self) -> list[bytes]:
        if self._sorted is None:
            self._sorted = sorted(self.values)
        return self._sorted

    def items(self, prefix: bytes, start: bytes) -> list[tuple[bytes, bytes]]:
        """Items under a prefix, from `start` on, as they are now."""
        keys = self.keys()
        found = []
        for index in range(bisect_left(keys, max(prefix, start)), len(keys)):
            key = keys[index]
            if not key.startswith(prefix):
                break
            found.append((key, self.values[key]))
        return found
