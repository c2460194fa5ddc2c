"""A chain of light blocks signed by keys of ours: whatever validators, application hashes and lies a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.light_blocks import (
    FLAG_COMMIT,
    FLAG_NIL,
    BlockId,
    Commit,
    CommitSignature,
    ConsensusHeader,
    LightBlock,
    Validator,
)
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.encoding import (
    VoteBytes,
    address_of_validator,
    commit_hash,
    header_hash,
    in_order,
    validators_hash,
)
from counterfoil.verify.light.steps import SECOND_NS

CHAIN = "light-chain"
START_NS = 1_700_000_000 * SECOND_NS
with_ = msgspec.structs.replace
Powers = Mapping[str, int]

_keys: dict[str, SigningKey] = {}


def key(name: str) -> SigningKey:
    found = _keys.get(name)
    if found is None:
        found = _keys[name] = SigningKey(sha256(b"validator " + name.encode()).digest())
    return found


def address(name: str) -> bytes:
    return address_of_validator(key(name).public_key)


def validator_set(powers: Powers) -> tuple[Validator, ...]:
    return in_order([Validator(key(name).public_key, power) for name, power in powers.items()])


def signed(
    header: ConsensusHeader,
    powers: Powers,
    *,
    absent: Iterable[str] = (),
    nil: Iterable[str] = (),
    round: int = 0,
) -> LightBlock:
    """A header with the commit of its validators, but for those that are absent or vote for no block."""
    validators = validator_set(powers)
    block = BlockId(header_hash(header), 1, sha256(b"parts" + header_hash(header)).digest())
    names = {address(name): name for name in powers}
    blank = [CommitSignature() for _ in validators]
    commit = Commit(header.height, round, block, tuple(blank))
    signatures = []
    for validator in validators:
        where = address_of_validator(validator.key)
        name = names[where]
        if name in absent:
            signatures.append(CommitSignature())
            continue
        flag = FLAG_NIL if name in nil else FLAG_COMMIT
        vote = CommitSignature(flag, where, header.at_ns + 1)
        signatures.append(with_(vote, signature=key(name).sign(VoteBytes(header.chain_id, commit).of(vote))))
    return LightBlock(header, with_(commit, signatures=tuple(signatures)), validators)


class Chain:
    """A history, one light block a second, and a provider of it. `asked` counts what was fetched.

    powers(height): the validators of a height. app_hash(height): what its header carries.
    """

    def __init__(
        self,
        powers: Callable[[int], Powers],
        *,
        first: int = 1,
        chain_id: str = CHAIN,
        app_hash: Callable[[int], bytes] = lambda height: b"",
        start_ns: int = START_NS,
    ) -> None:
        self.powers = powers
        self.first = first
        self.chain_id = chain_id
        self.app_hash = app_hash
        self.start_ns = start_ns
        self.blocks: dict[int, LightBlock] = {}
        self.asked = 0

    def grow(self, height: int, **how: Iterable[str]) -> LightBlock:
        """Add light blocks up to a height. absent, nil: as for `signed`."""
        for at in range(max(self.blocks, default=self.first - 1) + 1, height + 1):
            self.blocks[at] = signed(self.header(at), self.powers(at), **how)  # type: ignore[arg-type]
        return self.blocks[height]

    def header(self, height: int) -> ConsensusHeader:
        before = self.blocks.get(height - 1)
        powers = self.powers(height)
        return ConsensusHeader(
            chain_id=self.chain_id,
            height=height,
            at_ns=self.start_ns + height * SECOND_NS,
            validators_hash=validators_hash(validator_set(powers)),
            next_validators_hash=validators_hash(validator_set(self.powers(height + 1))),
            app_hash=self.app_hash(height),
            proposer=address(next(iter(powers))),
            last_block=before.commit.block if before is not None else BlockId(),
            last_commit_hash=commit_hash(before.commit) if before is not None else sha256().digest(),
            data_hash=sha256().digest(),
        )

    def light_block(self, height: int) -> LightBlock:
        self.asked += 1
        found = self.blocks.get(height or max(self.blocks))
        if found is None:
            raise NoSuchBlock(height)
        return found

    def now_ns(self) -> int:
        """A second after the last block."""
        return self.blocks[max(self.blocks)].header.at_ns + SECOND_NS


def forked(chain: Chain, height: int, powers: Callable[[int], Powers]) -> Chain:
    """The same history up to a height, then another one, by other validators if need be."""
    other = Chain(
        powers,
        first=chain.first,
        chain_id=chain.chain_id,
        app_hash=lambda at: chain.app_hash(at) if at <= height else b"other" * 6 + b"??",
        start_ns=chain.start_ns,
    )
    other.blocks = {at: block for at, block in chain.blocks.items() if at <= height}
    return other


def equal(names: Sequence[str], power: int = 10) -> dict[str, int]:
    return dict.fromkeys(names, power)
