"""What a prover puts beside a header that consensus decided: the light blocks that lead to the one that names it."""

from __future__ import annotations

from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import FLAG_NIL, Commit, CommitSignature, LightBlock
from counterfoil.state.proof_formats import Handover, Vouching
from counterfoil.verify.light.client import Provider, fetch, lead
from counterfoil.verify.light.commits import TWO_THIRDS, check_light_block
from counterfoil.verify.light.refusals import require
from counterfoil.verify.light.steps import TrustedState, check_signers

PROOF_LEVEL = TWO_THIRDS
"""Over a gap, more than this share of the trusted power must have signed: a proof has no clock to end trust by, so
that a third of keys that were given up long ago must not be enough."""


def vouch(
    provider: Provider, start: TrustedState, header: Header, handover: Handover | None = None
) -> Vouching:
    """The way from where trust begins to the block after a header's, whose own header names its digest.

    Raises `NoSuchBlock` where that block is not there yet, `Invalid` where the provider's history is not sound.
    """
    target = fetch(provider, header.height + 1)
    require(target.header.app_hash == header.digest(), "the block after the header's names another header")
    blocks = lead(provider, start, target, _check)
    return Vouching(tuple([_without_votes_for_none(block) for block in blocks]), handover)


def _check(trusted: TrustedState, block: LightBlock) -> None:
    check_light_block(block, trusted.chain_id)
    check_signers(trusted, block, PROOF_LEVEL)


def _without_votes_for_none(block: LightBlock) -> LightBlock:
    """A proof shows nothing that its verifier does not check."""
    commit = block.commit
    votes = tuple([CommitSignature() if one.flag == FLAG_NIL else one for one in commit.signatures])
    return LightBlock(
        block.header, Commit(commit.height, commit.round, commit.block, votes), block.validators
    )
