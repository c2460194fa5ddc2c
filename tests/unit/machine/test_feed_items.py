"""The feed item: what belongs to a block, what is refused with the whole block, and what counts as missing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.engine.decided import DecidedBlock
from counterfoil.machine.feed_items import (
    EXTENSION_BYTES_MAX,
    ROUND_MAX,
    ExtendedCommit,
    FeedItemIsInvalid,
    encode_extension,
    is_feed_item,
    make_feed_item,
    read_extension,
    read_feed_item,
)
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import read_bundle
from counterfoil.modules.feeds.interface import FEEDS_MAX, FeedValue, Observed, Seen
from counterfoil.modules.feeds.messages import Observe
from counterfoil.modules.feeds.queries import observations
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.parties.messages import SuspendParty
from counterfoil.modules.validators.messages import RemoveValidator, RotateConsensusKey, SetVotingPower
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import FEED_ITEM
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from tests.model.desk import DECIDING, Desk, by, memory_node, party, replayed
from tests.model.opening import consensus_key, double_signed
from tests.unit.feeds.votes import (
    ABSENT,
    FOUR,
    NIL,
    bare,
    next_block,
    observed,
    seen,
    validating,
    votes_on_last,
)

ALL = dict(zip(FOUR, (9_100, 9_200, 9_300, 9_400), strict=True))


@pytest.fixture
def desk() -> Desk:
    return validating()


def value(desk: Desk, name: str = "USD/EUR") -> FeedValue | None:
    return desk.machine.wired.feeds.value(name, desk.time_ms)


def read(desk: Desk, item: bytes, last_commit: bytes) -> tuple[Observed, ...]:
    height = desk.height + 1
    validators = desk.machine.validators(height - 1)
    return read_feed_item(item, desk.chain_id, height, last_commit, validators)


# What belongs to a block


def test_what_validators_saw_becomes_the_value_in_the_next_block(desk: Desk) -> None:
    next_block(desk, observed(desk, ALL))
    found = value(desk)
    assert found is not None
    assert (found.value, found.observers, found.height) == (9_200, 4, desk.height)
    assert not observations(desk.machine.state)
    assert replayed(desk).machine.last == desk.machine.last
    desk.machine.check_everything()


def test_a_rounds_number_above_zero_and_absent_votes_are_as_good(desk: Desk) -> None:
    commit = observed(desk, ALL, flags={"notary": ABSENT}, round_=3)
    next_block(desk, commit)
    found = value(desk)
    assert found is not None
    assert (found.value, found.observers) == (9_300, 3)


def test_signed_observations_and_votes_lead_to_the_same_value() -> None:
    """The embedded engine's way, and CometBFT's."""
    three = dict(list(ALL.items())[:3])
    voted, messaged = validating(), validating()
    assert voted.machine.last == messaged.machine.last
    next_block(voted, observed(voted, three))
    raws = [
        messaged.transaction(Observe(party(name), *msgspec.structs.astuple(seen(messaged, one))), *by(name))
        for name, one in three.items()
    ]
    assert not any(outcome.result.number for outcome in messaged.block(raws))
    assert value(voted) == value(messaged)


def test_votes_and_messages_complete_each_others_quorum(desk: Desk) -> None:
    next_block(desk, observed(desk, {"exchange": 9_100, "notary": 9_200}))
    assert value(desk) is None
    assert len(observations(desk.machine.state)) == 2
    observe = Observe(party("trustee"), *msgspec.structs.astuple(seen(desk, 9_300)))
    desk.do(observe, *by("trustee"))
    found = value(desk)
    assert found is not None
    assert found.value == 9_200


def test_the_value_is_there_for_the_transactions_of_its_own_block(desk: Desk) -> None:
    """After deadlines and before transactions: an observation that a message brings now comes too late."""
    late = Observe(party("trustee"), *msgspec.structs.astuple(seen(desk, 9_300)))
    (outcome,) = next_block(desk, observed(desk, ALL), raws=[desk.transaction(late, *by("trustee"))])
    assert outcome.rejects[0].code is FeedsReject.NO_VALUE_IS_DUE


def test_several_feeds_in_one_extension(desk: Desk) -> None:
    names = ("USD/EUR", "EUR/GBP", "EUR/JPY", "NO-SUCH")
    extension = encode_extension(tuple(seen(desk, 100 + at, name) for at, name in enumerate(names)))
    next_block(desk, votes_on_last(desk, dict.fromkeys(FOUR, extension)))
    assert [getattr(value(desk, name), "value", None) for name in names[:3]] == [100, 101, 102]


def test_a_block_whose_validators_saw_nothing_has_no_item_and_rests(desk: Desk) -> None:
    commit = votes_on_last(desk, {})
    assert make_feed_item(commit) == b""
    last = desk.machine.last
    next_block(desk, commit)
    assert desk.machine.last is last


def test_an_item_of_observations_that_change_nothing_makes_no_header(desk: Desk) -> None:
    commit = votes_on_last(desk, dict.fromkeys(FOUR, encode_extension((seen(desk, 1, "NO-SUCH"),))))
    last, before = desk.machine.last, desk.books()
    assert make_feed_item(commit)
    next_block(desk, commit)
    assert desk.machine.last is last
    assert desk.books() == before


# Never taken for a bundle


def test_an_item_is_never_a_bundle_and_a_bundle_never_an_item(desk: Desk) -> None:
    item = make_feed_item(observed(desk, ALL))
    assert is_feed_item(item)
    with pytest.raises(Rejected) as refused:
        read_bundle(item)
    assert refused.value.code is MachineReject.BUNDLE_IS_MALFORMED
    bundle = desk.engine.bundle([], desk.time_ms)
    assert not is_feed_item(bundle)
    assert all(not is_feed_item(b"\x93" + bytes([number]) * 40) for number in range(256))
    prepared = desk.machine.reader.prepare(item)
    assert prepared.reject is not None
    assert prepared.reject.code is MachineReject.TRANSACTION_IS_MALFORMED


def test_only_the_first_item_is_a_feed_item(desk: Desk) -> None:
    item = make_feed_item(observed(desk, ALL))
    block = DecidedBlock(5, 6, b"", (), b"", (b"bundle", item))
    assert (block.feed_item, block.bundles) == (b"", (b"bundle", item))
    with pytest.raises(Rejected) as refused:
        desk.engine.execute(block)
    assert refused.value.code is MachineReject.BUNDLE_IS_MALFORMED
    first = DecidedBlock(5, 6, b"", (), b"", (item, b"bundle"))
    assert (first.feed_item, first.bundles) == (item, (b"bundle",))


# Refused as a whole


def of_commit(change: Callable[[ExtendedCommit], ExtendedCommit]) -> Callable[[ExtendedCommit], bytes]:
    return lambda commit: FEED_ITEM + encode(change(commit))


def with_vote(commit: ExtendedCommit, at: int, **changed: object) -> ExtendedCommit:
    votes = list(commit.votes)
    votes[at] = replace(votes[at], **changed)
    return replace(commit, votes=tuple(votes))


def dropped(commit: ExtendedCommit, at: int) -> ExtendedCommit:
    return replace(commit, votes=(*commit.votes[:at], *commit.votes[at + 1 :]))


def exchanged(commit: ExtendedCommit) -> ExtendedCommit:
    """Two validators' extensions change places."""
    first, second, *rest = commit.votes
    swapped = (
        replace(first, extension=second.extension, signature=second.signature),
        replace(second, extension=first.extension, signature=first.signature),
    )
    return replace(commit, votes=(*swapped, *rest))


