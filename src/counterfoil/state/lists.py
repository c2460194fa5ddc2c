"""The one sorted list of links by which absence and completeness are proven; see docs/decisions/one-sorted-list.md.

A place is list tag ‖ member tag. Every member of every list has one link, which names the next place; the first link
stands before all of them. Blocks change links; rules never see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, cast

from sortedcontainers import SortedList

from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import keyed, keyed_function
from counterfoil.primitives.outcome import ensure
from counterfoil.state.books import Books
from counterfoil.state.gathering import GatheredPlaces
from counterfoil.state.leaves import BLIND_SIZE, list_tag, member_commitment, member_tag
from counterfoil.state.port import RecordStore
from counterfoil.state.tables import LINK_END, LINK_FIRST, LINKS, Link, ListRule, Reader, Table

R = TypeVar("R", bound=Record)

_MASK_SIZE = 64


class MemberNames:
    """How a link names its member for those alone who hold the network's secret."""

    def __init__(self, secret: bytes) -> None:
        self._blind_of = keyed_function(keyed(secret, b"member", 32), BLIND_SIZE)
        self._stream_of = keyed_function(keyed(secret, b"mask", 32), _MASK_SIZE)

    def blind(self, place: bytes, full_key: bytes) -> bytes:
        """What opens the commitment of the link at `place`, once its member is known: 16 bytes."""
        return self._blind_of(place + full_key)

    def hide(self, place: bytes, full_key: bytes) -> tuple[bytes, bytes]:
        """(commitment, masked key) for the link of a new member."""
        commitment = member_commitment(self.blind(place, full_key), full_key)
        return commitment, self._masked(commitment, full_key)

    def reveal(self, link: Link) -> bytes:
        """The full key of a link's member; empty for the first link."""
        return self._masked(link.commitment, link.masked)

    def _masked(self, commitment: bytes, text: bytes) -> bytes:
        stream, size = b"", len(text)
        while len(stream) < size:
            stream += self._stream_of(commitment + len(stream).to_bytes(4, "big"))
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")


class Lists:
    """Keeps the links in step with the records that are listed, and finds places among the live ones."""

    def __init__(self, books: Books, store: RecordStore, secret: bytes) -> None:
        self.names = MemberNames(secret)
        self._books = books
        self._store = store
        self._links = books.shelf(LINKS)
        self._new: SortedList[bytes] = SortedList()
        self._ended: set[bytes] = set()
        self._gathered: GatheredPlaces | None = None

    def gather(self) -> GatheredPlaces:
        """From now on only gather who joins; `join_gathered` makes the links in the order of their places.

        For founding a large register: joining one by one would look up and rewrite a neighbour each time.
        """
        self._gathered = GatheredPlaces()
        return self._gathered

    def join_gathered(self, first: int, last: int) -> None:
        """Make the links of the gathered members number `first` to `last` − 1, in the order of their places."""
        gathered = cast(GatheredPlaces, self._gathered)
        for place, full_key, following in gathered.between(first, last):
            self._links.put_first(place, Link(following, *self.names.hide(place, full_key)))
            self._new.add(place)
        if first == 0:
            self._links.put(LINK_FIRST, Link(gathered.first_place(), b"", b""))
        if last == len(gathered):
            self._gathered = None

    def found(self) -> None:
        """Lay the first link: the first change of an empty state, before any record."""
        self._links.put(LINK_FIRST, Link(next=LINK_END, commitment=b"", masked=b""))
        self._new.add(LINK_FIRST)

    def update(self) -> None:
        """Let what the open block has ended leave its lists, and what it has brought to life join them."""
        joining: list[tuple[ListRule, bytes, Record, bytes]] = []
        for number in sorted(self._books.shelves):
            shelf = self._books.shelves[number]
            if not shelf.table.lists or not shelf.membership_changed:
                continue
            for key, old in shelf.touched.items():
                record = shelf.live[key]
                if (old is None) == (record is None):
                    continue
                for rule in shelf.table.lists:
                    if record is not None:
                        joining.append((rule, key, record, shelf.table.prefix + key))
                    elif old is not None:
                        self._leave(rule, key, old)
        if self._gathered is not None:
            for rule, key, record, full_key in joining:
                self._gathered.add(_place(rule, self._books, key, record), full_key)
            return
        for rule, key, record, full_key in joining:
            self._join(rule, key, record, full_key)

    def last_at_or_before(self, place: bytes) -> bytes:
        """The last live link whose place is at or before `place` (there always is the first one)."""
        at = self._new.bisect_right(place)
        newest = cast(bytes, self._new[at - 1]) if at else b""
        stored = self._store.entry_at_or_before("link", place)
        while stored is not None and stored in self._ended:
            stored = self._store.entry_before("link", stored)
        return max(newest, stored or b"")

    def entries(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """What the store must be told about places since the last time."""
        for place in self._new:
            yield "link", place, b""
        for place in sorted(self._ended):
            yield "link", place, None

    def written(self) -> None:
        """The store has taken the entries."""
        self._new.clear()
        self._ended.clear()

    def _join(self, rule: ListRule, key: bytes, record: Record, full_key: bytes) -> None:
        links = self._links
        place = _place(rule, self._books, key, record)
        before = self.last_at_or_before(place)
        neighbour = cast(Link, links.find(before))
        ensure(before < place < neighbour.next, f"{rule.name}: the place on the list is taken")
        links.put(place, Link(neighbour.next, *self.names.hide(place, full_key)))
        links.put(before, Link(place, neighbour.commitment, neighbour.masked))
        self._new.add(place)
        self._ended.discard(place)

    def _leave(self, rule: ListRule, key: bytes, record: Record) -> None:
        links = self._links
        place = _place(rule, _StartOfBlock(self._books), key, record)
        if place in self._new:
            self._new.remove(place)
        self._ended.add(place)
        before = self.last_at_or_before(place)
        ended, neighbour = cast(Link, links.find(place)), cast(Link, links.find(before))
        ensure(
            ended is not None and neighbour.next == place,
            f"{rule.name}: the place on the list is not its own",
        )
        links.put(before, Link(ended.next, neighbour.commitment, neighbour.masked))
        links.delete(place)


class _StartOfBlock:
    """Reads records that the open block has ended as they were, since a member and its parent may end together."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def find(self, table: Table[R], key: bytes) -> R | None:
        shelf = self._books.shelf(table)
        found = shelf.find(key)
        return found if found is not None else shelf.touched.get(key)


def _place(rule: ListRule, reader: Reader, key: bytes, record: Record) -> bytes:
    parent, member = rule.place(reader, key, record)
    tag = list_tag(rule.number, parent)
    return tag + member_tag(tag, member)
