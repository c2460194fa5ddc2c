"""How several things share one stored value, and one large thing several values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from struct import Struct, pack

PART_SIZE = 256 << 10
"""A blob is stored in parts of so many bytes, so that LMDB finds room for it among pages that were freed, and needs
no buffer as large as the blob."""

_PROGRESS = Struct(">HQQ")
_STORE_FORMAT = 1


def pack_progress(height: int, versions_end: int) -> bytes:
    return _PROGRESS.pack(_STORE_FORMAT, height, versions_end)


def unpack_progress(packed: bytes) -> tuple[int, int]:
    """(height, end of the history); ValueError for a store of another format."""
    version, height, versions_end = _PROGRESS.unpack(packed)
    if version != _STORE_FORMAT:
        raise ValueError(f"the store has format {version}; this program knows format {_STORE_FORMAT}")
    return int(height), int(versions_end)


def pack_versions(first: int, versions: list[bytes], page_size: int) -> Iterator[tuple[bytes, bytes]]:
    """(8-byte position of the first, page) for runs of up to `page_size` (at most 255) versions.

    A page is the number of its versions (1 byte), where each ends (4 bytes), the versions.
    """
    for at in range(0, len(versions), page_size):
        run = versions[at : at + page_size]
        head = pack(f">B{len(run)}I", len(run), *accumulate(map(len, run)))
        yield (first + at).to_bytes(8, "big"), head + b"".join(run)


def unpack_version(page: bytes, index: int) -> bytes | None:
    """One version of a page, None when the page ends before it."""
    count = page[0]
    if index >= count:
        return None
    at, base = 1 + 4 * index, 1 + 4 * count
    start = int.from_bytes(page[at - 4 : at], "big") if index else 0
    return page[base + start : base + int.from_bytes(page[at : at + 4], "big")]


def blob_parts(blobs: list[tuple[int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """(8-byte number and 4-byte index, part) of all blobs; the first part begins with the number of parts."""
    for number, data in blobs:
        key = number.to_bytes(8, "big")
        count = max(1, -(-len(data) // PART_SIZE))
        yield key + bytes(4), count.to_bytes(4, "big") + data[:PART_SIZE]
        for index in range(1, count):
            yield key + index.to_bytes(4, "big"), data[index * PART_SIZE : (index + 1) * PART_SIZE]


def parts_of(first: bytes) -> int:
    """How many parts a blob has, told by its first."""
    return int.from_bytes(first[:4], "big")