INVALID: list[tuple[str, Callable[[ExtendedCommit], bytes], str]] = [
    ("no tag", lambda commit: encode(commit), "not the tag"),
    ("nothing after the tag", lambda commit: FEED_ITEM, "malformed"),
    ("cut off", lambda commit: make_feed_item(commit)[:-1], "malformed"),
    ("one byte more", lambda commit: make_feed_item(commit) + b"\0", "malformed"),
    ("a field more", of_commit(lambda commit: (*msgspec.structs.astuple(commit), 0)), "malformed"),  # type: ignore[arg-type, return-value]
    ("another round", of_commit(lambda commit: replace(commit, round=1)), "not of the commit"),
    ("no round", of_commit(lambda commit: replace(commit, round=-1)), "of no round"),
    ("a round too far", of_commit(lambda commit: replace(commit, round=ROUND_MAX + 1)), "of no round"),
    ("a vote left out", of_commit(lambda commit: dropped(commit, 2)), "not of the commit"),
    (
        "another order",
        of_commit(lambda commit: replace(commit, votes=commit.votes[::-1])),
        "not of the commit",
    ),
    ("another power", of_commit(lambda commit: with_vote(commit, 0, power=11)), "not of the commit"),
    ("another vote", of_commit(lambda commit: with_vote(commit, 0, flag=NIL)), "not of the commit"),
    (
        "a stranger",
        of_commit(lambda commit: with_vote(commit, 0, address=bytes(20))),
        "not of the commit",
    ),
    (
        "a wrong signature",
        of_commit(lambda commit: with_vote(commit, 0, signature=bytes(64))),
        "wrong signature",
    ),
    ("a short signature", of_commit(lambda commit: with_vote(commit, 0, signature=b"x")), "wrong size"),
    (
        "another extension",
        of_commit(lambda commit: with_vote(commit, 0, extension=b"\x90")),
        "wrong signature",
    ),
    ("extensions exchanged", of_commit(exchanged), "wrong signature"),
    (
        "an extension without signature",
        of_commit(lambda commit: with_vote(commit, 0, signature=b"")),
        "not signed",
    ),
    (
        "too large an extension",
        of_commit(lambda commit: with_vote(commit, 0, extension=bytes(EXTENSION_BYTES_MAX + 1))),
        "wrong size",
    ),
]


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
def test_a_block_whose_item_does_not_belong_to_it_is_refused_as_a_whole(
    desk: Desk, make: Callable[[ExtendedCommit], bytes], words: str
) -> None:
    commit = observed(desk, ALL)
    item, before, last = make(commit), desk.books(), desk.machine.last
    with pytest.raises(FeedItemIsInvalid, match=words):
        read(desk, item, bare(commit))
    if is_feed_item(item):
        with pytest.raises(FeedItemIsInvalid, match=words):
            desk.decide(feed_item=item, last_commit=bare(commit))
    assert (desk.books(), desk.machine.last) == (before, last)
    assert desk.machine._executed is None, "there is nothing to take back"
    next_block(desk, commit)
    assert value(desk) is not None, "the next proposal is as good as ever"


