"""What is true of a small ledger, whatever a proof says of it; and what a skilled forger would do with a proof."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from counterfoil.primitives.codec import encode
from counterfoil.state.past_tree import PastTree
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Block, Place, Proof, ProofKind, Standing
from counterfoil.state.receipts import BlockResults, receipt_leaf
from counterfoil.state.state import unpack_changes
from counterfoil.state.tree import tree_over
from counterfoil.verify import ProofRefused, Trust, Verified, verify_proof
from tests.model.tree_model import TreeModel
from tests.unit.state.small_ledger import (
    ALL,
    BY_OWNER,
    EVERYTHING,
    ITEMS,
    NOTES,
    SmallLedger,
    item_handle,
    item_key,
    owner_handle,
)

LISTS = [(EVERYTHING.number, ALL), *((BY_OWNER.number, owner_handle(owner)) for owner in range(3))]
KEYS = [
    *(ITEMS.prefix + item_key(number) for number in range(6)),
    *(NOTES.prefix + bytes([0, number]) for number in range(4)),
]


def trust_in(ledger: SmallLedger) -> Trust:
    return Trust.in_genesis(ledger.genesis_bytes)


def check(ledger: SmallLedger, proof: Proof) -> Verified:
    """Verify a proof as it travels, and hold what it says against the truth."""
    verified = verify_proof(encode_proof(proof), trust_in(ledger))
    assert is_true(ledger, verified)
    return verified


def is_refused(ledger: SmallLedger, proof: Proof) -> bool:
    """Whether the verifier refuses; if it does not, what it says must at least be true."""
    try:
        verified = verify_proof(encode_proof(proof), trust_in(ledger))
    except ProofRefused:
        return True
    assert is_true(ledger, verified), "\n".join(verified.sentences())
    return False


def is_true(ledger: SmallLedger, verified: Verified) -> bool:
    model: TreeModel = ledger.model
    headers, height = ledger.headers, verified.height
    ok = verified.sealed in headers and height <= verified.sealed.height
    ok = ok and verified.chain_id == ledger.chain_id
    ok = ok and verified.in_force == [header for header in headers if header.height <= height][-1]
    if verified.instant_ms is not None:
        ok = ok and verified.in_force == [h for h in headers if h.time_ms <= verified.instant_ms][-1]
    for record in (*verified.records, *verified.named):
        full_key = bytes([record.table]) + record.key
        stood = range(record.since, record.until + 1)
        ok = ok and all(model.value_at(full_key, at) == record.value for at in (stood[0], stood[-1]))
        ok = ok and not any(change.height in stood[1:] for change in model.changes[full_key])
    ok = ok and all(record.since <= height <= record.until for record in verified.records)
    if verified.place is not None:
        place = verified.place
        there = model.listed_at(place.number, place.parent, height)
        if verified.kind is ProofKind.ABSENCE:
            ok = ok and place.member not in there.values()
        else:
            shown = [bytes([record.table]) + record.key for record in verified.records]
            ok = ok and sorted(shown) == sorted(there)
    kept = _receipts(ledger, height) if verified.receipts else None
    for shown_receipt in verified.receipts:
        plaintext = encode(shown_receipt.receipt)
        ok = ok and kept is not None and plaintext in [receipt.plaintext for receipt in kept.receipts]
    return bool(ok)


def _receipts(ledger: SmallLedger, height: int) -> BlockResults:
    data = ledger.state.blob("receipts", height)
    assert data is not None
    return msgspec.msgpack.decode(data, type=BlockResults)


def genuine_proofs(ledger: SmallLedger, height: int) -> Iterator[Proof]:
    """Proofs of every kind as of a height, as far as there is something to prove."""
    prover, model = ledger.prover, ledger.model
    keys = [key for key in KEYS if model.value_at(key, height) is not None]
    for key in keys:
        yield prover.records([key], height=height)
    if len(keys) > 2:
        yield prover.records(keys[:3], height=height)
    for number, parent in LISTS:
        yield prover.listing(number, parent, height=height)
        there = model.listed_at(number, parent, height).values()
        for of in range(6):
            if item_handle(item_key(of)) not in there:
                place = Place(number, parent, item_handle(item_key(of)))
                yield prover.absence(place, keys[:1], height=height)
    yield prover.header(height=height)
    if height in [header.height for header in ledger.headers]:
        for index in range(len(_receipts(ledger, height).receipts)):
            yield prover.receipts(height, [index])


def refit(ledger: SmallLedger, proof: Proof) -> Proof:
    """The same claims with all the digests that they would need: what somebody who knows every tree can do.

    Claims about places that are not there keep what digests they have.
    """
    if proof.sealed not in ledger.headers:
        return proof
    numbers = {header.height: header.number for header in ledger.headers}
    size = proof.sealed.number
    changes: dict[int, list[int]] = {block.header.height: [] for block in proof.blocks}
    slots: list[int] = []
    for standing in standings(proof):
        if standing.next is None:
            slots.append(standing.place)
        else:
            changes.setdefault(standing.height, []).append(standing.place)
            changes.setdefault(standing.next.height, []).append(standing.next.place)
    blocks: list[Block] = []
    for height in sorted(changes):
        number = numbers.get(height)
        if number is None or number > size:
            return proof
        packed = ledger.state.blob("changes", height)
        assert packed is not None
        run = unpack_changes(packed)[2]
        leaves = [run[at : at + 32] for at in range(0, len(run), 32)]
        if any(index >= len(leaves) for index in changes[height]):
            return proof
        results = _receipts(ledger, height)
        receipts = [receipt_leaf(receipt.salt, receipt.plaintext) for receipt in results.receipts]
        shown = [receipt.place for receipt in proof.receipts] if height == proof.height else []
        if any(index >= len(receipts) for index in shown):
            return proof
        path = ledger.history.path(number, size) if number < size else ()
        siblings = _siblings(leaves, changes[height]), _siblings(receipts, shown)
        blocks.append(Block(ledger.headers[number], b"".join(path), *siblings))
    tree = ledger.state.tree_at(proof.sealed.height)
    if any(slot >= tree.count for slot in slots):
        return proof
    return msgspec.structs.replace(
        proof, blocks=tuple(blocks), siblings=tree.siblings(slots) if slots else b""
    )


def standings(proof: Proof) -> Iterator[Standing]:
    yield from proof.records
    yield from proof.named
    if proof.gap is not None:
        yield proof.gap
    for member in proof.members:
        yield member.link
        yield member.record


def _siblings(leaves: list[bytes], shown: list[int]) -> bytes:
    if not shown:
        return b""
    tree = tree_over(b"".join(leaves))
    tree.top()
    return PastTree(tree, len(leaves), {}).siblings(shown)
