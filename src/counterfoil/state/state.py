"""The state: working shelves, authenticated tree, history and free list, over a record store that is written lazily.

One call of `commit` a block: what differs from the block's start gets new rows, salted leaves and a place on the
lists; the tree is hashed once; what was superseded is appended to the history. `flush` hands everything that has
gathered to the store in one atomic batch; reads merge the part not yet written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from counterfoil.primitives.codec import Record, encode
from counterfoil.primitives.digests import LEAF, VALUE, keyed, keyed_function
from counterfoil.primitives.outcome import InvariantViolation, ensure
from counterfoil.state.books import Books, Shelf
from counterfoil.state.leaves import (
    DIGEST,
    NO_SLOT,
    free_leaf,
    list_tag,
    member_tag,
    place_before_list,
    root_digest,
)
from counterfoil.state.lists import Lists
from counterfoil.state.past_tree import NotHeld, Overwritten, PastTree
from counterfoil.state.port import RecordStore, WriteBatch
from counterfoil.state.rows import next_row, parse, value_of
from counterfoil.state.saved_tree import load_tree, save_tree
from counterfoil.state.tables import LINK_END, LINK_FIRST, LINKS, Link, Table
from counterfoil.state.tree import Slots, Tree, list_root

R = TypeVar("R", bound=Record)

RECENT_BLOCKS = 16
"""For so many blocks overwritten digests are kept, so that a proof can be made against a header already signed."""
LIVE_RECORDS_MAX = 400_000
"""So many decoded records a table keeps in memory before the older ones, down to half as many, are let go; beside those
that were read ahead."""

_SIZES = [size.to_bytes(2, "big") for size in range(512)]
"""Of a table's prefix and key, which have no more than `KEY_SIZE_MAX` bytes and a few."""
_NEVER = bytes(8)
"""As a leaf's height of the change before: there was none."""

RESTORING = b"restoring"
HELD_FROM = b"held_from"
RECEIPTS_FROM = b"receipts_from"
"""Below this height receipts were pruned; results stay."""


class Commitment(NamedTuple):
    """What one block did to the state: roots and sizes, as the header states them."""

    state_root: bytes
    slot_count: int
    free_head: int
    changes_root: bytes
    change_count: int


