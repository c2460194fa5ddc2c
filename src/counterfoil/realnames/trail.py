"""An audit trail: entries that are only appended, each chained to the one before under a key, in an SQLite file.

Whoever has the file and not the key can neither change an entry nor take one out of the middle without being found
out; the end is held against the count and the head that were written down elsewhere. Personal data never stand in it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from counterfoil.primitives.digests import keyed

HEAD_BYTES: Final = 32
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS trail (
    number INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    chained BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trail_by_actor ON trail (actor, action, time_ms);
CREATE INDEX IF NOT EXISTS trail_by_subject ON trail (subject, number);
"""


class TrailIsBroken(Exception):
    """An entry is not what was written, or one is missing. The message says which."""


class Entry(NamedTuple):
    """subject: what it is about, in a form that says nothing without the key. detail: plain values by name."""

    number: int
    time_ms: int
    actor: str
    action: str
    subject: str
    detail: dict[str, object]


class Trail:
    """The trail of one file, through a connection that its owner may use for tables of its own."""

    def __init__(self, database: sqlite3.Connection, key: bytes) -> None:
        self._database = database
        self._key = key
        database.executescript(_TABLE)

    def append(self, time_ms: int, actor: str, action: str, subject: str = "", **detail: object) -> int:
        """One more entry, in the caller's transaction; returns its number."""
        last = self._database.execute(
            "SELECT number, chained FROM trail ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, before = (last[0] + 1, last[1]) if last is not None else (1, bytes(HEAD_BYTES))
        text = json.dumps(detail, sort_keys=True)
        entry = (number, time_ms, actor, action, subject, text)
        self._database.execute(
            "INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?)", (*entry, self._chained(before, entry))
        )
        return number

    def entries(self, subject: str = "", first: int = 1) -> Iterator[Entry]:
        """Oldest first; of one subject, or all."""
        rows = self._database.execute(
            "SELECT number, time_ms, actor, action, subject, detail FROM trail"
            " WHERE number >= ? AND (? = '' OR subject = ?) ORDER BY number",
            (first, subject, subject),
        )
        for number, time_ms, actor, action, about, detail in rows:
            yield Entry(number, time_ms, actor, action, about, json.loads(detail))

    def count_since(self, actor: str, action: str, time_ms: int) -> int:
        """How often somebody did something after a time."""
        row = self._database.execute(
            "SELECT count(*) FROM trail WHERE actor = ? AND action = ? AND time_ms > ?",
            (actor, action, time_ms),
        ).fetchone()
        return int(row[0])

    def check(self, count: int = 0, head: bytes = b"") -> tuple[int, bytes]:
        """(how many entries, head of the chain), after going over all of them.

        count, head: as they were at some earlier time. TrailIsBroken where the chain does not hold, or does not lead
        through that head.
        """
        chained, expected, seen = bytes(HEAD_BYTES), 1, not count
        for row in self._database.execute("SELECT * FROM trail ORDER BY number"):
            if row[0] != expected:
                raise TrailIsBroken(f"Entry {expected} of the trail is missing.")
            chained = self._chained(chained, row[:6])
            if chained != row[6]:
                raise TrailIsBroken(f"Entry {expected} of the trail was changed.")
            if row[0] == count:
                if chained != head:
                    raise TrailIsBroken(f"Entry {count} of the trail is another than it was.")
                seen = True
            expected += 1
        if not seen:
            raise TrailIsBroken(f"The trail ends before its entry {count}.")
        return expected - 1, chained

    def _chained(self, before: bytes, entry: tuple[object, ...]) -> bytes:
        return keyed(self._key, before + json.dumps(entry).encode(), HEAD_BYTES)


def open_database(path: Path) -> sqlite3.Connection:
    """An SQLite file whose commits are durable and whose deleted content is overwritten; for its owner alone."""
    path.touch(mode=0o600, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = TRUNCATE")
    database.execute("PRAGMA synchronous = EXTRA")
    database.execute("PRAGMA secure_delete = ON")
    return database


@contextmanager
def together(database: sqlite3.Connection) -> Iterator[None]:
    """Everything inside happens, or nothing of it does."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
