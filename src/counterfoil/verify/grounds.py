"""Who vouches for a proof's header, and from what of the verifier's trust that follows."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import seal_message
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_formats import Proof, Vouching
from counterfoil.verify.light.commits import Votes, check_light_block, check_own_commit, total_power
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.refusals import Invalid, NotEnoughTrust, require
from counterfoil.verify.light.steps import TrustedState, check_signers
from counterfoil.verify.light.vouching import PROOF_LEVEL
from counterfoil.verify.refusal import ProofRefused, demand
from counterfoil.verify.trust import Trust


class Origin(StrEnum):
    """Where trust in a header began.

    SEALER: a key of the genesis file sealed it. FOUNDING_VALIDATORS: those that the genesis file names. HANDOVER:
    validators to whom such a key handed the ledger over. LIGHT_BLOCK: one that the verifier believed beforehand.
    """

    SEALER = "sealer"
    FOUNDING_VALIDATORS = "founding_validators"
    HANDOVER = "handover"
    LIGHT_BLOCK = "light_block"


class Ground(NamedTuple):
    """Why a header is believed.

    For consensus: start, the height at which trust began (0: the founding); the light block that names the header, and
    how many of how many validators signed it with which of which power; steps: how many light blocks lead there.
    """

    origin: Origin
    start: int = 0
    height: int = 0
    at_ns: int = 0
    signers: int = 0
    validators: int = 0
    power: int = 0
    total_power: int = 0
    steps: int = 0


def check_ground(proof: Proof, trust: Trust) -> Ground:
    """Whether the proof's header is vouched for as the verifier's trust demands, or `ProofRefused`."""
    if proof.vouching is None:
        return _check_seal(proof, trust)
    demand(not proof.seal, "the proof has both a seal and a commit")
    try:
        return _check_vouching(proof, proof.vouching, trust)
    except (Invalid, NotEnoughTrust) as refused:
        raise ProofRefused(str(refused)) from None


def _check_seal(proof: Proof, trust: Trust) -> Ground:
    message = seal_message(trust.chain_id, proof.sealed.digest())
    demand(
        any(verify(key, message, proof.seal) for key in trust.sealers),
        "the header is not sealed by a key that the genesis file names",
    )
    demand(
        trust.light_block is None,
        "the header is sealed by one key, and what is believed is a network's light block",
    )
    demand(
        trust.handover is None or proof.sealed.height <= trust.handover.header.height,
        "the header is sealed by a key that had handed the ledger over to a network before",
    )
    return Ground(Origin.SEALER)


def _check_vouching(proof: Proof, vouching: Vouching, trust: Trust) -> Ground:
    blocks = vouching.light_blocks
    require(blocks, "the proof shows no commit")
    shown = vouching.handover
    if shown is not None:
        require(
            trust.handover in (None, shown), "the proof shows another handover than the one that is believed"
        )
        trust.start(shown)
    if trust.light_block is not None:
        origin, trusted = Origin.LIGHT_BLOCK, TrustedState.after(trust.light_block)
        blocks = _blocks_after(blocks, trust.light_block)
    else:
        origin = Origin.HANDOVER if shown or trust.handover else Origin.FOUNDING_VALIDATORS
        trusted = trust.start(shown)
    start, power = trusted.height, 0
    for block in blocks:
        check_light_block(block, trust.chain_id)
        power = check_signers(trusted, block, PROOF_LEVEL, every_signature=True)
        trusted = TrustedState.after(block)
    last = vouching.light_blocks[-1]
    _check_application(proof, last)
    power = power or check_own_commit(Votes(last), last.validators, every_signature=True)
    return Ground(
        origin=origin,
        start=start,
        height=last.header.height,
        at_ns=last.header.at_ns,
        signers=sum(1 for one in last.commit.signatures if one.signature),
        validators=len(last.validators),
        power=power,
        total_power=total_power(last.validators),
        steps=len(blocks),
    )


def _blocks_after(blocks: tuple[LightBlock, ...], believed: LightBlock) -> tuple[LightBlock, ...]:
    """Those that lead on from a block that is believed; the others must be sound in themselves."""
    height = believed.header.height
    require(
        blocks[-1].header.height >= height,
        "the proof's commit is earlier than the light block that is believed",
    )
    for block in blocks:
        if block.header.height > height:
            break
        check_light_block(block, believed.header.chain_id)
        check_own_commit(Votes(block), block.validators, every_signature=True)
        require(
            block.header.height < height or header_hash(block.header) == header_hash(believed.header),
            "the proof shows another light block than the one that is believed",
        )
    return tuple([block for block in blocks if block.header.height > height])


def _check_application(proof: Proof, last: LightBlock) -> None:
    require(
        last.header.app_hash == proof.sealed.digest(),
        "the commit is for another application hash than the header's",
    )
    require(proof.sealed.height < last.header.height, "the commit is earlier than the header")
