"""No change to a proof makes the verifier say what is not so."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Proof
from counterfoil.verify import ProofRefused, verify_proof
from tests.unit.state.random_blocks import BLOCKS
from tests.unit.state.small_ledger import (
    ITEMS,
    NOTES,
    Action,
    Block,
    Note,
    SmallLedger,
    Write,
    item,
    item_key,
)
from tests.unit.verify.forging import flipped, forgeries
from tests.unit.verify.oracle import genuine_proofs, is_refused, is_true, refit, trust_in


def _eventful() -> SmallLedger:
    """Records that change, end, come back and end again, with others that stay."""

    def block(*changes: tuple[int, int | None]) -> Block:
        writes = [
            Write(ITEMS, item_key(number), None if amount is None else item(number, amount))
            for number, amount in changes
        ]
        return [Action(tuple(writes)), Action((Write(NOTES, b"\0\1", Note(str(len(writes)))),))]

    ledger = SmallLedger()
    ledger.block(block((0, 1), (1, 1), (2, 1), (3, 1)))
    ledger.block(block((0, 2), (1, None), (4, 1)), step=2)
    ledger.block(block((1, 3), (2, None), (3, 5)))
    ledger.block(block((0, 2), (1, None), (2, 1)), step=3)
    ledger.block(block((0, None), (5, 9), (3, 6)))
    ledger.block([Action(tuple([Write(ITEMS, item_key(n), item(n, 1)) for n in range(20, 45)]))])
    return ledger


LEDGER = _eventful()
GENUINE: dict[int, list[Proof]] = {
    height: list(genuine_proofs(LEDGER, height)) for height in range(1, LEDGER.height + 1)
}
ALL_GENUINE = [proof for proofs in GENUINE.values() for proof in proofs]
EXAMPLES = settings().max_examples
PICKS = st.integers(0, len(ALL_GENUINE) - 1)


@settings(max_examples=6 * EXAMPLES)
@given(st.data())
def test_a_changed_part_is_refused_or_still_true(data: st.DataObject) -> None:
    proof = ALL_GENUINE[data.draw(PICKS)]
    donors = [ALL_GENUINE[pick] for pick in data.draw(st.lists(PICKS, max_size=3))]
    forged = data.draw(forgeries(proof, donors))
    assume(forged != proof)
    is_refused(LEDGER, forged)
    is_refused(LEDGER, refit(LEDGER, forged))


@settings(max_examples=3 * EXAMPLES)
@given(st.data())
def test_several_changed_parts_with_fitting_digests_are_refused_or_still_true(data: st.DataObject) -> None:
    proof = ALL_GENUINE[data.draw(PICKS)]
    donors = [ALL_GENUINE[pick] for pick in data.draw(st.lists(PICKS, min_size=1, max_size=3))]
    for _ in range(data.draw(st.integers(2, 4))):
        proof = data.draw(forgeries(proof, donors))
    is_refused(LEDGER, refit(LEDGER, proof))


@settings(max_examples=EXAMPLES // 2)
@given(st.lists(BLOCKS, min_size=2, max_size=5), st.data())
def test_on_any_ledger_a_changed_part_is_refused_or_still_true(
    blocks: list[Block], data: st.DataObject
) -> None:
    ledger = SmallLedger()
    for block in blocks:
        ledger.block(block)
    heights = st.integers(1, ledger.height)
    proofs = list(genuine_proofs(ledger, data.draw(heights)))
    proof = proofs[data.draw(st.integers(0, len(proofs) - 1))]
    donors = list(genuine_proofs(ledger, data.draw(heights)))
    for _ in range(5):
        forged = data.draw(forgeries(proof, donors))
        is_refused(ledger, forged)
        is_refused(ledger, refit(ledger, forged))


@settings(max_examples=15 * EXAMPLES)
@given(st.data())
def test_a_flipped_bit_anywhere_in_the_file_is_refused(data: st.DataObject) -> None:
    """But in the question (when, which list, which member): the answer is then another one, and true."""
    proof = ALL_GENUINE[data.draw(PICKS)]
    file = encode_proof(proof)
    bit = data.draw(st.integers(0, 8 * len(file) - 1))
    try:
        verified = verify_proof(flipped(file, bit), trust_in(LEDGER))
    except ProofRefused:
        return
    assert (verified.height, verified.place) != (proof.height, proof.place)
    assert is_true(LEDGER, verified)


def test_every_bit_of_a_small_proof_counts() -> None:
    proof = LEDGER.prover.records([NOTES.prefix + b"\0\1"], height=4)
    file = encode_proof(proof)
    accepted = []
    for bit in range(8 * len(file)):
        try:
            accepted.append(verify_proof(flipped(file, bit), trust_in(LEDGER)))
        except ProofRefused:
            continue
    assert all(verified.height != proof.height and is_true(LEDGER, verified) for verified in accepted)


@given(st.binary(max_size=200))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    try:
        verify_proof(rubbish, trust_in(LEDGER))
    except ProofRefused:
        return
    raise AssertionError("rubbish was accepted")
