"""Reading copies of what lies without encryption at rest: sealed blocks and sealed receipts. Nothing is written.

A copy is what somebody has taken of a ledger's folder, or keeps for everybody's continuity; never a folder at work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import lmdb

from counterfoil.storage import files
from counterfoil.storage.block_log import is_vouched_for
from counterfoil.storage.cipher import Checksums, Damaged
from counterfoil.storage.errors import CorruptStorage, StorageFailed, as_storage_error
from counterfoil.storage.lmdb_environment import DATABASES_MAX, examine_structure
from counterfoil.storage.log_format import (
    RECORD_HEAD_SIZE,
    SEGMENT_HEAD_SIZE,
    RecordHead,
    parse_record_head,
    parse_segment_head,
)
from counterfoil.storage.packing import parts_of

_OPENER = Checksums()


def read_log_copy(directory: Path) -> Iterator[tuple[int, bytes]]:
    """(height, payload) of every whole block of a log in clear, in order; a torn tail ends the last segment.

    CorruptStorage where a block is missing or not what was written, or where the log is encrypted.
    """
    paths = sorted(directory.glob("[0-9]*.log"))
    expected = 0
    for number, path in enumerate(paths, 1):
        last = number == len(paths)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise as_storage_error(path, error) from error
        try:
            for height, payload in _segment(path, descriptor, number, last):
                if expected and height != expected:
                    raise CorruptStorage(path, "a block is missing", height=expected)
                expected = height + 1
                yield height, payload
        finally:
            os.close(descriptor)


def _segment(path: Path, descriptor: int, number: int, last: bool) -> Iterator[tuple[int, bytes]]:
    head = parse_segment_head(files.read_at(descriptor, SEGMENT_HEAD_SIZE, 0))
    if head is None or head.number != number:
        if last:
            return
        raise CorruptStorage(path, "the head of the segment is not what was written", offset=0)
    offset, end = SEGMENT_HEAD_SIZE, os.fstat(descriptor).st_size
    while offset < end:
        record = parse_record_head(files.read_at(descriptor, RECORD_HEAD_SIZE, offset), head.salt)
        stored = (
            b"" if record is None else files.read_at(descriptor, record.length, offset + RECORD_HEAD_SIZE)
        )
        payload = None if record is None else _payload(record, stored)
        if record is None or payload is None:
            if last and not is_vouched_for(files.read_at(descriptor, end, 0), offset, head.salt):
                return
            raise CorruptStorage(
                path, "a block is not what was written, or is encrypted at rest", offset=offset
            )
        if not record.is_mark:
            yield record.height, payload
        offset += RECORD_HEAD_SIZE + record.length


def _payload(record: RecordHead, stored: bytes) -> bytes | None:
    """What a record holds, nothing for a mark; None where it is not what was written."""
    if record.is_mark:
        return b""
    try:
        return _OPENER.open(record.associated, stored) if len(stored) == record.length else None
    except Damaged:
        return None


class BlobsCopy:
    """One kind of blob that a record store does not encrypt, in a copy of its directory."""

    def __init__(self, directory: Path, kind: str) -> None:
        file = directory / "data.mdb"
        if not file.is_file():
            raise StorageFailed(file, "there is no record store in this copy")
        examine_structure(file)
        try:
            self._environment = lmdb.open(
                str(directory), readonly=True, lock=False, max_dbs=DATABASES_MAX, readahead=False
            )
            self._database = self._environment.open_db(f"blob {kind}".encode(), create=False)
        except lmdb.Error as error:
            raise StorageFailed(file, f"it holds nothing of kind {kind!r} ({error})") from error
        self._place = b"\x00bblob " + kind.encode() + b"\x00"
        self._file = file

    def blob(self, number: int) -> bytes | None:
        """CorruptStorage where it is not what was written."""
        key = number.to_bytes(8, "big")
        with self._environment.begin(db=self._database) as txn:
            first = self._opened(txn.get(key + bytes(4)), key + bytes(4))
            if first is None:
                return None
            parts = [first[4:]]
            for index in range(1, parts_of(first)):
                at = key + index.to_bytes(4, "big")
                part = self._opened(txn.get(at), at)
                if part is None:
                    raise CorruptStorage(self._file, "a part is missing", key=at)
                parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self._environment.close()

    def _opened(self, stored: bytes | None, key: bytes) -> bytes | None:
        if stored is None:
            return None
        try:
            return _OPENER.open(self._place + key, stored)
        except Damaged:
            raise CorruptStorage(self._file, "a value is not what was written", key=key) from None
