"""What real CometBFT nodes decided, applied again by the machine, and proven from what their validators signed."""

from __future__ import annotations

import json

import pytest

from counterfoil.modules.holdings.records import ACCOUNTS
from counterfoil.state.proof_files import encode_proof
from counterfoil.verify import Origin, Trust, verify_proof
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.replayed import newest_signed, prover, replayed

REAL = recorded()


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
    newest = newest_signed()
    accounts = [ACCOUNTS.prefix + key for key in desk.node.state.keys(ACCOUNTS)]
    shown = [key for key in accounts if desk.node.state.row_at(ACCOUNTS, key[1:], height) is not None]
    proofs = [prover(desk).header(height=height, sealed=newest)]
    if shown:
        proofs.append(prover(desk).records(shown[-1:], height=height, sealed=newest))
    for proof in proofs:
        verified = verify_proof(encode_proof(proof), Trust.in_genesis(REAL.genesis))
        assert verified.ground.origin is Origin.HANDOVER
        assert verified.sealed.number == newest
        assert verified.ground.height == verified.sealed.height + 1
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
    file = encode_proof(prover(desk).header(sealed=newest_signed()))
    assert len(file) < 20_000
    assert len(json.loads(file)["vouching"]["light_blocks"]) <= 4
