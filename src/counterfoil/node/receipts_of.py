"""Finding receipts beside the blocks, and taking apart what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from counterfoil.machine.wiring import MODULES
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.primitives.codec import Decoder, Fact, encode
from counterfoil.state.receipts import BlockResults, KeptReceipt, Receipt

if TYPE_CHECKING:
    AnyFact = Fact
else:
    AnyFact = reduce(or_, [kind for module in MODULES for kind in module.facts])
    """Every fact that a module tells; decoded by its number."""

_RESULTS = Decoder(BlockResults)
_RECEIPT = Decoder(Receipt)
_FACT = Decoder(AnyFact)
_SHORT, _LONG = 20, 32


class Found(NamedTuple):
    """One receipt: its place among the block's, taken apart, with its facts decoded."""

    place: int
    receipt: Receipt
    facts: tuple[Fact, ...]


def found_in(index: int, kept: KeptReceipt) -> Found:
    receipt: Receipt = _RECEIPT.trusted(kept.plaintext)
    return Found(index, receipt, tuple(_FACT.trusted(bytes(raw)) for raw in receipt.facts))


def receipts_of_block(node: LedgerNode, height: int) -> tuple[KeptReceipt, ...]:
    """All receipts of one block; none where it has no record of any."""
    _refuse_pruned(node, height)
    data = _blob(node, height)
    return _RESULTS.trusted(data).receipts if data is not None else ()


def sealed_of_block(node: LedgerNode, height: int) -> bytes | None:
    """A block's sealed receipts as they are stored; None on a ledger that is not sealed."""
    with node.engine.lock:
        return node.state.blob("sealed", height)


def receipts_with(
    node: LedgerNode, needle: bytes | tuple[bytes, ...], first: int, last: int
) -> Iterator[tuple[int, list[KeptReceipt], list[int]]]:
    """(height, all receipts of the block, indices of those that hold the bytes) for the blocks `first` to `last`; of
    several needles any.

    Each block's receipts are looked through as one piece of bytes, and taken apart only where they hold the needle:
    about a second for a gigabyte of receipts, decrypting included. The ledger is held still only while one block's
    are fetched, since what lies in the past does not change.
    """
    needles = (needle,) if isinstance(needle, bytes) else needle
    if first <= last:
        _refuse_pruned(node, first)
    for height in range(first, last + 1):
        data = _blob(node, height)
        if data is None or not any(one in data for one in needles):
            continue
        kept = list(_RESULTS.trusted(data).receipts)
        indices = [
            index
            for index, one in enumerate(kept)
            if any(sought == one.stakeholder or sought in one.plaintext for sought in needles)
        ]
        if indices:
            yield height, kept, indices


def without_receipts(data: bytes) -> bytes:
    """What a node keeps beside a block once its receipts have gone: the results, which stay for ever."""
    results: BlockResults = _RESULTS.trusted(data)
    return encode(BlockResults(results.results, ()))


def _refuse_pruned(node: LedgerNode, height: int) -> None:
    first = node.state.receipts_from
    if height < first:
        raise Refused(NodeRefusal.HISTORY_IS_PRUNED, first_height=first)


def _blob(node: LedgerNode, height: int) -> bytes | None:
    with node.engine.lock:
        return node.state.blob("receipts", height)


# ---- what a fact is about ----


def identities_in(value: Any) -> Iterator[bytes]:
    """Every identity (20 or 32 bytes) that a fact names, at any depth, in order."""
    if isinstance(value, bytes):
        if len(value) in (_SHORT, _LONG):
            yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from identities_in(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from identities_in(item)


def mentions(fact: Fact, identity: bytes) -> bool:
    return any(found == identity for found in identities_in(fact))
