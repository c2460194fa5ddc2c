"""What CometBFT requires of its application, R1 to R13 of its specification, asked of every engine's ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.machine.feed_items import (
    EXTENSION_BYTES_MAX,
    BlockIdFlag,
    ExtendedCommit,
    ExtendedVote,
    encode_extension,
    is_feed_item,
)
from counterfoil.modules.parties.messages import RevokeMandate
from counterfoil.node.network.homes import PROPOSE_MILLISECONDS
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import FEED_ITEM
from tests.conformance.applications import BYTES_MAX, KINDS, Application, Block, books_of
from tests.conformance.world import World
from tests.model.desk import by, party

Make = Callable[[World], Application]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes applications of one kind, each at the same height with the same books."""
    made: list[Application] = []

    def one(world: World) -> Application:
        application: Application = KINDS[request.param](world.desk)
        application.handshake()
        made.append(application)
        return application

    yield one
    for application in made:
        application.close()


def decide(application: Application, block: Block) -> bytes:
    found = application.finalise(block)
    application.commit()
    return found


def test_r1_a_full_proposal_is_made_in_time(make: Make) -> None:
    world = World(1)
    application = make(world)
    items = [world.bundle(100) for _ in range(5)]
    began = time.monotonic()
    block = application.propose(world.first_height, world.time_ms(world.first_height), items, BYTES_MAX)
    assert len(block.items) == 5
    assert (time.monotonic() - began) * 1_000 < PROPOSE_MILLISECONDS


@pytest.mark.slow
def test_r1_and_r3_a_proposal_fills_a_block_and_the_other_accepts_it(make: Make) -> None:
    """Of a pool with more than a block of CometBFT takes: 4 MiB, some 7,500 deals that both brokers signed.

    The time is the processor's, since other tests may run beside this one; on a node other processes check signatures.
    """
    world = World(13)
    one, other = make(world), make(world)
    pool, size = [], 0
    while size < BYTES_MAX * 11 // 10:
        pool.append(world.bundle(100))
        size += len(pool[-1])
    assert all(one.check(item) for item in pool)
    height = world.first_height
    began = time.process_time()
    block = one.propose(height, world.time_ms(height), pool, BYTES_MAX)
    assert (time.process_time() - began) * 1_000 < PROPOSE_MILLISECONDS
    told = abci.ResponsePrepareProposal(txs=block.items)
    assert BYTES_MAX * 98 // 100 < told.ByteSize() <= BYTES_MAX, "as the engine counts them"
    assert len(block.items) < len(pool)
    assert other.judge(block)
    assert decide(one, block) == decide(other, block)


@pytest.mark.parametrize("limit", [0, 1, 500, 1_500, 4_000, 20_000])
def test_r2_a_proposal_keeps_to_its_bytes(make: Make, limit: int) -> None:
    world = World(2)
    application = make(world)
    items = [world.bundle() for _ in range(8)]
    block = application.propose(world.first_height, world.time_ms(world.first_height), items, limit)
    assert sum(len(item) + 6 for item in block.items) <= limit
    smallest = min(len(item) + 6 for item in items)
    assert block.items or limit < smallest + max(map(len, items))


def test_r3_what_one_proposes_the_other_accepts(make: Make) -> None:
    """Whatever lies in the pool, over several heights."""
    world = World(3)
    one, other = make(world), make(world)
    for height in range(world.first_height, world.first_height + 8):
        pool = [world.any_item() for _ in range(world.chance.randint(0, 6))]
        block = one.propose(height, world.time_ms(height), pool, BYTES_MAX)
        assert other.judge(block)
        assert one.judge(block)
        assert decide(one, block) == decide(other, block)


