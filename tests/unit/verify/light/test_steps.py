"""One step of trust: each thing that can be wrong with it, and how much power it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from counterfoil.state.light_blocks import (
    FLAG_COMMIT,
    FLAG_NIL,
    BlockId,
    CommitSignature,
    LightBlock,
    Validator,
)
from counterfoil.verify.light.commits import (
    TOTAL_POWER_MAX,
    VALIDATORS_MAX,
    Fraction,
    Votes,
    check_own_commit,
    check_validators,
)
from counterfoil.verify.light.encoding import validators_hash
from counterfoil.verify.light.refusals import Invalid, NotEnoughTrust
from counterfoil.verify.light.steps import (
    SECOND_NS,
    Rules,
    TrustedState,
    Verdict,
    check_signers,
    judge,
)
from tests.unit.verify.light.chain import (
    CHAIN,
    START_NS,
    Chain,
    address,
    equal,
    signed,
    validator_set,
    with_,
)
from tests.vectors.cometbft.recorded import recorded

RULES = Rules()
FOUR = equal("abcd")


def chain_of(powers: Callable[[int], dict[str, int]] = lambda height: FOUR, height: int = 12) -> Chain:
    chain = Chain(powers)
    chain.grow(height)
    return chain


PLAIN = chain_of()
NOW = PLAIN.now_ns()
TRUSTED = TrustedState.after(PLAIN.blocks[1])


def verdict(
    block: LightBlock, trusted: TrustedState = TRUSTED, now_ns: int = NOW, rules: Rules = RULES
) -> Any:
    return judge(trusted, block, rules, now_ns)


def again(block: LightBlock, powers: dict[str, int] = FOUR, **changed: Any) -> LightBlock:
    """The block with another header, signed anew."""
    return signed(with_(block.header, **changed), powers)


def test_adjacent_and_skipping_steps() -> None:
    assert verdict(PLAIN.blocks[2]).verdict is Verdict.SUCCESS
    assert verdict(PLAIN.blocks[12]).verdict is Verdict.SUCCESS
    assert verdict(PLAIN.blocks[12]).reason == ""


def test_steps_over_real_blocks() -> None:
    real = recorded()
    now_ns = real.light_block(real.last).header.at_ns + SECOND_NS
    for start in (real.first, 11, 15):
        trusted = TrustedState.after(real.light_block(start))
        for block in real.light_blocks[start - real.first + 1 :]:
            assert verdict(block, trusted, now_ns).verdict is Verdict.SUCCESS, (start, block.header.height)


COMMIT = PLAIN.blocks[5].commit
VOTE = COMMIT.signatures[0]


def _signatures(block: LightBlock, *changed: CommitSignature) -> LightBlock:
    """With the first places of the commit replaced."""
    rest = block.commit.signatures[len(changed) :]
    return with_(block, commit=with_(block.commit, signatures=(*changed, *rest)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: again(b, chain_id="other"), "is of chain 'other'"),
        (lambda b: again(b, height=0), "has no height"),
        (lambda b: again(b, height=1), "not later than the trusted one"),
        (lambda b: again(b, at_ns=TRUSTED.at_ns), "not after the trusted one's"),
        (lambda b: again(b, at_ns=NOW + 10 * SECOND_NS), "lies in the future"),
        (lambda b: again(b, block_version=2**64 + 11), "a number in the header is out of range"),
        (lambda b: again(b, app_version=-1), "a number in the header is out of range"),
        (lambda b: _signatures(b, with_(VOTE, at_ns=VOTE.at_ns + 2**64)), "time of a vote in the commit"),
        (lambda b: again(b, data_hash=b"short"), "a hash in the header has a wrong size"),
        (lambda b: again(b, last_block=BlockId(b"short")), "a block's hash has a wrong size"),
        (lambda b: again(b, last_block=BlockId(bytes(32), 1, b"short")), "a block's parts has a wrong size"),
        (lambda b: again(b, last_block=BlockId(bytes(32), 2**32)), "number of parts is out of range"),
        (lambda b: again(b, proposer=b"short"), "the proposer's address has a wrong size"),
        (lambda b: again(b, validators_hash=b""), "names no validators"),
        (lambda b: again(b, validators_hash=bytes(32)), "not those that the header names"),
        (lambda b: with_(b, header=with_(b.header, app_hash=b"x")), "the commit is for another header"),
        (lambda b: with_(b, commit=with_(b.commit, height=6)), "of another height than the header"),
        (lambda b: with_(b, commit=with_(b.commit, round=2**31)), "round is out of range"),
        (lambda b: with_(b, commit=with_(b.commit, block=BlockId())), "the commit is for no block"),
        (lambda b: with_(b, commit=with_(b.commit, signatures=())), "holds no signatures"),
        (
            lambda b: with_(b, commit=with_(b.commit, signatures=b.commit.signatures[:3])),
            "not as many places",
        ),
        (lambda b: _signatures(b, CommitSignature(1, VOTE.validator)), "absent validator's place"),
        (lambda b: _signatures(b, with_(VOTE, flag=4)), "an unknown flag"),
        (lambda b: _signatures(b, with_(VOTE, validator=b"x")), "address in the commit has a wrong size"),
        (lambda b: _signatures(b, with_(VOTE, signature=b"")), "a signature in the commit has a wrong size"),
        (lambda b: _signatures(b, with_(VOTE, signature=bytes(65))), "a signature in the commit has a wrong"),
        (lambda b: _signatures(b, with_(VOTE, signature=bytes(64))), "the signature at place 0"),
        (lambda b: _signatures(b, with_(VOTE, at_ns=VOTE.at_ns + 1)), "the signature at place 0"),
        (lambda b: _signatures(b, *b.commit.signatures[1::-1]), "another validator's"),
        (lambda b: _signatures(b, VOTE, VOTE), "is in the commit twice|another validator's"),
        (lambda b: with_(b, commit=with_(b.commit, round=1)), "the signature at place 0"),
        (lambda b: with_(b, validators=()), "there are no validators"),
        (lambda b: with_(b, validators=b.validators[::-1]), "not those that the header names"),
        (lambda b: with_(b, validators=(*b.validators[:3], b.validators[0])), "a validator is named twice"),
        (lambda b: with_(b, validators=(*b.validators[:3], Validator(b"x", 10))), "no Ed25519 key"),
        (
            lambda b: with_(b, validators=(*b.validators[:3], with_(b.validators[3], power=0))),
            "no voting power",
        ),
        (
            lambda b: with_(b, validators=(*b.validators[:3], with_(b.validators[3], power=2**60))),
            "beyond the limit",
        ),
    ],
)
def test_what_is_invalid_whatever_else_is_shown(
    change: Callable[[LightBlock], LightBlock], reason: str
) -> None:
    found = verdict(change(PLAIN.blocks[5]))
    assert found.verdict is Verdict.INVALID
    with pytest.raises(Invalid, match=reason):
        raise Invalid(found.reason)


def test_limits() -> None:
    many = [Validator(b"\x01" + number.to_bytes(32, "big"), 1) for number in range(VALIDATORS_MAX + 1)]
    check_validators(many[:VALIDATORS_MAX])
    with pytest.raises(Invalid, match="too many"):
        check_validators(many)
    check_validators([with_(many[0], power=TOTAL_POWER_MAX)])
    with pytest.raises(Invalid, match="beyond the limit"):
        check_validators([with_(many[0], power=TOTAL_POWER_MAX), many[1]])
    assert verdict(again(PLAIN.blocks[5], chain_id="x" * 51), TRUSTED._replace(chain_id="x" * 51)).reason == (
        "the chain id is too long"
    )


@pytest.mark.parametrize(("absent", "nil"), [("ab", ""), ("", "ab"), ("a", "b")])
@pytest.mark.parametrize("height", [2, 9])
def test_two_thirds_of_the_blocks_own_are_not_more_than_two_thirds(
    height: int, absent: str, nil: str
) -> None:
    header = PLAIN.blocks[height].header
    assert verdict(signed(header, FOUR, absent="d")).verdict is Verdict.SUCCESS, "three of four"
    assert verdict(signed(header, FOUR, nil="d")).verdict is Verdict.SUCCESS
    short = verdict(signed(header, FOUR, absent=absent, nil=nil))
    assert short.verdict is Verdict.INVALID
    assert short.reason == "only 20 of a power of 40 signed the block: not more than two thirds"
    three = Chain(lambda height: equal("abc"))
    three.grow(height)
    exactly = signed(three.blocks[height].header, equal("abc"), absent="c")
    assert verdict(exactly, TrustedState.after(three.blocks[1])).verdict is Verdict.INVALID


def test_over_a_gap_more_than_one_third_of_the_trusted_power_must_sign() -> None:
    def powers(height: int) -> dict[str, int]:
        return FOUR if height < 3 else equal("dwxyz") if height < 6 else equal("cdxyz")

    chain = chain_of(powers)
    short = verdict(chain.blocks[4], TrustedState.after(chain.blocks[1]))
    assert short.verdict is Verdict.NOT_ENOUGH_TRUST
    assert short.reason == "of a trusted power of 40 only 10 signed the block"
    assert verdict(chain.blocks[7], TrustedState.after(chain.blocks[1])).verdict is Verdict.SUCCESS
    exactly = Chain(lambda height: equal("abc") if height < 3 else equal("cxyz"))
    exactly.grow(5)
    assert (
        verdict(exactly.blocks[5], TrustedState.after(exactly.blocks[1])).verdict is Verdict.NOT_ENOUGH_TRUST
    )


def test_the_trust_level_is_a_parameter() -> None:
    chain = chain_of(lambda height: FOUR if height < 3 else equal("abxyz"))
    trusted = TrustedState.after(chain.blocks[1])
    assert verdict(chain.blocks[5], trusted).verdict is Verdict.SUCCESS
    half = Rules(trust_level=Fraction(1, 2))
    assert verdict(chain.blocks[5], trusted, rules=half).verdict is Verdict.NOT_ENOUGH_TRUST
    for level in (Fraction(1, 4), Fraction(4, 3), Fraction(0, 1), Fraction(1, 0), Fraction(-1, -3)):
        with pytest.raises(ValueError, match="between one third and one"):
            Rules(trust_level=level)
    for period, drift in ((0, 0), (-1, 0), (1, -1)):
        with pytest.raises(ValueError, match="longer than nothing"):
            Rules(trusting_period_ns=period, clock_drift_ns=drift)


def test_the_next_height_is_signed_by_the_validators_that_were_named_for_it() -> None:
    chain = chain_of(lambda height: FOUR if height < 3 else equal("wxyz"))
    assert verdict(chain.blocks[3], TrustedState.after(chain.blocks[2])).verdict is Verdict.SUCCESS
    other = again(chain.blocks[3], FOUR, validators_hash=validators_hash(validator_set(FOUR)))
    refused = verdict(other, TrustedState.after(chain.blocks[2]))
    assert refused.verdict is Verdict.INVALID
    assert "names for the next height" in refused.reason


def test_a_trusted_header_grows_old() -> None:
    rules = Rules(trusting_period_ns=60 * SECOND_NS)
    expiry = TRUSTED.at_ns + 60 * SECOND_NS
    assert verdict(PLAIN.blocks[5], now_ns=expiry - 1, rules=rules).verdict is Verdict.SUCCESS
    old = verdict(PLAIN.blocks[5], now_ns=expiry, rules=rules)
    assert (old.verdict, old.reason) == (Verdict.INVALID, "the trusted header is too old to vouch for others")


def test_the_present_may_lag_behind_by_the_drift() -> None:
    block = PLAIN.blocks[5]
    late = block.header.at_ns - 10 * SECOND_NS
    assert verdict(block, now_ns=late).verdict is Verdict.INVALID
    assert verdict(block, now_ns=late + 1).verdict is Verdict.SUCCESS


def test_a_trusted_validators_wrong_signature_is_invalid_and_a_strangers_is_not_looked_at() -> None:
    chain = chain_of(lambda height: FOUR if height < 3 else equal("abcdxyz"))
    block, trusted = chain.blocks[5], TrustedState.after(chain.blocks[1])
    places = {one.validator: place for place, one in enumerate(block.commit.signatures)}
    votes = Votes(_spoiled(block, places[address("x")]))
    with pytest.raises(Invalid, match="wrong"):
        check_own_commit(votes, block.validators, every_signature=True)
    first = min(places[address(name)] for name in "abcd")
    assert verdict(_spoiled(block, first), trusted).verdict is Verdict.INVALID


def _spoiled(block: LightBlock, place: int) -> LightBlock:
    signatures = list(block.commit.signatures)
    signatures[place] = with_(signatures[place], signature=bytes(64))
    return with_(block, commit=with_(block.commit, signatures=tuple(signatures)))


def test_signatures_beyond_what_is_enough_are_looked_at_on_demand() -> None:
    block = PLAIN.blocks[5]
    spoiled = _spoiled(block, 3)
    assert check_own_commit(Votes(spoiled), block.validators) == 30
    with pytest.raises(Invalid, match="place 3"):
        check_own_commit(Votes(spoiled), block.validators, every_signature=True)
    assert check_own_commit(Votes(block), block.validators, every_signature=True) == 40
    nil = signed(block.header, FOUR, nil="d")
    with pytest.raises(Invalid, match="a vote for no block"):
        check_own_commit(Votes(nil), nil.validators, every_signature=True)
    absent = signed(block.header, FOUR, absent="d")
    assert check_own_commit(Votes(absent), absent.validators, every_signature=True) == 30
    assert {one.flag for one in nil.commit.signatures} == {FLAG_COMMIT, FLAG_NIL}


def test_a_founding_set_signs_the_first_block_or_a_later_one() -> None:
    founded = TrustedState.founded(CHAIN, validator_set(FOUR)[::-1], at_ns=START_NS)
    assert check_signers(founded, PLAIN.blocks[7], Fraction(2, 3)) == 30
    strangers = Chain(lambda height: equal("wxyz"))
    with pytest.raises(NotEnoughTrust):
        check_signers(founded, strangers.grow(7), Fraction(2, 3))
    handed = TrustedState.founded(CHAIN, validator_set(FOUR), height=6)
    with pytest.raises(Invalid, match="names for the next height"):
        check_signers(handed, strangers.blocks[7], Fraction(2, 3))
    with pytest.raises(Invalid, match="not later"):
        check_signers(handed, PLAIN.blocks[6], Fraction(2, 3))


def test_a_trusted_state_holds_what_its_header_names() -> None:
    chain = chain_of(lambda height: FOUR if height < 3 else equal("abxyz"))
    header = chain.blocks[2].header
    assert TrustedState.at(header, validator_set(FOUR)) == TrustedState.after(chain.blocks[2])
    TrustedState.at(header, validator_set(equal("abxyz")))
    with pytest.raises(Invalid, match="not those that the trusted header names"):
        TrustedState.at(header, validator_set(equal("wxyz")))


def test_one_key_one_vote_even_where_the_trusted_set_is_larger() -> None:
    """A validator whose vote stands twice in a commit of strangers counts for neither."""
    chain = chain_of(lambda height: FOUR if height < 3 else equal("awxyz"))
    block = chain.blocks[6]
    own = next(one for one in block.commit.signatures if one.validator == address("a"))
    doubled = _signatures(block, own, own)
    found = verdict(doubled, TrustedState.after(chain.blocks[1]))
    assert found.verdict is Verdict.INVALID
    assert "twice" in found.reason
