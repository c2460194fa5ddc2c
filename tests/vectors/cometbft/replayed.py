"""The recorded chain applied again by the machine, and a prover over it."""

from __future__ import annotations

from functools import cache

from counterfoil.engine.decided import items_digest
from counterfoil.machine.genesis import decode_genesis, genesis_digest
from counterfoil.machine.transactions import read_bundle
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_formats import Vouching
from counterfoil.state.proofs import Prover, Sources
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.handover import check_handover
from counterfoil.verify.light.vouching import vouch
from tests.model.desk import SECRETS, Desk, memory_node
from tests.vectors.cometbft.followed import handover
from tests.vectors.cometbft.recorded import recorded

REAL = recorded()


class RealChain:
    """A provider of the recorded light blocks."""

    def light_block(self, height: int) -> LightBlock:
        if height and not REAL.first <= height <= REAL.last:
            raise NoSuchBlock(height)
        return REAL.light_block(height or REAL.last)


@cache
def replayed() -> Desk:
    """The embedded blocks, then those that consensus decided; every application hash is the one that was signed."""
    desk = Desk(memory_node(decode_genesis(REAL.genesis)))
    assert desk.node.genesis_bytes == REAL.genesis
    for sealed in REAL.sealed:
        desk.engine.replay(sealed)
    machine = desk.machine
    for block, header in REAL.decided:
        light = REAL.light_block(block.height)
        assert machine.last is not None
        assert machine.last.digest() == light.header.app_hash, f"height {block.height}"
        bundles = []
        for item in block.items:
            _, content = read_bundle(item)
            bundles.append([desk.prepared(raw) for raw in content.transactions])
        machine.execute(block.height, block.time_ms, bundles, items_digest(block.items))
        if header is None:
            assert not machine.has_effect
            machine.discard()
        else:
            assert machine.commit() == header
            machine.keep(header, b"")
    return desk


def newest_signed() -> int:
    """Number of the newest header whose digest a recorded block names."""
    return max(
        header.number for _, header in REAL.decided if header is not None and header.height < REAL.last
    )


def prover(desk: Desk) -> Prover:
    digest = genesis_digest(REAL.genesis)
    start = check_handover(handover(), desk.chain_id, [SigningKey(SECRETS.sealer).public_key])

    def vouching(header: Header) -> Vouching:
        return vouch(RealChain(), start, header, handover())

    machine = desk.machine
    return Prover(Sources(desk.node.state, machine.history, machine.header, desk.chain_id, digest, vouching))
