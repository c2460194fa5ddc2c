"""Bisection, the way back, and forks shown by a witness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.state.light_blocks import LightBlock
from counterfoil.verify.light.client import (
    LATEST,
    NoSuchBlock,
    advance,
    advance_backwards,
    fetch,
    find_fork,
    trust_block,
)
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import SECOND_NS, Rules, TrustedState
from tests.unit.verify.light.chain import CHAIN, Chain, Powers, address, equal, forked, signed, with_
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.replayed import RealChain

RULES = Rules()
NAMES = "abcdefghijklmnopqrst"


def turning(every: int, size: int = 4) -> Chain:
    """One validator of `size` is replaced every so many heights."""

    def powers(height: int) -> Powers:
        first = height // every
        return equal([f"v{number}" for number in range(first, first + size)])

    return Chain(powers)


def steady() -> Chain:
    chain = Chain(lambda height: equal("abcd"))
    chain.grow(40)
    return chain


def heights(trace: list[LightBlock]) -> list[int]:
    return [block.header.height for block in trace]


def test_without_changes_one_step_is_enough() -> None:
    chain = steady()
    trusted = TrustedState.after(chain.blocks[1])
    trace = advance(chain, trusted, fetch(chain, LATEST), RULES, chain.now_ns())
    assert heights(trace) == [40]
    assert chain.asked == 1


def test_gaps_are_halved_until_trust_reaches_over_them() -> None:
    chain = turning(10)
    chain.grow(100)
    trusted = TrustedState.after(chain.blocks[1])
    trace = advance(chain, trusted, chain.blocks[100], RULES, chain.now_ns())
    assert heights(trace)[-1] == 100
    assert chain.asked <= 2 * len(trace) < 20
    for before, after in zip([chain.blocks[1], *trace], trace, strict=False):
        overlap = {one.key for one in before.validators} & {one.key for one in after.validators}
        assert len(overlap) >= 2 or after.header.height == before.header.height + 1


def test_where_everybody_changes_at_once_the_step_before_is_found() -> None:
    chain = Chain(lambda height: equal("abcd") if height < 17 else equal("wxyz"))
    chain.grow(64)
    trace = advance(chain, TrustedState.after(chain.blocks[1]), chain.blocks[64], RULES, chain.now_ns())
    assert {16, 17} <= set(heights(trace))


@given(
    st.lists(st.sets(st.sampled_from(NAMES[:7]), min_size=1, max_size=5), min_size=2, max_size=24),
    st.integers(1, 3),
)
def test_any_history_can_be_followed(sets: list[set[str]], numerator: int) -> None:
    chain = Chain(lambda height: equal(sorted(sets[min(height, len(sets)) - 1])))
    chain.grow(len(sets))
    trusted = TrustedState.after(chain.blocks[1])
    trace = advance(chain, trusted, chain.blocks[len(sets)], RULES, chain.now_ns())
    assert heights(trace)[-1] == len(sets)
    assert heights(trace) == sorted(set(heights(trace)))


def test_a_real_chain() -> None:
    real = recorded()
    provider = RealChain()
    first, target = real.light_blocks[0], real.light_blocks[-1]
    trusted = trust_block(first, first.header.chain_id, header_hash(first.header))
    trace = advance(provider, trusted, target, RULES, target.header.at_ns + SECOND_NS)
    assert heights(trace)[-1] == real.last
    assert advance_backwards(provider, target, real.first) == first
    assert find_fork(trusted, trace, provider, RULES, target.header.at_ns + SECOND_NS) is None


def test_where_trust_begins() -> None:
    chain = steady()
    block = chain.blocks[3]
    assert trust_block(block, CHAIN, header_hash(block.header)) == TrustedState.after(block)
    with pytest.raises(Invalid, match="another hash"):
        trust_block(block, CHAIN, header_hash(chain.blocks[4].header))
    unsigned = signed(block.header, equal("abcd"), absent="abc")
    with pytest.raises(Invalid, match="not more than two thirds"):
        trust_block(unsigned, CHAIN, header_hash(block.header))


def test_a_provider_that_lies() -> None:
    chain = turning(5)
    chain.grow(60)
    now_ns, trusted = chain.now_ns(), TrustedState.after(chain.blocks[1])
    forged = with_(chain.blocks[30], header=with_(chain.blocks[30].header, app_hash=b"x" * 32))

    class Liar:
        def light_block(self, height: int) -> LightBlock:
            return forged if height == 30 else chain.light_block(height)

    with pytest.raises(Invalid, match="for another header"):
        advance(Liar(), trusted, chain.blocks[60], RULES, now_ns)

    class Careless:
        def light_block(self, height: int) -> LightBlock:
            return chain.light_block(height + 1)

    with pytest.raises(Invalid, match="another height than it was asked for"):
        advance(Careless(), trusted, chain.blocks[60], RULES, now_ns)
    del chain.blocks[30]
    with pytest.raises(NoSuchBlock):
        advance(chain, trusted, chain.blocks[60], RULES, now_ns)


def test_the_way_back() -> None:
    chain = steady()
    assert advance_backwards(chain, chain.blocks[20], 11) == chain.blocks[11]
    assert advance_backwards(chain, chain.blocks[20], 20) == chain.blocks[20]
    chain.blocks[15] = signed(with_(chain.blocks[15].header, app_hash=b"x" * 32), equal("abcd"))
    with pytest.raises(Invalid, match="not the one that its successor names"):
        advance_backwards(chain, chain.blocks[20], 11)


# Forks


def trace_of(chain: Chain, height: int) -> list[LightBlock]:
    return advance(chain, start_of(chain), chain.blocks[height], RULES, chain.now_ns())


def start_of(chain: Chain) -> TrustedState:
    return TrustedState.after(chain.blocks[1])


def test_a_witness_of_the_same_history() -> None:
    chain = steady()
    assert find_fork(start_of(chain), trace_of(chain, 40), chain, RULES, chain.now_ns()) is None


def test_validators_that_sign_two_histories_are_named() -> None:
    chain = steady()
    other = forked(chain, 25, lambda height: equal("abcd"))
    other.grow(40, absent="a")
    fork = find_fork(start_of(chain), trace_of(chain, 40), other, RULES, chain.now_ns())
    assert fork is not None
    assert fork.common == start_of(chain)
    assert (fork.primary, fork.witness) == (chain.blocks[40], other.blocks[40])
    assert set(fork.double_signers()) == {address(name) for name in "bcd"}


def test_the_fork_is_narrowed_down_to_the_first_block_of_the_trace_in_which_they_differ() -> None:
    chain = turning(10)
    chain.grow(100)
    other = forked(chain, 55, chain.powers)
    other.grow(100)
    trace = trace_of(chain, 100)
    fork = find_fork(start_of(chain), trace, other, RULES, chain.now_ns())
    assert fork is not None
    assert fork.common.height <= 55 < fork.primary.header.height == fork.witness.header.height
    places = heights(trace)
    assert places[places.index(fork.primary.header.height) - 1] == fork.common.height


def test_a_third_of_the_trusted_with_validators_of_their_own_fork_and_are_caught() -> None:
    """Two of four sign a header with validators that nobody named; the trust level of one third lets it pass."""
    chain = steady()
    other = forked(chain, 25, lambda height: equal("ab") if height > 25 else equal("abcd"))
    other.grow(40)
    fork = find_fork(start_of(chain), trace_of(chain, 40), other, RULES, chain.now_ns())
    assert fork is not None
    assert set(fork.signers(fork.witness)) == {address("a"), address("b")}
    assert set(fork.double_signers()) == {address("a"), address("b")}
    strict = Rules(trust_level=RULES.trust_level._replace(numerator=2))
    with pytest.raises(Invalid):
        find_fork(start_of(chain), trace_of(chain, 40), other, strict, chain.now_ns())


def test_rounds_apart_tell_nobody_out() -> None:
    chain = steady()
    other = forked(chain, 39, lambda height: equal("abcd"))
    other.blocks[40] = signed(other.header(40), equal("abcd"), round=1)
    fork = find_fork(start_of(chain), trace_of(chain, 40), other, RULES, chain.now_ns())
    assert fork is not None
    assert fork.double_signers() == ()


def test_a_witness_without_grounds_is_not_believed() -> None:
    chain = steady()
    other = forked(chain, 25, lambda height: equal("wxyz"))
    other.grow(40)
    with pytest.raises(Invalid):
        find_fork(start_of(chain), trace_of(chain, 40), other, RULES, chain.now_ns())
    elsewhere = Chain(lambda height: equal("uvwx"))
    elsewhere.grow(40)
    with pytest.raises(Invalid):
        find_fork(start_of(chain), trace_of(chain, 40), elsewhere, RULES, chain.now_ns())


def test_a_witness_that_is_behind_says_nothing() -> None:
    chain = steady()
    behind = forked(chain, 30, chain.powers)
    with pytest.raises(NoSuchBlock):
        find_fork(start_of(chain), trace_of(chain, 40), behind, RULES, chain.now_ns())


def test_a_header_from_the_future_contradicts_a_witness_whose_time_has_passed_it() -> None:
    """Validators sign a height that the chain has not reached, with a time that it has."""
    chain = steady()
    early = with_(chain.header(90), at_ns=chain.blocks[39].header.at_ns + 1)
    ahead = forked(chain, 20, chain.powers)
    ahead.blocks[90] = signed(early, equal("abcd"))
    trace = [ahead.blocks[90]]
    fork = find_fork(start_of(chain), trace, chain, RULES, chain.now_ns())
    assert fork is not None
    assert (fork.primary.header.height, fork.witness.header.height) == (90, 40)
    assert fork.double_signers() == ()
    assert len(fork.signers(fork.primary)) == 4


def test_a_witness_that_changes_its_story_is_not_believed() -> None:
    chain = steady()
    other = forked(chain, 25, chain.powers)
    other.grow(40)

    class TwoFaced:
        def __init__(self) -> None:
            self.asked = 0

        def light_block(self, height: int) -> LightBlock:
            self.asked += 1
            return (other if self.asked == 1 else chain).blocks[height]

    fork = find_fork(start_of(chain), trace_of(chain, 40), TwoFaced(), RULES, chain.now_ns())
    assert fork is not None, "what it gave first is signed, and enough"
