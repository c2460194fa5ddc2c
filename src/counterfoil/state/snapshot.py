"""Snapshots: everything of one height that later results depend on, as a stream of chunks that any node makes alike.

Inside: live records with slots, heights and salts, the free list, all headers, and what the window still remembers.
Not inside: the past of records, receipts, first results, and the network's secret; values stand readable, so that
whoever sends a snapshot seals it. A ledger restored from one leads to the same roots; what lies before is not held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from counterfoil.primitives.codec import Decoder, Malformed, Record, encode
from counterfoil.primitives.digests import IDS, SNAPSHOT
from counterfoil.primitives.outcome import ensure
from counterfoil.state.headers import CHUNK, Header, HeaderHistory, StoredHeader
from counterfoil.state.leaves import NO_SLOT, free_leaf, leaf_digest, root_digest, value_digest
from counterfoil.state.port import RecordStore, WriteBatch
from counterfoil.state.rows import pack_head, parse
from counterfoil.state.saved_tree import save_tree
from counterfoil.state.state import HELD_FROM, RECENT_BLOCKS, RESTORING, State, sizes_entry
from counterfoil.state.tables import LINKS, Table
from counterfoil.state.tree import Tree

FORMAT = 1
CHUNK_BYTES = 1 << 20
"""A chunk is closed once it is larger; a state-sync protocol passes 16 MB and less."""
CHUNK_BYTES_MAX = 1 << 26
"""No honest chunk is larger: a record, a header with its window's additions, or a chunk's worth of them."""
BATCH_ROWS = 100_000
"""So many records are restored in one atomic write."""


class SnapshotRefused(ValueError):
    """The chunks are not a snapshot of this ledger; the text says why."""


class Head(Record):
    """The first chunk. The counts are of what follows."""

    format: int
    chain_id: str
    height: int
    header_count: int
    free_count: int
    record_count: int


class Headers(Record):
    """Encoded `StoredHeader`s, in order.

    The window's additions stand only where they may still be remembered, and seals only on the last few: those vouch
    for all the others, and against no other header can a proof be made.
    """

    headers: tuple[bytes, ...]


class Free(Record):
    """A part of the free list, first freed first: eight bytes each."""

    slots: bytes


class LiveRecord(Record):
    """One live record: without its past, and so with the version number 1 once it is restored."""

    key: bytes
    slot: int
    height: int
    previous: int
    salt: bytes
    value: bytes


class Records(Record):
    """Records of one table, in key order."""

    table: int
    records: tuple[LiveRecord, ...]


_KINDS: tuple[type[Record], ...] = (Head, Headers, Free, Records)
_DECODERS = tuple(Decoder(kind) for kind in _KINDS)
_STORED = Decoder(StoredHeader)


class SnapshotDigest:
    """Over all chunks in order; two nodes' snapshots of one height have the same."""

    def __init__(self) -> None:
        self._hasher = sha256(SNAPSHOT)

    def add(self, chunk: bytes) -> bytes:
        """Take in the next chunk, and return its own digest."""
        own = sha256(SNAPSHOT + chunk).digest()
        self._hasher.update(own)
        return own

    def digest(self) -> bytes:
        return self._hasher.digest()


def write_snapshot(
    state: State,
    stored: Callable[[int], StoredHeader],
    header_count: int,
    chain_id: str,
    window_span_ms: int,
) -> Iterator[bytes]:
    """The chunks of the state as it is. No block may be committed while they are taken.

    window_span_ms: nothing that a block used up is remembered for longer.
    """
    ensure(header_count > 0, "a snapshot is of a founded ledger")
    last = stored(header_count - 1).header
    ensure(last.height == state.height, "a snapshot is of the last block, whose header is kept")
    tables = [state.tables[number] for number in sorted(state.tables)]
    live = {table.number: _live_keys(state, table) for table in tables}
    record_count = sum(len(keys) for keys in live.values())
    yield _chunk(Head(FORMAT, chain_id, state.height, header_count, len(state.free), record_count))
    yield from _gathered(
        (_header_entry(stored(number), last, window_span_ms) for number in range(header_count)),
        len,
        lambda entries: Headers(tuple(entries)),
    )
    step = CHUNK_BYTES // 8
    for start in range(0, len(state.free), step):
        slots = state.free[start : start + step]
        yield _chunk(Free(b"".join([slot.to_bytes(8, "big") for slot in slots])))
    for table in tables:
        yield from _gathered(
            (_live_record(state, table, key) for key in live[table.number]),
            lambda record: len(record.key) + len(record.value) + 60,
            partial(_records_of, table.number),
        )