def test_a_logged_block_whose_item_was_changed_is_not_replayed(desk: Desk) -> None:
    next_block(desk, observed(desk, ALL))
    *before, last = desk.node.blocks()
    node = memory_node(desk.node.genesis)
    for block in before:
        node.engine.replay(block)
    changed = replace(last.block, last_commit=b"")
    with pytest.raises(InvariantViolation, match="was changed since it was decided: the feed item is not"):
        node.engine.replay(replace(last, block=changed))
    with pytest.raises(InvariantViolation, match="was changed since it was decided"):
        node.engine.replay(replace(last, block=replace(last.block, last_commit=b"\xc0")))
    assert node.engine.replay(last) == desk.machine.last


def test_an_item_without_a_reported_commit_is_refused(desk: Desk) -> None:
    item = make_feed_item(observed(desk, ALL))
    with pytest.raises(FeedItemIsInvalid, match="not of the commit"):
        desk.decide(feed_item=item)
    with pytest.raises(FeedItemIsInvalid, match="not of the commit"):
        desk.decide(feed_item=item, last_commit=bare(observed(desk, ALL)) + b"\0")


@pytest.mark.parametrize("flag", [ABSENT, NIL])
def test_only_a_vote_for_the_block_is_extended(desk: Desk, flag: object) -> None:
    commit = with_vote(observed(desk, ALL), 0, flag=flag)
    with pytest.raises(FeedItemIsInvalid, match="none for the block"):
        read(desk, FEED_ITEM + encode(commit), bare(commit))


def test_a_validator_stands_in_a_commit_once_and_is_of_our_own_record(desk: Desk) -> None:
    commit = observed(desk, ALL)
    for wrong in (
        replace(commit, votes=(*commit.votes, commit.votes[0])),
        with_vote(commit, 0, address=bytes(20)),
        with_vote(commit, 0, power=11),
    ):
        with pytest.raises(FeedItemIsInvalid, match="no validator with that power, or stands twice"):
            read(desk, FEED_ITEM + encode(wrong), bare(wrong))


@pytest.mark.parametrize(
    ("chain", "height", "round_"), [("other-1", 0, 0), ("", 1, 0), ("", -1, 0), ("", 0, 1)]
)
def test_an_extension_is_signed_for_one_chain_height_and_round(
    desk: Desk, chain: str, height: int, round_: int
) -> None:
    good = observed(desk, ALL)
    validators = desk.machine.validators(desk.height)
    item = FEED_ITEM + encode(replace(good, round=good.round + round_))
    reported = bare(replace(good, round=good.round + round_))
    with pytest.raises(FeedItemIsInvalid, match="wrong signature"):
        read_feed_item(item, chain or desk.chain_id, desk.height + 1 + height, reported, validators)


@pytest.mark.parametrize(("absent", "enough"), [(1, True), (2, False), (4, False)])
def test_more_than_two_thirds_of_the_power_take_part(desk: Desk, absent: int, enough: bool) -> None:
    commit = observed(desk, ALL, flags=dict.fromkeys(FOUR[:absent], ABSENT))
    assert bool(make_feed_item(commit)) is enough, "an honest proposer makes no item that would be refused"
    item = FEED_ITEM + encode(commit)
    if enough:
        assert len(read(desk, item, bare(commit))) == 4 - absent
    else:
        with pytest.raises(FeedItemIsInvalid, match="two thirds of the power"):
            read(desk, item, bare(commit))


