"""Working records: what rules read and write while a block is applied, with effects that can be taken back.

Each table has one `Shelf`. An *action* (a transaction, one message of a list, a deadline, a retry) writes straight
into the shelf and notes what stood there before; `accept` keeps the effects, `reject` puts everything back. At the
end of the block the state commits what differs from the block's start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from sortedcontainers import SortedList

from counterfoil.primitives.codec import Record
from counterfoil.primitives.outcome import ensure
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)

READ_AHEAD_MAX = 1_048_576
"""Records of a table that are kept in memory until they are used; each takes some 400 bytes."""
KEY_SIZE_MAX = 400
"""Of a key whose last component has no fixed size: so much fits into the store's own keys."""

Load = Callable[[int, bytes], bytes | None]
"""The current row (see `rows.py`) of a table's key, or None where there never was one."""
LoadMany = Callable[[int, list[bytes]], list[bytes | None]]


class Shelf(Generic[R]):
    """One table's working records. Modules get it as their `View`: find, put, delete, scan."""

    __slots__ = (
        "_books",
        "_key_sizes",
        "ahead",
        "index",
        "journal",
        "live",
        "membership_changed",
        "rows",
        "table",
        "touched",
        "unwritten",
    )

    def __init__(self, books: Books, table: Table[R]) -> None:
        self._books = books
        self.table = table
        least = sum(table.key_sizes)
        self._key_sizes = range(least, least + 1 if table.key_sizes[-1] else KEY_SIZE_MAX + 1)
        self.live: dict[bytes, R | None] = {}
        self.rows: dict[bytes, bytes] = {}
        self.unwritten: dict[bytes, bytes] = {}
        self.journal: dict[bytes, R | None] = {}
        self.touched: dict[bytes, R | None] = {}
        self.ahead = 0
        """So many records were read ahead of their use, and stay in memory beside what usually does."""
        self.membership_changed = False
        """Whether a record came to life or ended in the open block, for good or not."""
        self.index: SortedList[bytes] | None = SortedList() if table.resident else None

    def find(self, key: bytes) -> R | None:
        """The record under `key` with the effects so far, or None."""
        try:
            return self.live[key]
        except KeyError:
            return self._load(key)

    def at_hand(self, key: bytes) -> R | None:
        """`find` in a resident table: all its records are in memory, so the store is not asked about what is not."""
        return self.live.get(key)

    def put(self, key: bytes, record: R) -> None:
        """Write `record` under `key`, in place of what stood there."""
        journal = self.journal
        if key not in journal:
            if not journal:
                self._books.open_shelves.append(self)
            journal[key] = self.find(key)
        if self.live.get(key) is None:
            ensure(len(key) in self._key_sizes, f"{self.table.name}: key of a wrong size")
            self.membership_changed = True
            if self.index is not None:
                self.index.add(key)
        self.live[key] = record

    def find_many(self, keys: Sequence[bytes]) -> list[R | None]:
        """`find` for many keys of a table that is not resident, in less than half the time."""
        live, self.ahead = self.live, 0
        with suppress(KeyError):  # all are at hand
            return [live[key] for key in keys]
        self._fetch(keys)
        if self.unwritten:
            return [self.find(key) for key in keys]
        return [live.get(key) for key in keys]

    def read_ahead(self, keys: Sequence[bytes]) -> None:
        """Bring records into memory of which `find_many` will be asked in a later block. It changes nothing.

        Up to `READ_AHEAD_MAX` wait there; what is more is read when it is needed, and so is all of it after a restart.
        """
        before = len(self.live)
        if self.ahead + len(keys) <= READ_AHEAD_MAX:
            self._fetch(keys)
            self.ahead += len(self.live) - before

    def _fetch(self, keys: Sequence[bytes]) -> None:
        live, rows, unwritten, sizes = self.live, self.rows, self.unwritten, self._key_sizes
        missing = [key for key in keys if key not in live and key not in unwritten and len(key) in sizes]
        ensure(self.index is None, "a resident table is in memory")
        found = self._books.load_many(self.table.number, missing)
        rows.update([(key, row) for key, row in zip(missing, found, strict=True) if row is not None])
        decode, value_of = self.table.decoder.trusted, self._books.value_of
        values = [value_of(row) if row is not None else b"" for row in found]
        live.update(zip(missing, [decode(value) if value else None for value in values], strict=True))

    def put_many(self, keys: Sequence[bytes], found: Sequence[R], records: Sequence[R]) -> None:
        """`put` for many keys, each once, in place of the records that were found under them."""
        journal = self.journal
        if not journal:
            self._books.open_shelves.append(self)
            journal.update(zip(keys, found, strict=True))
        else:
            for key, record in zip(keys, found, strict=True):
                journal.setdefault(key, record)
        self.live.update(zip(keys, records, strict=True))

    def put_first(self, key: bytes, record: R) -> None:
        """`put` for a key that never lived, without looking for what stood there: the founding's way."""
        if not self.journal:
            self._books.open_shelves.append(self)
        self.journal[key] = None
        self.membership_changed = True
        if self.index is not None:
            self.index.add(key)
        self.live[key] = record

    def delete(self, key: bytes) -> None:
        """End the record under `key`; it must be there."""
        journal = self.journal
        old = self.find(key)
        ensure(old is not None, f"{self.table.name}: delete of what is not there")
        if key not in journal:
            if not journal:
                self._books.open_shelves.append(self)
            journal[key] = old
        if self.index is not None:
            self.index.remove(key)
        self.live[key] = None
        self.membership_changed = True

    def changes(self) -> dict[bytes, tuple[R | None, R | None]]:
        """Of every key that the open block has touched for good: the record at the block's start, and now."""
        touched, live = self.touched, self.live
        return dict(
            zip(touched, zip(touched.values(), [live[key] for key in touched], strict=True), strict=True)
        )

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """Records of a resident table whose keys begin with `prefix`, in key order.

        Writing to the table while iterating is not allowed: take a list first.
        """
        ensure(self.index is not None, f"{self.table.name} is not resident: rules do not scan it")
        index = cast("SortedList[bytes]", self.index)
        for key in index.irange(prefix, prefix + b"\xff" * 64):
            yield key, cast(R, self.live[key])

    def first(self, prefix: bytes = b"") -> tuple[bytes, R] | None:
        """The first record of a resident table whose key begins with `prefix`."""
        return next(self.scan(prefix), None)

    def last(self, most: bytes) -> tuple[bytes, R] | None:
        """The last record of a resident table whose key is not after `most`."""
        ensure(self.index is not None, f"{self.table.name} is not resident: rules do not scan it")
        for key in cast("SortedList[bytes]", self.index).irange(None, most, reverse=True):
            return key, cast(R, self.live[key])
        return None

    def _load(self, key: bytes) -> R | None:
        if len(key) not in self._key_sizes:
            return None  # an identifier of a wrong size came from outside: nothing lies under it
        row = self.unwritten.get(key)
        if row is None:
            row = self._books.load(self.table.number, key)
        record = None
        if row is not None:
            self.rows[key] = row
            value = self._books.value_of(row)
            record = self.table.decoder.trusted(value) if value else None
        if record is not None or self.index is None:
            self.live[key] = record
        return cast("R | None", record)

    def fill(self, key: bytes, row: bytes, record: R) -> None:
        """Put a resident record into memory when the ledger starts."""
        ensure(self.index is not None, "only resident tables are filled")
        self.rows[key] = row
        self.live[key] = record
        cast("SortedList[bytes]", self.index).add(key)

    def _restore(self, key: bytes, old: R | None) -> None:
        if self.index is not None and (old is None) != (self.live.get(key) is None):
            if old is None:
                self.index.remove(key)
            else:
                self.index.add(key)
        self.live[key] = old


