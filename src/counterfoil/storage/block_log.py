"""The block log: decided blocks, appended and synced before anybody is told of them. It is the truth.

`log/00000001.log`, `log/00000002.log`, … Only the last segment can have a torn tail, since a segment is synced
before the next one is begun. Several appends may share one sync (group commit). One thread appends; any thread
reads. The layout of bytes is in `log_format`.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from counterfoil.storage import files
from counterfoil.storage.cipher import Cipher, Damaged
from counterfoil.storage.errors import (
    CorruptStorage,
    StorageError,
    StorageFailed,
    StorageFull,
    as_storage_error,
)
from counterfoil.storage.fault_points import (
    AFTER_LOG_APPEND,
    AFTER_LOG_SYNC,
    AFTER_PRUNING_MARK,
    AFTER_SEGMENT_CREATION,
    BEFORE_LOG_APPEND,
    BEFORE_LOG_SYNC,
    BEFORE_SEGMENT_CREATION,
    INSIDE_SEGMENT_CREATION,
    reached,
)
from counterfoil.storage.log_format import (
    BLOCK,
    MARK,
    PAYLOAD_MAX,
    RECORD_HEAD_SIZE,
    SEGMENT_HEAD_SIZE,
    RecordHead,
    SegmentHead,
    pack_record_head,
    pack_segment_head,
    parse_record_head,
    parse_segment_head,
    record_head,
)
from counterfoil.storage.log_segments import records, resealed

SEGMENT_SIZE = 64 << 20
"""A segment that has reached so many bytes is closed: the last one is read as a whole at every start."""

PRUNED_NAME = "pruned"
"""In the log's directory once it was pruned: the number of the first segment that is still there."""

_MAGICS = re.compile(b"|".join(map(re.escape, (BLOCK, MARK))))


@dataclass(frozen=True)
class TornTail:
    """What was cut off when the log was opened: the remains of a write that was never acknowledged."""

    file: str
    offset: int
    size: int
    last_height: int

    def __str__(self) -> str:
        return (
            f"{self.file}: {self.size} bytes of an interrupted write were cut off at offset {self.offset};"
            f" the last whole block is {self.last_height}."
        )


@dataclass
class _Segment:
    path: Path
    head: SegmentHead


