"""The record store under damage, lost writes, a full disk and a full map."""

from __future__ import annotations

import random
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.state.port import WriteBatch
from counterfoil.storage import lmdb_environment
from counterfoil.storage.errors import CorruptStorage, StorageFull
from counterfoil.storage.lmdb_environment import examine_structure
from counterfoil.storage.lmdb_store import LmdbStore
from tests.unit.storage.support import HOLDINGS, LAYOUTS, NAMES, Salts, batch, cipher_of, holding_key

KINDS = ("encrypted", "plain")
KEYS = [holding_key(account, instrument) for account in range(30) for instrument in range(4)]
PAGE = 4096


def first_batch() -> WriteBatch:
    return batch(
        1,
        [(HOLDINGS, key, b"row" + key[-4:] * 6) for key in KEYS[:60]],
        versions=[b"v%d" % number for number in range(70)],
        blobs=[("block", 1, b"b" * 900)],
        entries=[("link", bytes([place]) * 16, b"") for place in range(0, 200, 3)],
    )


def second_batch() -> WriteBatch:
    return batch(
        2,
        [(HOLDINGS, key, b"new" + key[-4:] * 6) for key in KEYS[30:]],
        first_version=70,
        versions=[b"w%d" % number for number in range(70)],
        blobs=[("block", 2, b"c" * 9000)],
        entries=[("link", bytes([place]) * 16, b"") for place in range(1, 200, 3)],
    )


def content(store: LmdbStore) -> list[Any]:
    """Everything that reads can say."""
    return [
        store.height(),
        store.versions_end(),
        sorted(store.scan(HOLDINGS, b"")),
        store.rows_of(HOLDINGS, KEYS),
        [sorted(store.scan(HOLDINGS, key[:20])) for key in KEYS[::4]],
        [store.version(position) for position in range(store.versions_end())],
        [store.blob("block", number) for number in range(4)],
        store.last_blob("block"),
        list(store.entries("link")),
        [store.entry("link", bytes([place]) * 16) for place in range(256)],
        [store.entry_before("link", bytes([place]) * 16) for place in range(256)],
    ]