Aside = list[tuple[Shelf[Any], dict[bytes, tuple[Any, Any]]]]
"""Effects that were set aside: for each shelf, by key, what stood there and what is to stand there."""


class Books:
    """All shelves, and the actions on them."""

    def __init__(self, load: Load, load_many: LoadMany, value_of: Callable[[bytes], bytes]) -> None:
        self.load = load
        self.load_many = load_many
        self.value_of = value_of
        self.shelves: dict[int, Shelf[Any]] = {}
        self.open_shelves: list[Shelf[Any]] = []

    def shelf(self, table: Table[R]) -> Shelf[R]:
        """The one shelf of a table; whoever holds it may write to it (the wiring hands it to its owner only)."""
        found = self.shelves.get(table.number)
        if found is None:
            found = self.shelves[table.number] = Shelf(self, table)
        ensure(found.table is table, f"table number {table.number} is declared twice")
        return cast("Shelf[R]", found)

    def find(self, table: Table[R], key: bytes) -> R | None:
        return self.shelf(table).find(key)

    def accept(self) -> None:
        """Keep the effects of the action."""
        for shelf in self.open_shelves:
            touched = shelf.touched
            if not touched:
                shelf.touched, shelf.journal = shelf.journal, touched
                continue
            for key, old in shelf.journal.items():
                if key not in touched:
                    touched[key] = old
            shelf.journal.clear()
        self.open_shelves.clear()

    def reject(self) -> None:
        """Take the effects of the action back, without trace."""
        for shelf in self.open_shelves:
            for key, old in shelf.journal.items():
                shelf._restore(key, old)
            shelf.journal.clear()
        self.open_shelves.clear()

    def discard_block(self) -> None:
        """Take back every accepted effect since the last commit."""
        ensure(not self.open_shelves, "an action is still open")
        for shelf in self.shelves.values():
            for key, old in shelf.touched.items():
                shelf._restore(key, old)
            shelf.touched.clear()

    def set_aside(self) -> Aside:
        """Take back every accepted effect since the last commit, to be brought back unchanged or forgotten."""
        ensure(not self.open_shelves, "an action is still open")
        aside: Aside = []
        for shelf in self.shelves.values():
            if shelf.touched:
                aside.append((shelf, shelf.changes()))
        self.discard_block()
        return aside

    def bring_back(self, aside: Aside) -> None:
        """The effects that were set aside, on the books of the same last commit."""
        for shelf, changes in aside:
            ensure(not shelf.touched, "nothing else was begun meanwhile")
            shelf.membership_changed = True
            for key, (old, new) in changes.items():
                shelf._restore(key, new)
                shelf.touched[key] = old