class State:
    """See the module's text. `secret` is the network's: it salts values and makes handles, the same at every node."""

    def __init__(self, store: RecordStore, tables: Iterable[Table[Any]], secret: bytes) -> None:
        self._store = store
        self._secret = secret
        self.books = Books(self._load, store.rows_of, value_of)
        self.tables = {table.number: table for table in (LINKS, *tables)}
        for table in self.tables.values():
            self.books.shelf(table)
        self.tree = Tree()
        self.free: list[int] = []
        self.height = 0
        self.held_from = 0
        self.receipts_from = 0
        self._free_kept = 0
        self._versions: list[bytes] = []
        self._first_version = store.versions_end()
        self._blobs: dict[tuple[str, int], bytes] = {}
        self._entries: dict[tuple[str, bytes], bytes | None] = {}
        self._lists = Lists(self.books, store, secret)
        self._recent: list[Overwritten] = []
        self._changed_since_levels = 0

    # Reading

    def find(self, table: Table[R], key: bytes) -> R | None:
        """The record as of now."""
        return self.books.find(table, key)

    def row(self, table: Table[Any], key: bytes) -> bytes | None:
        """The newest committed row, alive or not."""
        shelf = self.books.shelf(table)
        row = shelf.rows.get(key)
        if row is None:
            row = shelf.unwritten.get(key) or self._load(table.number, key)
        return row

    def row_at(self, table: Table[Any], key: bytes, height: int) -> bytes | None:
        """The row in force at the end of block `height` (alive or an end), or None where the key had not lived."""
        self._check_held(height)
        row = self.row(table, key)
        while row is not None:
            parsed = parse(row)
            if parsed.height <= height:
                return row
            too_new = [position for changed, position in parsed.ladder if changed > height]
            if too_new:
                row = self.version(min(too_new))
                continue
            return self.version(parsed.ladder[0][1]) if parsed.ladder else None
        return None

    def row_after(self, table: Table[Any], key: bytes, height: int) -> bytes | None:
        """The first row that changed the key after block `height`, or None."""
        self._check_held(height)
        row, after = self.row(table, key), None
        while row is not None:
            parsed = parse(row)
            if parsed.height <= height:
                return after
            too_new = [position for changed, position in parsed.ladder if changed > height]
            after = row
            if not too_new:
                return after
            row = self.version(min(too_new))
        return after

    def _check_held(self, height: int) -> None:
        if height < self.held_from:
            raise NotHeld(
                f"block {height} lies before the snapshot of block {self.held_from} that was restored here"
            )

    def find_at(self, table: Table[R], key: bytes, height: int) -> R | None:
        """The record as of the end of block `height`."""
        row = self.row_at(table, key, height)
        value = value_of(row) if row is not None else b""
        return cast("R | None", table.decoder.trusted(value)) if value else None

    def versions(self, table: Table[Any], key: bytes) -> Iterator[bytes]:
        """Every row the key ever had, newest first."""
        row = self.row(table, key)
        while row is not None:
            yield row
            ladder = parse(row).ladder
            row = self.version(ladder[0][1]) if ladder else None

    def lives(self, table: Table[R], key: bytes) -> Iterator[tuple[R, int]]:
        """(record, block in which it was replaced or ended, 0 for the one that lives) of all that ever stood under a
        key at the end of a block, newest first."""
        ended = 0
        for row in self.versions(table, key):
            parsed = parse(row)
            if parsed.alive:
                yield table.decoder.trusted(parsed.value), ended
            ended = parsed.height

    def version(self, position: int) -> bytes:
        if position >= self._first_version:
            return self._versions[position - self._first_version]
        return self._store.version(position)

    def keys(self, table: Table[Any], prefix: bytes = b"") -> list[bytes]:
        """Every key that ever lived in the table under a prefix of whole components, in key order."""
        found = {key for key, _ in self._store.scan(table.number, prefix)}
        found.update(key for key in self.books.shelf(table).unwritten if key.startswith(prefix))
        return sorted(found)

    def blob(self, kind: str, number: int) -> bytes | None:
        waiting = self._blobs.get((kind, number))
        return waiting if waiting is not None else self._store.blob(kind, number)

    def last_blob(self, kind: str) -> int | None:
        """The greatest number of a kind of blob that the store holds."""
        return self._store.last_blob(kind)

    def require_entry(self, kind: str, key: bytes) -> bytes:
        found = self.entry(kind, key)
        if found is None:
            raise InvariantViolation(f"the record store lacks an entry of its {kind}s")
        return found

    def entry(self, kind: str, key: bytes) -> bytes | None:
        if (kind, key) in self._entries:
            return self._entries[kind, key]
        return self._store.entry(kind, key)

    def handle(self, identity: bytes) -> bytes:
        """The secret, random-looking value by which an object's place on every list is made: 16 bytes."""
        return keyed(self._secret, b"handle" + identity)

    # The lists

    def member_name(self, place: bytes, link: Link) -> tuple[bytes, bytes]:
        """(blind, full key) of the member that a link stands for: what opens its commitment."""
        full_key = self._lists.names.reveal(link)
        return self._lists.names.blind(place, full_key), full_key

    def link_at(self, place: bytes, height: int) -> tuple[bytes, Link]:
        """The link in force at the end of block `height` whose place is the last at or before `place`.

        Costs a read for each live link that was not there then and lies between, and for each that was and is gone.
        """
        at = self._lists.last_at_or_before(place)
        link = self.find_at(LINKS, at, height)
        while link is None:
            ensure(at != LINK_FIRST, f"no lists were kept yet at height {height}")
            at = self._lists.last_at_or_before((int.from_bytes(at, "big") - 1).to_bytes(len(at), "big"))
            link = self.find_at(LINKS, at, height)
        while link.next <= place and link.next != LINK_END:
            at = link.next
            link = cast(Link, self.find_at(LINKS, at, height))
        return at, link

    def members(
        self, rule_number: int, parent_handle: bytes, height: int | None = None, after: bytes = b""
    ) -> Iterator[bytes]:
        """The full keys (table number and key) of a list's members at the end of block `height`, in tag order.

        after: the handle of a member, to begin behind its place; b"" to begin with the first.
        """
        as_of = self.height if height is None else height
        tag = list_tag(rule_number, parent_handle)
        _, link = self.link_at(tag + member_tag(tag, after) if after else place_before_list(tag), as_of)
        while link.next.startswith(tag):
            link = cast(Link, self.find_at(LINKS, link.next, as_of))
            yield self._lists.names.reveal(link)

    # Committing

    def found(self) -> None:
        """Lay the first link: the first change of an empty state, before any record."""
        self._lists.found()
        self.books.accept()

    def gather_members(self) -> None:
        """Found a large register: who joins the lists is gathered, until `join_members` has made all the links."""
        self._lists.gather()

    def join_members(self, first: int, last: int) -> None:
        self._lists.join_gathered(first, last)

    def commit(self, height: int, salts: bytes = b"") -> Commitment:
        """Commit every accepted effect since the last commit as block `height`.

        salts: the secret that salts its values, where that is not the network's.
        """
        ensure(height > self.height, "heights only rise")
        ensure(not self.books.open_shelves, "an action is still open")
        self._lists.update()
        self.books.accept()
        salt_of = keyed_function(keyed(salts or self._secret, b"salt" + height.to_bytes(8, "big"), 32))
        height8 = height.to_bytes(8, "big")
        slots: list[int] = []
        leaves: list[bytes] = []
        ended: list[tuple[int, bytes]] = []
        born: list[tuple[bytes, Shelf[Any], bytes, bytes, bytes | None, bytes]] = []
        versions, position = self._versions, self._first_version + len(self._versions)

        for number in sorted(self.books.shelves):
            shelf = self.books.shelves[number]
            if not shelf.touched:
                continue
            prefix, rows, newest = shelf.table.prefix, shelf.rows, dict[bytes, bytes]()
            # looked up all at once: one by one, between hashes, each of a million waits for its memory
            records, befores = [shelf.live[key] for key in shelf.touched], list(map(rows.get, shelf.touched))
            for (key, old), record, before in zip(shelf.touched.items(), records, befores, strict=True):
                if record is old or record == old:
                    continue
                full_key = prefix + key
                sized_key = _SIZES[len(full_key)] + full_key
                salt = salt_of(full_key)
                value = encode(record) if record is not None else b""
                hidden = sha256(VALUE + salt + sized_key + value).digest()
                if old is None:
                    leaf = sha256(LEAF + height8 + _NEVER + sized_key + hidden).digest()
                    born.append((salt, shelf, key, value, before, leaf))
                    continue
                if before is None:
                    raise InvariantViolation("a record that was there has a row")
                slot = int.from_bytes(before[1:9], "big")
                leaf = sha256(LEAF + height8 + before[9:17] + sized_key + hidden).digest()
                if value:
                    slots.append(slot)
                    leaves.append(leaf)
                    row = next_row(before, position, 1, slot, height, salt, value)
                else:
                    ended.append((slot, leaf))
                    row = next_row(before, position, 0, NO_SLOT, height, salt, b"")
                versions.append(before)
                position += 1
                newest[key] = row
            rows.update(newest)
            shelf.unwritten.update(newest)
            shelf.touched.clear()
            shelf.membership_changed = False

        tree, count_before = self.tree, self.tree.count
        freed = self._free_slots(ended)
        self._place(born, height, slots, leaves)
        alive = np.array(slots, dtype=np.int64)
        order = np.argsort(alive)
        alive = alive[order]
        set_now = _reordered(leaves, order)
        overwritten = Overwritten(self.height, count_before, (alive, tree.set_leaves(alive, set_now)), freed)
        top = tree.top()

        changed = np.concatenate((alive, freed[0]))
        run = set_now + b"".join([leaf for _, leaf in ended])
        self._recent.append(overwritten)
        del self._recent[:-RECENT_BLOCKS]
        self.height = height
        self._blobs["changes", height] = _pack_changes(len(alive), changed, run)
        self._changed_since_levels += len(changed)
        free_head = self.free[-1] if self.free else NO_SLOT
        return Commitment(
            root_digest(tree.count, free_head, top), tree.count, free_head, list_root(run), len(changed)
        )

    def _free_slots(self, ended: list[tuple[int, bytes]]) -> tuple[Slots, bytes]:
        """Put the slots of ended records on the free list, in order; (slots, the leaves that were there)."""
        ended.sort()
        before = []
        for slot, _ in ended:
            before.append(self.tree.leaf(slot))
            self.tree.set_leaf(slot, free_leaf(self.free[-1] if self.free else NO_SLOT))
            self.free.append(slot)
        return np.array([slot for slot, _ in ended], dtype=np.int64), b"".join(before)

    def _place(
        self,
        born: list[tuple[bytes, Shelf[Any], bytes, bytes, bytes | None, bytes]],
        height: int,
        slots: list[int],
        leaves: list[bytes],
    ) -> None:
        """Give new records slots, in the order of their salts, and add them to what changed."""
        born.sort(key=_by_salt)
        next_slot = self.tree.count
        fresh = max(0, len(born) - len(self.free))
        if fresh:
            self.tree.grow(next_slot + fresh)
        for salt, shelf, key, value, before, leaf in born:
            if self.free:
                slot = self.free.pop()
            else:
                slot = next_slot
                next_slot += 1
            row = next_row(before, self._first_version + len(self._versions), 1, slot, height, salt, value)
            if before is not None:
                self._versions.append(before)
            shelf.rows[key] = shelf.unwritten[key] = row
            slots.append(slot)
            leaves.append(leaf)
        self._free_kept = min(self._free_kept, len(self.free))

    def root(self) -> bytes:
        """Of the state at the end of the last block."""
        free_head = self.free[-1] if self.free else NO_SLOT
        return root_digest(self.tree.count, free_head, self.tree.top())

    def tree_at(self, height: int) -> PastTree:
        """The tree as it was at the end of block `height`, at most `RECENT_BLOCKS` blocks ago.

        Raises `NotHeld` where it is older, or from before the ledger was opened.
        """
        overwritten: dict[int, bytes] = {}
        count, back_to = self.tree.count, self.height
        for block in reversed(self._recent):
            if back_to <= height:
                break
            overwritten.update(block.leaves())
            count, back_to = block.slot_count, block.height
        if back_to > height:
            raise NotHeld(f"the tree of block {height} is no longer held, only those back to block {back_to}")
        return PastTree(self.tree, count, overwritten)

    # Disk

    def keep_blob(self, kind: str, number: int, data: bytes) -> None:
        """A blob of the block being committed, written with the next flush."""
        self._blobs[kind, number] = data

    def keep_entry(self, kind: str, key: bytes, data: bytes | None) -> None:
        """A keyed entry of the block being committed, written with the next flush."""
        self._entries[kind, key] = data

    @property
    def unwritten_changes(self) -> int:
        return len(self._versions) + len(self._blobs)

    def flush(self, *, levels: bool = False) -> None:
        """Write everything that has gathered, in one atomic batch. `levels` saves the tree as well.

        The tree is saved by itself once so much has changed since the last time that replaying the changes at
        start would take longer than writing it.
        """
        batch = WriteBatch()
        batch.height = self.height
        batch.first_version = self._first_version
        batch.versions = self._versions
        batch.blobs = [(kind, number, data) for (kind, number), data in self._blobs.items()]
        batch.rows = {
            number: cast("dict[bytes, bytes | None]", shelf.unwritten)
            for number, shelf in sorted(self.books.shelves.items())
            if shelf.unwritten
        }
        batch.entries = [(kind, key, data) for (kind, key), data in self._entries.items()]
        batch.entries += self._lists.entries()
        batch.entries += [
            ("free", index.to_bytes(8, "big"), self.free[index].to_bytes(8, "big"))
            for index in range(self._free_kept, len(self.free))
        ]
        batch.entries.append(sizes_entry(self.tree.count, len(self.free), self.height))
        if levels or self._changed_since_levels > max(100_000, self.tree.count // 4):
            save_tree(batch, self.tree, self.height)
            self._changed_since_levels = 0
        self._store.write(batch)
        self._first_version += len(self._versions)
        self._versions, self._blobs, self._entries = [], {}, {}
        self._lists.written()
        self._free_kept = len(self.free)
        for shelf in self.books.shelves.values():
            live, rows = shelf.live, shelf.rows
            for key in shelf.unwritten:
                if live.get(key) is None:
                    live.pop(key, None)
                    rows.pop(key, None)
            shelf.unwritten = {}
            if shelf.index is None and len(shelf.live) > LIVE_RECORDS_MAX + shelf.ahead:
                for key in list(shelf.live)[: -(LIVE_RECORDS_MAX // 2 + shelf.ahead)]:
                    del shelf.live[key]
                    shelf.rows.pop(key, None)

    def open(self) -> None:
        """Take up what the store holds: sizes, free list, tree (saved levels plus the changes since), residents."""
        ensure(
            self._store.entry("meta", RESTORING) is None,
            "a snapshot was being restored here and did not finish: begin again with an empty folder",
        )
        sizes = self._store.entry("meta", b"sizes")
        if sizes is None:
            return
        held = self._store.entry("meta", HELD_FROM)
        self.held_from = int.from_bytes(held, "big") if held is not None else 0
        pruned = self._store.entry("meta", RECEIPTS_FROM)
        self.receipts_from = int.from_bytes(pruned, "big") if pruned is not None else 0
        count, free_count, self.height = (int.from_bytes(sizes[at : at + 8], "big") for at in (0, 8, 16))
        free = (self._store.entry("free", index.to_bytes(8, "big")) for index in range(free_count))
        self.free = [int.from_bytes(cast(bytes, slot), "big") for slot in free]
        self._free_kept = free_count
        self._load_tree(count)
        for number, shelf in sorted(self.books.shelves.items()):
            if shelf.index is None:
                continue
            for key, row in self._store.scan(number, b""):
                value = value_of(row)
                if value:
                    shelf.fill(key, row, shelf.table.decoder.trusted(value))

    def _load_tree(self, count: int) -> None:
        self.tree, start = load_tree(self._store)
        self.tree.grow(count)
        for height in range(start + 1, self.height + 1):
            packed = self._store.blob("changes", height)
            if packed is not None:
                self._replay_changes(packed)
        below = NO_SLOT
        for slot in self.free:
            self.tree.set_leaf(slot, free_leaf(below))
            below = slot
        self.tree.top()

    def _replay_changes(self, packed: bytes) -> None:
        alive, slots, leaves = unpack_changes(packed)
        self.tree.set_leaves(slots[:alive], leaves[: alive * DIGEST])
        self._changed_since_levels += len(slots)

    def _load(self, number: int, key: bytes) -> bytes | None:
        return self._store.row(number, key)


def sizes_entry(slot_count: int, free_count: int, height: int) -> tuple[str, bytes, bytes]:
    """The entry that says how far the record store has come."""
    return "meta", b"sizes", b"".join(size.to_bytes(8, "big") for size in (slot_count, free_count, height))


def _by_salt(item: tuple[bytes, Any, bytes, bytes, bytes | None, bytes]) -> bytes:
    return item[0]


def _reordered(leaves: list[bytes], order: Slots) -> bytes:
    """Leaves end to end, in another order."""
    return np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(-1, DIGEST)[order].tobytes()


def _pack_changes(alive: int, slots: Slots, leaves: bytes) -> bytes:
    counts = alive.to_bytes(8, "big") + len(slots).to_bytes(8, "big")
    return counts + slots.astype(">u8").tobytes() + leaves


def unpack_changes(packed: bytes) -> tuple[int, Slots, bytes]:
    """(how many of the slots are alive after the block, all changed slots, their leaves end to end)."""
    alive, count = int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:16], "big")
    slots = np.frombuffer(packed, dtype=">u8", count=count, offset=16).astype(np.int64)
    return alive, slots, packed[16 + 8 * count :]
