"""Going through one segment of the block log, and sealing one anew under another key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from counterfoil.storage import files
from counterfoil.storage.cipher import Cipher, Damaged
from counterfoil.storage.errors import CorruptStorage, StorageFull, as_storage_error
from counterfoil.storage.fault_points import AFTER_SEGMENT_RESEALED, BEFORE_SEGMENT_RESEALED, reached
from counterfoil.storage.log_format import (
    RECORD_HEAD_SIZE,
    SEGMENT_HEAD_SIZE,
    RecordHead,
    SegmentHead,
    pack_record_head,
    pack_segment_head,
    parse_record_head,
)

PIECE: Final = 1 << 20
"""So many bytes are sealed anew without a pause."""


class Record(NamedTuple):
    """offset: of its head in the segment. stored: its sealed payload; empty where it was not asked for."""

    offset: int
    head: RecordHead
    stored: bytes

    def opened(self, path: Path, cipher: Cipher) -> bytes:
        """The payload, or CorruptStorage."""
        try:
            if len(self.stored) != self.head.length:
                raise Damaged
            return cipher.open(self.head.associated, self.stored)
        except Damaged:
            problem = "a block is not what was written"
            raise CorruptStorage(path, problem, offset=self.offset, height=self.head.height) from None


def records(path: Path, segment: SegmentHead, end: int | None = None, wanted: int = 0) -> Iterator[Record]:
    """The records of a segment up to an offset, or to the file's end; of blocks below a height only the heads.

    CorruptStorage at a head that is not what was written.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise as_storage_error(path, error) from error
    try:
        if end is None:
            end = os.fstat(descriptor).st_size
        offset = SEGMENT_HEAD_SIZE
        while offset < end:
            head = parse_record_head(files.read_at(descriptor, RECORD_HEAD_SIZE, offset), segment.salt)
            if head is None:
                raise CorruptStorage(path, "the head of a record is not what was written", offset=offset)
            length = 0 if head.is_mark or head.height < wanted else head.length
            yield Record(offset, head, files.read_at(descriptor, length, offset + RECORD_HEAD_SIZE))
            offset += RECORD_HEAD_SIZE + head.length
    except OSError as error:
        raise as_storage_error(path, error) from error
    finally:
        os.close(descriptor)


def resealed(path: Path, segment: SegmentHead, cipher: Cipher) -> Iterator[int]:
    """Put a closed segment in its own place, its payloads sealed anew; how many bytes were, a piece at a time.

    Every record stays where it was: a cipher of encryption adds as much as another one. Until the new file is whole
    and durable the old one stands; whoever reads it goes on reading.
    """
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    try:
        descriptor = files.create(beside)
        try:
            parts, offset, size = [pack_segment_head(segment)], 0, SEGMENT_HEAD_SIZE
            for record in records(path, segment):
                head = record.head
                parts.append(pack_record_head(head, segment.salt))
                if not head.is_mark:
                    parts.append(cipher.seal(head.associated, record.opened(path, cipher)))
                size += RECORD_HEAD_SIZE + head.length
                if size >= PIECE:
                    offset += _written(descriptor, parts, offset, beside)
                    yield size
                    parts, size = [], 0
            _written(descriptor, parts, offset, beside)
            files.sync(descriptor)
        finally:
            os.close(descriptor)
        reached(BEFORE_SEGMENT_RESEALED)
        os.replace(beside, path)
        files.sync_directory(path.parent)
        reached(AFTER_SEGMENT_RESEALED)
        yield size
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise as_storage_error(path, error) from error


def _written(descriptor: int, parts: list[bytes], offset: int, path: Path) -> int:
    data = b"".join(parts)
    if files.write_at(descriptor, [data], offset) != len(data):
        path.unlink(missing_ok=True)
        raise StorageFull(path)
    return len(data)