def test_r3_also_where_our_rules_fail(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction on which the rules break is in no proposal, and a block that has it is accepted by nobody."""

    def broken(_books: Any, _ask: Any, _context: Any) -> None:
        raise KeyError("a rule of ours")

    world = World(4)
    one, other = make(world), make(world)
    for application in (one, other):
        machine = application.node.machine
        monkeypatch.setattr(machine, "_rules", {**machine._rules, RevokeMandate: (broken, None)})
    message = RevokeMandate(party("broker-a"), bytes(20))
    bad = world.sealed([world.transaction(), world.desk.transaction(message, *by("broker-a"))])
    good = [world.bundle(), world.bundle()]
    height = world.first_height
    block = one.propose(height, world.time_ms(height), [good[0], bad, good[1]], BYTES_MAX)
    assert list(block.items) == good
    assert other.judge(block)
    assert not other.judge(world.block(height, [good[0], bad]))
    assert not one.judge(world.block(height, [bad]))
    assert one.propose(height, world.time_ms(height), [bad, *good], BYTES_MAX).items == tuple(good)
    assert decide(one, block) == decide(other, block)


def test_r4_and_r5_a_verdict_rests_on_the_block_and_the_books_alone(make: Make) -> None:
    """The same at two nodes, in any order, whatever else was asked in between."""
    world = World(5)
    one, other = make(world), make(world)
    height = world.first_height
    blocks = [
        world.block(height, [world.any_item() for _ in range(world.chance.randint(0, 4))]) for _ in range(25)
    ]
    verdicts = [one.judge(block) for block in blocks]
    assert True in verdicts
    assert False in verdicts
    for index in world.chance.sample(range(len(blocks)), len(blocks)):
        other.propose(height, world.time_ms(height), [world.bundle()], BYTES_MAX)
        other.check(world.any_item())
        books_of(other)
        assert other.judge(blocks[index]) == verdicts[index]
    assert [one.judge(block) for block in reversed(blocks)] == verdicts[::-1]


def test_r6_to_r8_an_extension_of_an_honest_node_is_accepted_and_the_verdict_is_the_same_everywhere(
    make: Make,
) -> None:
    world = World(6)
    one, other = make(world), make(world)
    block = world.block(world.first_height, [world.bundle()])
    assert other.verify(block, one.extend(block))
    for size in (0, 1, EXTENSION_BYTES_MAX, EXTENSION_BYTES_MAX + 1, 100_000):
        extension = world.chance.randbytes(size)
        verdict = one.verify(block, extension)
        other.judge(block)
        assert other.verify(block, extension) == verdict == one.verify(block, extension)
        assert verdict == (size <= EXTENSION_BYTES_MAX)


def test_a_feed_item_comes_from_votes_and_from_nowhere_else(make: Make) -> None:
    """The pool refuses it, no proposal takes it from there, and a block with one that no commit backs is refused."""
    world = World(11)
    one, other = make(world), make(world)
    vote = ExtendedVote(bytes(20), 10, BlockIdFlag.COMMIT, encode_extension(()), bytes(64))
    forged, bundle, height = (
        FEED_ITEM + encode(ExtendedCommit(0, (vote,))),
        world.bundle(),
        world.first_height,
    )
    assert is_feed_item(forged)
    before = books_of(other)
    for application in (one, other):
        assert not application.check(forged)
    block = one.propose(height, world.time_ms(height), [forged, bundle], BYTES_MAX)
    assert block.items == (bundle,)
    for items in ([forged], [forged, bundle], [bundle, forged], [forged, forged]):
        assert not other.judge(world.block(height, items))
    assert books_of(other) == before
    assert other.judge(block)
    assert decide(one, block) == decide(other, block)


def test_a_sealed_bundle_that_does_not_open_is_in_no_block(make: Make) -> None:
    """Neither pool, proposal nor vote takes it, whatever is wrong inside; what comes with it is not held up."""
    world = World(12)
    one, other = make(world), make(world)
    height, before, good = world.first_height, books_of(other), world.bundle(2)
    attacks = world.unopenable()
    for attack, item in attacks.items():
        assert not one.check(item), attack
        assert not other.judge(world.block(height, [item])), attack
        assert not other.judge(world.block(height, [good, item])), attack
    assert books_of(other) == before
    block = one.propose(height, world.time_ms(height), [*attacks.values(), good], BYTES_MAX)
    assert block.items == (good,)
    assert other.judge(block)
    assert decide(one, block) == decide(other, block)


def test_r9_nothing_asked_before_the_decision_changes_the_books(make: Make) -> None:
    world = World(7)
    application = make(world)
    height = world.first_height
    decide(application, world.block(height, [world.bundle()]))
    before = books_of(application)
    height += 1
    for _ in range(6):
        items = [world.any_item() for _ in range(3)]
        block = application.propose(height, world.time_ms(height), items, BYTES_MAX)
        assert books_of(application) == before
        application.judge(block)
        assert books_of(application) == before, "also while a proposal is on its way"
        application.judge(world.block(height, items))
        application.verify(block, application.extend(block))
        application.check(items[0])
        assert books_of(application) == before


def test_r10_a_state_does_not_depend_on_extensions(make: Make) -> None:
    world = World(8)
    one, other = make(world), make(world)
    block = world.block(world.first_height, [world.bundle()])
    for size in (0, 10, 10_000):
        one.verify(block, world.chance.randbytes(size))
    assert decide(one, block) == decide(other, block)


def test_r11_and_r12_state_and_results_rest_on_the_state_before_and_the_block_alone(make: Make) -> None:
    """Three nodes: one proposed and judged it, one judged others before, one only heard what was decided."""
    world = World(9)
    proposer, judge, listener = make(world), make(world), make(world)
    for height in range(world.first_height, world.first_height + 6):
        pool = [world.any_item() for _ in range(4)]
        block = proposer.propose(height, world.time_ms(height), pool, BYTES_MAX)
        proposer.judge(block)
        judge.judge(world.block(height, [world.bundle()]))
        judge.judge(block)
        judge.judge(world.block(height, [world.garbage()]))
        hashes = {decide(application, block) for application in (proposer, judge, listener)}
        assert len(hashes) == 1
    assert books_of(proposer) == books_of(judge) == books_of(listener)


def test_r13_a_bundle_is_admitted_or_not_for_good(make: Make) -> None:
    """The answer is one at each height, and does not come back once it has changed."""
    world = World(10)
    application = make(world)
    good, bad = world.bundle(), world.garbage()
    answers: dict[bytes, list[bool]] = {good: [], bad: []}
    for height in range(world.first_height, world.first_height + 5):
        for item, seen in answers.items():
            found = {application.check(item) for _ in range(3)}
            assert len(found) == 1
            seen += found
        decide(
            application, world.block(height, [good] if height == world.first_height + 2 else [world.bundle()])
        )
    assert answers[bad] == [False] * 5
    changes = sum(
        1 for before, after in zip(answers[good], answers[good][1:], strict=False) if before != after
    )
    assert changes <= 1


def test_a_block_without_effect_keeps_the_hash_and_an_idle_network_may_rest(make: Make) -> None:
    world = World(11)
    application = make(world)
    first = decide(application, world.block(world.first_height, [world.bundle()]))
    header = application.node.machine.last
    for height in range(world.first_height + 1, world.first_height + 4):
        assert decide(application, world.block(height, [])) == first
    assert application.node.machine.last is header
    assert decide(application, world.block(world.first_height + 4, [world.bundle()])) != first


def test_a_restart_goes_on_from_what_was_written(make: Make) -> None:
    """The handshake names a height from which the same blocks lead to the same hashes again."""
    world = World(12)
    application = make(world)
    start = world.first_height
    decided, hashes = [], {}
    for height in range(start, start + 14):
        items = [world.bundle()] if world.chance.random() < 0.6 else []
        decided.append(world.block(height, items))
        hashes[height] = decide(application, decided[-1])
    again = application.restarted()
    try:
        height, app_hash = again.handshake()
        assert start - 1 <= height < start + 14
        assert app_hash == hashes.get(height, app_hash)
        for block in decided[height - start + 1 :]:
            assert decide(again, block) == hashes[block.height]
        assert again.node.machine.last == application.node.machine.last
        again.node.machine.check_everything()
    finally:
        again.close()
