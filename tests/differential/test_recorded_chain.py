"""What real CometBFT nodes decided, applied again by the machine, and proven from what their validators signed."""

from __future__ import annotations

import json
from functools import cache

import pytest

from counterfoil.engine.decided import items_digest
from counterfoil.machine.genesis import decode_genesis, genesis_digest
from counterfoil.machine.transactions import read_bundle
from counterfoil.modules.holdings.records import ACCOUNTS
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Vouching
from counterfoil.state.proofs import Prover, Sources
from counterfoil.verify import Origin, Trust, verify_proof
from counterfoil.verify.light.handover import check_handover, hand_over
from counterfoil.verify.light.vouching import vouch
from tests.model.desk import SECRETS, Desk, memory_node
from tests.vectors.cometbft.recorded import recorded

REAL = recorded()


class RealChain:
    def light_block(self, height: int) -> LightBlock:
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


def prover(desk: Desk) -> Prover:
    digest = genesis_digest(REAL.genesis)
    last = REAL.sealed[-1].header
    handover = hand_over(desk.chain_id, last, REAL.validators, SigningKey(SECRETS.sealer).sign)
    start = check_handover(handover, desk.chain_id, [SigningKey(SECRETS.sealer).public_key])

    def vouching(header: Header) -> Vouching:
        return vouch(RealChain(), start, header, handover)

    machine = desk.machine
    return Prover(Sources(desk.node.state, machine.history, machine.header, desk.chain_id, digest, vouching))


def test_the_machine_leads_where_the_network_led() -> None:
    desk = replayed()
    desk.machine.check_everything()
    last = desk.machine.last
    assert last is not None
    assert last.height == REAL.last
    quiet = [block.height for block, header in REAL.decided if header is None]
    assert len(quiet) >= 5, "some blocks had no effect, and the hash stayed"


@pytest.mark.parametrize("height", range(1, REAL.last - 1))
def test_proofs_follow_from_the_genesis_file_alone(height: int) -> None:
    desk = replayed()
    headers = [header for _, header in REAL.decided if header is not None and header.height < REAL.last]
    newest = headers[-1].number
    accounts = [ACCOUNTS.prefix + key for key in desk.node.state.keys(ACCOUNTS)]
    shown = [key for key in accounts if desk.node.state.row_at(ACCOUNTS, key[1:], height) is not None]
    proofs = [prover(desk).header(height=height, sealed=newest)]
    if shown:
        proofs.append(prover(desk).records(shown[-1:], height=height, sealed=newest))
    for proof in proofs:
        verified = verify_proof(encode_proof(proof), Trust.in_genesis(REAL.genesis))
        assert verified.ground.origin is Origin.HANDOVER
        assert verified.ground.height == headers[-1].height + 1
        assert verified.sealed == headers[-1]
        assert verified.sandbox


def test_headers_from_before_and_after_the_handover_are_vouched_for_each_in_its_way() -> None:
    desk = replayed()
    origins = []
    for number in range(desk.machine.history.size - 1):
        proof = prover(desk).header(sealed=number)
        origins.append(verify_proof(encode_proof(proof), Trust.in_genesis(REAL.genesis)).ground.origin)
    sealed = len(REAL.sealed)
    assert origins == [Origin.SEALER] * sealed + [Origin.HANDOVER] * (len(origins) - sealed)
    assert len(origins) > sealed + 8


def test_a_proof_is_small() -> None:
    desk = replayed()
    newest = max(header.number for _, header in REAL.decided if header and header.height < REAL.last)
    file = encode_proof(prover(desk).header(sealed=newest))
    assert len(file) < 20_000
    assert len(json.loads(file)["vouching"]["light_blocks"]) <= 4
