"""A folder's storage key is changed: nothing is lost on the way, and nothing is left that the older key opens."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.storage import lmdb_store, log_segments
from counterfoil.storage.at_rest import VARIABLE, AtRest, new_storage_key, read_key_file
from counterfoil.storage.cipher import AesGcm, Damaged
from counterfoil.storage.errors import (
    StorageFailed,
    StorageFull,
    StorageKeyRefused,
    WrongStorageKey,
)
from counterfoil.storage.folder import (
    LedgerFolder,
    create_folder,
    encryption_of,
    open_folder,
    store_directory,
)
from counterfoil.storage.key_change import REQUEST_NAME, KeyChanges, ask_for_change, older_key
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.log_format import SEGMENT_HEAD_SIZE, parse_segment_head
from counterfoil.storage.log_segments import records
from counterfoil.storage.store_writer import Second
from counterfoil.storage.write_behind import WriteBehind
from tests.unit.storage.support import (
    HOLDINGS,
    LAYOUTS,
    NAMES,
    STORAGE_KEY,
    Salts,
    batch,
    holding_key,
)

OLD, NEW = bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32)
SECRET, PURPOSE = "secret", b"a secret"
ROWS, BLOCKS = 12_000, 30


def environment(key: bytes) -> dict[str, str]:
    return {VARIABLE: key.hex()}


def fill(folder: LedgerFolder) -> None:
    folder.keep(SECRET, PURPOSE, b"the secret")
    log, store = folder.open_log(segment_size=2_000), folder.open_store(LAYOUTS)
    for height in range(1, BLOCKS + 1):
        log.append(height, b"block %d;" % height * 20)
    log.sync()
    rows: list[tuple[int, bytes, bytes | None]] = [
        (HOLDINGS, holding_key(account, account % 3), b"row %d" % account) for account in range(ROWS)
    ]
    entries: list[tuple[str, bytes, bytes | None]] = [("result", b"%d" % one, b"x") for one in range(9)]
    blobs = [("block", 1, bytes(300_000)), ("sealed", 1, b"sealed already")]
    store.write(batch(1, rows, versions=[b"v"] * 100, entries=entries, blobs=blobs))
    log.close()
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger"
    create_folder(made, environment=environment(OLD), fill=fill)
    return made


class Open:
    """A folder at work."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.folder = open_folder(path, environment=environment(key))
        self.log = self.folder.open_log(segment_size=2_000)
        self.store: WriteBehind = self.folder.open_store(LAYOUTS)
        self.folder.read_kept(SECRET, PURPOSE)
        self.changes = KeyChanges(self.folder, self.store)

    def close(self) -> None:
        self.log.close()
        self.store.close()
        self.folder.close()


@pytest.fixture
def at_work(path: Path) -> Iterator[Open]:
    made = Open(path, OLD)
    yield made
    made.close()


def check(path: Path, key: bytes, blocks: int = BLOCKS, rows: dict[bytes, bytes] | None = None) -> None:
    """All is there under one key, and under no older one: neither in the log, nor the store, nor beside them."""
    at_rest = AtRest.load(path)
    assert at_rest.in_force == at_rest.newest
    alone = at_rest.store_cipher(key, at_rest.newest)
    assert isinstance(alone, AesGcm)
    assert alone.open(PURPOSE, (path / SECRET).read_bytes()) == b"the secret"
    heights = []
    for segment in sorted((path / "log").iterdir()):
        head = parse_segment_head(segment.read_bytes()[:SEGMENT_HEAD_SIZE])
        assert head is not None
        for record in records(segment, head):
            if not record.head.is_mark:
                assert record.opened(segment, alone) == b"block %d;" % record.head.height * 20
                heights.append(record.head.height)
    assert heights == list(range(1, blocks + 1))
    directory = store_directory(path)
    assert [one.name for one in path.iterdir() if one.name.startswith("store")] == [directory.name]
    store = LmdbStore(directory, LAYOUTS, alone)
    store.examine()
    expected = {holding_key(account, account % 3): b"row %d" % account for account in range(ROWS)}
    assert dict(store.scan(HOLDINGS, b"")) == expected | (rows or {})
    assert all(store.row(HOLDINGS, found) == row for found, row in (rows or {}).items())
    assert store.blob("block", 1) == bytes(300_000)
    assert store.blob("sealed", 1) == b"sealed already"
    assert len(list(store.entries("result"))) == 9
    store.close()
    assert not list(path.glob("**/*.new"))
    assert not (path / REQUEST_NAME).exists()


