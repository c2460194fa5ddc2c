"""No change to what vouches for a proof under consensus makes the verifier say what is not so."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Proof, ProofKind
from counterfoil.verify import ProofRefused, verify_proof
from tests.unit.state.small_ledger import NOTES, Action, Note, Write
from tests.unit.verify.forging import flipped, forgeries
from tests.unit.verify.light.chain import Powers, equal
from tests.unit.verify.network_ledger import NetworkLedger
from tests.unit.verify.oracle import genuine_proofs, is_refused, is_true, refit, trust_in


def _powers(height: int) -> Powers:
    """Three validators, of whom one is another from height 5 on; later all are."""
    return equal("xyz") if height >= 8 else equal("abd" if height >= 5 else "abc")


def _filled(name: str, sealed_until: int) -> NetworkLedger:
    ledger = NetworkLedger(name, _powers, sealed_until)
    for number in range(8):
        ledger.block([Action((Write(NOTES, b"\0\1", Note(str(number))),))])
    return ledger


LEDGERS = [_filled("founded", 0), _filled("grown", 3)]
GENUINE = [
    (ledger, proof)
    for ledger in LEDGERS
    for height in (2, 5, ledger.height)
    for proof in genuine_proofs(ledger, height)
    if proof.kind in (ProofKind.RECORDS, ProofKind.HEADER, ProofKind.RECEIPTS)
]
GENUINE += [(ledger, ledger.prover.header(sealed=number)) for ledger in LEDGERS for number in (1, 3, 5)]
EXAMPLES = settings().max_examples
PICKS = st.integers(0, len(GENUINE) - 1)


@settings(max_examples=10 * EXAMPLES)
@given(st.data())
def test_a_changed_part_is_refused_or_still_true(data: st.DataObject) -> None:
    ledger, proof = GENUINE[data.draw(PICKS)]
    donors = [GENUINE[pick][1] for pick in data.draw(st.lists(PICKS, max_size=3))]
    forged = data.draw(forgeries(proof, donors))
    assume(forged != proof)
    is_refused(ledger, forged)
    is_refused(ledger, refit(ledger, forged))


@settings(max_examples=5 * EXAMPLES)
@given(st.data())
def test_several_changed_parts_are_refused_or_still_true(data: st.DataObject) -> None:
    ledger, proof = GENUINE[data.draw(PICKS)]
    donors = [GENUINE[pick][1] for pick in data.draw(st.lists(PICKS, min_size=1, max_size=3))]
    for _ in range(data.draw(st.integers(2, 4))):
        proof = data.draw(forgeries(proof, donors))
    is_refused(ledger, proof)


@settings(max_examples=15 * EXAMPLES)
@given(st.data())
def test_a_flipped_bit_anywhere_in_the_file_is_refused(data: st.DataObject) -> None:
    """But in the question: the answer is then another one, and true."""
    ledger, proof = GENUINE[data.draw(PICKS)]
    file = encode_proof(proof)
    bit = data.draw(st.integers(0, 8 * len(file) - 1))
    try:
        verified = verify_proof(flipped(file, bit), trust_in(ledger))
    except ProofRefused:
        return
    assert verified.height != proof.height
    assert is_true(ledger, verified)


def test_every_bit_of_what_vouches_counts() -> None:
    ledger = LEDGERS[1]
    proof: Proof = ledger.prover.header(sealed=4)
    file = encode_proof(proof)
    start, end = file.index(b'"vouching"'), len(file)
    accepted = []
    for bit in range(8 * start, 8 * end, 3):
        try:
            accepted.append(verify_proof(flipped(file, bit), trust_in(ledger)))
        except ProofRefused:
            continue
    assert not accepted