class Made:
    """A store's file after two batches, and what it held after each."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory, self.salts, self.kind = directory, Salts(), kind
        directory.mkdir(exist_ok=True)
        store = self.open()
        store.write(first_batch())
        self.one, self.file_one = content(store), self.file.read_bytes()
        store.write(second_batch())
        self.two, self.file_two = content(store), self.file.read_bytes()
        store.close()

    @property
    def file(self) -> Path:
        return self.directory / "data.mdb"

    def open(self) -> LmdbStore:
        return LmdbStore(self.directory, LAYOUTS, cipher_of(self.kind, self.salts))

    def read(self, data: bytes) -> list[Any]:
        self.file.write_bytes(data)
        store = self.open()
        try:
            return content(store)
        finally:
            store.close()


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    return Made(tmp_path / "store", request.param)


def test_a_flipped_bit_is_named_or_harmless_and_never_served(made: Made) -> None:
    # Every byte of this file was tried once, with none served; a sample of it is tried each time.
    chosen = random.Random(7)
    metas, rest = range(200), range(200, len(made.file_two))
    named = 0
    for at in [
        *chosen.sample(metas, 30),
        *(PAGE + at for at in chosen.sample(metas, 30)),
        *chosen.sample(rest, 250),
    ]:
        changed = bytearray(made.file_two)
        changed[at] ^= 1 << chosen.randrange(8)
        try:
            found = made.read(bytes(changed))
        except CorruptStorage as error:
            assert error.file == str(made.file)  # noqa: PT017
            named += 1
            continue
        assert found in (made.two, made.one), f"a flip at {at} went unnoticed"
        # Of two roots LMDB takes the newer one that it can read: a damaged newest root means the batch before it,
        # whose height tells the keeper to replay the log from there.
        assert found == made.two or at < 2 * PAGE
    assert named > 50


def test_a_damaged_key_does_not_make_its_row_vanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_environment, "EXAMINED_AT_OPEN_MAX", 0)
    made = Made(tmp_path / "store", "plain")
    disk_key = bytes([HOLDINGS]) + KEYS[50]
    for at in (0, 19, 20, 40):
        for mask in (0x01, 0x80):
            damaged = bytearray(disk_key)
            damaged[at] ^= mask
            made.file.write_bytes(made.file_two.replace(disk_key, bytes(damaged)))
            store = made.open()
            for read in (
                lambda store: store.row(HOLDINGS, KEYS[50]),
                lambda store: store.rows_of(HOLDINGS, [KEYS[50]]),
                lambda store: list(store.scan(HOLDINGS, KEYS[50][:20])),
                lambda store: list(store.scan(HOLDINGS, KEYS[50])),
                lambda store: list(store.scan(HOLDINGS, b"")),
                lambda store: store.examine(),
            ):
                with pytest.raises(CorruptStorage):
                    read(store)
            store.close()


def test_a_damaged_row_is_named_by_table_and_key(tmp_path: Path) -> None:
    made = Made(tmp_path / "store", "plain")
    made.file.write_bytes(made.file_two.replace(b"new" + KEYS[50][-4:] * 6, b"gnu" + KEYS[50][-4:] * 6))
    store = made.open()
    with pytest.raises(CorruptStorage) as caught:
        store.row(HOLDINGS, KEYS[50])
    assert caught.value.where["table"] == HOLDINGS
    assert caught.value.where["key"] == KEYS[50]
    assert KEYS[50].hex() in str(caught.value)


def test_a_database_whose_name_is_damaged_does_not_pass_for_an_empty_one(made: Made) -> None:
    with pytest.raises(CorruptStorage):
        made.read(made.file_two.replace(b"blob block", b"blob blocK"))


def test_examination_reads_everything(made: Made) -> None:
    seen: list[int] = []
    store = made.open()
    found = store.examine(seen.append)
    assert found == sum(seen) > len(KEYS)
    examine_structure(made.file)
    store.close()


@pytest.mark.parametrize("size", [0, 1, 15, PAGE - 1, PAGE, PAGE + 20, 2 * PAGE, 5 * PAGE])
def test_a_file_that_lost_its_end_is_named(made: Made, size: int) -> None:
    if size == 0:
        assert made.read(b"")[0] == 0, "an empty file is a new store; the log tells what it ought to hold"
    else:
        with pytest.raises(CorruptStorage):
            made.read(made.file_two[:size])


@settings(max_examples=40)
@given(data=st.data())
def test_a_batch_that_did_not_reach_the_disk_whole_is_not_there_at_all(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """LMDB writes pages, syncs, then writes a root: until then any of the pages may be lost."""
    made = Made(tmp_path_factory.mktemp("store"), "encrypted")
    pages = range(2 * PAGE, len(made.file_two), PAGE)
    kept = data.draw(st.lists(st.booleans(), min_size=len(pages), max_size=len(pages)))
    left = bytearray(made.file_one.ljust(len(made.file_two), b"\x00"))
    for page, keep in zip(pages, kept, strict=True):
        if keep:
            left[page : page + PAGE] = made.file_two[page : page + PAGE]
    assert made.read(bytes(left)) == made.one


def test_a_failure_before_the_commit_leaves_no_trace(made: Made) -> None:
    store = made.open()
    wrong = batch(
        3, [(NAMES, b"new", b"x")], first_version=140, versions=[b"v"], entries=[("link", b"x", b"y")]
    )
    wrong.blobs = [("block", 9, b"x"), ("block", 10, 5)]  # type: ignore[list-item]
    with pytest.raises(TypeError):
        store.write(wrong)
    assert content(store) == made.two
    wrong.blobs.pop()
    store.write(wrong)
    assert store.height() == 3
    store.close()


@pytest.fixture
def file_limit() -> Iterator[Any]:
    """Limits the size of files that this process may write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_when_the_nth_page_does_not_fit_the_store_says_so_and_works_once_there_is_room(
    made: Made, file_limit: Any
) -> None:
    store = made.open()
    growing = batch(
        3,
        [(NAMES, b"name %d" % number, b"x" * 300) for number in range(200)],
        first_version=140,
        versions=[b"v" * 100] * 100,
        blobs=[("receipts", 3, b"r" * 50_000)],
    )
    refused, limit = 0, len(made.file_two) - PAGE
    while store.height() == 2:
        file_limit(limit)
        try:
            store.write(growing)
        except StorageFull as error:
            assert str(made.file) in str(error)  # noqa: PT017
            refused += 1
            assert content(store) == made.two
        limit += PAGE
    assert refused > 20
    assert store.row(NAMES, b"name 7") == b"x" * 300
    assert store.examine() > 0
    store.close()
    store = made.open()
    assert store.height() == 3
    store.close()


def test_the_map_grows_when_it_is_full(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", Salts()), map_size=256 << 10)
    for height in range(1, 60):
        store.write(
            batch(height, [(NAMES, b"%d" % height, b"x" * 400)], blobs=[("block", height, bytes(50_000))])
        )
    assert store.size_bytes() > 8 * (256 << 10)
    assert len(list(store.scan(NAMES, b""))) == 59
    store.close()


def test_the_map_grows_while_others_read(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", Salts()), map_size=256 << 10)
    store.write(batch(1, [(NAMES, b"%d" % number, b"x" * 50) for number in range(100)]))
    ended, wrong = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            count = len(list(store.scan(NAMES, b"")))
            if count != 100 or store.row(NAMES, b"7") != b"x" * 50:
                wrong.append(count)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for height in range(2, 60):
        store.write(batch(height, blobs=[("block", height, bytes(50_000))]))
    ended.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    store.close()


def test_a_read_that_never_ends_keeps_the_map_from_growing_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_environment, "QUIET_WAIT_SECONDS", 0.05)
    store = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", Salts()), map_size=256 << 10)
    store.write(batch(1, [(NAMES, b"a", b""), (NAMES, b"b", b"")]))
    scan = store.scan(NAMES, b"")
    next(scan)
    large = batch(2, blobs=[("block", 2, bytes(500_000))])
    with pytest.raises(StorageFull, match="a read does not end"):
        store.write(large)
    assert store.height() == 1
    assert len(list(scan)) == 1
    store.write(large)
    assert store.blob("block", 2) == bytes(500_000)
    store.close()


def test_where_addresses_are_scarce_a_smaller_map_is_taken(tmp_path: Path) -> None:
    """Beside what the process has already, with which earlier tests may have left it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 30), hard))
    try:
        store = LmdbStore(tmp_path, LAYOUTS, cipher_of("encrypted", Salts()))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    store.write(first_batch())
    assert store.height() == 1
    store.close()
