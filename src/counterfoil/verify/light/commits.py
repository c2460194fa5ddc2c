"""Whether a light block is well formed, and how much power of which validators stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from counterfoil.primitives.digests import EMPTY
from counterfoil.primitives.vote_signatures import is_validator_key, verify_vote
from counterfoil.state.light_blocks import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    FLAG_NIL,
    BlockId,
    Commit,
    CommitSignature,
    ConsensusHeader,
    LightBlock,
    Validator,
)
from counterfoil.verify.light.encoding import (
    ADDRESS_BYTES,
    VoteBytes,
    address_of_validator,
    header_hash,
    validators_hash,
)
from counterfoil.verify.light.refusals import NotEnoughTrust, require

CHAIN_ID_MAX = 50
HASH_BYTES = len(EMPTY)
NUMBER_MAX = 2**63 - 1
"""Of heights, versions and times in nanoseconds, which are signed 64-bit numbers there."""
ROUND_MAX = 2**31 - 1
TOTAL_POWER_MAX = (2**63 - 1) // 8
VALIDATORS_MAX = 10_000
"""CometBFT's MaxVotesCount."""
SIGNATURE_MAX = 64


class Fraction(NamedTuple):
    """A share of the voting power."""

    numerator: int
    denominator: int

    def of(self, power: int) -> int:
        """Rounded down: what is more than that is more than the share."""
        return power * self.numerator // self.denominator


TWO_THIRDS = Fraction(2, 3)


def check_light_block(block: LightBlock, chain_id: str) -> None:
    """Whether header, commit and validators are well formed and belong together. `Invalid` says what does not.

    No signature is checked here. Follows ValidateBasic of CometBFT's LightBlock, SignedHeader, Header, Commit and
    ValidatorSet, but for the block version: one whose blocks are hashed in another way fails by its hash.
    """
    header, commit = block.header, block.commit
    _check_header(header, chain_id)
    _check_commit(commit)
    require(commit.height == header.height, "the commit is of another height than the header")
    require(commit.block.hash == header_hash(header), "the commit is for another header")
    check_validators(block.validators)
    require(
        header.validators_hash == validators_hash(block.validators),
        "the validators are not those that the header names",
    )


def _check_header(header: ConsensusHeader, chain_id: str) -> None:
    require(header.chain_id == chain_id, f"the header is of chain {header.chain_id[:60]!r}, not {chain_id!r}")
    require(len(header.chain_id.encode()) <= CHAIN_ID_MAX, "the chain id is too long")
    require(0 < header.height <= NUMBER_MAX, "the header has no height")
    numbers = (header.at_ns, header.block_version, header.app_version)
    require(all(0 <= number <= NUMBER_MAX for number in numbers), "a number in the header is out of range")
    _check_block_id(header.last_block)
    for digest in (
        header.last_commit_hash,
        header.data_hash,
        header.validators_hash,
        header.next_validators_hash,
        header.consensus_hash,
        header.last_results_hash,
        header.evidence_hash,
    ):
        require(len(digest) in (0, HASH_BYTES), "a hash in the header has a wrong size")
    require(header.validators_hash, "the header names no validators")
    require(len(header.proposer) == ADDRESS_BYTES, "the proposer's address has a wrong size")


def _check_block_id(block: BlockId) -> None:
    require(len(block.hash) in (0, HASH_BYTES), "a block's hash has a wrong size")
    require(len(block.parts_hash) in (0, HASH_BYTES), "the hash of a block's parts has a wrong size")
    require(0 <= block.part_count < 2**32, "a block's number of parts is out of range")


def _check_commit(commit: Commit) -> None:
    require(0 <= commit.round <= ROUND_MAX, "the commit's round is out of range")
    _check_block_id(commit.block)
    require(commit.block.hash, "the commit is for no block")
    require(commit.signatures, "the commit holds no signatures")
    for one in commit.signatures:
        _check_signature(one)


