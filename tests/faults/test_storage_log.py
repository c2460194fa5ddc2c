"""The block log under every damage: torn writes, lost writes, flipped bytes, a full disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterfoil.storage import files
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.errors import CorruptStorage, StorageError, StorageFailed, StorageFull
from counterfoil.storage.log_format import RECORD_HEAD_SIZE
from tests.unit.storage.support import Salts, cipher_of

KINDS = ("encrypted", "plain")
SEGMENT = 500
Blocks = list[tuple[int, bytes]]


def payload(height: int) -> bytes:
    return b"%d/" % height * (5 + height % 9)


def read_all(directory: Path, kind: str, salts: Salts) -> tuple[Blocks, BlockLog]:
    log = BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
    return list(log.read_from(1)), log


def write_log(directory: Path, kind: str, groups: list[int]) -> tuple[Blocks, Salts]:
    """Groups of so many blocks with one sync each."""
    salts, blocks = Salts(), []
    log = BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
    for size in groups:
        for _ in range(size):
            height = len(blocks) + 1
            log.append(height, payload(height))
            blocks.append((height, payload(height)))
        log.sync()
    log.close()
    return blocks, salts


@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_torn_at_any_byte_is_cut_and_reported(tmp_path: Path, kind: str) -> None:
    blocks, salts = write_log(tmp_path, kind, [2, 1])
    path = tmp_path / "00000001.log"
    synced = path.read_bytes()
    log = BlockLog(tmp_path, cipher_of(kind, salts))
    starts = []
    for height in (4, 5):
        starts.append(path.stat().st_size)
        log.append(height, payload(height))
    log.close()
    whole = path.read_bytes()
    assert starts[0] == len(synced)
    for size in range(len(synced), len(whole)):
        path.write_bytes(whole[:size])
        found, opened = read_all(tmp_path, kind, salts)
        kept = sum(start <= size for start in starts) - 1
        assert found == blocks + [(4, payload(4))] * kept
        if size in starts:
            assert opened.torn_tail is None
        else:
            torn = opened.torn_tail
            assert torn is not None
            assert (torn.file, torn.offset, torn.size) == (str(path), starts[kept], size - starts[kept])
            assert torn.last_height == 3 + kept
            assert str(path) in str(torn)
        opened.append(4 + kept, b"goes on")
        opened.sync()
        opened.close()
        again, opened = read_all(tmp_path, kind, salts)
        assert again == [*found, (4 + kept, b"goes on")]
        assert opened.torn_tail is None
        opened.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_anywhere_is_named_and_nothing_that_was_synced_is_lost(
    tmp_path: Path, kind: str
) -> None:
    blocks, salts = write_log(tmp_path, kind, [1, 2, 1, 3, 1, 4])
    paths = sorted(tmp_path.glob("*.log"))
    assert len(paths) > 1
    for path in paths:
        whole = path.read_bytes()
        for at in range(len(whole)):
            for mask in (0x01, 0xFF):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
                try:
                    found, log = read_all(tmp_path, kind, salts)
                except CorruptStorage as error:
                    assert path.name in error.file  # noqa: PT017
                    assert error.where  # noqa: PT017
                    continue
                assert found == blocks
                log.close()
                assert path == paths[-1], "a flip went unnoticed"
                assert at >= len(whole) - RECORD_HEAD_SIZE, "only the last mark can be done without"
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_before_later_synced_blocks_is_no_torn_tail(tmp_path: Path, kind: str) -> None:
    _, salts = write_log(tmp_path, kind, [1, 1, 1])
    path = tmp_path / "00000001.log"
    whole = path.read_bytes()
    third = whole.rindex(b"CFb\x1a")
    for start, end in ((third - 40, third - 30), (third + 30, third + 40)):
        path.write_bytes(whole[:start] + bytes(end - start) + whole[end:])
        with pytest.raises(CorruptStorage, match="once safely on the device") as caught:
            read_all(tmp_path, kind, salts)
        assert caught.value.file == str(path)
        assert caught.value.where["offset"] == (
            third if start > third else whole.rindex(b"CFb\x1a", 0, third)
        )
        assert caught.value.where["height"] == (3 if start > third else 2)
        assert path.read_bytes() != whole[:third], "nothing was cut"


class LosingDisk:
    """Remembers what was synced; a power failure keeps any of the pieces that were not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: dict[int, bytes] = {}
        self.real_sync = files.sync
        monkeypatch.setattr(files, "sync", self.sync)

    def sync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self.synced[status.st_ino] = os.pread(descriptor, status.st_size, 0)

    def fail(self, path: Path, keeps: Callable[[int], bool], piece: int = 16) -> None:
        """Leave of each unsynced piece either what was written or zeros, and of the size what the last piece needs."""
        now, safe = path.read_bytes(), self.synced.get(path.stat().st_ino, b"")
        left = bytearray(safe)
        for start in range(0, len(now), piece):
            if keeps(start // piece):
                end = min(start + piece, len(now))
                left += bytes(max(0, end - len(left)))
                left[start:end] = now[start:end]
        path.write_bytes(bytes(left))


@given(
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(["append", "sync", "fail"]), min_size=1, max_size=25),
    st.lists(st.booleans(), min_size=1, max_size=40),
)
@example(kind="encrypted", steps=["append"] * 6, kept=[False, True])
def test_whatever_unsynced_writes_a_power_failure_loses_the_log_opens_with_all_that_was_synced(
    tmp_path_factory: pytest.TempPathFactory, kind: str, steps: list[str], kept: list[bool]
) -> None:
    directory, salts = tmp_path_factory.mktemp("log"), Salts()
    with pytest.MonkeyPatch.context() as monkeypatch:
        disk = LosingDisk(monkeypatch)
        log = BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
        appended: Blocks = []
        synced = 0
        for number, step in enumerate([*steps, "fail"]):
            if step == "append":
                height = len(appended) + 1
                block = b"%d:%d " % (height, number) * 6
                log.append(height, block)
                appended.append((height, block))
            elif step == "sync":
                log.sync()
                synced = len(appended)
            else:
                log.close()
                for path in directory.glob("*.log"):
                    disk.fail(path, lambda piece: kept[piece % len(kept)])
                log = BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
                found = list(log.read_from(1))
                assert found == appended[: len(found)]
                assert len(found) >= synced
                appended, synced = found, len(found)
        log.close()


