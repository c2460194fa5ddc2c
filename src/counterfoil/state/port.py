"""The port that disk must satisfy. `storage` has two implementations: LMDB and plain memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

BLOB_KINDS = ("block", "header", "changes", "receipts", "sealed", "tree")
"""Large values by number, written once and seldom again: mostly one of each a height."""
SEALED_BLOB_KINDS = ("sealed",)
"""Of these, what is sealed as it comes: a store does not encrypt it again, so that whom it is for can read a copy."""
ENTRY_KINDS = ("meta", "free", "link", "result")
"""Small values by a plain, unrevealing key, in key order."""


class StoreFailed(Exception):
    """The store cannot give, or cannot keep, what it was asked to: it is full, damaged or unreadable.

    That is this machine's trouble and says nothing about the rules or the asker: a block that meets it is not decided.
    """


@dataclass(frozen=True)
class TableLayout:
    """How a table's keys lie on disk: the first `clear` bytes readable and ordered, then the components of the
    given `sizes` (their sum plus `clear` is the key's size; a last size of 0 means "the rest"), each under a tag."""

    clear: int
    sizes: tuple[int, ...]


class WriteBatch:
    """What one atomic write carries.

    height: the last height whose effects are in the batch. rows: by table number and full key, the row, or None to
    remove it physically. versions: history rows for the dense positions from first_version. blobs: (kind, number,
    bytes), replacing. entries: (kind, key, bytes or None to remove; removing what is not there is fine), the last one
    of a key wins. Whoever writes a batch lets go of it: a store may keep what is in it until it is on disk.
    """

    __slots__ = ("blobs", "entries", "first_version", "height", "rows", "versions")

    def __init__(self) -> None:
        self.height = 0
        self.rows: dict[int, dict[bytes, bytes | None]] = {}
        self.first_version = 0
        self.versions: list[bytes] = []
        self.blobs: list[tuple[str, int, bytes]] = []
        self.entries: list[tuple[str, bytes, bytes | None]] = []


class RecordStore(Protocol):
    """Rows, history versions, blobs and entries; one writer, readers see the last batch that was written."""

    def height(self) -> int:
        """The height of the last batch that was written; 0 when empty."""

    def row(self, table: int, key: bytes) -> bytes | None: ...

    def rows_of(self, table: int, keys: list[bytes]) -> list[bytes | None]:
        """Many rows of one table at once, in the order asked."""

    def scan(self, table: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """(full key, row) for keys under a prefix of whole components (or of clear bytes), in no stated order."""

    def version(self, position: int) -> bytes: ...

    def versions_end(self) -> int:
        """The next free position of the history."""

    def blob(self, kind: str, number: int) -> bytes | None: ...

    def last_blob(self, kind: str) -> int | None: ...

    def entry(self, kind: str, key: bytes) -> bytes | None: ...

    def entries(self, kind: str, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Entries whose keys begin with the prefix, from `start` on, in key order."""

    def entry_before(self, kind: str, key: bytes) -> bytes | None:
        """The greatest key of the kind that is smaller than `key`, or None."""

    def entry_at_or_before(self, kind: str, key: bytes) -> bytes | None:
        """The greatest key of the kind that is not greater than `key`, or None."""

    def write(self, batch: WriteBatch) -> None:
        """All or nothing, batches in their order. Seen by readers when it returns; durable then or, where another
        process writes, somewhat later: `close` waits for it, and a failure is raised at the next call of either."""

    def settle(self) -> None:
        """Wait until what was written is durable."""

    def frozen(self) -> RecordStore:
        """A view of what is written now, whatever is written later. It cannot be written to; close it soon."""

    def close(self) -> None: ...