def restore_snapshot(
    store: RecordStore,
    tables: Iterable[Table[Any]],
    chunks: Iterable[bytes],
    chain_id: str,
    is_sealed: Callable[[StoredHeader], bool],
    window_span_ms: int,
) -> Header:
    """Fill an empty store from a snapshot, check it against its sealed header, and return that.

    Every write is durable before the next; the store counts as filled only after the last. Raises `SnapshotRefused`.
    """
    restoring = _Restoring(store, tables, chain_id, is_sealed, window_span_ms)
    for chunk in chunks:
        restoring.take(chunk)
    return restoring.finish()


def _live_keys(state: State, table: Table[Any]) -> list[bytes]:
    return [
        key for key in state.keys(table) if (row := state.row(table, key)) is not None and parse(row).alive
    ]


def _live_record(state: State, table: Table[Any], key: bytes) -> LiveRecord:
    row = state.row(table, key)
    ensure(row is not None, "a live record has a row")
    parsed = parse(row or b"")
    return LiveRecord(key, parsed.slot, parsed.height, parsed.previous, parsed.salt, parsed.value)


def _records_of(table: int, records: list[LiveRecord]) -> Records:
    return Records(table, tuple(records))


def _header_entry(stored: StoredHeader, last: Header, window_span_ms: int) -> bytes:
    header = stored.header
    seal = stored.seal if header.number > last.number - RECENT_BLOCKS else b""
    window = stored.window if header.time_ms + window_span_ms >= last.time_ms else b""
    return encode(StoredHeader(header, seal, window))


def _chunk(content: Record) -> bytes:
    return bytes([_KINDS.index(type(content))]) + encode(content)


def _gathered(
    items: Iterator[Any], size_of: Callable[[Any], int], pack: Callable[[list[Any]], Record]
) -> Iterator[bytes]:
    gathered: list[Any] = []
    size = 0
    for item in items:
        gathered.append(item)
        size += size_of(item)
        if size > CHUNK_BYTES:
            yield _chunk(pack(gathered))
            gathered, size = [], 0
    if gathered:
        yield _chunk(pack(gathered))


