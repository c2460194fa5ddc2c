"""Building proofs from what this node holds: the state and its history, the blocks' changes, headers, receipts.

A prover only reads. It must not run while a block is being committed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

from counterfoil.primitives.codec import Decoder
from counterfoil.primitives.digests import EMPTY
from counterfoil.state.headers import Header, HeaderHistory, StoredHeader
from counterfoil.state.leaves import (
    DIGEST,
    leaf_digest,
    list_tag,
    member_tag,
    place_before_list,
    value_digest,
)
from counterfoil.state.past_tree import NotHeld, PastTree
from counterfoil.state.proof_formats import (
    FORMAT,
    Block,
    Member,
    Next,
    Place,
    Proof,
    ProofKind,
    ShownReceipt,
    Standing,
    Vouching,
)
from counterfoil.state.receipts import BlockResults, KeptReceipt, SealedReceipts, receipt_leaf, sealed_digest
from counterfoil.state.rows import parse
from counterfoil.state.state import State, unpack_changes
from counterfoil.state.tables import LINKS, Link
from counterfoil.state.tree import tree_over

_BLOCK_RESULTS = Decoder(BlockResults)
_SEALED_RECEIPTS = Decoder(SealedReceipts)


class CannotProve(LookupError):
    """What is asked for is not so, or not so yet; the text says which."""


class NotSignedYet(CannotProve):
    """The header of a network's last block, before the next block has signed it: a moment later it will be."""


class _ShownBlock:
    """A block of which something is shown, and which of its leaves are."""

    def __init__(self, stored: StoredHeader) -> None:
        self.header = stored.header
        self.changes: list[bytes] = []
        self.places: dict[bytes, int] = {}
        self.shown_changes: list[int] = []
        self.receipts: list[bytes] = []
        self.shown_receipts: list[int] = []


class Sources(NamedTuple):
    """What proofs are made from. `stored(number)` gives a header as kept; `genesis` is the genesis file's digest.

    vouching: what shows that consensus decided a header that has no seal; raises `CannotProve` where that is not yet
    signed.
    """

    state: State
    history: HeaderHistory
    stored: Callable[[int], StoredHeader]
    chain_id: str
    genesis: bytes
    vouching: Callable[[Header], Vouching] | None = None

    def number_in_force(self, height: int) -> int:
        """The number of the last header at or before `height`; −1 where there is none."""
        numbers = range(self.history.size)
        likely = height - self.stored(0).header.height if numbers else -1
        if likely in numbers and self.stored(likely).header.height == height:
            return likely
        return bisect_right(numbers, height, key=lambda number: self.stored(number).header.height) - 1

    def number_at(self, instant_ms: int) -> int:
        """The number of the last header whose block time is at or before an instant; −1 where there is none."""
        numbers = range(self.history.size)
        return bisect_right(numbers, instant_ms, key=lambda number: self.stored(number).header.time_ms) - 1


