"""The check itself: who vouches, earlier headers, leaves and their ways to the roots, then what they say together."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.primitives.codec import Decoder, Malformed
from counterfoil.state.headers import Header, history_leaf, root_from_path
from counterfoil.state.leaves import (
    BLIND_SIZE,
    DIGEST,
    SALT_SIZE,
    leaf_digest,
    list_tag,
    member_commitment,
    member_tag,
    place_before_list,
    root_digest,
    value_digest,
)
from counterfoil.state.proof_files import decode_proof
from counterfoil.state.proof_formats import (
    FORMAT,
    Block,
    Member,
    Place,
    Proof,
    ProofKind,
    ShownReceipt,
    Standing,
)
from counterfoil.state.receipts import Receipt, receipt_leaf
from counterfoil.state.tables import LINKS, Link
from counterfoil.verify.grounds import check_ground
from counterfoil.verify.refusal import ProofRefused, demand
from counterfoil.verify.tree_paths import top_of
from counterfoil.verify.trust import Trust
from counterfoil.verify.verified import ProvenReceipt, ProvenRecord, Verified

_PLACE_SIZE = 32
_KEY_SIZE_MAX = 2**16 - 1
_LINK = Decoder(Link)
_RECEIPT = Decoder(Receipt)

_PARTS: dict[ProofKind, frozenset[str]] = {
    ProofKind.RECORDS: frozenset({"records"}),
    ProofKind.ABSENCE: frozenset({"place", "gap", "named"}),
    ProofKind.LIST: frozenset({"place", "gap", "members", "named"}),
    ProofKind.RECEIPTS: frozenset({"receipts"}),
    ProofKind.HEADER: frozenset(),
}
"""Which parts a proof of each kind has; it has no others."""
_MAY_BE_EMPTY = frozenset({"members", "named"})


def verify_proof(data: bytes, trust: Trust) -> Verified:
    """What the proof in a file proves to somebody who trusts a genesis file; `ProofRefused` says why not."""
    try:
        proof = decode_proof(data)
    except Malformed as error:
        raise ProofRefused(str(error)) from None
    return _Check(proof, trust).run()


class _ShownBlock:
    """A block whose header is known to be the ledger's, and its leaves that the proof shows."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.header = block.header
        self.changes: dict[int, bytes] = {}
        self.receipts: dict[int, bytes] = {}


