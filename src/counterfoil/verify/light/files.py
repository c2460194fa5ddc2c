"""Light blocks and handovers as files, in the one form that proofs have too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from counterfoil.primitives.codec import Malformed
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_files import decode_part, encode_part
from counterfoil.state.proof_formats import Handover
from counterfoil.state.proof_parts import Part
from counterfoil.verify.light.client import LATEST, NoSuchBlock

LIGHT_BLOCKS = "counterfoil-light-blocks-1"
HANDOVER = "counterfoil-handover-1"


class _LightBlocksFile(Part):
    format: str
    blocks: tuple[LightBlock, ...]


class _HandoverFile(Part):
    format: str
    handover: Handover


def write_light_blocks(blocks: Sequence[LightBlock]) -> bytes:
    """The file's bytes. Blocks stand by height."""
    return encode_part(_LightBlocksFile(LIGHT_BLOCKS, tuple(blocks)))


def read_light_blocks(data: bytes) -> tuple[LightBlock, ...]:
    """At least one light block, rising in height, of which nothing is believed. `Malformed` where the file is none."""
    file = decode_part(data, _LightBlocksFile, "file")
    if file.format != LIGHT_BLOCKS:
        raise Malformed(f"the file is not of the form {LIGHT_BLOCKS}")
    heights = [block.header.height for block in file.blocks]
    if not heights or any(one >= other for one, other in pairwise(heights)):
        raise Malformed("the file's light blocks do not rise in height")
    return file.blocks


def write_handover(handover: Handover) -> bytes:
    return encode_part(_HandoverFile(HANDOVER, handover))


def read_handover(data: bytes) -> Handover:
    """`Malformed` where the file is none. Its seal is not checked here."""
    file = decode_part(data, _HandoverFile, "file")
    if file.format != HANDOVER:
        raise Malformed(f"the file is not of the form {HANDOVER}")
    return file.handover


class FileProvider:
    """A provider over a file of light blocks, for a light client that is offline. `Malformed` where it is none."""

    def __init__(self, data: bytes) -> None:
        self._blocks = {block.header.height: block for block in read_light_blocks(data)}

    def light_block(self, height: int) -> LightBlock:
        found = self._blocks.get(max(self._blocks) if height == LATEST else height)
        if found is None:
            raise NoSuchBlock(f"the file has no light block of height {height}")
        return found