def test_the_key_is_changed_while_blocks_and_batches_come(at_work: Open, path: Path) -> None:
    assert ask_for_change(path, OLD, NEW, None) == 2
    assert at_work.changes.take_wish()
    rows: dict[bytes, bytes] = {}
    height = BLOCKS
    for number, _ in enumerate(at_work.changes.pieces(), 1):
        height += 1
        at_work.log.append(height, b"block %d;" % height * 20)
        at_work.log.sync()
        key = holding_key(number * 37, number * 37 % 3)
        rows[key] = b"newer %d" % number
        at_work.store.write(
            batch(number + 1, [(HOLDINGS, key, rows[key])], first_version=99 + number, versions=[b"w"])
        )
        assert at_work.store.row(HOLDINGS, key) == rows[key]
        assert [at for at, _ in at_work.log.read_from(1)] == list(range(1, height + 1))
    assert height > BLOCKS + 5
    assert not at_work.changes.is_unfinished
    assert at_work.store.height() == height - BLOCKS + 1
    at_work.close()
    check(path, NEW, height, rows)
    again = Open(path, NEW)
    assert again.store.height() == height - BLOCKS + 1
    assert again.store.version(100) == b"w"
    again.close()


def test_what_is_removed_on_the_way_stays_removed(at_work: Open, path: Path) -> None:
    ask_for_change(path, OLD, NEW, None)
    at_work.changes.take_wish()
    left = ROWS
    for number, _ in enumerate(at_work.changes.pieces(), 1):
        gone = [holding_key(account, account % 3) for account in range(number * 50, number * 50 + 40)]
        at_work.store.write(batch(number + 1, [(HOLDINGS, key, None) for key in gone], first_version=100))
        left -= len(gone)
    assert len(list(at_work.store.scan(HOLDINGS, b""))) == left < ROWS
    at_work.close()
    again = Open(path, NEW)
    assert len(list(again.store.scan(HOLDINGS, b""))) == left
    again.store.examine()
    again.close()


def test_the_older_key_opens_nothing_and_is_told_so(at_work: Open, path: Path, tmp_path: Path) -> None:
    shutil.copytree(path, tmp_path / "backup")
    ask_for_change(path, OLD, NEW, tmp_path / "new.key")
    at_work.changes.take_wish()
    at_work.close()
    with pytest.raises(WrongStorageKey, match=r"was changed.*new\.key"):
        open_folder(path, environment=environment(OLD))
    again = Open(path, NEW)
    assert again.changes.is_unfinished
    list(again.changes.pieces())
    again.close()
    check(path, NEW)
    with pytest.raises(WrongStorageKey):
        open_folder(path, environment=environment(OLD))
    assert encryption_of(path) == "aes-256-gcm, storage key 2"
    assert older_key(path, NEW, 1) == OLD
    open_folder(tmp_path / "backup", environment=environment(older_key(path, NEW, 1))).close()
    for number in (0, 2, 3):
        with pytest.raises(StorageKeyRefused, match="had no storage key"):
            older_key(path, NEW, number)


def test_three_keys_one_after_the_other(path: Path) -> None:
    keys = [OLD, NEW, new_storage_key(), new_storage_key()]
    for before, after in pairwise(keys):
        at_work = Open(path, before)
        ask_for_change(path, before, after, None)
        assert at_work.changes.take_wish()
        list(at_work.changes.pieces())
        at_work.close()
        check(path, after)
    assert [older_key(path, keys[3], number) for number in (1, 2, 3)] == keys[:3]


