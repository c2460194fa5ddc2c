"""The exact bytes that CometBFT v0.38 hashes and signs, written by hand for the few messages that a verifier meets.

Protocol Buffers have no canonical form; these are the bytes that CometBFT's Go code writes: fields in the order of
their numbers, zero and empty ones left out, but messages that cannot be absent there written even when empty.
Trees are those of RFC 6962 section 2.1, which the header history uses too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from counterfoil.primitives.outcome import ensure
from counterfoil.primitives.signatures import ED25519
from counterfoil.state.headers import history_leaf, history_root
from counterfoil.state.light_blocks import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    ConsensusHeader,
    Validator,
)

ADDRESS_BYTES = 20
_PRECOMMIT = 2
_BILLION = 1_000_000_000
_NO_TIME_S = -62_135_596_800
"""Seconds from 1970 back to the first day of year 1, which stands for "no time" there."""


# Protocol Buffers, as far as it takes


def _varint(number: int) -> bytes:
    """Base 128, least significant first; a negative number as its 64-bit two's complement."""
    number &= 2**64 - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number) if number else b""


def _fixed(field: int, number: int) -> bytes:
    return _varint(field << 3 | 1) + number.to_bytes(8, "little", signed=True) if number else b""


def _message(field: int, data: bytes) -> bytes:
    """A message that cannot be absent."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _data(field: int, data: bytes) -> bytes:
    return _message(field, data) if data else b""


def _time(at_ns: int) -> bytes:
    seconds, nanoseconds = divmod(at_ns, _BILLION)
    return _number(1, seconds) + _number(2, nanoseconds)


def _block_id(block: BlockId) -> bytes:
    parts = _number(1, block.part_count) + _data(2, block.parts_hash)
    return _data(1, block.hash) + _message(2, parts)


# Hashes


def merkle_root(items: Sequence[bytes]) -> bytes:
    return history_root([history_leaf(item) for item in items])


def header_hash(header: ConsensusHeader) -> bytes:
    """The hash that a commit names: the tree over the header's fields, each encoded alone."""
    return merkle_root(
        [
            _number(1, header.block_version) + _number(2, header.app_version),
            _data(1, header.chain_id.encode()),
            _number(1, header.height),
            _time(header.at_ns),
            _block_id(header.last_block),
            _data(1, header.last_commit_hash),
            _data(1, header.data_hash),
            _data(1, header.validators_hash),
            _data(1, header.next_validators_hash),
            _data(1, header.consensus_hash),
            _data(1, header.app_hash),
            _data(1, header.last_results_hash),
            _data(1, header.evidence_hash),
            _data(1, header.proposer),
        ]
    )


def validators_hash(validators: Sequence[Validator]) -> bytes:
    """Over keys and powers, in the order of the set."""
    return merkle_root([_message(1, _data(1, one.key[1:])) + _number(2, one.power) for one in validators])


def commit_hash(commit: Commit) -> bytes:
    """`last_commit_hash` of the header that follows."""
    return merkle_root([_commit_signature(one) for one in commit.signatures])


def _commit_signature(one: CommitSignature) -> bytes:
    time = _number(1, _NO_TIME_S) if one.flag == FLAG_ABSENT else _time(one.at_ns)
    return _number(1, one.flag) + _data(2, one.validator) + _message(3, time) + _data(4, one.signature)


def commit_info(commit: Commit, validators: Sequence[Validator]) -> bytes:
    """What CometBFT tells an application of a commit (ABCI's CommitInfo): who voted how, with which power."""
    votes = [
        (address_of_validator(validator.key), validator.power, one.flag)
        for one, validator in zip(commit.signatures, validators, strict=True)
    ]
    return votes_info(commit.round, votes)


def votes_info(round_: int, votes: Iterable[tuple[bytes, int, int]]) -> bytes:
    """The same of (address, power, flag) of each validator, in the order of the set."""
    told = [
        _message(1, _data(1, address) + _number(3, power)) + _number(3, flag)
        for address, power, flag in votes
    ]
    return _number(1, round_) + b"".join(_message(2, vote) for vote in told)


def items_hash(items: Sequence[bytes]) -> bytes:
    """`data_hash` of the header of the block that holds these items."""
    return merkle_root([sha256(item).digest() for item in items])


def address_of_validator(key: bytes) -> bytes:
    """CometBFT's address of a tagged Ed25519 key: 20 bytes, another than the ledger's address of the same key."""
    ensure(key[:1] == ED25519, "only Ed25519 keys have an address here")
    return sha256(key[1:]).digest()[:ADDRESS_BYTES]


def in_order(validators: Sequence[Validator]) -> tuple[Validator, ...]:
    """The order of a validator set: greatest power first, then by address."""
    return tuple(sorted(validators, key=lambda one: (-one.power, address_of_validator(one.key))))


# Signed bytes


class VoteBytes:
    """What the validators of one commit signed: the same but for the time, and for the block where they saw one."""

    def __init__(self, chain_id: str, commit: Commit) -> None:
        self._before = _number(1, _PRECOMMIT) + _fixed(2, commit.height) + _fixed(3, commit.round)
        self._block = _message(4, _block_id(commit.block))
        self._chain = _data(6, chain_id.encode())

    def of(self, one: CommitSignature) -> bytes:
        block = self._block if one.flag == FLAG_COMMIT else b""
        vote = self._before + block + _message(5, _time(one.at_ns)) + self._chain
        return _varint(len(vote)) + vote


def extension_bytes(chain_id: str, height: int, round_: int, extension: bytes) -> bytes:
    """What a validator signs beside its vote where the application extends votes."""
    signed = _data(1, extension) + _fixed(2, height) + _fixed(3, round_) + _data(4, chain_id.encode())
    return _varint(len(signed)) + signed
