"""What CometBFT's validators sign, as plain values: a header of theirs, the commit over it, and who they are.

Names and order follow CometBFT v0.38 (spec/core/data_structures.md); hashes and signed bytes of these values are
made by `verify.light`. They stand here because a proof under CometBFT carries them.
"""

from __future__ import annotations

from counterfoil.state.proof_parts import Part

FLAG_ABSENT = 1
FLAG_COMMIT = 2
FLAG_NIL = 3
"""What a validator's place in a commit says: no vote seen, a vote for the block, a vote for none."""


class BlockId(Part):
    """Names a block: the hash of its header, and of the parts in which it was gossiped. Empty before the first."""

    hash: bytes = b""
    part_count: int = 0
    parts_hash: bytes = b""


class ConsensusHeader(Part):
    """CometBFT's own header. app_hash: the application's after the block before; at_ns: since 1970 UTC."""

    chain_id: str
    height: int
    at_ns: int
    validators_hash: bytes
    next_validators_hash: bytes
    app_hash: bytes
    proposer: bytes
    block_version: int = 11
    app_version: int = 0
    last_block: BlockId = BlockId()
    last_commit_hash: bytes = b""
    data_hash: bytes = b""
    consensus_hash: bytes = b""
    last_results_hash: bytes = b""
    evidence_hash: bytes = b""


class CommitSignature(Part):
    """One validator's precommit in a commit. validator: its address (20 bytes). An absent one has its flag alone."""

    flag: int = FLAG_ABSENT
    validator: bytes = b""
    at_ns: int = 0
    signature: bytes = b""


class Commit(Part):
    """The precommits of one round for one block, in the order of the validator set."""

    height: int
    round: int
    block: BlockId
    signatures: tuple[CommitSignature, ...]


class Validator(Part):
    """key: tagged public key (33 bytes). power: its weight, at least 1."""

    key: bytes
    power: int


class LightBlock(Part):
    """A header with what vouches for it: the commit, and the validators of its height in CometBFT's order."""

    header: ConsensusHeader
    commit: Commit
    validators: tuple[Validator, ...]
