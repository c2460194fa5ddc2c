"""What it costs to follow CometBFT's headers: one commit of 4, 10 and 100 validators, and long ways by bisection."""

from __future__ import annotations

import time
from hashlib import sha256
from statistics import median

import msgspec

from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.light_blocks import (
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    ConsensusHeader,
    LightBlock,
    Validator,
)
from counterfoil.verify.light.client import advance
from counterfoil.verify.light.encoding import (
    VoteBytes,
    address_of_validator,
    header_hash,
    in_order,
    validators_hash,
)
from counterfoil.verify.light.steps import SECOND_NS, Rules, TrustedState, check_step

START_NS = 1_700_000_000 * SECOND_NS
ROUNDS = 50
TITLE = "validators   one commit, next height   one commit, over a gap   signatures checked (of)"
WAY_TITLE = "validators   one replaced every   heights    blocks fetched   trusted on the way   checked in"


class Chain:
    """Light blocks of any height, signed when they are asked for. One validator is replaced every so many heights."""

    def __init__(self, validators: int, every: int = 0) -> None:
        self.fetched = 0
        self._size = validators
        self._every = every
        self._keys: dict[int, SigningKey] = {}

    def light_block(self, height: int) -> LightBlock:
        self.fetched += 1
        validators = self._validators(height)
        header = ConsensusHeader(
            chain_id="bench-0011223344556677",
            height=height,
            at_ns=START_NS + height * SECOND_NS,
            validators_hash=validators_hash(validators),
            next_validators_hash=validators_hash(self._validators(height + 1)),
            app_hash=bytes(32),
            proposer=address_of_validator(validators[0].key),
            data_hash=sha256().digest(),
        )
        block = BlockId(header_hash(header), 1, bytes(32))
        votes = [
            CommitSignature(FLAG_COMMIT, address_of_validator(one.key), header.at_ns + number)
            for number, one in enumerate(validators)
        ]
        commit = Commit(height, 0, block, tuple(votes))
        by_key = {key.public_key: key for key in self._keys.values()}
        signed_bytes = VoteBytes(header.chain_id, commit)
        signed = [
            msgspec.structs.replace(vote, signature=by_key[one.key].sign(signed_bytes.of(vote)))
            for vote, one in zip(votes, validators, strict=True)
        ]
        return LightBlock(header, msgspec.structs.replace(commit, signatures=tuple(signed)), validators)

    def _validators(self, height: int) -> tuple[Validator, ...]:
        first = height // self._every if self._every else 0
        numbers = range(first, first + self._size)
        for number in numbers:
            if number not in self._keys:
                self._keys[number] = SigningKey(sha256(b"validator %d" % number).digest())
        return in_order([Validator(self._keys[number].public_key, 10) for number in numbers])


def one_commit(validators: int) -> str:
    """A row under `TITLE`."""
    chain = Chain(validators)
    trusted = TrustedState.after(chain.light_block(1))
    rules = Rules()
    spent = []
    for height in (2, 50):
        block = chain.light_block(height)
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            check_step(trusted, block, rules, block.header.at_ns)
            times.append(time.perf_counter() - started)
        spent.append(median(times) * 1_000)
    enough = 2 * validators // 3 + 1
    return f"{validators:>10} {spent[0]:>22.2f} ms {spent[1]:>22.2f} ms {enough:>18} ({validators})"


def long_way(validators: int, every: int, heights: int) -> str:
    """A row under `WAY_TITLE`; the time without the signing of the blocks, which is the chain's."""
    chain = Chain(validators, every)
    trusted, target = TrustedState.after(chain.light_block(1)), chain.light_block(heights)
    known: dict[int, LightBlock] = {}

    class Known:
        def light_block(self, height: int) -> LightBlock:
            found = known.get(height)
            if found is None:
                found = known[height] = chain.light_block(height)
            return found

    rules, now_ns = Rules(trusting_period_ns=10**18), target.header.at_ns
    trace = advance(Known(), trusted, target, rules, now_ns)
    started = time.perf_counter()
    advance(Known(), trusted, target, rules, now_ns)
    seconds = time.perf_counter() - started
    often = str(every) if every else "never"
    return f"{validators:>10} {often:>20} {heights:>9,} {len(known) + 1:>17} {len(trace):>20} {seconds * 1_000:>9.1f} ms"