def test_a_wish_is_only_taken_from_whoever_knows_the_key_in_use(at_work: Open, path: Path) -> None:
    wish = path / REQUEST_NAME
    ask_for_change(path, OLD, NEW, None)
    replayed = wish.read_bytes()
    wish.unlink()
    for forged in (b"", b"x" * 12, os.urandom(200), replayed[:-1], replayed[:-1] + b"x"):
        wish.write_bytes(forged)
        with pytest.raises(StorageKeyRefused, match="it was removed"):
            at_work.changes.take_wish()
        assert not wish.exists()
    assert not at_work.changes.take_wish()
    wish.write_bytes(replayed)
    assert at_work.changes.take_wish()
    list(at_work.changes.pieces())
    wish.write_bytes(replayed)
    with pytest.raises(StorageKeyRefused, match="it was removed"):
        at_work.changes.take_wish()
    with pytest.raises(WrongStorageKey):
        ask_for_change(path, OLD, new_storage_key(), None)
    for used in (OLD, NEW, b"short"):
        with pytest.raises(StorageKeyRefused, match="taken once"):
            ask_for_change(path, NEW, used, None)


def test_one_change_at_a_time(at_work: Open, path: Path) -> None:
    ask_for_change(path, OLD, NEW, None)
    ask_for_change(path, OLD, NEW, None)
    at_work.changes.take_wish()
    with pytest.raises(StorageKeyRefused, match="still moving"):
        ask_for_change(path, NEW, new_storage_key(), None)
    assert encryption_of(path).endswith("storage key 2, to which values are still moving")
    assert not at_work.changes.take_wish()


def test_a_ledger_in_clear_has_no_key_to_change(tmp_path: Path) -> None:
    create_folder(tmp_path / "ledger", encrypted=False)
    with pytest.raises(StorageKeyRefused, match="kept in clear"):
        ask_for_change(tmp_path / "ledger", OLD, NEW, None)
    with pytest.raises(StorageKeyRefused, match="had no storage key"):
        older_key(tmp_path / "ledger", OLD, 1)


def test_scans_that_began_before_end_in_the_store_that_was_left(at_work: Open, path: Path) -> None:
    ask_for_change(path, OLD, NEW, None)
    at_work.changes.take_wish()
    scan = at_work.store.scan(HOLDINGS, b"")
    seen = [next(scan)]
    list(at_work.changes.pieces())
    at_work.store.let_go()
    seen += scan
    assert len(seen) == ROWS
    at_work.store.let_go()
    assert len(list(at_work.store.scan(HOLDINGS, b""))) == ROWS


def test_threads_read_on_while_the_store_is_changed_under_them(at_work: Open, path: Path) -> None:
    done, failed = threading.Event(), []

    def read() -> None:
        account = 0
        while not done.is_set():
            account = (account + 7) % ROWS
            expected = b"row %d" % account
            keys = [holding_key(one, one % 3) for one in range(account, min(account + 3, ROWS))]
            if (
                at_work.store.row(HOLDINGS, keys[0]) != expected
                or at_work.store.rows_of(HOLDINGS, keys)[0] != expected
            ):
                failed.append(account)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for before, after in ((OLD, NEW), (NEW, new_storage_key())):
        ask_for_change(path, before, after, None)
        at_work.changes.take_wish()
        list(at_work.changes.pieces())
    done.set()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_second_store_that_cannot_be_written_does_the_ledger_no_harm(
    at_work: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_change(path, OLD, NEW, None)
    at_work.changes.take_wish()
    for problem in (StorageFull(path), StorageFailed(path, "no")):
        with monkeypatch.context() as patch:
            patch.setattr(WriteBehind, "copy_piece", _raises(problem))
            with pytest.raises(type(problem)):
                list(at_work.changes.pieces())
        assert not (path / "store-2").exists()
        assert at_work.store.row(HOLDINGS, holding_key(1, 1)) == b"row 1"
    with monkeypatch.context() as patch:
        patch.setattr(AtRest, "put_in_force", _raises(StorageFull(path)))
        with pytest.raises(StorageFull):
            list(at_work.changes.pieces())
    at_work.store.write(batch(2, [(NAMES, b"name", b"after")], first_version=100))
    list(at_work.changes.pieces())
    assert at_work.store.row(NAMES, b"name") == b"after"
    at_work.close()
    check(path, NEW)


def _raises(problem: Exception) -> Any:
    def fail(*_: object) -> None:
        raise problem

    return fail


def test_a_key_file_is_named_for_the_next_start(at_work: Open, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "next.key"
    file.write_text(NEW.hex())
    file.chmod(0o600)
    ask_for_change(path, OLD, read_key_file(path, file), file)
    at_work.changes.take_wish()
    list(at_work.changes.pieces())
    at_work.close()
    open_folder(path, environment={}).close()


_keys = st.sampled_from([holding_key(account, instrument) for account in range(5) for instrument in range(3)])
_steps = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.dictionaries(_keys, st.none() | st.binary(max_size=30), max_size=6),
            st.lists(st.binary(max_size=9), max_size=70),
            st.dictionaries(st.integers(0, 5), st.binary(max_size=60), max_size=3),
            st.dictionaries(st.binary(min_size=1, max_size=2), st.none() | st.binary(max_size=9), max_size=6),
        ),
    ),
    min_size=1,
    max_size=14,
)


