"""One suite for every implementation of the state's port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.storage import packing
from counterfoil.storage.disk_keys import UnknownTable
from tests.unit.storage.support import DATED, HOLDINGS, NAMES, PLACES, STORES, batch, holding_key, opener

Open = Callable[[], Any]


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return opener(request.param, tmp_path / "store")


@pytest.fixture(params=[kind for kind in STORES if kind != "written behind"])
def writing_here(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A store that says at once what is wrong with a batch."""
    made = opener(request.param, tmp_path / "store")()
    yield made
    made.close()


@pytest.fixture
def store(opened: Open) -> Any:
    made = opened()
    yield made
    made.close()


def test_a_new_store_is_empty(store: Any) -> None:
    assert store.height() == 0
    assert store.versions_end() == 0
    assert store.row(HOLDINGS, holding_key(1, 1)) is None
    assert store.rows_of(HOLDINGS, [holding_key(1, 1)]) == [None]
    assert list(store.scan(HOLDINGS, b"")) == []
    assert store.blob("block", 1) is None
    assert store.last_blob("block") is None
    assert store.entry("meta", b"x") is None
    assert list(store.entries("meta")) == []
    assert store.entry_before("link", b"x") is None
    assert store.entry_at_or_before("link", b"x") is None


def test_rows_are_found_replaced_and_removed(store: Any) -> None:
    one, two, three = holding_key(1, 1), holding_key(1, 2), holding_key(2, 1)
    store.write(batch(1, [(HOLDINGS, one, b"a"), (HOLDINGS, two, b""), (NAMES, one, b"other table")]))
    assert store.row(HOLDINGS, one) == b"a"
    assert store.row(HOLDINGS, two) == b""
    assert store.row(NAMES, one) == b"other table"
    store.write(batch(2, [(HOLDINGS, one, b"b"), (HOLDINGS, two, None), (HOLDINGS, three, None)]))
    assert store.rows_of(HOLDINGS, [two, one, three, one]) == [None, b"b", None, b"b"]
    assert store.rows_of(NAMES, [one, two]) == [b"other table", None]
    assert store.height() == 2


def test_scans_go_by_whole_components(store: Any) -> None:
    rows = {
        holding_key(account, instrument): b"%d/%d" % (account, instrument)
        for account in range(5)
        for instrument in range(4)
    }
    store.write(batch(1, [(HOLDINGS, key, row) for key, row in rows.items()] + [(NAMES, b"n", b"x")]))
    assert dict(store.scan(HOLDINGS, b"")) == rows
    account = holding_key(3, 0)[:20]
    assert dict(store.scan(HOLDINGS, account)) == {
        key: row for key, row in rows.items() if key[:20] == account
    }
    assert list(store.scan(HOLDINGS, holding_key(3, 2))) == [(holding_key(3, 2), b"3/2")]
    assert list(store.scan(HOLDINGS, holding_key(9, 9)[:20])) == []
    assert list(store.scan(HOLDINGS, account)) == list(store.scan(HOLDINGS, account)), "the order is stable"
    with pytest.raises(UnknownTable):
        list(store.scan(99, b""))


def test_clear_bytes_keep_their_order_and_what_follows_may_be_of_any_size(store: Any) -> None:
    keys = [
        day.to_bytes(4, "big") + bytes([7]) * 20 + bytes(8) + name
        for day in (9, 2, 5)
        for name in (b"", b"x" * 30)
    ]
    store.write(batch(1, [(DATED, key, key[:4]) for key in keys]))
    assert sorted(key for key, _ in store.scan(DATED, b"")) == sorted(keys)
    store.write(batch(2))  # what was written behind is on disk by now
    found = [key for key, _ in store.scan(DATED, b"")]
    assert sorted(found) == sorted(keys)
    assert [key[:4] for key in found] == sorted(key[:4] for key in keys)
    assert {key for key, _ in store.scan(DATED, keys[0][:4])} == set(keys[:2])
    assert {key for key, _ in store.scan(DATED, keys[0][:2])} == set(keys), "clear bytes need not be whole"
    assert {key for key, _ in store.scan(DATED, keys[2][:24])} == set(keys[2:4])
    assert {key for key, _ in store.scan(DATED, keys[2][:32])} == set(keys[2:4])


