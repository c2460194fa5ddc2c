"""A member's own receipts by block, with what shows them to be the blocks' own: what its follower fetches and keeps."""

from __future__ import annotations

from counterfoil.node.follower import FetchedReceipts
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, Params, named, reading
from counterfoil.node.receipts_of import found_in, receipts_of_block, sealed_of_block
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.told import Objects
from counterfoil.node.viewer import Viewer
from counterfoil.state.proofs import shown_receipts

BLOCKS_MAX = 2_000
RECEIPTS_MAX = 20_000
"""One answer looks through so many blocks, or ends with the block in which it has looked at so many receipts."""


class ReceiptsFrom(Params, frozen=True, kw_only=True):
    """first_height: where to begin. last_height: where to end (0: at the last block)."""

    first_height: int = 1
    last_height: int = 0


class OwnReceipts(Answer, frozen=True, kw_only=True):
    """Of each block that has any. next_height: `first_height` of the answer after this one, 0 after the last."""

    blocks: tuple[FetchedReceipts, ...]
    next_height: int


@named("receipts")
def receipts(node: LedgerNode, viewer: Viewer, params: ReceiptsFrom) -> OwnReceipts:
    """The receipts that the viewer may see, block by block, each block's with the path to its receipts root.

    Its own, those of its accounts, and those below it, as the policy says; what is for everybody is among them. Looks
    at 20,000 receipts in one answer, or 2,000 blocks.
    """
    if params.first_height < 1 or params.last_height < 0:
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="heights begin with 1")
    with reading(node, viewer) as view:
        moment, held_from = view.moment, view.state.held_from
    if params.first_height <= held_from:
        detail = f"receipts are held from block {held_from + 1} on"
        raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=params.first_height, detail=detail)
    end = min(params.last_height or moment.height, moment.height)
    found: list[FetchedReceipts] = []
    height, looked_at = params.first_height, 0
    while height <= min(end, params.first_height + BLOCKS_MAX - 1) and looked_at < RECEIPTS_MAX:
        kept = receipts_of_block(node, height)
        told = [found_in(place, one) for place, one in enumerate(kept)]
        with reading(node, viewer) as view:
            objects = Objects(node, height, [fact for found in told for fact in found.facts])
            places = [
                found.place
                for found in told
                if view.may_see(objects.subject((found,), found.receipt.stakeholder))
            ]
        if places:
            found.append(
                FetchedReceipts(height, *shown_receipts(kept, places, sealed_of_block(node, height)))
            )
        height, looked_at = height + 1, looked_at + len(kept)
    return OwnReceipts(moment=moment, blocks=tuple(found), next_height=height if height <= end else 0)