@given(steps=_steps, first=st.integers(0, 5))
def test_a_store_that_is_filled_while_it_follows_is_the_other_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], first: int
) -> None:
    """Any order of batches and pieces; pieces are of two values, so that batches fall between all of them."""
    place = tmp_path_factory.mktemp("stores")
    for name in ("one", "two"):
        (place / name).mkdir()
    one = LmdbStore(place / "one", LAYOUTS, AesGcm(STORAGE_KEY, bytes(32), Salts()))
    two = LmdbStore(place / "two", LAYOUTS, AesGcm(NEW, bytes(32), Salts()))
    second = Second(two)
    following, done = False, False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lmdb_store, "FILL_ITEMS", 2)
        for number, step in enumerate([*steps, *[None] * 400]):
            following = following or number >= first
            if step is None:
                done = following and second.piece(one).done
                if done and number >= len(steps):
                    break
                continue
            changed, added, blobs, entries = step
            made = batch(
                one.height() + 1,
                [(HOLDINGS, key, row) for key, row in changed.items()],
                first_version=one.versions_end(),
                versions=added,
                blobs=[("changes", at, data) for at, data in blobs.items()],
                entries=[("result", key, data) for key, data in entries.items()],
            )
            one.write(made)
            if following:
                second.follow(made)
    assert done
    two.examine()
    assert (two.height(), two.versions_end()) == (one.height(), one.versions_end())
    assert dict(two.scan(HOLDINGS, b"")) == dict(one.scan(HOLDINGS, b""))
    assert [two.version(at) for at in range(two.versions_end())] == [
        one.version(at) for at in range(one.versions_end())
    ]
    assert [two.blob("changes", at) for at in range(6)] == [one.blob("changes", at) for at in range(6)]
    assert list(two.entries("result")) == list(one.entries("result"))
    one.close()
    two.close()


def test_segments_are_sealed_anew_piece_by_piece(
    at_work: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who reads a segment while it is replaced reads on."""
    monkeypatch.setattr(log_segments, "PIECE", 300)
    ask_for_change(path, OLD, NEW, None)
    at_work.changes.take_wish()
    reader = at_work.log.read_from(1)
    seen = [next(reader)[0]]
    turns = 0
    for _ in at_work.changes.pieces():
        turns += 1
        if turns % 4 == 0:
            seen += [height for height, _ in [next(reader, (0, b""))] if height]
    seen += [height for height, _ in reader]
    assert seen == list(range(1, BLOCKS + 1))
    assert turns > 20
    at_work.close()
    check(path, NEW)


def test_a_value_under_an_older_key_is_opened_and_a_forged_one_is_not() -> None:
    salts = Salts()
    old = AesGcm(OLD, bytes(32), salts)
    stored = old.seal(b"", b"before")
    mine = Salts()
    mine.salts = {7: b"s" * 32}
    new = AesGcm(NEW, bytes(32), mine, old)
    assert new.open(b"", stored) == b"before"
    assert not new.is_newest(stored)
    with pytest.raises(Damaged):
        new.open(b"", b"\x00\x00\x00\x09" + stored[4:])
    with pytest.raises(Damaged):
        new.open(b"", b"\x00\x00")