class BlockLog:
    """The log in one directory, which must exist; the ledger folder's lock keeps other processes out.

    torn_tail: what opening cut off, or None. Heights are consecutive; the first one appended may be any. Another
    thread may change the cipher between two appends.
    """

    def __init__(self, directory: Path, cipher: Cipher, *, segment_size: int = SEGMENT_SIZE) -> None:
        self.torn_tail: TornTail | None = None
        self._directory = directory
        self._cipher = cipher
        self._segment_size = segment_size
        self._segments: list[_Segment] = []
        self._first_segment = 1
        self._descriptor = -1
        self._last_height = 0
        self._synced_height = 0
        self._end = 0
        self._durable_end = 0
        self._readable = (0, 0, 0)
        self._broken: str | None = None
        self._changing = threading.RLock()
        try:
            self._open()
        except OSError as error:
            raise as_storage_error(directory, error) from error

    def last_height(self) -> int:
        """The height of the last block appended, synced or not; 0 when the log is empty."""
        return self._last_height

    def first_height(self) -> int:
        """The height of the first block; 0 when the log is empty."""
        return self._segments[0].head.first_height if self._last_height else 0

    def append(self, height: int, payload: bytes) -> None:
        """Add one block, not yet durable. StorageFull and StorageFailed leave the log as it was, and usable."""
        with self._changing:
            self._append(height, payload)

    def sync(self) -> None:
        """Returns when all that was appended is on the device. After a failure only reopening tells what is."""
        with self._changing:
            self._sync()

    def change_cipher(self, cipher: Cipher) -> None:
        """What comes is sealed under another cipher, which opens what is there, and begins a new segment."""
        with self._changing:
            self._refuse_if_broken()
            if self._last_height and self._segments[-1].head.first_height <= self._last_height:
                self._begin_segment(self._last_height + 1)
            self._cipher = cipher

    def reseal(self, is_newest: Callable[[bytes], bool]) -> Iterator[int]:
        """Seal anew, with the cipher of now, the closed segments whose first block is not sealed under its newest
        key; how many bytes were, a piece at a time. A segment is replaced when all of it is written and durable."""
        for segment in self._segments[:-1]:
            blocks = (record for record in records(segment.path, segment.head) if not record.head.is_mark)
            first = next(blocks, None)
            if first is not None and not is_newest(first.stored):
                yield from resealed(segment.path, segment.head, self._cipher)

    def _append(self, height: int, payload: bytes) -> None:
        self._refuse_if_broken()
        if self._last_height and height != self._last_height + 1:
            raise ValueError(f"the log goes on with height {self._last_height + 1}, not {height}")
        length = len(payload) + self._cipher.overhead
        if not 0 < height < 1 << 63 or length > PAYLOAD_MAX:
            raise ValueError(f"no block of {len(payload)} bytes at height {height} can be logged")
        reached(BEFORE_LOG_APPEND)
        if not self._segments or (
            self._end > SEGMENT_HEAD_SIZE and self._end + RECORD_HEAD_SIZE + length > self._segment_size
        ):
            self._begin_segment(height)
        segment = self._segments[-1]
        if not self._last_height and segment.head.first_height != height:
            raise ValueError(f"the log begins with height {segment.head.first_height}, not {height}")
        head = record_head(length, height, self._durable_end)
        self._write([pack_record_head(head, segment.head.salt), self._cipher.seal(head.associated, payload)])
        self._last_height = height
        self._readable = (height, self._end, len(self._segments))
        reached(AFTER_LOG_APPEND)

    def _sync(self) -> None:
        self._refuse_if_broken()
        if self._synced_height == self._last_height:
            return
        reached(BEFORE_LOG_SYNC)
        path = self._segments[-1].path
        try:
            files.sync(self._descriptor)
        except OSError as error:
            self._broken = (
                f"a sync of {path} failed ({error.strerror}); what it holds is known after a restart"
            )
            raise as_storage_error(path, error) from error
        self._durable_end, self._synced_height = self._end, self._last_height
        self._mark()
        reached(AFTER_LOG_SYNC)

    def read_from(self, height: int) -> Iterator[tuple[int, bytes]]:
        """(height, payload) of all blocks from `height` on that had been appended when reading began."""
        last, end, count = self._readable
        segments = self._segments[:count]
        if not last or height > last:
            return
        height = max(height, segments[0].head.first_height)
        start = max(index for index, segment in enumerate(segments) if segment.head.first_height <= height)
        expected = segments[start].head.first_height
        for segment in segments[start:]:
            if segment.head.first_height != expected:
                raise CorruptStorage(segment.path, "blocks are missing before it", height=expected)
            for found, payload in self._records(segment, end if segment is segments[-1] else None, height):
                if found != expected:
                    raise CorruptStorage(segment.path, "a block is missing", height=expected)
                expected += 1
                if payload is not None:
                    yield found, payload
        if expected != last + 1:
            raise CorruptStorage(segments[-1].path, "blocks are missing at its end", height=expected)

    def prune(self, height: int) -> int:
        """Delete the segments of which every block lies below a height; the last one stays. Returns how many went.

        What goes is written down first, so that a log that lacks its beginning for another reason is still found out.
        """
        self._refuse_if_broken()
        going = 0
        while going + 1 < len(self._segments) and self._segments[going + 1].head.first_height <= height:
            going += 1
        if not going:
            return 0
        first = self._segments[going].head.number
        beside = self._directory / f".{PRUNED_NAME}"
        try:
            beside.unlink(missing_ok=True)
            files.write_new(beside, f"{first}\n".encode())
            os.replace(beside, self._directory / PRUNED_NAME)
            files.sync_directory(self._directory)
            reached(AFTER_PRUNING_MARK)
            gone, self._segments = self._segments[:going], self._segments[going:]
            self._first_segment = first
            self._readable = (self._readable[0], self._readable[1], len(self._segments))
            for segment in gone:
                segment.path.unlink()
            files.sync_directory(self._directory)
        except OSError as error:
            raise as_storage_error(self._directory, error) from error
        return going

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._broken = "the log is closed"

    def _refuse_if_broken(self) -> None:
        if self._broken is not None:
            raise StorageFailed(self._directory, self._broken)

    def _write(self, parts: list[bytes]) -> None:
        """One write call at the end; whatever does not arrive whole is taken back."""
        path, size, offset = self._segments[-1].path, sum(map(len, parts)), self._end
        try:
            written = files.write_at(self._descriptor, parts, offset)
            if written == size:
                self._end = offset + size
                return
            failure: StorageError = StorageFull(path)
        except OSError as error:
            failure = as_storage_error(path, error)
        try:
            files.truncate(self._descriptor, offset)
        except OSError as error:
            self._broken = f"half a record could not be taken back from {path} ({error.strerror}); restart"
        raise failure

    def _mark(self) -> None:
        """Vouch for what was just synced. The mark itself need not last, and a full disk may do without it."""
        head = record_head(0, self._last_height, self._durable_end, is_mark=True)
        try:
            self._write([pack_record_head(head, self._segments[-1].head.salt)])
        except StorageError:
            return

    def _sync_mark(self) -> None:
        """Only the last segment may end in something that a power failure took."""
        try:
            files.sync(self._descriptor)
        except OSError as error:
            raise as_storage_error(self._segments[-1].path, error) from error

    def _begin_segment(self, height: int) -> None:
        """Close the last segment durably, its last mark too, and begin the next; when that fails it goes on."""
        if self._segments:
            self.sync()
            self._sync_mark()
        reached(BEFORE_SEGMENT_CREATION)
        number = self._first_segment + len(self._segments)
        path = self._directory / f"{number:08}.log"
        head = SegmentHead(number, height, secrets.token_bytes(4))
        try:
            descriptor = self._create_segment(path, pack_segment_head(head))
        except OSError as error:
            raise as_storage_error(path, error) from error
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._segments.append(_Segment(path, head))
        self._end = self._durable_end = SEGMENT_HEAD_SIZE
        reached(AFTER_SEGMENT_CREATION)

    def _create_segment(self, path: Path, head: bytes) -> int:
        descriptor = files.create(path)
        try:
            reached(INSIDE_SEGMENT_CREATION)
            if files.write_at(descriptor, [head], 0) != SEGMENT_HEAD_SIZE:
                raise StorageFull(path)
            files.sync(descriptor)
            files.sync_directory(self._directory)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return descriptor

    def _records(self, segment: _Segment, end: int | None, wanted: int) -> Iterator[tuple[int, bytes | None]]:
        """(height, payload) of a segment's blocks up to an offset; no payload for heights below the wanted."""
        for record in records(segment.path, segment.head, end, wanted):
            if not record.head.is_mark:
                at_hand = record.head.height >= wanted
                yield record.head.height, record.opened(segment.path, self._cipher) if at_hand else None

    def _opened(self, head: RecordHead, stored: bytes) -> bytes | None:
        if len(stored) != head.length:
            return None
        try:
            return self._cipher.open(head.associated, stored)
        except Damaged:
            return None

    def _open(self) -> None:
        """Take up the segments that are there, cut a torn tail, and make durable what is whole."""
        self._first_segment = self._pruned_to()
        paths = sorted(self._directory.glob("[0-9]*.log"))
        for number, path in enumerate(paths, self._first_segment):
            if path.name != f"{number:08}.log":
                raise CorruptStorage(self._directory, f"the segment {number:08}.log is missing")
            with path.open("rb") as file:
                head = parse_segment_head(file.read(SEGMENT_HEAD_SIZE))
            size = path.stat().st_size
            if head is None and path == paths[-1] and size <= SEGMENT_HEAD_SIZE:
                path.unlink()
                files.sync_directory(self._directory)
                self.torn_tail = TornTail(str(path), 0, size, 0)
                break
            before = self._segments[-1].head.first_height if self._segments else 0
            if head is None or head.number != number or head.first_height <= before:
                raise CorruptStorage(path, "the head of the segment is not what was written", offset=0)
            self._segments.append(_Segment(path, head))
        if self._segments:
            self._take_up_last(self._segments[-1])
        if self.torn_tail is not None:
            self.torn_tail = replace(self.torn_tail, last_height=self._last_height)

    def _pruned_to(self) -> int:
        """The number of the first segment that must be there; what lies before it, left by a crash, is deleted."""
        try:
            text = (self._directory / PRUNED_NAME).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return 1
        if not text.isdigit() or not 0 < int(text) < 100_000_000:
            raise CorruptStorage(self._directory / PRUNED_NAME, "it does not say where the log begins")
        first = int(text)
        for path in self._directory.glob("[0-9]*.log"):
            if path.stem.isdigit() and int(path.stem) < first:
                path.unlink()
        return first

    def _take_up_last(self, segment: _Segment) -> None:
        data = segment.path.read_bytes()
        end, height, vouched_end = self._whole_records(segment, data)
        first = len(self._segments) == 1 and height < segment.head.first_height
        self._last_height = self._synced_height = 0 if first else height
        self._descriptor = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        if end < len(data):
            files.truncate(self._descriptor, end)
            files.sync(self._descriptor)
            self.torn_tail = TornTail(str(segment.path), end, len(data) - end, height)
        self._end, self._durable_end = end, vouched_end
        if vouched_end < end - RECORD_HEAD_SIZE:
            files.sync(self._descriptor)
            self._durable_end = end
            self._mark()
        self._readable = (self._last_height, self._end, len(self._segments))

    def _whole_records(self, segment: _Segment, data: bytes) -> tuple[int, int, int]:
        """(where the undamaged records end, height of the last block, the highest durable end they vouch for)."""
        offset, height, vouched_end = SEGMENT_HEAD_SIZE, segment.head.first_height - 1, SEGMENT_HEAD_SIZE
        salt = segment.head.salt
        while offset < len(data):
            start = offset + RECORD_HEAD_SIZE
            head = parse_record_head(data[offset:start], salt)
            sound = head is not None and vouched_end <= head.durable_end <= offset
            if head is not None and not head.is_mark:
                stored = data[start : start + head.length]
                sound = sound and head.height == height + 1 and self._opened(head, stored) is not None
            if head is None or not sound:
                if is_vouched_for(data, offset, salt):
                    problem = "a record that was once safely on the device is not what was written"
                    raise CorruptStorage(segment.path, problem, offset=offset, height=height + 1)
                break
            height, vouched_end = head.height, head.durable_end
            offset = start + head.length
        return offset, height, vouched_end


def is_vouched_for(data: bytes, damaged: int, salt: bytes) -> bool:
    """Whether any later record of a segment was written after the one at `damaged` had been synced."""
    for found in _MAGICS.finditer(data, damaged + 1):
        at = found.start()
        head = parse_record_head(data[at : at + RECORD_HEAD_SIZE], salt)
        if head is not None and damaged < head.durable_end <= at:
            return True
    return False