def test_the_power_is_counted_by_our_own_record() -> None:
    """One of 100 against three of 10: without it there is no item, though three of four take part."""
    desk = validating()
    desk.carry(SetVotingPower(party("exchange"), 100))
    desk.carry(SetVotingPower(party("notary"), 11))
    desk.carry(SetVotingPower(party("notary"), 10))
    without = observed(desk, ALL, flags={"exchange": ABSENT})
    with pytest.raises(FeedItemIsInvalid, match="two thirds of the power"):
        read(desk, FEED_ITEM + encode(without), bare(without))
    assert read(desk, make_feed_item(observed(desk, ALL)), bare(observed(desk, ALL)))


# Whose keys: the validators of the height before


def test_the_set_of_the_height_before_signs_whatever_changed_since(desk: Desk) -> None:
    """Keys and validators change two heights later, and so do those whose extensions are good; who observes is
    asked of the block itself."""
    new = consensus_key("central-bank")
    rotate = RotateConsensusKey(party("notary"), new.public_key)
    desk.do(desk.motion(rotate, RemoveValidator(party("trustee"))), *by(*DECIDING))
    for voting, observing in ((4, 4), (4, 3), (3, 3)):
        commit = observed(desk, {**ALL, "central-bank": 9_250})
        assert len(commit.votes) == voting
        next_block(desk, commit)
        found = value(desk)
        assert found is not None
        assert (found.height, found.observers) == (desk.height, observing)


def test_a_suspended_validators_last_votes_are_still_votes(desk: Desk) -> None:
    commit = observed(desk, ALL)
    block = desk.decided(
        double_signed("notary", desk.height, desk.time_ms),
        feed_item=make_feed_item(commit),
        last_commit=bare(commit),
    )
    desk.apply(block)
    found = value(desk)
    assert found is not None
    assert found.observers == 4
    assert replayed(desk).machine.last == desk.machine.last


# What counts as missing


def test_what_is_no_observation_counts_as_missing_and_its_vote_as_a_vote(desk: Desk) -> None:
    good = {name: encode_extension((seen(desk, ALL[name]),)) for name in FOUR[:3]}
    for bad in (
        b"",
        b"garbage",
        b"\xc0",
        encode((seen(desk, 5), 5)),
        encode((seen(desk, 5),)) + b"\0",
        encode((seen(desk, 5, age_ms=3_600_000),)),
        encode((seen(desk, 5, age_ms=-3_600_000),)),
        encode((seen(desk, 2**63 - 1),)),
        encode((seen(desk, 5, "NO-SUCH"),)),
        encode(tuple(Seen(f"F{number}", 5, 5) for number in range(FEEDS_MAX + 1))),
    ):
        desk.pass_time()
        good = {name: encode_extension((seen(desk, ALL[name]),)) for name in FOUR[:3]}
        next_block(desk, votes_on_last(desk, {**good, FOUR[3]: bad}))
        found = value(desk)
        assert found is not None
        assert (found.value, found.observers, found.height) == (9_200, 3, desk.height)


def test_an_extension_that_is_too_large_is_left_out_by_the_proposer(desk: Desk) -> None:
    """Late votes reach it without VerifyVoteExtension."""
    good = {name: encode_extension((seen(desk, ALL[name]),)) for name in FOUR[:3]}
    commit = votes_on_last(desk, {**good, FOUR[3]: bytes(EXTENSION_BYTES_MAX + 1)})
    next_block(desk, commit)
    found = value(desk)
    assert found is not None
    assert found.observers == 3
    two = votes_on_last(desk, dict.fromkeys(FOUR[2:], bytes(EXTENSION_BYTES_MAX + 1)) | good)
    assert make_feed_item(two) == b"" or len(read(desk, make_feed_item(two), bare(two))) >= 3


def test_a_party_that_the_market_suspended_observes_nothing(desk: Desk) -> None:
    desk.do(SuspendParty(party("regulator"), party("notary"), "An inquiry."), *by("regulator"))
    next_block(desk, observed(desk, ALL))
    found = value(desk)
    assert found is not None
    assert found.observers == 3


def test_extensions_are_read_as_they_are_made() -> None:
    for made in ((), (Seen("A", -5, 7),), tuple(Seen(f"F{n}", n, n) for n in range(FEEDS_MAX))):
        assert read_extension(encode_extension(made)) == made
    with pytest.raises(ValueError, match="at most"):
        encode_extension(tuple(Seen(f"F{n}", n, n) for n in range(FEEDS_MAX + 1)))
    with pytest.raises(ValueError, match="at most"):
        encode_extension(tuple(Seen("A" * 100, 2**62, 2**62) for _ in range(100)))


def test_room_for_every_feed_that_there_may_be() -> None:
    largest = tuple(Seen("A" * 20, 2**62, 2**62) for _ in range(FEEDS_MAX))
    assert len(encode_extension(largest)) <= EXTENSION_BYTES_MAX
