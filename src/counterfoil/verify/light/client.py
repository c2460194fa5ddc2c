"""The light client: from what is trusted to any later height, with as few blocks from between as it takes.

It asks a provider for light blocks and believes nothing that it says; a second provider, a witness, shows whether
there is a fork. Nothing here reads a clock or a network: the present is an argument, and providers live at the edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state.light_blocks import FLAG_COMMIT, LightBlock
from counterfoil.verify.light.commits import Votes, check_light_block, check_own_commit
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.refusals import NotEnoughTrust, require
from counterfoil.verify.light.steps import Rules, TrustedState, check_step

LATEST = 0
"""The height that asks a provider for its newest light block."""


class NoSuchBlock(LookupError):
    """The provider has no light block of that height (yet, or any more)."""


class Provider(Protocol):
    """Where light blocks come from: a node, a file, a test. What it gives is checked, not believed."""

    def light_block(self, height: int) -> LightBlock:
        """The light block of a height, or the newest for `LATEST`. `NoSuchBlock` where there is none."""


def trust_block(block: LightBlock, chain_id: str, wanted_hash: bytes) -> TrustedState:
    """Begin to trust a light block whose header's hash one has from elsewhere: its form and its commit are checked.

    Raises `Invalid`.
    """
    check_light_block(block, chain_id)
    require(header_hash(block.header) == wanted_hash, "the header has another hash than the trusted one")
    check_own_commit(Votes(block), block.validators)
    return TrustedState.after(block)


def fetch(provider: Provider, height: int) -> LightBlock:
    """`Invalid` where the provider gives a block of another height than it was asked for."""
    block = provider.light_block(height)
    require(
        height in (LATEST, block.header.height),
        "the provider gave a block of another height than it was asked for",
    )
    return block


def advance(
    provider: Provider, trusted: TrustedState, target: LightBlock, rules: Rules, now_ns: int
) -> list[LightBlock]:
    """The light blocks that lead from `trusted` to a target, which is the last of them, each step checked.

    Raises `Invalid`, or what the provider raises.
    """
    return lead(provider, trusted, target, lambda state, block: check_step(state, block, rules, now_ns))


def lead(
    provider: Provider,
    trusted: TrustedState,
    target: LightBlock,
    check: Callable[[TrustedState, LightBlock], object],
) -> list[LightBlock]:
    """`advance` under any rule for a step, which raises `NotEnoughTrust` where the gap is too wide for it.

    The gap is halved as long as trust does not reach over it, so that it takes about as many blocks as the
    validators changed by more than the trust level.
    """
    trace: list[LightBlock] = []
    ahead = [target]
    while ahead:
        block = ahead[-1]
        try:
            check(trusted, block)
        except NotEnoughTrust:
            ahead.append(fetch(provider, (trusted.height + block.header.height) // 2))
            continue
        trace.append(ahead.pop())
        trusted = TrustedState.after(block)
    return trace


def advance_backwards(provider: Provider, trusted: LightBlock, height: int) -> LightBlock:
    """An earlier light block, found by the hashes that each header names of the one before it.

    Every header between is fetched, so that it suits short distances. Raises `Invalid`.
    """
    block = trusted
    while block.header.height > height:
        earlier = fetch(provider, block.header.height - 1)
        check_light_block(earlier, trusted.header.chain_id)
        require(
            header_hash(earlier.header) == block.header.last_block.hash,
            "the header is not the one that its successor names",
        )
        require(earlier.header.at_ns < block.header.at_ns, "the header's time is not before its successor's")
        block = earlier
    return block


@dataclass(frozen=True)
class Fork:
    """Two histories, each signed by enough of those who were trusted: proof that validators broke the rules.

    common: the last known point that both have. primary, witness: where they are first known to differ, at one height
    unless the witness has none of that height though its time has come.
    """

    common: TrustedState
    primary: LightBlock
    witness: LightBlock

    def signers(self, block: LightBlock) -> tuple[bytes, ...]:
        """Addresses of validators that stand behind a block: at fault if that is of the false history."""
        return tuple([one.validator for one in block.commit.signatures if one.flag == FLAG_COMMIT])

    def double_signers(self) -> tuple[bytes, ...]:
        """Addresses of validators that signed two blocks of one height and round: at fault whichever is true."""
        one, other = self.primary, self.witness
        if (one.commit.height, one.commit.round) != (other.commit.height, other.commit.round):
            return ()
        others = self.signers(other)
        return tuple([address for address in self.signers(one) if address in others])


def find_fork(
    trusted: TrustedState, trace: Sequence[LightBlock], witness: Provider, rules: Rules, now_ns: int
) -> Fork | None:
    """Whether a witness's history parts from a verified one; None where it has the same newest block.

    trace: what `advance` gave from `trusted`, at least one block. Raises `Invalid` where the witness contradicts
    without being able to show a history that is signed, and `NoSuchBlock` where it is behind and says nothing.
    """
    newest = trace[-1]
    try:
        other = fetch(witness, newest.header.height)
    except NoSuchBlock:
        other = fetch(witness, LATEST)
        if other.header.height >= newest.header.height or other.header.at_ns < newest.header.at_ns:
            raise
    if _same(other, newest):
        return None
    for block in trace:
        height = min(block.header.height, other.header.height)
        found = other if height == other.header.height else fetch(witness, height)
        advance(witness, trusted, found, rules, now_ns)
        if not _same(found, block):
            return Fork(trusted, block, found)
        trusted = TrustedState.after(block)
    raise InvariantViolation("a trace whose newest block differs has a first one that does")


def _same(one: LightBlock, other: LightBlock) -> bool:
    return header_hash(one.header) == header_hash(other.header)