def test_keys_that_are_all_clear_are_in_their_order(store: Any) -> None:
    keys = [bytes([first]) + bytes(31) for first in (200, 3, 77)]
    store.write(batch(1, [(PLACES, key, key[:1]) for key in keys]))
    assert sorted(store.scan(PLACES, b"")) == [(key, key[:1]) for key in sorted(keys)]
    store.write(batch(2))  # what was written behind is on disk by now
    assert list(store.scan(PLACES, b"")) == [(key, key[:1]) for key in sorted(keys)]
    assert list(store.scan(PLACES, b"\x03")) == [(keys[1], b"\x03")]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (HOLDINGS, bytes(39)),
        (HOLDINGS, bytes(41)),
        (HOLDINGS, b""),
        (DATED, bytes(31)),
        (PLACES, bytes(33)),
        (NAMES, bytes(511)),
    ],
)
def test_keys_that_do_not_fit_the_layout_are_refused(writing_here: Any, table: int, key: bytes) -> None:
    store = writing_here
    with pytest.raises(ValueError, match="does not fit"):
        store.row(table, key)
    with pytest.raises(ValueError, match="does not fit"):
        store.write(batch(1, [(HOLDINGS, holding_key(1, 1), b"x"), (table, key, b"x")]))
    assert store.height() == 0
    assert store.row(HOLDINGS, holding_key(1, 1)) is None, "nothing of the batch is left behind"


def test_an_unknown_table_or_kind_is_refused_and_nothing_is_written(writing_here: Any) -> None:
    store = writing_here
    known = (HOLDINGS, holding_key(1, 1), b"x")
    for wrong in (
        batch(1, [known, (99, b"k", b"r")]),
        batch(1, [known], blobs=[("picture", 1, b"x")]),
        batch(1, [known], entries=[("gossip", b"k", b"x")]),
    ):
        with pytest.raises(LookupError):
            store.write(wrong)
    assert store.height() == 0
    assert store.row(*known[:2]) is None


def test_history_is_dense_and_only_appended(store: Any) -> None:
    texts = [b"version %d" % number for number in range(500)]
    sizes = (1, 63, 64, 65, 3, 129, 1, 1, 173)
    end = 0
    for height, size in enumerate(sizes, 1):
        store.write(batch(height, first_version=end, versions=texts[end : end + size]))
        end += size
        assert store.versions_end() == end
    assert [store.version(position) for position in range(end)] == texts[:end]
    for wrong in (0, end - 1, end + 1):
        with pytest.raises(ValueError, match="history goes on"):
            store.write(batch(99, first_version=wrong, versions=[b"x"]))
    for missing in (-1, end, end + 5):
        with pytest.raises(LookupError):
            store.version(missing)


def test_heights_never_go_back(store: Any) -> None:
    store.write(batch(7))
    store.write(batch(7))
    with pytest.raises(ValueError, match="would go back"):
        store.write(batch(6))
    assert store.height() == 7


