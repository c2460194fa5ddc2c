from __future__ import annotations

import threading
from pathlib import Path

import pytest

from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.errors import CorruptStorage, StorageFailed
from counterfoil.storage.log_format import RECORD_HEAD_SIZE
from tests.unit.storage.support import Salts, cipher_of


@pytest.fixture(params=["encrypted", "plain"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Logs:
    """Opens the log of one directory again and again."""

    def __init__(self, directory: Path, kind: str, segment_size: int = 400) -> None:
        self.directory, self.kind, self.segment_size, self.salts = directory, kind, segment_size, Salts()

    def open(self) -> BlockLog:
        return BlockLog(self.directory, cipher_of(self.kind, self.salts), segment_size=self.segment_size)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def logs(tmp_path: Path, kind: str) -> Logs:
    return Logs(tmp_path, kind)


def payload(height: int) -> bytes:
    return b"block %d " % height * (height % 7)


def test_an_empty_log(logs: Logs) -> None:
    log = logs.open()
    assert (log.last_height(), log.first_height(), log.torn_tail) == (0, 0, None)
    assert list(log.read_from(1)) == []
    log.sync()
    log.close()
    assert logs.files() == []


def test_blocks_are_read_back_from_any_height_over_many_segments_and_restarts(logs: Logs) -> None:
    blocks = {}
    for start in range(5, 65, 12):
        log = logs.open()
        assert log.torn_tail is None
        for height in range(start, start + 12):
            log.append(height, payload(height))
            blocks[height] = payload(height)
            if height % 3 == 0:
                log.sync()
        log.sync()
        assert (log.first_height(), log.last_height()) == (5, start + 11)
        for height in (0, 1, 5, 6, start, start + 11):
            assert dict(log.read_from(height)) == {at: block for at, block in blocks.items() if at >= height}
        assert list(log.read_from(start + 12)) == []
        log.close()
    assert len(logs.files()) > 5


def test_a_block_larger_than_a_segment_has_one_of_its_own(logs: Logs) -> None:
    log = logs.open()
    for height, size in enumerate((10, 5000, 10, 0), 1):
        log.append(height, bytes(size))
    log.close()
    log = logs.open()
    assert [len(block) for _, block in log.read_from(1)] == [10, 5000, 10, 0]
    assert logs.files() == ["00000001.log", "00000002.log", "00000003.log"]


def test_heights_are_consecutive(logs: Logs) -> None:
    log = logs.open()
    with pytest.raises(ValueError, match="at height 0"):
        log.append(0, b"x")
    log.append(10, b"x")
    for wrong in (9, 10, 12):
        with pytest.raises(ValueError, match="goes on with height 11"):
            log.append(wrong, b"x")
    log.append(11, b"y")
    assert [height for height, _ in log.read_from(1)] == [10, 11]


def test_what_is_appended_is_readable_before_it_is_synced(logs: Logs) -> None:
    log = logs.open()
    log.append(1, b"one")
    assert list(log.read_from(1)) == [(1, b"one")]


def test_a_closed_log_says_so(logs: Logs) -> None:
    log = logs.open()
    log.append(1, b"x")
    log.close()
    log.close()
    for act in (lambda: log.append(2, b"y"), log.sync):
        with pytest.raises(StorageFailed, match="closed"):
            act()


def test_nothing_readable_lies_in_an_encrypted_log(tmp_path: Path) -> None:
    log = Logs(tmp_path, "encrypted").open()
    log.append(1, b"who holds what, in clear" * 10)
    log.sync()
    assert b"holds" not in (tmp_path / "00000001.log").read_bytes()


def test_a_missing_segment_is_named(logs: Logs) -> None:
    log = logs.open()
    for height in range(1, 40):
        log.append(height, payload(height))
    log.close()
    names = logs.files()
    (logs.directory / names[2]).rename(logs.directory / "elsewhere")
    with pytest.raises(CorruptStorage, match=rf"the segment {names[2]} is missing"):
        logs.open()
    (logs.directory / "elsewhere").rename(logs.directory / names[2])
    (logs.directory / names[2]).write_bytes((logs.directory / names[1]).read_bytes())
    with pytest.raises(CorruptStorage, match=names[2]):
        logs.open()


def test_a_segment_that_lost_its_end_is_named_when_it_is_read(logs: Logs) -> None:
    log = logs.open()
    for height in range(1, 40):
        log.append(height, payload(height))
    log.close()
    path = logs.directory / logs.files()[1]
    whole = path.read_bytes()
    for size in range(len(whole) - RECORD_HEAD_SIZE):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptStorage):
            list(logs.open().read_from(1))
    path.write_bytes(whole[:-RECORD_HEAD_SIZE])
    assert len(list(logs.open().read_from(1))) == 39, "only the mark of the last sync is gone"


def test_a_reader_follows_while_another_thread_appends(tmp_path: Path) -> None:
    log = Logs(tmp_path, "encrypted", segment_size=3000).open()
    log.append(1, payload(1))
    wrong: list[object] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                heights = [height for height, block in log.read_from(1) if block == payload(height)]
            except CorruptStorage as error:
                wrong.append(error)
                return
            if heights != list(range(1, len(heights) + 1)):
                wrong.append(heights)

    reader = threading.Thread(target=read)
    reader.start()
    for height in range(2, 300):
        log.append(height, payload(height))
        if height % 10 == 0:
            log.sync()
    ended.set()
    reader.join()
    assert wrong == []
