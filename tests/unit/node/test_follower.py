"""A follower of a recorded chain: what it keeps, what does not fit and why, receipts, and the handover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from counterfoil.engine.decided import DecidedBlock
from counterfoil.machine.genesis import encode_genesis, secret_commitment
from counterfoil.machine.transactions import BUNDLE_BYTES_MAX, bundle_sign_prefix, read_bundle
from counterfoil.modules.validators.interface import possession_bytes
from counterfoil.node.follower import FetchedReceipts, Follower, create_follower, open_follower
from counterfoil.node.following import Checked, DoesNotFit, FollowedBlock, check_next
from counterfoil.node.ledger import LAYOUTS, LedgerNode
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.light_blocks import CommitSignature, LightBlock
from counterfoil.state.receipts import Receipt
from counterfoil.storage.errors import CorruptStorage, FolderInUse
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from counterfoil.verify import Trust
from counterfoil.verify.light.encoding import commit_info, validators_hash
from counterfoil.verify.light.files import write_handover
from counterfoil.verify.light.handover import hand_over
from tests.model.desk import SECRETS
from tests.unit.verify.light.chain import Chain, equal, key, signed, validator_set
from tests.vectors.cometbft.followed import ListedSource, followed_blocks, handover
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.replayed import newest_signed, prover, replayed

REAL = recorded()
BLOCKS = followed_blocks()
LAST = len(BLOCKS)
SEALED = len(REAL.sealed)
TRUST = Trust.in_genesis(REAL.genesis).believing(write_handover(handover()))
with_ = msgspec.structs.replace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "follower"
    create_follower(path, REAL.genesis, encrypted=False)
    return path


@pytest.fixture
def follower(folder: Path) -> Iterator[Follower]:
    with open_follower(folder) as opened:
        opened.believe(handover())
        yield opened


def test_everything_that_was_recorded_is_checked_and_kept(folder: Path, follower: Follower) -> None:
    seen: list[int] = []
    assert follower.catch_up(ListedSource(BLOCKS), progress=seen.append) == LAST
    assert seen == list(range(1, LAST + 1))
    assert follower.height == REAL.last
    newest = [header for _, header in REAL.decided if header is not None][-1]
    assert follower.header == newest
    assert follower.vouched_height < newest.height, "nobody has signed the last header yet"
    assert list(follower.blocks()) == list(BLOCKS)
    assert [block.block.height for block in follower.blocks(20)] == list(range(20, LAST + 1))
    assert follower.catch_up(ListedSource(BLOCKS)) == 0
    follower.close()
    with open_follower(folder) as again:
        assert (again.height, again.header) == (REAL.last, newest)
        assert again.trust.handover == handover()
        assert list(again.blocks()) == list(BLOCKS)


def test_it_goes_on_where_it_was(folder: Path) -> None:
    with open_follower(folder) as follower:
        assert follower.catch_up(ListedSource(BLOCKS), height_max=3) == 3
        assert follower.vouched_height == 3
        follower.believe(handover())
    for upto in (SEALED, SEALED + 1, 12, LAST):
        source = ListedSource(BLOCKS[:upto])
        with open_follower(folder) as follower:
            before = follower.height
            assert follower.catch_up(source) == upto - before
            assert source.asked == list(range(before + 1, upto + 1))


def test_one_process_at_a_time(folder: Path, follower: Follower) -> None:
    with pytest.raises(FolderInUse):
        open_follower(folder)


def test_a_ledger_goes_over_to_a_network_only_by_its_sealers_word(folder: Path) -> None:
    with open_follower(folder) as follower:
        with pytest.raises(DoesNotFit, match="nothing hands the ledger over") as refused:
            follower.catch_up(ListedSource(BLOCKS))
        assert refused.value.height == SEALED + 1
        assert follower.height == SEALED
        chain_id, last = TRUST.chain_id, REAL.sealed[-1].header
        strangers = validator_set(equal("wxyz"))
        with pytest.raises(ValueError, match="not sealed by a key"):
            follower.believe(hand_over(chain_id, last, strangers, SigningKey(b"x" * 32).sign))
        follower.believe(handover())
        follower.believe(handover())
        other = hand_over(chain_id, last, strangers, SigningKey(SECRETS.sealer).sign)
        with pytest.raises(ValueError, match="another handover"):
            follower.believe(other)
        follower.catch_up(ListedSource(BLOCKS))
    (folder / "handover.json").write_bytes(b"{}")
    with pytest.raises(CorruptStorage, match="whom to trust"):
        open_follower(folder)


# What does not fit


def before(height: int) -> Checked:
    """All up to a height, checked."""
    checked = Checked()
    for followed in BLOCKS[: height - 1]:
        checked = check_next(TRUST, checked, followed)
    return checked


def at(height: int) -> FollowedBlock:
    return BLOCKS[height - 1]


def refused(height: int, followed: FollowedBlock, reason: str, trust: Trust = TRUST) -> None:
    with pytest.raises(DoesNotFit, match=reason) as found:
        check_next(trust, before(height), followed)
    assert found.value.height == height


BUSY = next(b.block.height for b in BLOCKS[SEALED + 2 :] if b.header is not None)
"""A height of the network at which something happened."""


def header(of: int, **changed: object) -> FollowedBlock:
    return with_(at(of), header=with_(at(of).header, **changed))


def block(of: int, **changed: object) -> FollowedBlock:
    return with_(at(of), block=with_(at(of).block, **changed))


@pytest.mark.parametrize(
    ("height", "followed", "reason"),
    [
        (3, lambda: at(4), "it is of height 4"),
        (3, lambda: at(2), "it is of height 2"),
        (3, lambda: with_(at(3), seal=b""), "not sealed by a key"),
        (3, lambda: with_(at(3), seal=at(2).seal), "not sealed by a key"),
        (3, lambda: with_(at(3), header=None), "lacks a header"),
        (3, lambda: header(3, time_ms=1), "not sealed by a key"),
        (3, lambda: with_(at(3), header=at(2).header, seal=at(2).seal), "header is of another height"),
        (3, lambda: block(3, time_ms=1), "header has another time"),
        (3, lambda: block(3, items=()), "names other items"),
        (3, lambda: block(3, items=(*at(3).block.items, *at(3).block.items)), "names other items"),
        (3, lambda: block(3, items=(b"x",)), "no bundle"),
        (3, lambda: block(3, items=(bytes(BUNDLE_BYTES_MAX + 1),)), "too large"),
        (3, lambda: block(3, last_commit=b"x"), "tells of votes, and nobody voted"),
        (3, lambda: block(3, misbehaviour=(b"x",)), "tells of votes, and nobody voted"),
        (3, lambda: with_(at(3), last_commit=at(BUSY).last_commit), "records a commit of no block"),
        (SEALED + 1, lambda: with_(at(SEALED + 1), light_block=None), "lacks a header|not sealed"),
        (BUSY, lambda: with_(at(BUSY), light_block=None), "consensus had begun"),
        (BUSY, lambda: with_(at(BUSY), seal=b"x" * 64), "both a seal and a commit"),
        (BUSY, lambda: with_(at(BUSY), light_block=at(BUSY + 1).light_block), "of another height"),
        (BUSY, lambda: block(BUSY, items=()), "not those that were decided"),
        (BUSY, lambda: block(BUSY, proposer=b"x" * 20), "another node put it together"),
        (BUSY, lambda: block(BUSY, misbehaviour=(b"x",)), "misbehaviour where its header does not"),
        (BUSY, lambda: block(BUSY, last_commit=b""), "not those of the commit that it records"),
        (BUSY, lambda: with_(at(BUSY), last_commit=None), "lacks the commit of the block before"),
        (BUSY, lambda: with_(at(BUSY), last_commit=at(BUSY - 1).last_commit), "follows another block"),
        (BUSY, lambda: _absent_in_last_commit(BUSY), "another commit than its header"),
        (BUSY, lambda: header(BUSY, number=1), "another number"),
        (BUSY, lambda: header(BUSY, height=1), "header is of another height"),
        (BUSY, lambda: header(BUSY, rule_version=0), "older than the last header's"),
        (BUSY, lambda: header(BUSY, history_root=bytes(32)), "another history before it"),
        (BUSY, lambda: header(BUSY, items_digest=bytes(32)), "names other items"),
        (BUSY, lambda: header(BUSY, state_root=b""), "wrong size"),
        (
            BUSY,
            lambda: with_(header(BUSY, time_ms=1), block=block(BUSY, time_ms=1).block),
            "not after the last",
        ),
        (SEALED + 1, lambda: with_(at(SEALED + 1), last_commit=at(BUSY).last_commit), "a commit of no block"),
        (SEALED + 1, lambda: block(SEALED + 1, last_commit=b"x"), "a commit of no block"),
    ],
)
def test_what_does_not_fit(height: int, followed: Callable[[], FollowedBlock], reason: str) -> None:
    refused(height, followed(), reason)


def _absent_in_last_commit(height: int) -> FollowedBlock:
    commit = at(height).last_commit
    assert commit is not None
    fewer = with_(commit, signatures=(CommitSignature(), *commit.signatures[1:]))
    return with_(at(height), last_commit=fewer)


def test_a_lie_about_the_state_shows_at_the_next_block() -> None:
    """What a block led to is signed one block later: until then a header is only as good as who gave it."""
    lying = header(BUSY, state_root=bytes(32))
    checked = check_next(TRUST, before(BUSY), lying)
    assert checked.vouched_height < BUSY
    with pytest.raises(DoesNotFit, match="not the last header's") as found:
        check_next(TRUST, checked, at(BUSY + 1))
    assert found.value.height == BUSY + 1
    silent = with_(at(BUSY), header=None)
    with pytest.raises(DoesNotFit, match="not the last header's"):
        check_next(TRUST, check_next(TRUST, before(BUSY), silent), at(BUSY + 1))


def test_a_bundle_is_signed_by_whoever_gathered_it() -> None:
    item = at(BUSY).block.items[0]
    bundle, _ = read_bundle(item)
    stranger = SigningKey(b"x" * 32)
    wrong = encode(with_(bundle, signature=bytes(64)))
    other = encode(with_(bundle, key=stranger.public_key))
    for forged in (wrong, other):
        refused(3, block(3, items=(forged,)), "gatherer is wrong")
    sealed_item = at(3).block.items[0]
    of_another = read_bundle(sealed_item)[0]
    relabelled = with_(of_another, key=stranger.public_key, signature=_sign(stranger, of_another.content))
    refused(3, block(3, items=(encode(relabelled),)), "another key than its gatherer's")


def _sign(key: SigningKey, content: bytes) -> bytes:
    return key.sign(bundle_sign_prefix(TRUST.chain_id) + content)


def test_blocks_of_another_chain_or_of_a_sealer_that_has_left() -> None:
    elsewhere = TRUST._replace(chain_id="other-0000000000000000")
    with pytest.raises(DoesNotFit, match="not sealed by a key"):
        check_next(elsewhere, Checked(), at(1))
    early = hand_over(TRUST.chain_id, REAL.sealed[2].header, REAL.validators, SigningKey(SECRETS.sealer).sign)
    left = TRUST._replace(handover=early)
    with pytest.raises(DoesNotFit, match="had handed the ledger over"):
        check_next(left, before(4), at(4))
    with pytest.raises(DoesNotFit, match="after another block than the last one"):
        check_next(left, before(SEALED + 1), at(SEALED + 1))


def test_nothing_of_a_block_that_does_not_fit_is_kept(follower: Follower) -> None:
    source = ListedSource(BLOCKS)
    source.blocks[BUSY - 1] = block(BUSY, items=())
    with pytest.raises(DoesNotFit, match=f"block {BUSY} does not fit: its items are not those"):
        follower.catch_up(source)
    assert follower.height == BUSY - 1
    assert [kept.block.height for kept in follower.blocks()] == list(range(1, BUSY))
    assert follower.catch_up(ListedSource(BLOCKS)) == LAST - BUSY + 1


# Receipts


def _fetched(height: int) -> FetchedReceipts:
    proof = prover(replayed()).receipts(height, [0], sealed=newest_signed())
    (shown_block,) = [found for found in proof.blocks if found.header.height == height]
    return FetchedReceipts(height, proof.receipts, shown_block.receipt_siblings)


def test_receipts_are_checked_against_the_block_they_are_of(folder: Path, follower: Follower) -> None:
    fetched = _fetched(BUSY)
    with pytest.raises(DoesNotFit, match="nobody has signed its header yet"):
        follower.keep_receipts(fetched)
    follower.catch_up(ListedSource(BLOCKS))
    receipts = follower.keep_receipts(fetched)
    assert [receipt.height for receipt in receipts] == [BUSY]
    kept = fetched.receipts[0]
    quiet = next(found.block.height for found in BLOCKS[SEALED:] if found.header is None)
    other_busy = next(b.block.height for b in BLOCKS[BUSY:] if b.header is not None)
    for forged, reason in (
        (with_(fetched, receipts=(with_(kept, salt=bytes(16)),)), "not its own"),
        (with_(fetched, receipts=(with_(kept, sealed=b"x" * 32),)), "not its own"),
        (with_(fetched, receipts=(with_(kept, place=99),)), "cannot be checked"),
        (with_(fetched, receipts=(with_(kept, plaintext=b"x"),)), "cannot be checked"),
        (with_(fetched, siblings=fetched.siblings + bytes(32)), "cannot be checked"),
        (with_(fetched, receipts=()), "cannot be checked"),
        (with_(fetched, height=quiet), "no effect"),
        (with_(fetched, height=other_busy), "cannot be checked|not its own"),
        (with_(fetched, height=0), "nobody has signed"),
        (with_(fetched, height=LAST + 1), "nobody has signed"),
    ):
        with pytest.raises(DoesNotFit, match=reason):
            follower.keep_receipts(forged)
    first = _fetched(2)
    follower.keep_receipts(first)
    follower.close()
    with open_follower(folder) as again:
        found = list(again.receipts())
        assert [receipt.height for receipt in found] == [BUSY, 2]
        assert found == [_receipt(fetched), _receipt(first)]


def _receipt(fetched: FetchedReceipts) -> Receipt:
    found: Receipt = msgspec.msgpack.decode(fetched.receipts[0].plaintext, type=Receipt)
    return found


def test_what_is_no_genesis_file_makes_no_follower(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="genesis file"):
        create_follower(tmp_path / "none", b"{}", encrypted=False)
    assert not (tmp_path / "none").exists()


# A ledger that was founded as a network


def _founded() -> tuple[Trust, list[FollowedBlock]]:
    """The founding, then three blocks in which nothing happened."""
    powers = equal("abcd")
    draft = sandbox_genesis("founded")
    by_key = {key(name).public_key: key(name) for name in "abcd"}
    named = []
    for member, one in zip(draft.sections["consortium"]["members"], validator_set(powers), strict=True):
        stated = by_key[one.key].sign(possession_bytes("founded", member["party"].encode(), one.key))
        entry = {"party": member["party"], "key": one.key.hex(), "power": one.power}
        named.append({**entry, "possession": stated.hex()})
    sections = {**draft.sections, "validators": {"validators": named}}
    commitment = secret_commitment(SECRETS.network)
    genesis = encode_genesis(with_(draft, sealed=False, secret_commitment=commitment, sections=sections))
    node = LedgerNode(genesis, SECRETS, MemoryStore(LAYOUTS), MemoryLog(), workers=0, scheduled=False)
    founding = node.machine.found(1)
    chain = Chain(
        lambda height: powers, first=2, chain_id=node.chain_id, app_hash=lambda height: founding.digest()
    )
    blocks = [FollowedBlock(DecidedBlock(1, founding.time_ms, b"", (), b"", ()), founding)]
    for height in (2, 3, 4):
        light = chain.grow(height)
        commit = chain.blocks[height - 1].commit if height > 2 else None
        votes = commit_info(commit, light.validators) if commit is not None else b""
        decided = DecidedBlock(height, light.header.at_ns // 10**6, light.header.proposer, (), votes, ())
        blocks.append(FollowedBlock(decided, None, b"", light, commit))
    return Trust.in_genesis(node.genesis_bytes), blocks


def test_the_founding_of_a_network_is_vouched_for_by_its_first_block() -> None:
    trust, blocks = _founded()
    checked = check_next(trust, Checked(), blocks[0])
    assert checked.vouched_height == 0
    for followed in blocks[1:]:
        checked = check_next(trust, checked, followed)
        assert checked.vouched_height == 1
    assert checked.height == 4


@pytest.mark.parametrize(
    ("height", "change", "reason"),
    [
        (1, lambda f: with_(f, seal=b"x" * 64), "neither seal nor items"),
        (1, lambda f: with_(f, block=with_(f.block, items=(b"x",))), "neither seal nor items"),
        (2, lambda f: with_(f, light_block=signed(f.light_block.header, equal("wxyz"))), "not those that"),
        (2, lambda f: with_(f, light_block=_of_strangers(f)), "names for the next height"),
        (2, lambda f: with_(f, light_block=None), "lacks a header"),
        (3, lambda f: with_(f, light_block=None, last_commit=None), "consensus had begun"),
    ],
)
def test_the_founding_validators_sign_the_first_block(
    height: int, change: Callable[[FollowedBlock], FollowedBlock], reason: str
) -> None:
    trust, blocks = _founded()
    checked = Checked()
    for followed in blocks[: height - 1]:
        checked = check_next(trust, checked, followed)
    with pytest.raises(DoesNotFit, match=reason):
        check_next(trust, checked, change(blocks[height - 1]))


def _of_strangers(followed: FollowedBlock) -> LightBlock:
    assert followed.light_block is not None
    strangers = equal("wxyz")
    named = validators_hash(validator_set(strangers))
    return signed(with_(followed.light_block.header, validators_hash=named), strangers)


def test_on_a_ledger_in_earnest_the_time_is_the_validators() -> None:
    earnest = TRUST._replace(sandbox=False)
    time_ms = at(BUSY).block.time_ms + 1
    late = with_(header(BUSY, time_ms=time_ms), block=block(BUSY, time_ms=time_ms).block)
    with pytest.raises(DoesNotFit, match="not the one that its validators agreed on"):
        check_next(earnest, before(BUSY), late)
    assert check_next(earnest, before(BUSY), at(BUSY)).height == BUSY