def full(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def broken(*_: Any) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def half(descriptor: int, parts: list[bytes], offset: int) -> int:
    data = b"".join(parts)
    return os.pwrite(descriptor, data[: len(data) // 2], offset)


class Failing:
    """Makes the n-th call of one file operation fail, `times` times in a row."""

    def __init__(self, operation: Callable[..., Any], way: Callable[..., Any], n: int, times: int) -> None:
        self.operation, self.way, self.first, self.last, self.calls = operation, way, n, n + times, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.first <= self.calls < self.last:
            return self.way(*arguments)
        return self.operation(*arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("operation", "way"),
    [
        ("write_at", full),
        ("write_at", half),
        ("write_at", broken),
        ("sync", broken),
        ("create", full),
        ("sync_directory", broken),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_when_the_nth_operation_fails_the_log_says_so_and_goes_on_or_is_reopened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, operation: str, way: Any, times: int
) -> None:
    for n in range(1, 100):
        directory = tmp_path / str(n)
        directory.mkdir()
        salts, blocks = Salts(), []
        log = BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
        fault = Failing(getattr(files, operation), way, n, times)
        synced = 0
        with monkeypatch.context() as patch:
            patch.setattr(files, operation, fault)
            while synced < 12:
                try:
                    for height in range(len(blocks) + 1, synced + 3):
                        log.append(height, payload(height))
                        blocks.append((height, payload(height)))
                    log.sync()
                    synced = len(blocks)
                except StorageError as error:
                    assert isinstance(error, StorageFull if way in (full, half) else StorageFailed)  # noqa: PT017
                    assert str(directory) in str(error)  # noqa: PT017
                    if operation == "sync":
                        log.close()
                        log = reopened(directory, kind, salts)
                        blocks = list(log.read_from(1))
                        assert len(blocks) >= synced
                    assert list(log.read_from(1)) == blocks
        log.close()
        found, log = read_all(directory, kind, salts)
        assert found == blocks
        log.close()
        if fault.calls < n:
            break
    assert 2 < n < 99, "every call was made to fail once"


def reopened(directory: Path, kind: str, salts: Salts) -> BlockLog:
    """Opening syncs what it finds, which may fail too; then it is tried again, as an operator would."""
    while True:
        try:
            return BlockLog(directory, cipher_of(kind, salts), segment_size=SEGMENT)
        except StorageFailed:
            continue


def test_a_record_that_cannot_be_taken_back_stops_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks, salts = write_log(tmp_path, "encrypted", [2])
    _, log = read_all(tmp_path, "encrypted", salts)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", half)
        patch.setattr(files, "truncate", broken)
        with pytest.raises(StorageFull):
            log.append(3, payload(3))
    with pytest.raises(StorageFailed, match="could not be taken back"):
        log.append(3, payload(3))
    log.close()
    found, log = read_all(tmp_path, "encrypted", salts)
    assert found == blocks
    assert log.torn_tail is not None


def test_after_a_failed_sync_nothing_is_promised_before_the_log_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, salts = write_log(tmp_path, "encrypted", [1])
    _, log = read_all(tmp_path, "encrypted", salts)
    log.append(2, payload(2))
    with monkeypatch.context() as patch:
        patch.setattr(files, "sync", broken)
        with pytest.raises(StorageFailed):
            log.sync()
    for act in (log.sync, lambda: log.append(3, payload(3))):
        with pytest.raises(StorageFailed, match="after a restart"):
            act()


@pytest.mark.parametrize("size", range(31))
def test_a_segment_whose_creation_was_interrupted_is_removed(tmp_path: Path, size: int) -> None:
    blocks, salts = write_log(tmp_path, "encrypted", [3])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "00000001.log", elsewhere)
    head = (tmp_path / "00000001.log").read_bytes()[:size]
    begun = tmp_path / "00000002.log"
    begun.write_bytes(head if size < 30 else bytes(30))
    found, log = read_all(tmp_path, "encrypted", salts)
    assert found == blocks
    assert not begun.exists()
    assert log.torn_tail is not None
    assert log.torn_tail.file == str(begun)
    log.append(4, payload(4))
    assert list(log.read_from(4)) == [(4, payload(4))]