def _check_signature(one: CommitSignature) -> None:
    if one.flag == FLAG_ABSENT:
        require(one == CommitSignature(), "an absent validator's place in the commit is not empty")
        return
    require(one.flag in (FLAG_COMMIT, FLAG_NIL), "a place in the commit has an unknown flag")
    require(len(one.validator) == ADDRESS_BYTES, "a validator's address in the commit has a wrong size")
    require(0 < len(one.signature) <= SIGNATURE_MAX, "a signature in the commit has a wrong size")
    require(0 <= one.at_ns <= NUMBER_MAX, "the time of a vote in the commit is out of range")


def check_validators(validators: Sequence[Validator]) -> None:
    """Whether these can be a validator set: 1 to 10,000 different keys, each with power, and not too much in all."""
    require(0 < len(validators) <= VALIDATORS_MAX, "there are no validators, or too many")
    require(all(is_validator_key(one.key) for one in validators), "a validator's key is no Ed25519 key")
    require(len({one.key for one in validators}) == len(validators), "a validator is named twice")
    require(all(one.power > 0 for one in validators), "a validator has no voting power")
    require(total_power(validators) <= TOTAL_POWER_MAX, "the validators' power is beyond the limit")


def total_power(validators: Sequence[Validator]) -> int:
    return sum(one.power for one in validators)


class Votes:
    """The votes in one light block's commit; whether a signature is good is found out once."""

    def __init__(self, block: LightBlock) -> None:
        self.commit = block.commit
        self._bytes = VoteBytes(block.header.chain_id, block.commit)
        self._good: dict[tuple[int, bytes], bool] = {}

    def check(self, place: int, key: bytes) -> None:
        """`Invalid` unless the vote at a place in the commit is signed by a key."""
        good = self._good.get((place, key))
        if good is None:
            one = self.commit.signatures[place]
            good = self._good[place, key] = verify_vote(key, self._bytes.of(one), one.signature)
        require(good, f"the signature at place {place} of the commit is wrong")


def check_own_commit(votes: Votes, validators: Sequence[Validator], *, every_signature: bool = False) -> int:
    """Whether more than two thirds of a light block's own validators signed it. Returns the power that was counted.

    Signatures are checked in the set's order until it is enough, as CometBFT's light client does; with
    `every_signature` all of them, and then only absent places and votes for the block are accepted, so that nothing
    in the commit is left unchecked. `Invalid` where it does not hold.
    """
    signatures = votes.commit.signatures
    require(len(signatures) == len(validators), "the commit has not as many places as there are validators")
    total = total_power(validators)
    needed = TWO_THIRDS.of(total)
    counted = 0
    for place, (one, validator) in enumerate(zip(signatures, validators, strict=True)):
        if one.flag != FLAG_COMMIT:
            require(not every_signature or one.flag == FLAG_ABSENT, "the commit holds a vote for no block")
            continue
        require(
            one.validator == address_of_validator(validator.key),
            "a place in the commit is another validator's",
        )
        votes.check(place, validator.key)
        counted += validator.power
        if counted > needed and not every_signature:
            break
    require(
        counted > needed, f"only {counted} of a power of {total} signed the block: not more than two thirds"
    )
    return counted


def check_trusted_power(votes: Votes, trusted: Sequence[Validator], level: Fraction) -> None:
    """Whether more than `level` of trusted validators signed a light block, whoever else did.

    `NotEnoughTrust` where they did not; `Invalid` where one of them signed wrongly or is there twice.
    """
    known = {address_of_validator(one.key): one for one in trusted}
    total = total_power(trusted)
    needed = level.of(total)
    counted, seen = 0, set[bytes]()
    for place, one in enumerate(votes.commit.signatures):
        validator = known.get(one.validator) if one.flag == FLAG_COMMIT else None
        if validator is None:
            continue
        require(one.validator not in seen, "a validator is in the commit twice")
        seen.add(one.validator)
        votes.check(place, validator.key)
        counted += validator.power
        if counted > needed:
            return
    raise NotEnoughTrust(f"of a trusted power of {total} only {counted} signed the block")
