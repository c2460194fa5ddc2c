"""A member's own receipts by block, with what shows them to be the blocks' own: what its follower fetches and keeps."""

from __future__ import annotations

from counterfoil.node.follower import FetchedReceipts
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, Params, named, reading
from counterfoil.node.receipts_of import found_in, receipts_with
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.errors import NotVisible
from counterfoil.state.proofs import shown_receipts

BLOCKS_MAX = 2_000
"""Blocks that one answer looks through."""


class ReceiptsFrom(Params, frozen=True, kw_only=True):
    """first_height: where to begin. last_height: where to end (0: at the last block)."""

    first_height: int = 1
    last_height: int = 0


class OwnReceipts(Answer, frozen=True, kw_only=True):
    """Of each block that has any. next_height: `first_height` of the answer after this one, 0 after the last."""

    blocks: tuple[FetchedReceipts, ...]
    next_height: int


@named("receipts")
def receipts(node: LedgerNode, viewer: bytes, params: ReceiptsFrom) -> OwnReceipts:
    """The viewer's own receipts of blocks, each block's with the path to its receipts root; nobody else's.

    Looks through at most 2,000 blocks at a time (about a second for a gigabyte of receipts).
    """
    if not viewer:
        raise NotVisible
    if params.first_height < 1 or params.last_height < 0:
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="heights begin with 1")
    with reading(node, viewer) as view:
        moment = view.moment
        if params.first_height <= view.state.held_from and view.state.held_from:
            detail = f"receipts are held from block {view.state.held_from + 1} on"
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=params.first_height, detail=detail)
    end = min(params.last_height or moment.height, moment.height)
    last = min(end, params.first_height + BLOCKS_MAX - 1)
    found = []
    for height, kept, indices in receipts_with(node, viewer, params.first_height, last):
        own = [index for index in indices if kept[index].stakeholder == viewer]
        with reading(node, viewer) as view:
            own = [index for index in own if view.may_see(found_in(index, kept[index]).subject)]
        if own:
            found.append(FetchedReceipts(height, *shown_receipts(kept, own)))
    return OwnReceipts(moment=moment, blocks=tuple(found), next_height=last + 1 if last < end else 0)
