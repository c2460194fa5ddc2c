"""Shelves: effects that are kept, taken back, or thrown away with their block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state import books as module
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of
from counterfoil.state.tables import Table
from tests.unit.state.small_ledger import NOTES, QUEUE, Note

KEYS = st.integers(0, 4).map(lambda number: bytes([0, number]))
WRITES = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.sampled_from("abc"))), max_size=5)
ENDINGS = st.sampled_from(("accept", "reject"))


def _books() -> Books:
    books = Books(lambda _table, _key: None, lambda _table, keys: [None] * len(keys), value_of)
    for table in (NOTES, QUEUE):
        books.shelf(table)
    return books


@given(st.lists(st.tuples(st.lists(st.tuples(WRITES, ENDINGS), max_size=4), st.booleans()), max_size=4))
def test_what_is_taken_back_leaves_no_trace(blocks: list[tuple[list[tuple[list, str]], bool]]) -> None:
    books = _books()
    shelf = books.shelf(QUEUE)
    kept: dict[bytes, str] = {}
    for actions, commit in blocks:
        block = dict(kept)
        for writes, ending in actions:
            action = dict(block)
            for key, text in writes:
                if text is not None:
                    shelf.put(key, Note(text))
                    action[key] = text
                elif key in action:
                    shelf.delete(key)
                    del action[key]
                assert {at: found.text for at, found in shelf.scan()} == action
            if ending == "accept":
                books.accept()
                block = action
            else:
                books.reject()
        if commit:
            for touched in books.shelves.values():
                touched.touched.clear()
            kept = block
        else:
            books.discard_block()
        assert {at: found.text for at, found in shelf.scan()} == kept
        assert [at for at, _ in shelf.scan()] == sorted(kept)
        assert {at: shelf.find(at) for at in kept} == {at: Note(text) for at, text in kept.items()}
        assert not books.open_shelves
        assert not shelf.journal


def test_a_block_starts_from_what_was_touched_first() -> None:
    books = _books()
    shelf = books.shelf(NOTES)
    shelf.put(b"\0a", Note("one"))
    books.accept()
    shelf.put(b"\0a", Note("two"))
    books.accept()
    assert shelf.touched == {b"\0a": None}
    assert shelf.find(b"\0a") == Note("two")


def test_scans_begin_with_their_prefix() -> None:
    books = _books()
    shelf = books.shelf(QUEUE)
    for key in (b"\1b", b"\1a", b"\2a", b"\1\xff"):
        shelf.put(key, Note(key.hex()))
    assert [key for key, _ in shelf.scan(b"\1")] == [b"\1a", b"\1b", b"\1\xff"]
    assert shelf.first(b"\2") == (b"\2a", Note("0261"))
    assert shelf.first(b"\3") is None


def test_the_last_up_to_a_key() -> None:
    shelf = _books().shelf(QUEUE)
    assert shelf.last(bytes([0, 9])) is None
    for number in (1, 4, 6):
        shelf.put(bytes([0, number]), Note(str(number)))
    shelf.delete(bytes([0, 6]))
    found = [shelf.last(bytes([0, number])) for number in (0, 1, 3, 4, 6, 9)]
    assert [one and one[1].text for one in found] == [None, "1", "1", "4", "4", "4"]


def test_what_a_shelf_refuses() -> None:
    books = _books()
    with pytest.raises(InvariantViolation, match="delete of what is not there"):
        books.shelf(NOTES).delete(b"\0a")
    with pytest.raises(InvariantViolation, match="wrong size"):
        books.shelf(QUEUE).put(b"abc", Note(""))
    with pytest.raises(InvariantViolation, match="not resident"):
        books.shelf(NOTES).first()
    with pytest.raises(InvariantViolation, match="declared twice"):
        books.shelf(Table(number=QUEUE.number, name="other", record=Note, key_sizes=(2,)))
    shelf = books.shelf(NOTES)
    shelf.put(b"\0a", Note(""))
    with pytest.raises(InvariantViolation, match="still open"):
        books.discard_block()


def test_what_is_read_ahead_is_not_read_again_and_has_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def load_many(_table: int, keys: list[bytes]) -> list[bytes | None]:
        asked.extend(keys)
        return [None] * len(keys)

    books = Books(lambda _table, _key: None, load_many, value_of)
    shelf = books.shelf(NOTES)
    monkeypatch.setattr(module, "READ_AHEAD_MAX", 5)
    keys = [b"\0" + bytes([at]) for at in range(6)]
    shelf.read_ahead(keys[:2])
    shelf.read_ahead(keys[1:3])
    assert (asked, shelf.ahead) == ([*keys[:2], keys[2]], 3)
    shelf.read_ahead(keys[3:])
    assert (asked, shelf.ahead) == (keys[:3], 3), "they would be more than may wait"
    assert shelf.find_many(keys) == [None] * 6
    assert (asked, shelf.ahead) == (keys, 0)
