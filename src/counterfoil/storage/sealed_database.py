"""One named database inside an LMDB environment, with every value sealed for its key.

A damaged value is noticed because its seal does not open. A damaged *key* would make its value vanish, which a seal
cannot show: so whenever something is not found, its two neighbours are opened and compared with the key, and at the
ends of a scan likewise. A key that changed under us, in a leaf or in a branch, then stands beside the gap, where
its value's seal (which covers the key) or its order betrays it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import lmdb

from counterfoil.storage.cipher import Cipher, Damaged
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.lmdb_environment import ReadTransaction

Item = tuple[bytes, bytes]


class SealedDatabase:
    """name: of the database, and what its values are called in errors. file: named in errors.

    place: what a value's seal covers before its key; different for each database of an environment.
    """

    def __init__(
        self, environment: lmdb.Environment, name: str, place: bytes, cipher: Cipher, file: Path
    ) -> None:
        self.name = name
        self.handle = environment.open_db(name.encode())
        self._place = place
        self._cipher = cipher
        self._file = file

    def opened(self, key: bytes, stored: bytes) -> bytes:
        """The plaintext of a value found under a key, or CorruptStorage."""
        try:
            return self._cipher.open(self._place + key, stored)
        except Damaged:
            raise self.corrupt("a value is not what was written", key) from None

    def corrupt(self, problem: str, key: bytes) -> CorruptStorage:
        return CorruptStorage(self._file, problem, database=self.name, key=key)

    def get(self, txn: ReadTransaction, key: bytes) -> bytes | None:
        stored = txn.get(key, db=self.handle)
        if stored is None:
            self.gap(txn, key)
            return None
        try:
            return self._cipher.open(self._place + key, stored)
        except Damaged:
            raise self.corrupt("a value is not what was written", key) from None

    def get_many(self, txn: ReadTransaction, keys: list[bytes]) -> dict[bytes, bytes]:
        """The stored, still sealed values of ascending keys; those that are not there are left out."""
        return dict(txn.cursor(self.handle).getmulti(keys))

    def gap(self, txn: ReadTransaction, key: bytes) -> tuple[Item | None, Item | None]:
        """The opened neighbours (before, after) of a key that is not there; CorruptStorage if they cannot be."""
        cursor = txn.cursor(self.handle)
        after = self._item(cursor) if cursor.set_range(key) else None
        before = self._item(cursor) if (cursor.prev() if after else cursor.last()) else None
        if (after is not None and after[0] <= key) or (before is not None and before[0] >= key):
            raise self.corrupt("its keys are not in order", key)
        return before, after

    def floor(self, txn: ReadTransaction, key: bytes) -> Item | None:
        """As `at_or_before`, for who can tell from the value itself whether another ought to stand between."""
        cursor = txn.cursor(self.handle)
        if cursor.set_range(key):
            return self._item(cursor) if cursor.key() == key or cursor.prev() else None
        return self._item(cursor) if cursor.last() else None

    def at_or_before(self, txn: ReadTransaction, key: bytes) -> Item | None:
        """The item with the greatest key that is not greater than `key`."""
        stored = txn.get(key, db=self.handle)
        if stored is not None:
            return key, self.opened(key, stored)
        return self.gap(txn, key)[0]

    def before(self, txn: ReadTransaction, key: bytes) -> Item | None:
        """The item with the greatest key that is smaller than `key`."""
        cursor = txn.cursor(self.handle)
        after = self._item(cursor) if cursor.set_range(key) else None
        before = self._item(cursor) if (cursor.prev() if after else cursor.last()) else None
        if (after is not None and after[0] < key) or (before is not None and before[0] >= key):
            raise self.corrupt("its keys are not in order", key)
        return before

    def last(self, txn: ReadTransaction) -> Item | None:
        cursor = txn.cursor(self.handle)
        return self._item(cursor) if cursor.last() else None

    def scan(self, txn: ReadTransaction, prefix: bytes, start: bytes = b"") -> Iterator[Item]:
        """Items whose keys begin with the prefix, from `start` on, in the order of their keys."""
        cursor = txn.cursor(self.handle)
        begin = max(prefix, start)
        found = cursor.set_range(begin)
        behind = self._item(cursor) if (cursor.prev() if found else cursor.last()) else None
        if behind is not None and behind[0] >= begin:
            raise self.corrupt("its keys are not in order", begin)
        previous = b""
        found = cursor.set_range(begin)
        while found:
            key, stored = cursor.item()
            if key < begin or (previous and key <= previous):
                raise self.corrupt("its keys are not in order", key)
            value = self.opened(key, stored)
            if not key.startswith(prefix):
                return
            yield key, value
            previous = key
            found = cursor.next()

    def put(
        self,
        txn: ReadTransaction,
        items: Iterable[Item],
        *,
        append: bool = False,
    ) -> None:
        """Write items in the order of their keys, which is what makes it fast; existing values are replaced."""
        seal, place = self._cipher.seal, self._place
        cursor = txn.cursor(self.handle)
        cursor.putmulti(((key, seal(place + key, value)) for key, value in items), append=append)

    def count(self, txn: ReadTransaction) -> int:
        return int(txn.stat(self.handle)["entries"])

    def examine(self, txn: ReadTransaction, progress: Callable[[int], None]) -> int:
        """Open every value; how many there are. CorruptStorage at the first that is damaged, or if any is missing."""
        found = 0
        for _ in self.scan(txn, b""):
            found += 1
            if not found % 10_000:
                progress(10_000)
        progress(found % 10_000)
        if found != self.count(txn):
            raise self.corrupt(f"{self.count(txn)} values were written, {found} are there", b"")
        return found

    def _item(self, cursor: lmdb.Cursor[bytes]) -> Item:
        key, stored = cursor.item()
        return key, self.opened(key, stored)
