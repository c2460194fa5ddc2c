"""One step of trust: from what is trusted to a later light block, directly or over a gap.

The rules are CometBFT's (light/verifier.go; the light client's specification in spec/light-client/verification), so
that the same light blocks are believed. Times are integer nanoseconds since 1970 UTC; the present is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from counterfoil.state.light_blocks import ConsensusHeader, LightBlock, Validator
from counterfoil.verify.light.commits import (
    Fraction,
    Votes,
    check_light_block,
    check_own_commit,
    check_trusted_power,
)
from counterfoil.verify.light.encoding import in_order, validators_hash
from counterfoil.verify.light.refusals import Invalid, NotEnoughTrust, require

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
ONE_THIRD = Fraction(1, 3)
TRUSTING_DAYS = 14
"""A network that rests makes no blocks, and its newest one is old after a holiday; yet this must be shorter than
validators answer for what they signed (21 days on our networks: `EVIDENCE_DAYS`)."""


class Verdict(StrEnum):
    """What comes of one step. NOT_ENOUGH_TRUST: perhaps with a block from between."""

    SUCCESS = "SUCCESS"
    NOT_ENOUGH_TRUST = "NOT_ENOUGH_TRUST"
    INVALID = "INVALID"


@dataclass(frozen=True)
class Rules:
    """How far trust reaches. ValueError where the level is below one third or above one.

    trusting_period_ns: so long after its time a header may vouch for later ones; it must be shorter than validators
    answer for what they signed. clock_drift_ns: so far ahead of the present a header's time may lie. trust_level: over
    a gap, more than this share of the trusted power must have signed.
    """

    trusting_period_ns: int = TRUSTING_DAYS * DAY_NS
    clock_drift_ns: int = 10 * SECOND_NS
    trust_level: Fraction = ONE_THIRD

    def __post_init__(self) -> None:
        level = self.trust_level
        if not 0 < level.denominator <= 3 * level.numerator <= 3 * level.denominator:
            raise ValueError("a trust level lies between one third and one")
        if self.trusting_period_ns <= 0 or self.clock_drift_ns < 0:
            raise ValueError("a trusting period is longer than nothing, a clock drift not negative")


class TrustedState(NamedTuple):
    """What is believed of a chain at a height: its time, and who may sign what comes after.

    validators: of this height, or of the next one. next_validators_hash: of those of the next height.
    """

    chain_id: str
    height: int
    at_ns: int
    validators: tuple[Validator, ...]
    next_validators_hash: bytes

    @classmethod
    def at(cls, header: ConsensusHeader, validators: tuple[Validator, ...]) -> TrustedState:
        """`Invalid` where the validators are neither those of the header's height nor of the next."""
        require(
            validators_hash(validators) in (header.validators_hash, header.next_validators_hash),
            "the trusted validators are not those that the trusted header names",
        )
        return cls(header.chain_id, header.height, header.at_ns, validators, header.next_validators_hash)

    @classmethod
    def after(cls, block: LightBlock) -> TrustedState:
        """At a light block that was checked."""
        header = block.header
        return cls(
            header.chain_id, header.height, header.at_ns, block.validators, header.next_validators_hash
        )

    @classmethod
    def founded(
        cls, chain_id: str, validators: Sequence[Validator], *, height: int = 0, at_ns: int = 0
    ) -> TrustedState:
        """Before the chain's first block: its founding validators sign that. height: the last one before it.

        at_ns: from which on the founding may vouch for later blocks, where that ends with time.
        """
        ordered = in_order(validators)
        return cls(chain_id, height, at_ns, ordered, validators_hash(ordered))


class Judgement(NamedTuple):
    """A verdict, and why it is not SUCCESS."""

    verdict: Verdict
    reason: str = ""


def check_step(trusted: TrustedState, block: LightBlock, rules: Rules, now_ns: int) -> None:
    """Whether `trusted` leads to `block`. Raises `Invalid` or `NotEnoughTrust`."""
    require(
        now_ns < trusted.at_ns + rules.trusting_period_ns,
        "the trusted header is too old to vouch for others",
    )
    check_light_block(block, trusted.chain_id)
    require(block.header.at_ns < now_ns + rules.clock_drift_ns, "the header's time lies in the future")
    check_signers(trusted, block, rules.trust_level)


def check_signers(
    trusted: TrustedState, block: LightBlock, level: Fraction, *, every_signature: bool = False
) -> int:
    """Whether `trusted` leads to a well-formed light block, whatever the time is now. Returns the power that signed.

    Of the next height: the validators that are named for it sign, by more than two thirds. Further on: more than
    `level` of the trusted ones, and more than two thirds of the block's own. Raises `Invalid` or `NotEnoughTrust`.
    """
    header, votes = block.header, Votes(block)
    require(header.height > trusted.height, "the header is not later than the trusted one")
    require(header.at_ns > trusted.at_ns, "the header's time is not after the trusted one's")
    if header.height == trusted.height + 1:
        require(
            header.validators_hash == trusted.next_validators_hash,
            "the validators are not those that the trusted header names for the next height",
        )
    else:
        check_trusted_power(votes, trusted.validators, level)
    return check_own_commit(votes, block.validators, every_signature=every_signature)


def judge(trusted: TrustedState, block: LightBlock, rules: Rules, now_ns: int) -> Judgement:
    """`check_step` as a value, with the verdicts that other light clients name."""
    try:
        check_step(trusted, block, rules, now_ns)
    except NotEnoughTrust as short:
        return Judgement(Verdict.NOT_ENOUGH_TRUST, str(short))
    except Invalid as invalid:
        return Judgement(Verdict.INVALID, str(invalid))
    return Judgement(Verdict.SUCCESS)
