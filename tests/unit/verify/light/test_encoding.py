"""The bytes that CometBFT hashes and signs, against what real nodes of it hashed and signed."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest

from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.vote_signatures import verify_vote
from counterfoil.state.light_blocks import FLAG_ABSENT, FLAG_NIL, BlockId, CommitSignature, Validator
from counterfoil.verify.light.encoding import (
    VoteBytes,
    address_of_validator,
    commit_hash,
    header_hash,
    in_order,
    items_hash,
    merkle_root,
    validators_hash,
)
from counterfoil.verify.light.json_form import parse_time, read_light_block
from counterfoil.verify.light.refusals import Invalid
from tests.unit.verify.light.chain import Chain, equal, with_
from tests.vectors.cometbft.recorded import raw, recorded

BLOCKS = recorded().light_blocks


def test_header_hashes() -> None:
    assert len(BLOCKS) == 17
    for block, later in pairwise(BLOCKS):
        assert header_hash(block.header) == block.commit.block.hash == later.header.last_block.hash


def test_validator_hashes_and_their_order() -> None:
    sizes = set()
    for block, later in pairwise(BLOCKS):
        assert validators_hash(block.validators) == block.header.validators_hash
        assert validators_hash(later.validators) == block.header.next_validators_hash
        assert in_order(block.validators[::-1]) == block.validators
        sizes.add((len(block.validators), block.validators[0].power))
    assert sizes == {(4, 10), (5, 10), (4, 30)}, "one came, one left, powers changed"


def test_commit_hashes_with_absent_votes() -> None:
    absent = 0
    for block, later in pairwise(BLOCKS):
        assert commit_hash(block.commit) == later.header.last_commit_hash
        absent += sum(one.flag == FLAG_ABSENT for one in block.commit.signatures)
    assert absent == 4


def test_item_hashes() -> None:
    counts = set()
    for block, (decided, _) in zip(BLOCKS, recorded().decided, strict=True):
        assert items_hash(decided.items) == block.header.data_hash
        counts.add(len(decided.items))
    assert counts == {0, 1}


def test_signed_bytes() -> None:
    checked = 0
    for block in BLOCKS:
        votes = VoteBytes(block.header.chain_id, block.commit)
        for one, validator in zip(block.commit.signatures, block.validators, strict=True):
            if one.flag != FLAG_ABSENT:
                assert one.validator == address_of_validator(validator.key)
                assert verify_vote(validator.key, votes.of(one), one.signature)
                checked += 1
    assert checked == 67


def test_a_round_of_zero_is_left_out_and_a_later_one_is_not() -> None:
    assert {block.commit.round for block in BLOCKS} == {0, 1}


def test_votes_for_no_block_name_none() -> None:
    commit = BLOCKS[0].commit
    votes = VoteBytes("chain", commit)
    vote = commit.signatures[0]
    nil = votes.of(with_(vote, flag=FLAG_NIL))
    assert commit.block.hash in votes.of(vote)
    assert commit.block.hash not in nil
    assert nil[0] == len(nil) - 1


def test_trees_of_few_leaves() -> None:
    def leaf(item: bytes) -> bytes:
        return sha256(b"\0" + item).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    a, b, c = (leaf(item) for item in (b"a", b"b", b"c"))
    assert merkle_root([]) == sha256(b"").digest()
    assert merkle_root([b"a"]) == a
    assert merkle_root([b"a", b"b"]) == node(a, b)
    assert merkle_root([b"a", b"b", b"c"]) == node(node(a, b), c)


def test_every_field_of_a_header_counts() -> None:
    header = BLOCKS[3].header
    changes = {
        "chain_id": "x",
        "height": 1,
        "at_ns": header.at_ns + 1,
        "block_version": 12,
        "app_version": 1,
        "last_block": BlockId(),
    }
    for name in header.__struct_fields__:
        other = with_(header, **{name: changes.get(name, b"x" * 32)})
        assert header_hash(other) != header_hash(header), name


def test_only_ed25519_keys_have_an_address() -> None:
    with pytest.raises(InvariantViolation):
        address_of_validator(b"\x02" + bytes(32))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2026-11-27T06:54:44.123456789Z", 1_795_762_484_123_456_789),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-27",
        "2026-11-27T06:54:44",
        "2026-11-27T06:54:44+01:00",
        "2026-02-30T06:54:44Z",
        "2026-11-27T24:00:00Z",
        "2026-11-27T06:54:44.1234567890Z",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_forms_that_are_refused() -> None:
    found = raw()["light_blocks"][0]
    header, validators = found["commit"]["signed_header"], found["validators"]["validators"]
    assert read_light_block(header, validators) == BLOCKS[0]
    for changed in (
        {},
        {**header, "header": {**header["header"], "height": "x"}},
        {**header, "header": {**header["header"], "app_hash": "zz"}},
        {**header, "commit": {**header["commit"], "signatures": [{"block_id_flag": 2}]}},
        {**header, "commit": []},
        None,
    ):
        with pytest.raises(Invalid):
            read_light_block(changed, validators)
    other_kind = [{**validators[0], "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": ""}}]
    with pytest.raises(Invalid, match="only Ed25519"):
        read_light_block(header, other_kind)
    with pytest.raises(Invalid, match="not its key's"):
        read_light_block(header, [{**validators[0], "address": "00" * 20}])
    with pytest.raises(Invalid):
        read_light_block(header, [{**validators[0], "pub_key": {**validators[0]["pub_key"], "value": "!"}}])


def test_the_chain_of_these_tests_is_like_a_real_one() -> None:
    chain = Chain(lambda height: equal("abcd"))
    chain.grow(3)
    for block, later in pairwise(chain.blocks.values()):
        assert block.commit.block == later.header.last_block
        assert commit_hash(block.commit) == later.header.last_commit_hash
    assert CommitSignature() == CommitSignature(FLAG_ABSENT)
    assert validators_hash(chain.blocks[1].validators) != validators_hash(
        (*chain.blocks[1].validators[:3], Validator(chain.blocks[1].validators[3].key, 11))
    )
