"""The recorded chain as a follower fetches it: an in-memory source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from counterfoil.node.following import FollowedBlock
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.proof_formats import Handover
from counterfoil.verify import Trust
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.handover import hand_over
from tests.model.desk import SECRETS
from tests.vectors.cometbft.recorded import recorded


@cache
def handover() -> Handover:
    real = recorded()
    chain_id = Trust.in_genesis(real.genesis).chain_id
    return hand_over(chain_id, real.sealed[-1].header, real.validators, SigningKey(SECRETS.sealer).sign)


@cache
def followed_blocks() -> tuple[FollowedBlock, ...]:
    """Every height, from 1 on."""
    real = recorded()
    found = [FollowedBlock(one.block, one.header, one.seal) for one in real.sealed]
    for (block, header), light in zip(real.decided, real.light_blocks, strict=True):
        before = real.light_block(block.height - 1).commit if block.height > real.first else None
        found.append(FollowedBlock(block, header, b"", light, before))
    return tuple(found)


class ListedSource:
    """Blocks of a list; `asked` names the heights that were fetched."""

    def __init__(self, blocks: Sequence[FollowedBlock]) -> None:
        self.blocks = list(blocks)
        self.asked: list[int] = []

    def followed_block(self, height: int) -> FollowedBlock:
        if not 0 < height <= len(self.blocks):
            raise NoSuchBlock(height)
        self.asked.append(height)
        return self.blocks[height - 1]