class _Check:
    """One proof being checked. Leaves are gathered first; nothing is concluded before all roots have come out."""

    def __init__(self, proof: Proof, trust: Trust) -> None:
        self._proof = proof
        self._trust = trust
        self._state: dict[int, bytes] = {}
        self._blocks: dict[int, _ShownBlock] = {}

    def run(self) -> Verified:
        proof = self._proof
        demand(proof.format == FORMAT, f"the proof is not of the form {FORMAT}")
        self._check_parts()
        self._check_ledger()
        ground = check_ground(proof, self._trust)
        self._check_blocks()
        in_force = self._moment()
        named = tuple([self._standing(standing) for standing in proof.named])
        records: tuple[ProvenRecord, ...] = ()
        receipts: tuple[ProvenReceipt, ...] = ()
        if proof.kind is ProofKind.RECORDS:
            records = tuple([self._now(standing) for standing in proof.records])
        elif proof.kind is ProofKind.RECEIPTS:
            receipts = tuple([self._receipt(shown) for shown in proof.receipts])
        elif proof.place is not None and proof.gap is not None:
            before, after = self._gap(proof.gap)
            if proof.kind is ProofKind.ABSENCE:
                self._check_absence(proof.place, before, after)
            else:
                records = self._members(proof.place, before, after)
        self._check_roots()
        return Verified(
            kind=proof.kind,
            chain_id=self._trust.chain_id,
            sandbox=self._trust.sandbox,
            height=proof.height,
            in_force=in_force,
            sealed=proof.sealed,
            ground=ground,
            instant_ms=proof.instant_ms,
            place=proof.place,
            records=records,
            named=named,
            receipts=receipts,
        )

    # Whose proof it is

    def _check_parts(self) -> None:
        proof, needed = self._proof, _PARTS[self._proof.kind]
        for name in ("records", "named", "place", "gap", "members", "receipts"):
            there = getattr(proof, name) not in ((), None)
            demand(there or name not in needed - _MAY_BE_EMPTY, f"a proof of {proof.kind} lacks its {name}")
            demand(not there or name in needed, f"a proof of {proof.kind} has no {name}")

    def _check_ledger(self) -> None:
        proof, trust = self._proof, self._trust
        demand(
            proof.genesis == trust.genesis and proof.chain_id == trust.chain_id,
            f"the proof is of ledger {proof.chain_id[:60]!r}, the genesis file is of {trust.chain_id!r}",
        )

    def _check_blocks(self) -> None:
        sealed, before = self._proof.sealed, -1
        for block in self._proof.blocks:
            header = block.header
            demand(before < header.number <= sealed.number, "the proof's blocks are not in order")
            before = header.number
            if header.number == sealed.number:
                demand(
                    header == sealed and not block.path, "a block is not the sealed one that it is said to be"
                )
            else:
                root = root_from_path(
                    history_leaf(header.digest()), header.number, sealed.number, _digests(block.path)
                )
                demand(root == sealed.history_root, f"block {header.height} is not in the ledger's history")
            self._blocks[header.height] = _ShownBlock(block)

    # When

    def _moment(self) -> Header:
        """The header in force at the proof's height (and instant)."""
        proof = self._proof
        if proof.height == proof.sealed.height and proof.instant_ms is None:
            return proof.sealed
        demand(proof.height < proof.sealed.height, "the proof speaks of a time after its sealed header")
        headers = [block.header for block in proof.blocks]
        earlier = [header for header in headers if header.height <= proof.height]
        demand(earlier, "the proof does not show which block was in force")
        found = earlier[-1]
        following = headers[len(earlier)] if len(earlier) < len(headers) else None
        if found.height < proof.height or proof.instant_ms is not None:
            demand(
                following is not None and following.number == found.number + 1,
                "the proof does not show that no other block came between",
            )
        if proof.instant_ms is not None and following is not None:
            demand(
                found.height == proof.height and found.time_ms <= proof.instant_ms < following.time_ms,
                "the block that the proof speaks of was not the last one at its instant",
            )
        return found

    # What

    def _standing(self, standing: Standing) -> ProvenRecord:
        """A value with its leaves, for as long as it stood."""
        key = standing.key
        demand(1 < len(key) <= _KEY_SIZE_MAX, "a record's key has a wrong size")
        demand(len(standing.salt) == SALT_SIZE, "a salt has a wrong size")
        demand(standing.value, "a record that has ended is shown as one that lives")
        demand(standing.previous < standing.height, "a change is shown that comes before the one before it")
        hidden = value_digest(standing.salt, key, standing.value)
        leaf = leaf_digest(standing.height, standing.previous, key, hidden)
        if standing.next is None:
            demand(standing.height <= self._proof.sealed.height, "a change is later than the sealed header")
            _show(self._state, standing.place, leaf)
            until = self._proof.sealed.height
        else:
            after = standing.next
            demand(standing.height < after.height, "a change is said to follow one that is not earlier")
            demand(len(after.hidden) == DIGEST, "a digest has a wrong size")
            _show(self._block(standing.height).changes, standing.place, leaf)
            leaf = leaf_digest(after.height, standing.height, key, after.hidden)
            _show(self._block(after.height).changes, after.place, leaf)
            until = after.height - 1
        return ProvenRecord(key[0], key[1:], standing.value, standing.height, until)

    def _now(self, standing: Standing) -> ProvenRecord:
        """A value that stood at the proof's height."""
        record = self._standing(standing)
        demand(
            record.since <= self._proof.height <= record.until,
            f"a value that stood from block {record.since} to {record.until} is shown for {self._proof.height}",
        )
        return record

    def _link(self, standing: Standing) -> tuple[bytes, Link]:
        """A link in force at the proof's height: (its place, the link)."""
        record = self._now(standing)
        demand(record.table == LINKS.number and len(record.key) == _PLACE_SIZE, "a link is not a link")
        try:
            link: Link = _LINK.exact(record.value)
        except Malformed:
            raise ProofRefused("a link is not a link") from None
        demand(len(link.next) == _PLACE_SIZE and record.key < link.next, "a link leads backwards")
        return record.key, link

    def _gap(self, standing: Standing) -> tuple[bytes, bytes]:
        place, link = self._link(standing)
        return place, link.next

    def _check_absence(self, place: Place, before: bytes, after: bytes) -> None:
        tag = _tag(place)
        demand(place.member, "the proof does not say whose absence it proves")
        looked_for = tag + member_tag(tag, place.member)
        demand(before < looked_for < after, "the gap that is shown does not cover the place")

    def _members(self, place: Place, before: bytes, after: bytes) -> tuple[ProvenRecord, ...]:
        """Every member of a list: the run of links from before its first place to past its last."""
        demand(not place.member, "a proof of a whole list speaks of one member")
        tag = _tag(place)
        demand(before <= place_before_list(tag), "the run of links does not begin before the list")
        records: list[ProvenRecord] = []
        for member in self._proof.members:
            record, at, behind = self._member(member)
            demand(at == after, "the run of links has a gap")
            demand(at.startswith(tag), "the run of links leaves the list too late")
            after = behind
            records.append(record)
        demand(not after.startswith(tag), "the run of links does not reach the end of the list")
        return tuple(records)

    def _member(self, member: Member) -> tuple[ProvenRecord, bytes, bytes]:
        at, link = self._link(member.link)
        demand(len(member.blind) == BLIND_SIZE, "what opens a link has a wrong size")
        commitment = member_commitment(member.blind, member.record.key)
        demand(commitment == link.commitment, "a link is shown with a record that is not its member")
        return self._now(member.record), at, link.next

    def _receipt(self, shown: ShownReceipt) -> ProvenReceipt:
        block = self._block(self._proof.height)
        demand(len(shown.salt) == SALT_SIZE, "a salt has a wrong size")
        demand(len(shown.sealed) == DIGEST, "a digest has a wrong size")
        _show(block.receipts, shown.place, receipt_leaf(shown.salt, shown.plaintext, shown.sealed))
        try:
            receipt: Receipt = _RECEIPT.exact(shown.plaintext)
        except Malformed as error:
            raise ProofRefused(f"a receipt cannot be read: {error}") from None
        demand(receipt.height == block.header.height, "a receipt is of another block")
        return ProvenReceipt(receipt, shown.sealed)

    def _block(self, height: int) -> _ShownBlock:
        block = self._blocks.get(height)
        if block is None:
            raise ProofRefused(f"the proof does not show block {height}")
        return block

    # The roots

    def _check_roots(self) -> None:
        proof = self._proof
        sealed = proof.sealed
        if self._state:
            top = top_of(sealed.slot_count, self._state, proof.siblings)
            root = root_digest(sealed.slot_count, sealed.free_head, top)
            demand(root == sealed.state_root, "a record is not in the ledger's state")
        else:
            demand(not proof.siblings, "the proof has digests that lead from nothing")
        for shown in self._blocks.values():
            header, block = shown.header, shown.block
            for leaves, siblings, count, expected, what in (
                (shown.changes, block.change_siblings, header.change_count, header.changes_root, "change"),
                (
                    shown.receipts,
                    block.receipt_siblings,
                    header.receipt_count,
                    header.receipts_root,
                    "receipt",
                ),
            ):
                if leaves:
                    root = root_digest(count, 0, top_of(count, leaves, siblings))
                    demand(root == expected, f"a {what} is not among those of block {header.height}")
                else:
                    demand(not siblings, "the proof has digests that lead from nothing")


def _show(leaves: dict[int, bytes], place: int, leaf: bytes) -> None:
    demand(leaves.setdefault(place, leaf) == leaf, "two leaves are shown at one place")


def _tag(place: Place) -> bytes:
    demand(0 <= place.number <= 255, "there is no list of that number")
    return list_tag(place.number, place.parent)


def _digests(run: bytes) -> Sequence[bytes]:
    demand(len(run) % DIGEST == 0, "a run of digests is cut off")
    return [run[at : at + DIGEST] for at in range(0, len(run), DIGEST)]