class _Restoring:
    """Takes chunks in their order; nothing may be missing when it finishes."""

    def __init__(
        self,
        store: RecordStore,
        tables: Iterable[Table[Any]],
        chain_id: str,
        is_sealed: Callable[[StoredHeader], bool],
        window_span_ms: int,
    ) -> None:
        _demand(
            store.height() == 0 and store.last_blob("header") is None,
            "a snapshot is restored into an empty store",
        )
        self._store = store
        self._tables = {table.number: table for table in (LINKS, *tables)}
        self._chain_id = chain_id
        self._is_sealed = is_sealed
        self._window_span_ms = window_span_ms
        self._head: Head | None = None
        self._history = HeaderHistory(lambda _chunk: b"")
        self._last: StoredHeader | None = None
        self._left_out_ms: int | None = None
        self._tree = Tree()
        self._filled = bytearray()
        self._free: list[int] = []
        self._record_count = 0
        self._after: tuple[int, bytes] = (0, b"")
        self._batch, self._batch_rows = WriteBatch(), 0

    def take(self, chunk: bytes) -> None:
        _demand(1 < len(chunk) <= CHUNK_BYTES_MAX and chunk[0] < len(_KINDS), "a chunk is of no known kind")
        try:
            content = _DECODERS[chunk[0]].exact(chunk[1:])
        except Malformed as error:
            raise SnapshotRefused(f"a chunk cannot be read: {error}") from None
        if isinstance(content, Head):
            self._begin(content)
        elif isinstance(content, Headers):
            self._take_headers(content)
        elif isinstance(content, Free):
            self._take_free(content)
        elif isinstance(content, Records):
            self._take_records(content)
        if self._batch_rows >= BATCH_ROWS or len(self._batch.blobs) >= CHUNK:
            self._write(0)

    def finish(self) -> Header:
        head, last = self._begun(), self._sealed()
        counted = (self._history.size, len(self._free), self._record_count)
        expected = (head.header_count, head.free_count, head.record_count)
        _demand(counted == expected, "the snapshot is not whole")
        below = NO_SLOT
        for index, slot in enumerate(self._free):
            self._place(slot, free_leaf(below))
            self._batch.entries.append(("free", index.to_bytes(8, "big"), slot.to_bytes(8, "big")))
            below = slot
        _demand(self._filled.count(1) == last.slot_count, "the snapshot does not fill every slot")
        root = root_digest(last.slot_count, below, self._tree.top())
        _demand(
            below == last.free_head and root == last.state_root, "the records do not lead to the sealed root"
        )
        save_tree(self._batch, self._tree, last.height)
        self._batch.entries.append(sizes_entry(last.slot_count, len(self._free), last.height))
        self._batch.entries.append(("meta", HELD_FROM, last.height.to_bytes(8, "big")))
        self._batch.entries.append(("meta", RESTORING, None))
        self._write(last.height)
        return last

    def _begin(self, head: Head) -> None:
        _demand(self._head is None, "a snapshot begins once")
        _demand(head.format == FORMAT, f"the snapshot is not of format {FORMAT}")
        _demand(head.chain_id == self._chain_id, f"the snapshot is of ledger {head.chain_id[:60]!r}")
        self._head = head
        self._batch.entries.append(("meta", RESTORING, b"1"))
        self._write(0)

    def _begun(self) -> Head:
        if self._head is None:
            raise SnapshotRefused("a snapshot begins with its head")
        return self._head

    def _take_headers(self, content: Headers) -> None:
        head = self._begun()
        for data in content.headers:
            try:
                stored: StoredHeader = _STORED.exact(data)
            except Malformed as error:
                raise SnapshotRefused(f"a header cannot be read: {error}") from None
            header = stored.header
            number = self._history.size
            _demand(number < head.header_count and header.number == number, "headers are missing or too many")
            _demand(
                header.history_root == self._history.root(), "a header does not follow the ones before it"
            )
            if number >= head.header_count - RECENT_BLOCKS:
                _demand(self._is_sealed(stored), f"the header of block {header.height} is not sealed")
            else:
                _demand(not stored.seal, f"the seal of block {header.height} is more than a snapshot holds")
            self._history.append(header.digest())
            if (finished := self._history.finished_chunk) is not None:
                self._batch.entries += finished.entries()
            self._batch.blobs.append(("header", number, data))
            self._check_window(stored)
            self._last = stored

    def _check_window(self, stored: StoredHeader) -> None:
        """What a block used up must be what its header says; or it is left out, and must then be long ago."""
        if stored.window or sha256(IDS).digest() == stored.header.window_digest:
            _demand(
                sha256(IDS + stored.window).digest() == stored.header.window_digest,
                "what a block used up is not what its header says",
            )
        else:
            self._left_out_ms = stored.header.time_ms

    def _sealed(self) -> Header:
        head = self._begun()
        if self._last is None or self._history.size != head.header_count:
            raise SnapshotRefused("headers are missing or too many")
        last = self._last.header
        _demand(last.height == head.height, "the last header is not of the snapshot's height")
        left_out = self._left_out_ms
        forgotten = left_out is None or left_out + self._window_span_ms < last.time_ms
        _demand(forgotten, "what a block used up is missing, though it may still be remembered")
        return last

    def _take_free(self, content: Free) -> None:
        self._sealed()
        _demand(len(content.slots) % 8 == 0, "the free list is cut off")
        self._free += [
            int.from_bytes(content.slots[at : at + 8], "big") for at in range(0, len(content.slots), 8)
        ]
        _demand(len(self._free) <= self._begun().free_count, "the free list is too long")

    def _take_records(self, content: Records) -> None:
        self._sealed()
        table = self._tables.get(content.table)
        if table is None:
            raise SnapshotRefused(f"table {content.table} is not known here")
        size = 0 if table.key_sizes[-1] == 0 else sum(table.key_sizes)
        for record in content.records:
            _demand((table.number, record.key) > self._after, "records are not in order")
            self._after = (table.number, record.key)
            _demand(len(record.key) == size or not size, "a key has a wrong size")
            _demand(
                record.value and len(record.salt) == 16, "a record has no value, or a salt of a wrong size"
            )
            _demand(0 <= record.previous < record.height < NO_SLOT, "a record's heights are wrong")
            full_key = table.prefix + record.key
            hidden = value_digest(record.salt, full_key, record.value)
            self._place(record.slot, leaf_digest(record.height, record.previous, full_key, hidden))
            head = pack_head(1, record.slot, record.height, record.previous, 1, 0, record.salt)
            self._batch.rows.setdefault(table.number, {})[record.key] = head + record.value
            self._batch_rows += 1
            if table is LINKS:
                self._batch.entries.append(("link", record.key, b""))
        self._record_count += len(content.records)

    def _place(self, slot: int, leaf: bytes) -> None:
        if self._tree.count == 0:
            count = self._sealed().slot_count
            self._tree.grow(count)
            self._filled = bytearray(count)
        _demand(
            0 <= slot < self._tree.count and not self._filled[slot], "a slot is used twice, or is not there"
        )
        self._filled[slot] = 1
        self._tree.set_leaf(slot, leaf)

    def _write(self, height: int) -> None:
        self._batch.height = height
        self._store.write(self._batch)
        self._batch, self._batch_rows = WriteBatch(), 0


def _demand(condition: object, reason: str) -> None:
    if not condition:
        raise SnapshotRefused(reason)
