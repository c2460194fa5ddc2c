"""The bytes of the block log: segment heads, records, sync marks.

A segment file is a head, then records. A record is

    magic (4)  length of the sealed payload (4)  height (8)  durable end (8)  CRC-32 (4)  sealed payload

where *durable end* is how far this segment was known to be on the device when the record was written, and the
CRC-32, which begins from the segment's random salt, covers what stands before it. A sync mark is a record with
another magic and no payload, written after each sync: whatever is damaged before a durable end that some later
record vouches for was once safely on the device, hence corrupt; damage that nothing vouches for is a torn tail, the
remains of a write that a power failure or a kill interrupted, of which nobody was told that it had happened.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple
from zlib import crc32

_SEGMENT = Struct(">8sHIQ4s")
_RECORD = Struct(">4sIQQ")
_SEGMENT_MAGIC = b"CFOILLOG"
_SEGMENT_FORMAT = 1

BLOCK = b"CFb\x1a"
MARK = b"CFs\x1a"
SEGMENT_HEAD_SIZE = _SEGMENT.size + 4
RECORD_HEAD_SIZE = _RECORD.size + 4
PAYLOAD_MAX = 1 << 30
"""The largest sealed payload in bytes; blocks are limited to far less by the ledger's own parameters."""


class SegmentHead(NamedTuple):
    """number: from 1 without gaps. first_height: of the first block in the segment. salt: 4 random bytes."""

    number: int
    first_height: int
    salt: bytes


class RecordHead(NamedTuple):
    """length: of the sealed payload in bytes. durable_end: an offset in the segment. bound: the head's bytes, which
    the payload's seal covers."""

    is_mark: bool
    length: int
    height: int
    durable_end: int
    bound: bytes

    @property
    def associated(self) -> bytes:
        """What the payload's seal covers beside the payload."""
        return b"\x00log" + self.bound


def pack_segment_head(head: SegmentHead) -> bytes:
    packed = _SEGMENT.pack(_SEGMENT_MAGIC, _SEGMENT_FORMAT, head.number, head.first_height, head.salt)
    return packed + crc32(packed).to_bytes(4, "big")


def parse_segment_head(data: bytes) -> SegmentHead | None:
    """None unless the bytes are an undamaged head of a format that we know."""
    packed = data[: _SEGMENT.size]
    if len(data) < SEGMENT_HEAD_SIZE or data[_SEGMENT.size : SEGMENT_HEAD_SIZE] != crc32(packed).to_bytes(
        4, "big"
    ):
        return None
    magic, version, number, first_height, salt = _SEGMENT.unpack(packed)
    if magic != _SEGMENT_MAGIC or version != _SEGMENT_FORMAT:
        return None
    return SegmentHead(number, first_height, salt)


def record_head(length: int, height: int, durable_end: int, *, is_mark: bool = False) -> RecordHead:
    bound = _RECORD.pack(MARK if is_mark else BLOCK, length, height, durable_end)
    return RecordHead(is_mark, length, height, durable_end, bound)


def pack_record_head(head: RecordHead, salt: bytes) -> bytes:
    return head.bound + crc32(head.bound, int.from_bytes(salt, "big")).to_bytes(4, "big")


def parse_record_head(data: bytes, salt: bytes) -> RecordHead | None:
    """None unless the bytes begin with an undamaged record head of this segment."""
    bound = data[: _RECORD.size]
    if len(data) < RECORD_HEAD_SIZE:
        return None
    if data[_RECORD.size : RECORD_HEAD_SIZE] != crc32(bound, int.from_bytes(salt, "big")).to_bytes(4, "big"):
        return None
    magic, length, height, durable_end = _RECORD.unpack(bound)
    if magic not in (BLOCK, MARK) or length > PAYLOAD_MAX or (magic == MARK and length):
        return None
    return RecordHead(magic == MARK, length, height, durable_end, bound)
