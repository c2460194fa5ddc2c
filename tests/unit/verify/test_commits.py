"""Proofs under consensus: what vouches for them, and the named tricks with it, each refused for its reason."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import seal_message
from counterfoil.state.light_blocks import CommitSignature, LightBlock
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Handover, Proof, Vouching
from counterfoil.state.proofs import CannotProve
from counterfoil.verify import Origin, ProofRefused, Trust, verify_proof
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.files import write_handover, write_light_blocks
from counterfoil.verify.light.handover import hand_over, handover_message
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.vouching import vouch
from tests.unit.state.small_ledger import ITEMS, SEALER, Action, SmallLedger, Write, item, item_key
from tests.unit.verify.light.chain import Chain, Powers, equal, signed, validator_set, with_
from tests.unit.verify.network_ledger import NetworkLedger
from tests.unit.verify.oracle import check, genuine_proofs, trust_in


def turning(height: int) -> Powers:
    """One of four is replaced at heights 4, 7 and 10; at 13 all of them, and powers differ."""
    if height >= 13:
        return {"w": 1, "x": 2, "y": 30, "z": 10}
    return equal("abcdefg"[(height - 1) // 3 :][:4])


def filled(ledger: NetworkLedger, blocks: int = 14) -> NetworkLedger:
    for number in range(blocks):
        write = Write(ITEMS, item_key(number % 5), item(number % 5, number))
        ledger.block([Action((write,))], step=2 if number == 6 else 1)
    return ledger


FOUNDED = filled(NetworkLedger())
TURNED = filled(NetworkLedger("turned", turning))
GROWN = filled(NetworkLedger("grown", turning, sealed_until=5))
ALL = [FOUNDED, TURNED, GROWN]
OTHER = filled(NetworkLedger("other"))


def _refused(proof: Proof, reason: str, trust: Trust | None = None, ledger: SmallLedger = FOUNDED) -> None:
    with pytest.raises(ProofRefused, match=reason):
        verify_proof(encode_proof(proof), trust or trust_in(ledger))


@pytest.mark.parametrize("ledger", ALL, ids=lambda ledger: ledger.chain_id)
def test_every_kind_of_proof_holds_at_every_height(ledger: NetworkLedger) -> None:
    for height in (1, 4, 5, 7, 8, 9, ledger.height):
        for proof in genuine_proofs(ledger, height):
            check(ledger, proof)


@pytest.mark.parametrize("ledger", ALL, ids=lambda ledger: ledger.chain_id)
def test_every_header_is_vouched_for(ledger: NetworkLedger) -> None:
    for header in ledger.headers:
        proof = ledger.prover.header(sealed=header.number)
        ground = check(ledger, proof).ground
        if header.height <= ledger.sealed_until:
            assert ground.origin is Origin.SEALER
            assert proof.vouching is None
            continue
        assert ground.origin is (Origin.HANDOVER if ledger.sealed_until else Origin.FOUNDING_VALIDATORS)
        assert ground.height == header.height + 1
        assert ground.start == ledger.sealed_until
        assert proof.seal == b""


def test_light_blocks_are_shown_only_where_validators_changed() -> None:
    ground = check(FOUNDED, FOUNDED.prover.header()).ground
    assert (ground.steps, ground.signers, ground.validators) == (1, 4, 4)
    assert (ground.power, ground.total_power) == (40, 40)
    turned = TURNED.prover.header()
    assert turned.vouching is not None
    heights = [block.header.height for block in turned.vouching.light_blocks]
    assert heights[-1] == TURNED.height + 1
    assert {12, 13} <= set(heights), "where all change at once, the step between is shown"
    assert 3 < len(heights) < 10


def test_it_says_whom_it_trusts() -> None:
    said = check(GROWN, GROWN.prover.header(height=7)).sentences()[0]
    assert "which the network's block 17 of 2023-11-14 22:13:37.000 UTC names" in said
    assert "signed by 4 of 4 validators with 43 of a voting power of 43." in said
    assert said.endswith("to whom a key that the genesis file names handed the ledger over after block 5.")
    assert (
        "founding ones that the genesis file names" in check(FOUNDED, FOUNDED.prover.header()).sentences()[0]
    )
    assert "sealed by a key" in check(GROWN, GROWN.prover.header(sealed=2)).sentences()[0]
    trust = trust_in(FOUNDED).believing(write_light_blocks([FOUNDED.chain.blocks[9]]))
    verified = verify_proof(encode_proof(FOUNDED.prover.header()), trust)
    assert verified.sentences()[0].endswith("from the light block 9 that was given as believed.")


def test_a_block_that_is_not_decided_yet_vouches_for_nothing() -> None:
    ledger = filled(NetworkLedger("young"), 2)
    ledger.chain.grow(3)
    with pytest.raises(NoSuchBlock):
        vouch(ledger.chain, ledger.start, ledger.headers[-1])
    with pytest.raises(Invalid, match="names another header"):
        vouch(ledger.chain, ledger.start, with_(ledger.headers[-2], time_ms=1))
    ledger.block([])
    assert check(ledger, ledger.prover.header()).ground.height == 5
    embedded = SmallLedger()
    assert check(embedded, embedded.prover.header()).ground.origin is Origin.SEALER
    unsealed = replace_seal(embedded)
    with pytest.raises(CannotProve, match="no network"):
        unsealed.prover.header()


def replace_seal(ledger: SmallLedger) -> SmallLedger:
    stored = ledger.stored
    ledger.stored = lambda number: with_(stored(number), seal=b"")  # type: ignore[method-assign]
    return ledger


def test_votes_for_no_block_are_left_out_of_a_proof() -> None:
    ledger = filled(NetworkLedger("split"), 3)
    ledger.chain.grow(ledger.height + 1, nil="d")
    ground = check(ledger, ledger.prover.header()).ground
    assert (ground.signers, ground.validators, ground.power) == (3, 4, 30)


# Tricks

PROOF = FOUNDED.prover.header(height=6)
VOUCHING = PROOF.vouching
assert VOUCHING is not None
BLOCK = VOUCHING.light_blocks[0]
COMMIT = BLOCK.commit


def _shown(*blocks: LightBlock, handover: Handover | None = None) -> Proof:
    return with_(PROOF, vouching=Vouching(blocks, handover))


def _with_signatures(*signatures: CommitSignature) -> LightBlock:
    rest = COMMIT.signatures[len(signatures) :]
    return with_(BLOCK, commit=with_(COMMIT, signatures=(*signatures, *rest)))


VOTE = COMMIT.signatures[0]
ABSENT = CommitSignature()


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (lambda: _shown(), "the proof shows no commit"),
        (lambda: with_(PROOF, vouching=None), "not sealed by a key"),
        (lambda: with_(PROOF, seal=b"x" * 64), "both a seal and a commit"),
        (lambda: _shown(_with_signatures(ABSENT, ABSENT)), "of a trusted power of 40 only 20 signed"),
        (lambda: _shown(_with_signatures(with_(VOTE, signature=bytes(64)))), "signature at place 0"),
        (lambda: _shown(_with_signatures(with_(VOTE, at_ns=VOTE.at_ns + 1))), "signature at place 0"),
        (lambda: _shown(_with_signatures(with_(VOTE, flag=3))), "a vote for no block|only"),
        (lambda: _shown(_with_signatures(*COMMIT.signatures[1::-1])), "another validator's"),
        (lambda: _shown(_with_signatures(VOTE, VOTE)), "twice"),
        (lambda: _shown(with_(BLOCK, commit=with_(COMMIT, round=1))), "signature at place 0"),
        (lambda: _shown(with_(BLOCK, header=with_(BLOCK.header, data_hash=bytes(32)))), "for another header"),
        (lambda: _shown(with_(BLOCK, header=with_(BLOCK.header, at_ns=1))), "for another header"),
        (lambda: _shown(with_(BLOCK, validators=BLOCK.validators[:3])), "not those that the header names"),
        (lambda: _shown(with_(BLOCK, validators=BLOCK.validators[::-1])), "not those that the header names"),
        (lambda: _shown(BLOCK, BLOCK), "not later than the trusted one"),
        (lambda: _shown(FOUNDED.chain.blocks[8]), "another application hash"),
        (lambda: _shown(OTHER.chain.grow(9)), "is of chain 'other-"),
        (lambda: with_(PROOF, sealed=with_(PROOF.sealed, state_root=bytes(32))), "another application hash"),
        (lambda: with_(PROOF, sealed=FOUNDED.headers[-2]), "another application hash"),
    ],
)
def test_a_commit_that_does_not_vouch(forged: Callable[[], Proof], reason: str) -> None:
    _refused(forged(), reason)


def test_a_commit_by_validators_whom_nobody_named() -> None:
    strangers = signed(
        with_(BLOCK.header, validators_hash=_hash(equal("wxyz")), next_validators_hash=_hash(equal("wxyz"))),
        equal("wxyz"),
    )
    _refused(_shown(strangers), "of a trusted power of 40 only 0 signed")


def _hash(powers: Powers) -> bytes:
    chain = Chain(lambda height: powers)
    return chain.header(1).validators_hash


def test_two_thirds_of_the_trusted_power_are_not_enough_over_a_gap() -> None:
    """Two of the founding four beside one of their own: a light client's third, but not a proof's two."""
    ledger = filled(NetworkLedger("third", lambda height: equal("abcd") if height < 6 else equal("abxy")))
    proof = ledger.prover.header()
    assert proof.vouching is not None
    check(ledger, proof)
    assert len(proof.vouching.light_blocks) > 1
    short = with_(proof, vouching=Vouching(proof.vouching.light_blocks[-1:]))
    _refused(short, "of a trusted power of 40 only 20 signed", ledger=ledger)


def test_every_step_between_is_needed_and_stands_in_order() -> None:
    proof = TURNED.prover.header()
    assert proof.vouching is not None
    blocks = proof.vouching.light_blocks
    for index in range(len(blocks) - 1):
        shorter = (*blocks[:index], *blocks[index + 1 :])
        try:
            verified = verify_proof(encode_proof(with_(proof, vouching=Vouching(shorter))), trust_in(TURNED))
        except ProofRefused:
            continue
        assert verified.sealed == proof.sealed, "a step may be superfluous, never what it leads to"
    _refused(with_(proof, vouching=Vouching(blocks[::-1])), "signed|not later", ledger=TURNED)
    where_all_change = [block for block in blocks if block.header.height != 12]
    _refused(with_(proof, vouching=Vouching(tuple(where_all_change))), "only 0 signed", ledger=TURNED)


def test_the_next_heights_validators_are_those_that_the_header_named() -> None:
    """The block before the change is signed by enough, and names others than those who come."""
    proof = TURNED.prover.header()
    assert proof.vouching is not None
    blocks = {block.header.height: block for block in proof.vouching.light_blocks}
    lying = signed(with_(blocks[12].header, next_validators_hash=_hash(equal("klmn"))), turning(12))
    forged = tuple([lying if height == 12 else block for height, block in blocks.items()])
    _refused(with_(proof, vouching=Vouching(forged)), "names for the next height", ledger=TURNED)


def test_a_commit_of_a_time_before_its_header() -> None:
    """Whoever has all keys signs what they like; but not a height that the header has not reached."""
    sealed = FOUNDED.headers[-1]
    early = signed(with_(FOUNDED.chain.blocks[9].header, app_hash=sealed.digest()), equal("abcd"))
    _refused(_shown(early), "the commit is earlier than the header")


# Handovers


def _grown() -> Proof:
    return GROWN.prover.header()


def test_a_handover_is_sealed_for_this_ledger_this_block_and_these_validators() -> None:
    proof = _grown()
    assert proof.vouching is not None
    genuine = proof.vouching.handover
    assert genuine is not None
    others = validator_set(equal("wxyz"))
    stranger = SigningKey(b"x" * 32)
    last = GROWN.headers[4]
    assert (last.height, genuine.header) == (5, last)
    for forged, reason in (
        (with_(genuine, seal=b""), "not sealed by a key"),
        (with_(genuine, validators=others), "not sealed by a key"),
        (with_(genuine, validators=genuine.validators[::-1]), "not in their order"),
        (with_(genuine, validators=(*genuine.validators, genuine.validators[0])), "named twice"),
        (with_(genuine, validators=()), "no validators"),
        (with_(genuine, header=GROWN.headers[3]), "not sealed by a key"),
        (hand_over(GROWN.chain_id, last, others, stranger.sign), "not sealed by a key"),
        (hand_over(OTHER.chain_id, last, genuine.validators, SEALER.sign), "not sealed by a key"),
        (hand_over(GROWN.chain_id, last, others, SEALER.sign), "names for the next height|only 0 signed"),
    ):
        _refused(with_(proof, vouching=with_(proof.vouching, handover=forged)), reason, ledger=GROWN)
    _refused(
        with_(proof, vouching=with_(proof.vouching, handover=None)), "hands the ledger over", ledger=GROWN
    )
    assert handover_message("a", last, others) != handover_message("b", last, others)


def test_a_seal_is_no_handover_and_a_handover_no_seal() -> None:
    proof = _grown()
    assert proof.vouching is not None
    genuine = proof.vouching.handover
    assert genuine is not None
    header = genuine.header
    seal = SEALER.sign(seal_message(GROWN.chain_id, header.digest()))
    forged = with_(genuine, seal=seal)
    _refused(
        with_(proof, vouching=with_(proof.vouching, handover=forged)), "not sealed by a key", ledger=GROWN
    )
    early = GROWN.prover.header(sealed=4)
    _refused(with_(early, seal=genuine.seal), "not sealed by a key", ledger=GROWN)


def test_the_first_block_of_the_network_follows_the_handover() -> None:
    proof = _grown()
    assert proof.vouching is not None
    assert proof.vouching.handover is not None
    later = GROWN.chain.blocks[GROWN.sealed_until + 1]
    assert later.header.height == 6
    same_height = signed(with_(later.header, height=5), turning(6))
    _refused(
        with_(proof, vouching=with_(proof.vouching, light_blocks=(same_height,))), "not later", ledger=GROWN
    )


def test_a_founded_network_is_handed_over_by_nobody() -> None:
    handover = hand_over(FOUNDED.chain_id, FOUNDED.headers[0], validator_set(equal("abcd")), SEALER.sign)
    _refused(_shown(BLOCK, handover=handover), "not sealed by a key")


def test_whoever_knows_of_the_handover_does_not_believe_the_old_sealer_beyond_it() -> None:
    handover = GROWN.hand_over()
    trust = trust_in(GROWN).believing(write_handover(handover))
    for number in (0, 4):
        assert (
            verify_proof(encode_proof(GROWN.prover.header(sealed=number)), trust).ground.origin
            is Origin.SEALER
        )
    verify_proof(encode_proof(_grown()), trust)
    header = GROWN.headers[7]
    seal = SEALER.sign(seal_message(GROWN.chain_id, header.digest()))
    forked = with_(GROWN.prover.header(sealed=7), seal=seal, vouching=None)
    assert verify_proof(encode_proof(forked), trust_in(GROWN)).sealed == header, (
        "the genesis file alone cannot tell"
    )
    _refused(forked, "had handed the ledger over to a network before", trust)
    other = hand_over(GROWN.chain_id, GROWN.headers[4], validator_set(equal("wxyz")), SEALER.sign)
    proof = _grown()
    assert proof.vouching is not None
    _refused(with_(proof, vouching=with_(proof.vouching, handover=other)), "another handover", trust)
    without = with_(proof, vouching=with_(proof.vouching, handover=None))
    assert verify_proof(encode_proof(without), trust).ground.origin is Origin.HANDOVER


# A light block that is believed


def test_trust_may_begin_at_a_light_block() -> None:
    TURNED.chain.grow(10)
    file = write_light_blocks([TURNED.chain.blocks[10]])
    trust = trust_in(TURNED).believing(file)
    proof = TURNED.prover.header(height=3)
    verified = verify_proof(encode_proof(proof), trust)
    assert (verified.ground.origin, verified.ground.start) == (Origin.LIGHT_BLOCK, 10)
    assert proof.vouching is not None
    assert verified.ground.steps < len(proof.vouching.light_blocks)
    newest = proof.vouching.light_blocks[-1]
    at_the_end = trust_in(TURNED).believing(write_light_blocks([newest]))
    assert verify_proof(encode_proof(proof), at_the_end).ground.steps == 0
    early = TURNED.prover.header(sealed=6)
    _refused(early, "earlier than the light block that is believed", trust)
    sealed = GROWN.prover.header(sealed=2)
    GROWN.chain.grow(9)
    believing = trust_in(GROWN).believing(write_light_blocks([GROWN.chain.blocks[9]]))
    _refused(sealed, "what is believed is a network's light block", believing)


def test_what_stands_before_a_believed_light_block_must_be_sound_and_lead_to_it() -> None:
    proof = TURNED.prover.header()
    assert proof.vouching is not None
    blocks = proof.vouching.light_blocks
    trust = trust_in(TURNED).believing(write_light_blocks([blocks[-1]]))
    spoiled = with_(blocks[0], commit=with_(blocks[0].commit, round=7))
    _refused(
        with_(proof, vouching=Vouching((spoiled, *blocks[1:]))), "signature at place 0 of the commit", trust
    )
    other = signed(
        with_(blocks[-1].header, data_hash=sha256(b"x").digest()), turning(blocks[-1].header.height)
    )
    _refused(with_(proof, vouching=Vouching((*blocks[:-1], other))), "another light block", trust)


def test_files_from_which_trust_cannot_begin() -> None:
    trust, block = trust_in(FOUNDED), FOUNDED.chain.blocks[4]
    handover = write_handover(GROWN.hand_over())
    GROWN.chain.grow(9)
    for data, reason in (
        (b"", "no file from which trust could begin"),
        (write_light_blocks([]), "do not rise in height"),
        (write_light_blocks([block, block]), "do not rise in height"),
        (write_light_blocks([block])[:-1], "not in the form"),
        (write_light_blocks([block]).replace(b"blocks-1", b"blocks-2"), "not of the form"),
        (write_light_blocks([GROWN.chain.blocks[9]]), "is of chain 'grown-"),
        (write_light_blocks([_with_signatures(ABSENT, ABSENT)]), "not more than two thirds"),
        (handover, "not sealed by a key that the genesis file names"),
        (handover.replace(b"handover-1", b"handover-2"), "not"),
        (encode_proof(PROOF), "not known|lacks"),
    ):
        with pytest.raises(ValueError, match=reason):
            trust.believing(data)


def test_two_of_four_cannot_name_their_successors() -> None:
    """They are a light client's third of the trusted power, but no proof's two thirds."""
    ledger = filled(NetworkLedger("bent"))
    chain = Chain(
        lambda height: equal("ab") if height > 4 else equal("abcd"),
        first=2,
        chain_id=ledger.chain_id,
        app_hash=ledger.chain.app_hash,
    )
    chain.grow(ledger.height + 1)
    last = chain.blocks[ledger.height + 1]
    forged = with_(ledger.prover.header(), vouching=Vouching((last,)))
    _refused(forged, "of a trusted power of 40 only 20 signed", ledger=ledger)