def test_blobs_of_any_size_are_kept_replaced_and_found_by_number(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PART_SIZE", 1000)
    store.write(
        batch(1, blobs=[("block", number, bytes([number]) * 999 * number) for number in (3, 1, 2, 200)])
    )
    assert [len(store.blob("block", number)) for number in (1, 2, 3, 200)] == [999, 1998, 2997, 199_800]
    assert store.blob("block", 4) is None
    assert store.blob("header", 3) is None
    assert store.last_blob("block") == 200
    assert store.last_blob("header") is None
    store.write(batch(2, blobs=[("block", 200, b"short"), ("block", 2, b"x" * 5000), ("tree", 2 << 40, b"")]))
    assert store.blob("block", 200) == b"short"
    assert store.blob("block", 2) == b"x" * 5000
    assert store.blob("tree", 2 << 40) == b""
    assert store.last_blob("block") == 200


def test_entries_are_listed_in_the_order_of_their_keys(store: Any) -> None:
    keys = [b"b", b"a", b"ab", b"c", b"aa", b"\xff"]
    store.write(batch(1, entries=[("link", key, key * 2) for key in keys] + [("meta", b"a", b"m")]))
    assert list(store.entries("link")) == [(key, key * 2) for key in sorted(keys)]
    assert [key for key, _ in store.entries("link", b"a")] == [b"a", b"aa", b"ab"]
    assert [key for key, _ in store.entries("link", b"a", b"aa")] == [b"aa", b"ab"]
    assert [key for key, _ in store.entries("link", start=b"ab")] == [b"ab", b"b", b"c", b"\xff"]
    assert [key for key, _ in store.entries("link", b"b", b"c")] == []
    assert list(store.entries("link", b"zz")) == []
    assert store.entry("link", b"ab") == b"abab"
    assert store.entry("meta", b"ab") is None


def test_the_neighbour_before_a_key_is_found(store: Any) -> None:
    store.write(batch(1, entries=[("link", key, b"") for key in (b"b", b"d", b"f")]))
    before = {b"a": None, b"b": None, b"c": b"b", b"d": b"b", b"e": b"d", b"f": b"d", b"g": b"f"}
    at_or_before = {b"a": None, b"b": b"b", b"c": b"b", b"d": b"d", b"e": b"d", b"f": b"f", b"g": b"f"}
    assert {key: store.entry_before("link", key) for key in before} == before
    assert {key: store.entry_at_or_before("link", key) for key in before} == at_or_before


def test_the_last_of_an_entry_wins_and_removing_what_is_absent_is_fine(store: Any) -> None:
    store.write(
        batch(
            1,
            entries=[
                ("free", b"a", b"1"),
                ("free", b"a", None),
                ("free", b"b", None),
                ("free", b"b", b"2"),
                ("free", b"never", None),
            ],
        )
    )
    assert list(store.entries("free")) == [(b"b", b"2")]


def test_a_scan_sees_the_store_as_it_was_when_it_began(store: Any) -> None:
    store.write(batch(1, [(NAMES, b"%d" % number, b"old") for number in range(10)]))
    scan = store.scan(NAMES, b"")
    first = next(scan)
    store.write(batch(2, [(NAMES, b"%d" % number, b"new") for number in range(10)]))
    assert {row for _, row in [first, *scan]} == {b"old"}
    assert {row for _, row in store.scan(NAMES, b"")} == {b"new"}


def test_everything_is_there_after_a_restart(opened: Open) -> None:
    store = opened()
    rows = [(HOLDINGS, holding_key(number, 1), b"row %d" % number) for number in range(100)]
    versions = [b"v%d" % number for number in range(100)]
    store.write(
        batch(5, rows, versions=versions, blobs=[("header", 5, b"h")], entries=[("meta", b"k", b"v")])
    )
    store.close()
    store = opened()
    assert store.height() == 5
    assert store.versions_end() == 100
    assert sorted(store.scan(HOLDINGS, b"")) == sorted((key, row) for _, key, row in rows)
    assert [store.version(position) for position in range(100)] == versions
    assert store.blob("header", 5) == b"h"
    assert list(store.entries("meta")) == [(b"k", b"v")]
    store.write(batch(6, [(HOLDINGS, holding_key(1, 1), b"later")], first_version=100, versions=[b"v100"]))
    assert store.row(HOLDINGS, holding_key(1, 1)) == b"later"
    assert store.version(100) == b"v100"
    store.close()


def test_readers_see_whole_batches_while_another_thread_writes(store: Any) -> None:
    keys = [(NAMES, b"%d" % number) for number in range(20)]
    store.write(batch(1, [(table, key, b"1") for table, key in keys]))
    torn, ended = [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen = set(store.rows_of(NAMES, [key for _, key in keys]))
            if len(seen) != 1:
                torn.append(seen)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for height in range(2, 60):
        store.write(batch(height, [(table, key, b"%d" % height) for table, key in keys]))
    ended.set()
    for reader in readers:
        reader.join()
    # The memory store is for one thread; it must not fail under several, but may show half a batch.
    assert not torn or type(store).__name__ == "MemoryStore"


_keys = st.sampled_from([holding_key(account, instrument) for account in range(4) for instrument in range(3)])
_entry_keys = st.binary(min_size=1, max_size=2)
_batches = st.lists(
    st.tuples(
        st.dictionaries(_keys, st.none() | st.binary(max_size=40), max_size=8),
        st.lists(st.binary(max_size=20), max_size=70),
        st.dictionaries(st.integers(0, 5), st.binary(max_size=60), max_size=3),
        st.dictionaries(_entry_keys, st.none() | st.binary(max_size=9), max_size=6),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.mark.parametrize("kind", STORES)
@given(batches=_batches)
def test_any_sequence_of_batches_agrees_with_dictionaries(
    kind: str, tmp_path_factory: pytest.TempPathFactory, batches: Any
) -> None:
    reopen = opener(kind, tmp_path_factory.mktemp("store"))
    store = reopen()
    rows: dict[bytes, bytes] = {}
    versions: list[bytes] = []
    blobs: dict[int, bytes] = {}
    entries: dict[bytes, bytes] = {}
    for height, (changed, added, large, small, restart) in enumerate(batches, 1):
        store.write(
            batch(
                height,
                [(HOLDINGS, key, row) for key, row in changed.items()],
                first_version=len(versions),
                versions=added,
                blobs=[("changes", number, data) for number, data in large.items()],
                entries=[("result", key, data) for key, data in small.items()],
            )
        )
        for known, news in ((rows, changed), (entries, small)):
            for key, value in news.items():
                known.pop(key, None)
                if value is not None:
                    known[key] = value
        versions += added
        blobs |= large
        if restart:
            store.close()
            store = reopen()
        assert store.height() == height
        assert dict(store.scan(HOLDINGS, b"")) == rows
        assert all(store.row(HOLDINGS, key) == row for key, row in rows.items())
        assert [store.version(position) for position in range(store.versions_end())] == versions
        assert {number: store.blob("changes", number) for number in blobs} == blobs
        assert store.last_blob("changes") == max(blobs, default=None)
        assert list(store.entries("result")) == sorted(entries.items())
        for probe in (b"", b"\x00", b"\x80", b"\xff\xff\xff", *entries):
            smaller = [key for key in entries if key < probe]
            assert store.entry_before("result", probe) == max(smaller, default=None) if probe else True
    store.close()
