"""The application header, the same under every engine, and the append-only history of all headers.

The application hash is the digest of the header. The history is the Merkle tree of RFC 6962 section 2.1 over all
earlier headers' digests, so that one recent signed header vouches for every past one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

from counterfoil.primitives.codec import Record, encode
from counterfoil.primitives.digests import HEADER, HISTORY_LEAF, HISTORY_NODE, SEAL
from counterfoil.primitives.outcome import ensure

CHUNK = 1024
"""So many headers share one remembered root: a power of two, so that a chunk is a whole subtree."""
CHUNK_ROOT = b"header chunk "
"""Key of the store's meta entries that keep whole chunks' roots, followed by the chunk's index in eight bytes."""
CHUNK_LEAVES = b"header leaves "
"""The same for its leaves, end to end: 32 kB, read when a path leads through the chunk."""
CHUNKS_KEPT = 32
"""Whole chunks whose leaves stay in memory after they were asked for: a few megabytes."""


class Header(Record):
    """What one block commits to.

    time_ms: block time, integer milliseconds since 1970 UTC. number: position in the header history, from 0 (blocks
    without effect make no header, so that it lags behind the height). free_head: the first unused slot, 2^64 − 1 for
    none. items_digest: over the decided items. window_digest: over the ids and references that the block used up.
    """

    height: int
    number: int
    time_ms: int
    rule_version: int
    state_root: bytes
    slot_count: int
    free_head: int
    changes_root: bytes
    change_count: int
    receipts_root: bytes
    receipt_count: int
    history_root: bytes
    window_digest: bytes
    items_digest: bytes

    def digest(self) -> bytes:
        """The application hash."""
        return sha256(HEADER + encode(self)).digest()


class StoredHeader(Record):
    """A header as kept: with the engine's signature over its digest, and the window's additions of the block."""

    header: Header
    seal: bytes
    window: bytes


def seal_message(chain_id: str, header_digest: bytes) -> bytes:
    """What a sealer signs: the header of this ledger, and of no other that the same key may seal."""
    name = chain_id.encode()
    return SEAL + bytes([len(name)]) + name + header_digest


def history_leaf(header_digest: bytes) -> bytes:
    return sha256(HISTORY_LEAF + header_digest).digest()


def history_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, over leaf digests; the digest of nothing for an empty history."""
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        push_peak(peaks, 1, leaf)
    return root_of_peaks(peaks)


def push_peak(peaks: list[tuple[int, bytes]], size: int, node: bytes) -> None:
    """Add a whole subtree of `size` leaves (a power of two) to the peaks of those before it."""
    while peaks and peaks[-1][0] == size:
        node = sha256(HISTORY_NODE + peaks.pop()[1] + node).digest()
        size *= 2
    peaks.append((size, node))


def root_of_peaks(peaks: Sequence[tuple[int, bytes]]) -> bytes:
    """The root over all leaves whose peaks these are; the digest of nothing for none."""
    if not peaks:
        return sha256(b"").digest()
    node = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        node = sha256(HISTORY_NODE + left + node).digest()
    return node


class _Leaves:
    """Leaves that are only appended to, with the roots of whole subtrees kept once they were asked for."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.all = leaves
        self._roots: dict[tuple[int, int], bytes] = {}

    def root(self, start: int, count: int) -> bytes:
        if count == 1:
            return self.all[start]
        found = self._roots.get((start, count))
        if found is None:
            split = 1 << (count - 1).bit_length() - 1
            left, right = self.root(start, split), self.root(start + split, count - split)
            found = sha256(HISTORY_NODE + left + right).digest()
            if count == 2 * split:
                self._roots[start, count] = found
        return found

    def path(self, index: int, count: int) -> list[bytes]:
        """From a leaf to the root over the first `count`."""
        path: list[bytes] = []
        start = 0
        while count > 1:
            split = 1 << (count - 1).bit_length() - 1
            if index < start + split:
                path.append(self.root(start + split, count - split))
                count = split
            else:
                path.append(self.root(start, split))
                start, count = start + split, count - split
        return path[::-1]


class FinishedChunk(NamedTuple):
    """A whole chunk of the history: its number among them, its root, its leaves end to end."""

    number: int
    root: bytes
    leaves: bytes

    def entries(self) -> tuple[tuple[str, bytes, bytes], tuple[str, bytes, bytes]]:
        """What the store keeps of it: (kind, key, data)."""
        index = self.number.to_bytes(8, "big")
        return ("meta", CHUNK_ROOT + index, self.root), ("meta", CHUNK_LEAVES + index, self.leaves)


class HeaderHistory:
    """All headers so far. In memory only one root for each whole chunk, and the digests of the unfinished one.

    `leaves_of(chunk)` gives a whole chunk's leaves again, as `finished_chunk` gave them to be kept.
    """

    def __init__(self, leaves_of: Callable[[int], bytes]) -> None:
        self._leaves_of = leaves_of
        self.size = 0
        self.finished_chunk: FinishedChunk | None = None
        """The chunk that the last header finished, for keeping; None where it finished none."""
        self._chunks: list[bytes] = []
        self._last = _Leaves([])
        self._peaks: list[tuple[int, bytes]] = []
        self._kept: dict[int, _Leaves] = {}

    def resume(self, chunks: Sequence[bytes], tail: Sequence[bytes]) -> None:
        """Take up a history again: the roots of its whole chunks, and the header digests after them."""
        ensure(self.size == 0 and len(tail) < CHUNK, "a history is taken up once, at its beginning")
        for root in chunks:
            self._chunks.append(root)
            push_peak(self._peaks, CHUNK, root)
        self.size = CHUNK * len(chunks)
        for header_digest in tail:
            self.append(header_digest)

    def append(self, header_digest: bytes) -> None:
        leaf = history_leaf(header_digest)
        self._last.all.append(leaf)
        self.size += 1
        push_peak(self._peaks, 1, leaf)
        self.finished_chunk = None
        if len(self._last.all) == CHUNK:
            root = history_root(self._last.all)
            self.finished_chunk = FinishedChunk(len(self._chunks), root, b"".join(self._last.all))
            self._chunks.append(root)
            self._last = _Leaves([])

    def root(self) -> bytes:
        return root_of_peaks(self._peaks)

    def path(self, number: int, size: int) -> tuple[bytes, ...]:
        """The audit path (RFC 6962 section 2.1.1) of a header in the history of the first `size` headers."""
        ensure(number < size <= self.size, "a path leads from a header to a later history")
        whole, rest = divmod(size, CHUNK)
        chunk, index = divmod(number, CHUNK)
        inside = self._leaves(chunk).path(index, CHUNK if chunk < whole else rest)
        above = self._chunks[:whole]
        if rest:
            above.append(self._leaves(whole).root(0, rest))
        return (*inside, *_Leaves(above).path(chunk, len(above)))

    def _leaves(self, chunk: int) -> _Leaves:
        if chunk == len(self._chunks):
            return self._last
        leaves = self._kept.pop(chunk, None)
        if leaves is None:
            kept = self._leaves_of(chunk)
            leaves = _Leaves([kept[at : at + 32] for at in range(0, len(kept), 32)])
            if len(self._kept) == CHUNKS_KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[chunk] = leaves
        return leaves


def root_from_path(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to, or None where the path has a wrong length (RFC 9162 section 2.1.3.2)."""
    if not 0 <= number < size:
        return None
    at, last, node = number, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = sha256(HISTORY_NODE + sibling + node).digest()
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = sha256(HISTORY_NODE + node + sibling).digest()
        at >>= 1
        last >>= 1
    return node if last == 0 else None
