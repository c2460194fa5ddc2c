"""Reads of what is sealed: blocks and receipts as everybody may keep them. Whoever has a key opens its own part."""

from __future__ import annotations

import msgspec

from counterfoil.node.ledger import LedgerNode
from counterfoil.node.protocol import ANSWER_BYTES_MAX
from counterfoil.node.reads_base import Answer, Params, View, header_as_of, named, reading
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import SealedCopy
from counterfoil.primitives.codec import Decoder, encode
from counterfoil.state.headers import Header
from counterfoil.state.receipts import SealedReceipt, SealedReceipts

PAGE_BYTES = ANSWER_BYTES_MAX // 4
"""A page ends with the block that brings it above this."""
PAGE_BLOCKS_MAX = 1_000
_SEALED = Decoder(SealedReceipts)


class Blocks(Params, frozen=True, kw_only=True):
    """first, last: heights, both included; last 0 for the newest."""

    first: int = 1
    last: int = 0


class SealedBlockReceipts(msgspec.Struct, frozen=True):
    """All receipts of one block, with the header whose receipts root they lead to, and its seal."""

    header: Header
    seal: bytes
    receipts: tuple[SealedReceipt, ...]


class SealedReceiptsPage(Answer, frozen=True, kw_only=True):
    """next: `first` of the page after this one, 0 after the last."""

    blocks: tuple[SealedBlockReceipts, ...]
    next: int


class SealedBlocksPage(Answer, frozen=True, kw_only=True):
    """blocks: encoded `LoggedBlock`s in order, as the log has them. next: as above."""

    blocks: tuple[bytes, ...]
    next: int


@named("sealed_receipts", is_alike=True)
def sealed_receipts(node: LedgerNode, viewer: Viewer, params: Blocks) -> SealedReceiptsPage:
    """The sealed receipts of blocks, all of them: what is one's own is known by its tags, and to nobody else.

    For every party of the ledger; it tells when there was business and how much, and nothing of it.
    """
    with reading(node, viewer) as view:
        first, last = _asked(node, view, params)
        found: list[SealedBlockReceipts] = []
        size = 0
        for height in range(first, last + 1):
            data = view.state.blob("sealed", height)
            if data is None:
                continue
            stored = node.machine.header(header_as_of(node, str(height)).number)
            found.append(SealedBlockReceipts(stored.header, stored.seal, _SEALED.trusted(data).receipts))
            size += len(data)
            if size > PAGE_BYTES or len(found) == PAGE_BLOCKS_MAX:
                return SealedReceiptsPage(
                    moment=view.moment, blocks=tuple(found), next=height + 1 if height < last else 0
                )
        return SealedReceiptsPage(moment=view.moment, blocks=tuple(found), next=0)


@named("sealed_blocks", is_alike=True)
def sealed_blocks(node: LedgerNode, viewer: Viewer, params: Blocks) -> SealedBlocksPage:
    """Blocks as they were decided, with headers and seals: what a follower keeps for everybody's continuity."""
    with reading(node, viewer) as view:
        first, last = _asked(node, view, params)
        moment = view.moment
    found: list[bytes] = []
    size = 0
    for block in node.blocks_from(first):
        height = block.block.height
        if height > last:
            break
        found.append(encode(block))
        size += len(found[-1])
        if size > PAGE_BYTES or len(found) == PAGE_BLOCKS_MAX:
            return SealedBlocksPage(
                moment=moment, blocks=tuple(found), next=height + 1 if height < last else 0
            )
    return SealedBlocksPage(moment=moment, blocks=tuple(found), next=0)


def _asked(node: LedgerNode, view: View, params: Blocks) -> tuple[int, int]:
    """(first, last) block of a page. Refused LEDGER_IS_NOT_SEALED, where blocks lie open; HISTORY_IS_PRUNED."""
    if node.machine.sealed is None:
        raise Refused(NodeRefusal.LEDGER_IS_NOT_SEALED)
    view.require(SealedCopy())
    newest = view.header.height
    last = params.last or newest
    if not (0 < params.first <= newest and params.first <= last):
        raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, first=params.first, last=params.last)
    if params.first < node.state.receipts_from:
        raise Refused(NodeRefusal.HISTORY_IS_PRUNED, first_height=node.state.receipts_from)
    return params.first, min(last, newest)
