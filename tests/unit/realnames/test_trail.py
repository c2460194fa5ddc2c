"""The audit trail: entries are found, and nothing can be changed in it without the key."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.realnames.trail import Trail, TrailIsBroken, open_database, together

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "trail.sqlite"
    database = open_database(path)
    trail = Trail(database, KEY)
    for number in range(1, 6):
        with together(database):
            assert (
                trail.append(number * 1_000, f"actor {number % 2}", "did", f"s{number % 2}", n=number)
                == number
            )
    database.close()
    return path


def opened(path: Path, key: bytes = KEY) -> Trail:
    return Trail(open_database(path), key)


def test_entries_are_found_by_subject_actor_and_time(path: Path) -> None:
    trail = opened(path)
    assert [one.number for one in trail.entries()] == [1, 2, 3, 4, 5]
    assert [one.detail for one in trail.entries("s1")] == [{"n": 1}, {"n": 3}, {"n": 5}]
    assert [one.number for one in trail.entries(first=4)] == [4, 5]
    assert trail.count_since("actor 1", "did", 1_000) == 2
    assert trail.count_since("actor 1", "did not", 0) == 0


def test_the_chain_holds_and_leads_through_what_it_was(path: Path) -> None:
    trail = opened(path)
    count, head = trail.check()
    assert count == 5
    trail.append(9_000, "actor", "did")
    assert trail.check(count, head)[0] == 6
    assert path.stat().st_mode & 0o077 == 0


TAMPERING: dict[str, Callable[[sqlite3.Connection], object]] = {
    "a changed detail": lambda db: db.execute("UPDATE trail SET detail = '{}' WHERE number = 3"),
    "a changed actor": lambda db: db.execute("UPDATE trail SET actor = 'x' WHERE number = 1"),
    "a changed time": lambda db: db.execute("UPDATE trail SET time_ms = 5 WHERE number = 5"),
    "one taken out": lambda db: db.execute("DELETE FROM trail WHERE number = 2"),
    "the first taken out": lambda db: db.execute("DELETE FROM trail WHERE number = 1"),
    "two exchanged": lambda db: db.executescript(
        "UPDATE trail SET number = 9 WHERE number = 2; UPDATE trail SET number = 2 WHERE number = 3;"
        "UPDATE trail SET number = 3 WHERE number = 9"
    ),
    "the end cut off": lambda db: db.execute("DELETE FROM trail WHERE number > 3"),
    "an end written anew": lambda db: db.executescript(
        "DELETE FROM trail WHERE number > 4; INSERT INTO trail VALUES (5, 1, 'x', 'did', '', '{}', zeroblob(32))"
    ),
}


@pytest.mark.parametrize("case", TAMPERING)
def test_tampering_is_found(path: Path, case: str) -> None:
    count, head = opened(path).check()
    database = sqlite3.connect(path, isolation_level=None)
    TAMPERING[case](database)
    database.close()
    with pytest.raises(TrailIsBroken):
        opened(path).check(count, head)


def test_without_the_key_no_chain_is_made(path: Path) -> None:
    with pytest.raises(TrailIsBroken):
        opened(path, b"x" * 32).check()


def test_what_is_taken_back_leaves_nothing(path: Path) -> None:
    database = open_database(path)
    trail = Trail(database, KEY)
    with pytest.raises(ZeroDivisionError), together(database):
        trail.append(1, "actor", "did")
        raise ZeroDivisionError
    assert trail.check()[0] == 5