class Prover:
    """Makes proofs against the newest sealed header, or against one of the last few (`sealed` is its number).

    Questions are as of the end of block `height`, or of the last block at `instant_ms`, or of the sealed block.
    Records are named by their full keys (table number and key). Raises `CannotProve`, or `NotHeld` where the answer
    lies further back than this node holds.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def records(
        self,
        full_keys: Sequence[bytes],
        *,
        height: int | None = None,
        instant_ms: int | None = None,
        sealed: int | None = None,
    ) -> Proof:
        """The values of records."""
        draft = self._draft(height, instant_ms, sealed)
        records = tuple([draft.standing(full_key) for full_key in full_keys])
        return draft.proof(ProofKind.RECORDS, records=records)

    def absence(
        self,
        place: Place,
        named: Sequence[bytes] = (),
        *,
        height: int | None = None,
        instant_ms: int | None = None,
        sealed: int | None = None,
    ) -> Proof:
        """That a list has no such member. `named`: records that hold the handles in `place`, shown beside it."""
        draft = self._draft(height, instant_ms, sealed)
        tag = list_tag(place.number, place.parent)
        looked_for = tag + member_tag(tag, place.member)
        at, _ = self._sources.state.link_at(looked_for, draft.height)
        if at == looked_for:
            raise CannotProve(f"the list had this member at the end of block {draft.height}")
        gap = draft.standing(LINKS.prefix + at)
        return draft.proof(ProofKind.ABSENCE, place=place, gap=gap, named=draft.named(named))

    def listing(
        self,
        number: int,
        parent: bytes,
        named: Sequence[bytes] = (),
        *,
        height: int | None = None,
        instant_ms: int | None = None,
        sealed: int | None = None,
    ) -> Proof:
        """All members of a list, with their records. `named`: records that hold the parent's handle."""
        draft = self._draft(height, instant_ms, sealed)
        tag = list_tag(number, parent)
        state = self._sources.state
        at, link = state.link_at(place_before_list(tag), draft.height)
        gap = draft.standing(LINKS.prefix + at)
        members: list[Member] = []
        while link.next.startswith(tag):
            at = link.next
            link = cast(Link, state.find_at(LINKS, at, draft.height))
            blind, full_key = state.member_name(at, link)
            members.append(Member(draft.standing(LINKS.prefix + at), blind, draft.standing(full_key)))
        place = Place(number, parent)
        return draft.proof(
            ProofKind.LIST, place=place, gap=gap, members=tuple(members), named=draft.named(named)
        )

    def receipts(self, height: int, places: Sequence[int], *, sealed: int | None = None) -> Proof:
        """Receipts of block `height`, by their indices among all of the block's."""
        draft = self._draft(height, None, sealed)
        data = self._sources.state.blob("receipts", height)
        if data is None or height < self._sources.state.receipts_from:
            raise NotHeld(f"the receipts of block {height} are not held here")
        kept = _BLOCK_RESULTS.trusted(data).receipts
        if not all(0 <= index < len(kept) for index in places):
            raise CannotProve(f"block {height} has {len(kept)} receipts")
        block = draft.block(height)
        envelopes = _sealed_digests(self._sources.state.blob("sealed", height), len(kept))
        block.receipts = [
            receipt_leaf(receipt.salt, receipt.plaintext, digest)
            for receipt, digest in zip(kept, envelopes, strict=True)
        ]
        block.shown_receipts = list(places)
        shown = tuple(
            [
                ShownReceipt(index, kept[index].salt, kept[index].plaintext, envelopes[index])
                for index in places
            ]
        )
        return draft.proof(ProofKind.RECEIPTS, receipts=shown)

    def header(
        self, *, height: int | None = None, instant_ms: int | None = None, sealed: int | None = None
    ) -> Proof:
        """Which block was in force: its header, and that no other came between."""
        return self._draft(height, instant_ms, sealed).proof(ProofKind.HEADER)

    def _draft(self, height: int | None, instant_ms: int | None, sealed: int | None) -> _Draft:
        sources = self._sources
        number = sources.history.size - 1 if sealed is None else sealed
        if not 0 <= number < sources.history.size:
            raise CannotProve("there is no sealed header to prove anything against")
        against = sources.stored(number)
        at = against.header.height if height is None else height
        if instant_ms is not None:
            in_force = sources.number_at(instant_ms)
            if in_force < 0:
                raise CannotProve("the ledger was founded after that instant")
            if in_force >= number:
                raise CannotProve("no sealed block is later than that instant yet")
            at = sources.stored(in_force).header.height
        if at > against.header.height:
            raise CannotProve(f"the sealed header is of block {against.header.height}, before block {at}")
        draft = _Draft(sources, against, at, instant_ms)
        draft.show_moment()
        return draft


