"""verify and trust for ledgers under consensus: files alone, a recorded node, a fork, and what is wrong with them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.proof_files import encode_proof
from counterfoil.verify.light.files import write_handover, write_light_blocks
from counterfoil.verify.light.handover import hand_over
from counterfoil.verify.light.steps import SECOND_NS
from tests.model.desk import SECRETS
from tests.unit.state.small_ledger import NOTES, Action, Note, Write
from tests.unit.verify.light.chain import Chain, forked
from tests.unit.verify.network_ledger import NetworkLedger, steady
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.served import replay, serving


def run(*words: str | Path, code: int = Exit.DONE) -> Result:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def written(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


@pytest.fixture
def ledger() -> NetworkLedger:
    """A network of now, handed over after its second block."""
    made = NetworkLedger("told", steady, sealed_until=2)
    made.chain.start_ns = time.time_ns() - 100 * SECOND_NS
    for number in range(6):
        made.block([Action((Write(NOTES, b"\0\1", Note(str(number))),))])
    made.chain.grow(40)
    return made


def test_verify_says_whom_it_trusts(tmp_path: Path, ledger: NetworkLedger) -> None:
    genesis = written(tmp_path, "genesis.json", ledger.genesis_bytes)
    proof = written(tmp_path, "header.proof", encode_proof(ledger.prover.header(height=4)))
    told = run("verify", proof, "--genesis", genesis).output
    assert "The proof holds." in told
    assert "handed the ledger over after block 2" in told
    found = json.loads(run("verify", proof, "--genesis", genesis, "--json").stdout)["trust"]
    assert found == {
        "origin": "handover",
        "start": 2,
        "height": 8,
        "signers": 4,
        "validators": 4,
        "power": 40,
        "total_power": 40,
    }
    sealed = written(tmp_path, "sealed.proof", encode_proof(ledger.prover.header(sealed=1)))
    found = json.loads(run("verify", sealed, "--genesis", genesis, "--json").stdout)
    assert found["trust"] == {"origin": "sealer"}
    handover = written(tmp_path, "handover.json", write_handover(ledger.hand_over()))
    run("verify", proof, "--genesis", genesis, "--believing", handover)
    blocks = written(tmp_path, "blocks.json", write_light_blocks([ledger.chain.blocks[5]]))
    told = run("verify", proof, "--genesis", genesis, "--believing", blocks).output
    assert "from the light block 5 that was given as believed" in told
    late = written(tmp_path, "late.json", write_light_blocks([ledger.chain.blocks[30]]))
    refused = run("verify", proof, "--genesis", genesis, "--believing", late, code=Exit.NOT_PROVEN).output
    assert "earlier than the light block that is believed" in refused
    told = run("verify", proof, "--genesis", genesis, "--believing", proof, code=Exit.USAGE).output
    assert "no file from which trust could begin" in told
    run("verify", proof, "--genesis", genesis, "--believing", tmp_path / "absent", code=Exit.USAGE)


def test_trust_follows_a_file_of_light_blocks(tmp_path: Path, ledger: NetworkLedger) -> None:
    genesis = written(tmp_path, "genesis.json", ledger.genesis_bytes)
    handover = written(tmp_path, "handover.json", write_handover(ledger.hand_over()))
    blocks = written(tmp_path, "blocks.json", write_light_blocks(list(ledger.chain.blocks.values())))
    out = tmp_path / "trusted.json"
    asked = ["trust", blocks, "--genesis", genesis, "--believing", handover, "--out", out]
    refused = run(*asked, code=Exit.NOT_PROVEN).output
    assert "too old to vouch" in refused, "the handover is of 2020"
    told = run(*asked, "--trusting-days", "10000", "--height", "20").output
    assert "block 20 of" in told
    assert "follows from block 2 in 1 steps" in told
    run(*asked, code=Exit.USAGE)
    later = tmp_path / "later.json"
    told = run("trust", blocks, "--genesis", genesis, "--believing", out, "--out", later).output
    assert "follows from block 20 in 1 steps" in told
    again = ["trust", blocks, "--genesis", genesis, "--believing", later, "--out", tmp_path / "no.json"]
    assert "You believe block 40 already" in run(*again, code=Exit.USAGE).output
    assert "no light block of height 99" in run(*again, "--height", "99", code=Exit.USAGE).output
    proof = written(tmp_path, "header.proof", encode_proof(ledger.prover.header()))
    assert ledger.headers[-1].height == 7
    run("verify", proof, "--genesis", genesis, "--believing", later, code=Exit.NOT_PROVEN)
    for source, reason in (
        (tmp_path / "absent", "cannot be read"),
        ("ftp://x", "no address"),
        (proof, "not known"),
    ):
        told = run("trust", source, *again[2:], code=Exit.USAGE).output
        assert reason in told
    without = run("trust", blocks, "--genesis", genesis, "--out", tmp_path / "x", code=Exit.USAGE).output
    assert "nothing hands the ledger over" in without


def test_trust_compares_with_witnesses(tmp_path: Path, ledger: NetworkLedger) -> None:
    genesis = written(tmp_path, "genesis.json", ledger.genesis_bytes)
    believed = written(tmp_path, "believed.json", write_light_blocks([ledger.chain.blocks[4]]))
    other: Chain = forked(ledger.chain, 25, steady)
    other.grow(40)
    one = written(tmp_path, "one.json", write_light_blocks(list(ledger.chain.blocks.values())))
    two = written(tmp_path, "two.json", write_light_blocks(list(other.blocks.values())))
    asked = ["trust", one, "--genesis", genesis, "--believing", believed, "--out", tmp_path / "out.json"]
    told = run(*asked, "--witness", one, "--witness", two, code=Exit.NOT_PROVEN).output
    assert "There are two histories after block 4" in told
    assert "Validators that signed both:" in told
    assert not (tmp_path / "out.json").exists()
    run(*asked, "--witness", one)


def test_trust_follows_a_node(tmp_path: Path) -> None:
    real = recorded()
    genesis = written(tmp_path, "genesis.json", real.genesis)
    chain_id = real.light_blocks[0].header.chain_id
    last = real.sealed[-1].header
    handover = hand_over(chain_id, last, real.validators, SigningKey(SECRETS.sealer).sign)
    file = written(tmp_path, "handover.json", write_handover(handover))
    asked = ["--genesis", genesis, "--believing", file, "--trusting-days", "100000"]
    with serving(replay) as address:
        told = run("trust", address, *asked, "--witness", address, "--out", tmp_path / "out.json").output
        assert f"block {real.last} of" in told
    run("trust", address, *asked, "--out", tmp_path / "none.json", code=Exit.UNAVAILABLE)
