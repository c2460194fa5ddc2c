"""A ledger restored from a snapshot goes on as if it had always been there, and refuses what is not whole."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import verify
from counterfoil.state import snapshot
from counterfoil.state.headers import CHUNK, CHUNK_LEAVES, CHUNK_ROOT, StoredHeader, seal_message
from counterfoil.state.past_tree import NotHeld
from counterfoil.state.port import RecordStore
from counterfoil.state.snapshot import (
    Free,
    Head,
    Headers,
    Records,
    SnapshotDigest,
    SnapshotRefused,
    restore_snapshot,
    write_snapshot,
)
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.state.random_blocks import BLOCKS
from tests.unit.state.small_ledger import (
    ALL,
    EVERYTHING,
    ITEMS,
    SEALER,
    SECRET,
    TABLES,
    Action,
    Block,
    SmallLedger,
    Write,
    item,
    item_key,
)
from tests.unit.verify.oracle import KEYS, check

SPAN_MS = 3_000
KINDS = (Head, Headers, Free, Records)


def _chunks(ledger: SmallLedger) -> list[bytes]:
    return list(write_snapshot(ledger.state, ledger.stored, len(ledger.headers), ledger.chain_id, SPAN_MS))


def _empty_store() -> MemoryStore:
    return MemoryStore({table.number: table.layout for table in (LINKS, *TABLES)})


def _restore(ledger: SmallLedger, chunks: list[bytes], store: RecordStore | None = None) -> RecordStore:
    def is_sealed(stored: StoredHeader) -> bool:
        return verify(SEALER.public_key, seal_message(ledger.chain_id, stored.header.digest()), stored.seal)

    store = store or _empty_store()
    last = restore_snapshot(store, TABLES, chunks, ledger.chain_id, is_sealed, SPAN_MS)
    assert last == ledger.headers[-1]
    return store


def _small(blocks: int = 5) -> SmallLedger:
    ledger = SmallLedger()
    for number in range(blocks):
        writes = [
            Write(ITEMS, item_key(number * 3 + n), item(number * 3 + n, 1 + number * n)) for n in range(6)
        ]
        gone = Write(ITEMS, item_key(number), None)
        ledger.block([Action((*writes, gone))])
    ledger.block([Action(tuple([Write(ITEMS, item_key(number + 6), None) for number in range(3)]))])
    return ledger


def _restored(ledger: SmallLedger) -> SmallLedger:
    """The same ledger on a store that was filled from a snapshot."""
    other = SmallLedger()
    other.headers, other.decided, other.model = list(ledger.headers), list(ledger.decided), ledger.model
    other.store = _restore(ledger, _chunks(ledger))  # type: ignore[assignment]
    assert other.reopen() == 0
    return other


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(BLOCKS, min_size=1, max_size=4), st.lists(BLOCKS, max_size=4), st.data())
def test_a_snapshot_and_the_tail_lead_to_the_same_headers(
    blocks: list[Block], tail: list[Block], data: st.DataObject
) -> None:
    ledger = SmallLedger()
    for block in blocks:
        ledger.block(block)
        if data.draw(st.booleans()):
            ledger.state.flush(levels=data.draw(st.booleans()))
    follower = _restored(ledger)
    start = ledger.height
    for block in tail:
        ledger.block(block)
    for height, block in ledger.decided[len(blocks) :]:
        follower.decided.append((height, block))
        follower.apply(block)
        follower._commit(height, block, replayed=True)
        if data.draw(st.booleans()):
            follower.state.flush()
    assert follower.headers == ledger.headers
    assert _chunks(follower) == _chunks(ledger)
    for height in range(start, ledger.height + 1):
        for key in KEYS:
            table = ledger.state.tables[key[0]]
            expected = ledger.state.find_at(table, key[1:], height)
            assert follower.state.find_at(table, key[1:], height) == expected
        members = list(ledger.state.members(EVERYTHING.number, ALL, height))
        assert list(follower.state.members(EVERYTHING.number, ALL, height)) == members
    check(ledger, follower.prover.listing(EVERYTHING.number, ALL))


def test_what_lies_before_is_not_held() -> None:
    ledger = _small()
    follower = _restored(ledger)
    before = follower.height - 1
    with pytest.raises(NotHeld, match="lies before the snapshot of block 7"):
        follower.state.find_at(ITEMS, item_key(17), before)
    with pytest.raises(NotHeld):
        list(follower.state.members(EVERYTHING.number, ALL, before))
    with pytest.raises(NotHeld):
        follower.prover.records([ITEMS.prefix + item_key(17)], height=before)
    check(ledger, follower.prover.records([ITEMS.prefix + item_key(17)]))
    check(ledger, follower.prover.header(height=3))
    follower.reopen()
    with pytest.raises(NotHeld):
        follower.state.find_at(ITEMS, item_key(17), before)


def test_small_chunks_make_the_same_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = _small()
    whole = _chunks(ledger)
    monkeypatch.setattr(snapshot, "CHUNK_BYTES", 100)
    monkeypatch.setattr(snapshot, "BATCH_ROWS", 3)
    assert len(_chunks(ledger)) > 3 * len(whole)
    follower = _restored(ledger)
    monkeypatch.undo()
    assert _chunks(follower) == whole


def test_a_long_history_keeps_its_chunk_roots() -> None:
    ledger = SmallLedger()
    for _ in range(CHUNK + 3):
        ledger.block(())
    store = _restore(ledger, _chunks(ledger))
    assert store.entry("meta", CHUNK_ROOT + bytes(8)) == ledger.history._chunks[0]
    assert store.entry("meta", CHUNK_LEAVES + bytes(8)) == ledger._chunk_leaves(0)


def test_every_chunk_counts_in_the_digest() -> None:
    chunks = _chunks(_small())

    def digest(parts: list[bytes]) -> bytes:
        whole = SnapshotDigest()
        for part in parts:
            whole.add(part)
        return whole.digest()

    assert digest(chunks) == digest(_chunks(_small()))
    assert len({digest(chunks), digest(chunks[:-1]), digest(chunks[::-1]), digest([b"".join(chunks)])}) == 4


def _changed(chunks: list[bytes], kind: type, change: Callable[[msgspec.Struct], object]) -> list[bytes]:
    index = next(at for at, chunk in enumerate(chunks) if chunk[0] == KINDS.index(kind))
    content = msgspec.msgpack.decode(chunks[index][1:], type=kind)
    return [*chunks[:index], chunks[index][:1] + encode(change(content)), *chunks[index + 1 :]]


def _with_header(change: Callable[[StoredHeader], StoredHeader], at: int) -> Callable[[Headers], Headers]:
    def changed(content: Headers) -> Headers:
        headers = list(content.headers)
        headers[at] = encode(change(msgspec.msgpack.decode(headers[at], type=StoredHeader)))
        return Headers(tuple(headers))

    return changed


with_ = msgspec.structs.replace

REFUSED: list[tuple[Callable[[list[bytes]], list[bytes]], str]] = [
    (lambda chunks: [], "begins with its head"),
    (lambda chunks: chunks[1:], "begins with its head"),
    (lambda chunks: [chunks[0], *chunks], "begins once"),
    (lambda chunks: [chunks[0], *chunks[2:]], "headers are missing"),
    (lambda chunks: chunks[:-1], "not whole"),
    (lambda chunks: [*chunks, chunks[-1]], "not in order"),
    (lambda chunks: [b"\x09x", *chunks], "no known kind"),
    (lambda chunks: [chunks[0] + b"x", *chunks[1:]], "cannot be read"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, format=2)), "not of format 1"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, chain_id="x")), "of ledger 'x'"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, height=3)), "snapshot's height"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, header_count=6)), "missing or too many"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, free_count=0)), "free list is too long"),
    (lambda chunks: _changed(chunks, Head, lambda head: with_(head, record_count=0)), "not whole"),
    (lambda chunks: _changed(chunks, Headers, lambda had: Headers(had.headers[:-1])), "missing or too many"),
    (lambda chunks: _changed(chunks, Headers, lambda had: Headers(had.headers[::-1])), "missing or too many"),
    (
        lambda chunks: _changed(chunks, Headers, _with_header(lambda had: with_(had, seal=b""), -1)),
        "block 7 is not sealed",
    ),
    (
        lambda chunks: _changed(
            chunks, Headers, _with_header(lambda had: with_(had, header=with_(had.header, time_ms=1)), 2)
        ),
        "is not sealed",
    ),
    (
        lambda chunks: _changed(chunks, Headers, _with_header(lambda had: with_(had, window=b""), -1)),
        "may still be remembered",
    ),
    (
        lambda chunks: _changed(chunks, Headers, _with_header(lambda had: with_(had, window=b"x"), -1)),
        "not what its header says",
    ),
    (
        lambda chunks: _changed(chunks, Free, lambda free: Free(free.slots[8:] + free.slots[:8])),
        "do not lead to the sealed root",
    ),
    (lambda chunks: _changed(chunks, Free, lambda free: Free(free.slots[:-1])), "cut off"),
    (lambda chunks: _changed(chunks, Free, lambda free: Free(free.slots[8:])), "not whole"),
    (
        lambda chunks: _changed(
            chunks, Free, lambda free: Free(free.slots[:-8] + (10**6).to_bytes(8, "big"))
        ),
        "used twice, or is not there",
    ),
    (lambda chunks: _changed(chunks, Records, lambda had: with_(had, table=99)), "is not known here"),
    (lambda chunks: _changed(chunks, Records, lambda had: with_(had, records=had.records[1:])), "not whole"),
    (lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, value=b"x")), "the sealed root"),
    (lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, value=b"")), "no value"),
    (lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, salt=b"")), "wrong size"),
    (
        lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, previous=99)),
        "heights are wrong",
    ),
    (
        lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, key=b"\xff")),
        "wrong size|order",
    ),
    (lambda chunks: _changed(chunks, Records, lambda had: _with_record(had, slot=10**9)), "is not there"),
]


def _with_record(content: Records, **changes: object) -> Records:
    first, *rest = content.records
    return Records(content.table, (with_(first, **changes), *rest))


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_what_is_no_whole_snapshot(change: Callable[[list[bytes]], list[bytes]], reason: str) -> None:
    ledger = _small()
    store = _empty_store()
    with pytest.raises(SnapshotRefused, match=reason):
        _restore(ledger, change(_chunks(ledger)), store)
    assert store.height() == 0


def test_a_snapshot_that_did_not_finish_is_no_ledger() -> None:
    ledger = _small()
    store = _empty_store()
    with pytest.raises(SnapshotRefused):
        _restore(ledger, _chunks(ledger)[:-1], store)
    with pytest.raises(InvariantViolation, match="did not finish"):
        State(store, TABLES, SECRET).open()


def test_only_an_empty_store_is_filled() -> None:
    ledger = _small()
    store = _restore(ledger, _chunks(ledger))
    with pytest.raises(SnapshotRefused, match="empty store"):
        _restore(ledger, _chunks(ledger), store)


def test_a_flipped_bit_in_any_chunk_is_refused() -> None:
    ledger = _small(2)
    chunks = _chunks(ledger)
    for index, chunk in enumerate(chunks):
        for at in range(0, len(chunk), 7):
            flipped = chunk[:at] + bytes([chunk[at] ^ 1 << at % 8]) + chunk[at + 1 :]
            with pytest.raises(SnapshotRefused):
                _restore(ledger, [*chunks[:index], flipped, *chunks[index + 1 :]])