class _Draft:
    """One proof in the making: gathers which leaves are shown, then adds what leads from them to the roots."""

    def __init__(self, sources: Sources, sealed: StoredHeader, height: int, instant_ms: int | None) -> None:
        self.height = height
        self._instant_ms = instant_ms
        self._sources = sources
        self._state = sources.state
        self._sealed = sealed
        self._blocks: dict[int, _ShownBlock] = {}
        self._slots: list[int] = []

    def show_moment(self) -> None:
        """Show which block is in force, and (unless it has that very height) that the next one came later."""
        sealed = self._sealed.header
        if self.height == sealed.height:
            return
        number = self._sources.number_in_force(self.height)
        if number < 0:
            raise CannotProve(f"the ledger had no block yet at height {self.height}")
        found = self._sources.stored(number).header
        self.block(found.height)
        if found.height != self.height or self._instant_ms is not None:
            self.block(self._sources.stored(number + 1).header.height)

    def block(self, height: int) -> _ShownBlock:
        found = self._blocks.get(height)
        if found is None:
            number = self._sources.number_in_force(height)
            stored = self._sources.stored(max(number, 0))
            if stored.header.height != height:
                raise CannotProve(f"there is no block {height}")
            found = self._blocks[height] = _ShownBlock(stored)
        return found

    def named(self, full_keys: Iterable[bytes]) -> tuple[Standing, ...]:
        """Records that name handles, which never change: as of the question where they lived then, or else later."""
        return tuple([self.standing(full_key, self._lifetime(full_key)) for full_key in full_keys])

    def standing(self, full_key: bytes, height: int | None = None) -> Standing:
        """Show a record's value as of the question (or of `height`)."""
        at = self.height if height is None else height
        state, sealed = self._state, self._sealed.header
        table, key = state.tables[full_key[0]], full_key[1:]
        row = state.row_at(table, key, at)
        if row is None or not (shown := parse(row)).alive:
            raise CannotProve(f"there is no record {full_key.hex()} at the end of block {at}")
        after = state.row_after(table, key, at)
        following = parse(after) if after is not None else None
        if following is None or following.height > sealed.height:
            self._slots.append(shown.slot)
            return Standing(full_key, shown.height, shown.previous, shown.salt, shown.value, shown.slot)
        hidden = value_digest(shown.salt, full_key, shown.value)
        place = self._change(shown.height, leaf_digest(shown.height, shown.previous, full_key, hidden))
        hidden = value_digest(following.salt, full_key, following.value)
        leaf = leaf_digest(following.height, following.previous, full_key, hidden)
        after_it = Next(following.height, hidden, self._change(following.height, leaf))
        return Standing(full_key, shown.height, shown.previous, shown.salt, shown.value, place, after_it)

    def proof(
        self,
        kind: ProofKind,
        *,
        records: tuple[Standing, ...] = (),
        named: tuple[Standing, ...] = (),
        place: Place | None = None,
        gap: Standing | None = None,
        members: tuple[Member, ...] = (),
        receipts: tuple[ShownReceipt, ...] = (),
    ) -> Proof:
        """The finished proof."""
        siblings = b""
        if self._slots:
            siblings = self._state.tree_at(self._sealed.header.height).siblings(self._slots)
        return Proof(
            format=FORMAT,
            kind=kind,
            chain_id=self._sources.chain_id,
            genesis=self._sources.genesis,
            height=self.height,
            sealed=self._sealed.header,
            seal=self._sealed.seal,
            vouching=self._vouching(),
            instant_ms=self._instant_ms,
            blocks=tuple([self._shown(self._blocks[height]) for height in sorted(self._blocks)]),
            siblings=siblings,
            records=records,
            named=named,
            place=place,
            gap=gap,
            members=members,
            receipts=receipts,
        )

    def _vouching(self) -> Vouching | None:
        if self._sealed.seal:
            return None
        if self._sources.vouching is None:
            raise CannotProve("the header is signed by nobody that this node knows of")
        return self._sources.vouching(self._sealed.header)

    def _lifetime(self, full_key: bytes) -> int:
        """The end of a block at which the record lives: that of the question, or the last one up to the seal."""
        table, key = self._state.tables[full_key[0]], full_key[1:]
        row = self._state.row_at(table, key, self.height)
        if row is not None and parse(row).alive:
            return self.height
        for row in self._state.versions(table, key):
            shown = parse(row)
            if shown.alive and shown.height <= self._sealed.header.height:
                return shown.height
        raise CannotProve(f"there never was a record {full_key.hex()}")

    def _change(self, height: int, leaf: bytes) -> int:
        block = self.block(height)
        if not block.changes:
            packed = self._state.blob("changes", height)
            if packed is None:
                raise NotHeld(f"the changes of block {height} are not held here")
            leaves = unpack_changes(packed)[2]
            block.changes = [leaves[at : at + DIGEST] for at in range(0, len(leaves), DIGEST)]
            block.places = {found: index for index, found in enumerate(block.changes)}
        place = block.places[leaf]
        block.shown_changes.append(place)
        return place

    def _shown(self, block: _ShownBlock) -> Block:
        sealed = self._sealed.header
        number, size = block.header.number, sealed.number
        path = () if number == size else self._sources.history.path(number, size)
        return Block(
            header=block.header,
            path=b"".join(path),
            change_siblings=_siblings(block.changes, block.shown_changes),
            receipt_siblings=_siblings(block.receipts, block.shown_receipts),
        )


def shown_receipts(
    kept: Sequence[KeptReceipt], places: Sequence[int], sealed: bytes | None
) -> tuple[tuple[ShownReceipt, ...], bytes]:
    """Some of a block's receipts, and what leads from their leaves to the block's receipts root.

    sealed: the block's sealed receipts as they are stored (`SealedReceipts`), on a ledger that is sealed.
    """
    digests = _sealed_digests(sealed, len(kept))
    leaves = [
        receipt_leaf(receipt.salt, receipt.plaintext, digest)
        for receipt, digest in zip(kept, digests, strict=True)
    ]
    shown = tuple(
        [ShownReceipt(place, kept[place].salt, kept[place].plaintext, digests[place]) for place in places]
    )
    return shown, _siblings(leaves, places)


def _sealed_digests(sealed: bytes | None, count: int) -> list[bytes]:
    """Of a block's receipts in order: of what everybody may keep of them; zero on a ledger that is not sealed."""
    if sealed is None:
        return [EMPTY] * count
    return [sealed_digest(one.sealed) for one in _SEALED_RECEIPTS.trusted(sealed).receipts]


def _siblings(leaves: Sequence[bytes], shown: Sequence[int]) -> bytes:
    if not shown:
        return b""
    tree = tree_over(b"".join(leaves))
    tree.top()
    return PastTree(tree, len(leaves), {}).siblings(shown)
