"""Feeds: the valid row first, then one row for each reject in order; what makes a value, and what does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.machine.machine import Outcome
from counterfoil.modules.feeds.facts import FeedValueRecorded, FeedValueRefused
from counterfoil.modules.feeds.interface import FeedValue
from counterfoil.modules.feeds.messages import DefineFeed, EndFeed, Observe
from counterfoil.modules.feeds.queries import feeds, observations
from counterfoil.modules.feeds.records import (
    AHEAD_MAX_MS,
    DEVIATION_BPS_MAX,
    DURATION_MAX_MS,
    FEEDS_MAX,
    OBSERVERS_MAX,
    VALUE_MAX,
    feed_key,
    name_of,
)
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.feeds.values import median
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.messages import ReinstateParty, SuspendParty
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.validators.messages import AddValidator
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.receipts import BlockResults, Receipt
from tests.model.desk import DECIDING, Desk, by, party, replayed
from tests.model.opening import consensus_key

MEMBERS = by(*DECIDING)
NAMES = ("exchange", "notary", "trustee", "broker-a", "broker-b")
FIVE = tuple(sorted(party(name) for name in NAMES))
MINUTE = 60_000
FEED = DefineFeed("USD/EUR", "EUR per USD", 4, FIVE, 3, 10 * MINUTE, MINUTE, 60 * MINUTE, 500, 20)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.carry(FEED)
    desk.pass_time(MINUTE)
    return desk


def code_of(outcome: Outcome) -> RejectCode | None:
    return outcome.rejects[0].code if outcome.rejects else None


def observe(desk: Desk, who: str, amount: int, age_ms: int = 0, **changed: Any) -> Outcome:
    observed_ms = desk.next_time_ms() - age_ms
    message = replace(Observe(party(who), "USD/EUR", amount, observed_ms), **changed)
    return desk.send(message, *by(who))


def value(desk: Desk, name: str = "USD/EUR") -> FeedValue | None:
    return desk.machine.wired.feeds.value(name, desk.time_ms)


def told(desk: Desk, stakeholder: bytes = PUBLIC) -> list[Any]:
    kinds = {FeedValueRecorded.__struct_config__.tag, FeedValueRefused.__struct_config__.tag}
    results: BlockResults = desk.machine.block_results(desk.height)
    found = []
    for kept in results.receipts:
        receipt = msgspec.msgpack.decode(kept.plaintext, type=Receipt)
        if receipt.stakeholder == stakeholder:
            found += [
                msgspec.msgpack.decode(raw, type=FeedValueRecorded | FeedValueRefused)
                for raw in receipt.facts
                if msgspec.msgpack.decode(raw)[0] in kinds
            ]
    return found


# Defining


MANY = tuple(sorted(bytes([number]) * 20 for number in range(OBSERVERS_MAX + 1)))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (replace(FEED, name="GBP/EUR"), None),
        (replace(FEED, name="A.B-C/0123456789XYZ."), None),
        (replace(FEED, observers=()), None),
        (replace(FEED, quorum=5), None),
        (replace(FEED, deviation_bps=0), None),
        (replace(FEED, deviation_units=0), None),
        (replace(FEED, name=""), FeedsReject.NAME_IS_NOT_GOOD),
        (replace(FEED, name="A" * 21), FeedsReject.NAME_IS_NOT_GOOD),
        (replace(FEED, name="usd"), FeedsReject.NAME_IS_NOT_GOOD),
        (replace(FEED, name="A\0"), FeedsReject.NAME_IS_NOT_GOOD),
        (replace(FEED, unit=""), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, unit="x" * 21), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, unit=" x"), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, unit="a\tb"), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, scale=19), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, scale=-1), FeedsReject.UNIT_IS_NOT_GOOD),
        (replace(FEED, scale=5), FeedsReject.UNIT_CANNOT_CHANGE),
        (replace(FEED, unit="USD per EUR"), FeedsReject.UNIT_CANNOT_CHANGE),
        (replace(FEED, observers=FIVE[::-1]), FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE),
        (replace(FEED, observers=(FIVE[0], *FIVE)), FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE),
        (replace(FEED, observers=MANY), FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE),
        (replace(FEED, observers=MANY[:3]), FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE),
        (replace(FEED, quorum=2), FeedsReject.QUORUM_IS_NOT_IN_RANGE),
        (replace(FEED, quorum=6), FeedsReject.QUORUM_IS_NOT_IN_RANGE),
        (replace(FEED, observers=FIVE[:2]), FeedsReject.QUORUM_IS_NOT_IN_RANGE),
        (replace(FEED, observers=(), quorum=OBSERVERS_MAX + 1), FeedsReject.QUORUM_IS_NOT_IN_RANGE),
        (replace(FEED, age_max_ms=0), FeedsReject.TIMES_ARE_NOT_IN_RANGE),
        (replace(FEED, interval_ms=-1), FeedsReject.TIMES_ARE_NOT_IN_RANGE),
        (replace(FEED, stale_after_ms=DURATION_MAX_MS + 1), FeedsReject.TIMES_ARE_NOT_IN_RANGE),
        (replace(FEED, stale_after_ms=9 * MINUTE), FeedsReject.TIMES_ARE_NOT_IN_RANGE),
        (replace(FEED, interval_ms=61 * MINUTE), FeedsReject.TIMES_ARE_NOT_IN_RANGE),
        (replace(FEED, deviation_bps=-1), FeedsReject.DEVIATION_IS_NOT_IN_RANGE),
        (replace(FEED, deviation_bps=DEVIATION_BPS_MAX + 1), FeedsReject.DEVIATION_IS_NOT_IN_RANGE),
        (replace(FEED, deviation_units=VALUE_MAX + 1), FeedsReject.DEVIATION_IS_NOT_IN_RANGE),
        (replace(FEED, deviation_bps=0, deviation_units=0), FeedsReject.DEVIATION_IS_NOT_IN_RANGE),
        (EndFeed("USD/EUR"), None),
        (EndFeed("GBP/EUR"), FeedsReject.FEED_NOT_FOUND),
        (EndFeed(""), FeedsReject.FEED_NOT_FOUND),
    ],
)
def test_define_and_end_feed(desk: Desk, message: Message, expected: RejectCode | None) -> None:
    before = desk.books()
    outcome = desk.send(message, *MEMBERS)
    assert code_of(outcome) is expected
    if expected is not None:
        assert desk.books() == before
    assert code_of(desk.send_alone(message, *by("regulator"))) is PartiesReject.CONSORTIUM_DECIDES
    desk.machine.check_everything()


def test_a_suspended_party_is_named_by_no_feed(desk: Desk) -> None:
    desk.do(SuspendParty(party("regulator"), party("notary"), "An inquiry."), *by("regulator"))
    outcome = desk.send(replace(FEED, name="NEW"), *MEMBERS)
    assert code_of(outcome) is FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE


def test_there_are_not_more_feeds_than_may_be(desk: Desk) -> None:
    made = [replace(FEED, name=f"F{number}") for number in range(FEEDS_MAX)]
    for at in range(0, FEEDS_MAX - 1, 100):
        desk.carry(*made[at : min(at + 100, FEEDS_MAX - 1)])
    outcome = desk.send(made[-1], *MEMBERS)
    assert code_of(outcome) is FeedsReject.TOO_MANY_FEEDS
    desk.carry(replace(FEED, quorum=4))
    desk.carry(EndFeed("F0"), made[-1])


@pytest.mark.parametrize("name", ["A", "USD/EUR", "A.B-C/0123456789XYZ."])
def test_names_and_keys(name: str) -> None:
    assert name_of(feed_key(name)) == name
    assert len(feed_key(name)) == 20


# Observing


@pytest.mark.parametrize(
    ("who", "changed", "expected"),
    [
        ("exchange", {}, None),
        ("exchange", {"value": -VALUE_MAX}, None),
        ("exchange", {"value": 0}, None),
        ("exchange", {"party": bytes(20)}, PartiesReject.PARTY_NOT_FOUND),
        ("broker-a", {"party": party("broker-b")}, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
        ("exchange", {"name": "GBP/EUR"}, FeedsReject.FEED_NOT_FOUND),
        ("exchange", {"name": "\u202e"}, FeedsReject.FEED_NOT_FOUND),
        ("depository", {}, FeedsReject.PARTY_DOES_NOT_OBSERVE),
        ("exchange", {"value": VALUE_MAX + 1}, FeedsReject.VALUE_IS_NOT_IN_RANGE),
        ("exchange", {"value": -VALUE_MAX - 1}, FeedsReject.VALUE_IS_NOT_IN_RANGE),
        ("exchange", {"observed_ms": 0}, FeedsReject.OBSERVATION_IS_TOO_OLD),
        ("exchange", {"observed_ms": -(2**63)}, FeedsReject.OBSERVATION_IS_TOO_OLD),
        ("exchange", {"observed_ms": 2**63}, FeedsReject.OBSERVATION_IS_AHEAD),
    ],
)
def test_observe(desk: Desk, who: str, changed: dict[str, Any], expected: RejectCode | None) -> None:
    assert code_of(observe(desk, who, 9_200, **changed)) is expected
    assert len(observations(desk.machine.state)) == (expected is None)


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [
        (10 * MINUTE, None),
        (10 * MINUTE + 1, FeedsReject.OBSERVATION_IS_TOO_OLD),
        (-AHEAD_MAX_MS, None),
        (-AHEAD_MAX_MS - 1, FeedsReject.OBSERVATION_IS_AHEAD),
    ],
)
def test_bounds_of_age(desk: Desk, age_ms: int, expected: RejectCode | None) -> None:
    assert code_of(observe(desk, "exchange", 9_200, age_ms)) is expected


def test_a_newer_observation_replaces_an_older_one(desk: Desk) -> None:
    assert code_of(observe(desk, "exchange", 9_200, 1_000)) is None
    same = observe(desk, "exchange", 9_300, observed_ms=observations(desk.machine.state)[0][2].observed_ms)
    assert code_of(same) is FeedsReject.OBSERVATION_IS_NOT_NEWER
    assert code_of(observe(desk, "exchange", 9_400)) is None
    ((name, who, one),) = observations(desk.machine.state)
    assert (name, who, one.value) == ("USD/EUR", party("exchange"), 9_400)


# Values


def test_the_quorum_makes_the_median_the_value(desk: Desk) -> None:
    observe(desk, "exchange", 9_300)
    observe(desk, "notary", 9_100)
    assert value(desk) is None, "two are too few"
    observe(desk, "trustee", 9_200)
    found = value(desk)
    assert found is not None
    assert (found.value, found.observers, found.time_ms) == (9_200, 3, desk.time_ms)
    assert told(desk) == [FeedValueRecorded("USD/EUR", 9_200, found.observed_ms, 3)]
    assert not observations(desk.machine.state), "each observation counts once"
    late = observe(desk, "broker-a", 9_250)
    assert code_of(late) is FeedsReject.NO_VALUE_IS_DUE
    assert replayed(desk).machine.last == desk.machine.last
    desk.machine.check_everything()


def test_never_fewer_than_the_greater_half_make_a_value(desk: Desk) -> None:
    """Whatever the quorum says: five validators, and a quorum of three, take three; seven take four."""
    names = (*NAMES, "depository", "central-bank")
    desk.carry(*(AddValidator(party(name), consensus_key(name).public_key, 1) for name in names))
    desk.carry(replace(FEED, name="BY-VOTE", observers=()))
    desk.pass_time()
    for name in names[:3]:
        observe(desk, name, 100, name="BY-VOTE")
    assert value(desk, "BY-VOTE") is None
    observe(desk, names[3], 100, name="BY-VOTE")
    assert value(desk, "BY-VOTE") is not None


def test_an_observer_that_is_suspended_meanwhile_counts_for_nothing(desk: Desk) -> None:
    observe(desk, "exchange", 1)
    observe(desk, "notary", 9_100)
    desk.do(SuspendParty(party("regulator"), party("exchange"), "An inquiry."), *by("regulator"))
    observe(desk, "trustee", 9_200)
    assert value(desk) is None
    refused = observe(desk, "exchange", 9_200)
    assert code_of(refused) is PartiesReject.PARTY_IS_NOT_ACTIVE
    observe(desk, "broker-a", 9_300)
    found = value(desk)
    assert found is not None
    assert (found.value, found.observers) == (9_200, 3)
    desk.do(ReinstateParty(party("regulator"), party("exchange")), *by("regulator"))


def test_observations_that_grow_old_count_for_nothing(desk: Desk) -> None:
    observe(desk, "exchange", 1)
    observe(desk, "notary", 1)
    desk.pass_time(10 * MINUTE)
    observe(desk, "trustee", 9_200)
    assert value(desk) is None
    observe(desk, "broker-a", 9_300)
    observe(desk, "broker-b", 9_400)
    found = value(desk)
    assert found is not None
    assert (found.value, found.observers) == (9_300, 3)


def all_observe(desk: Desk, amount: int, names: tuple[str, ...] = NAMES[:3]) -> None:
    for name in names:
        assert code_of(observe(desk, name, amount)) is None


def test_a_value_too_far_from_the_one_that_holds_is_refused_until_that_is_stale(desk: Desk) -> None:
    all_observe(desk, 10_000)
    desk.pass_time(MINUTE)
    all_observe(desk, 10_500)
    assert value(desk) == replace(value(desk), value=10_500), "five in a hundred are permitted"
    desk.pass_time(MINUTE)
    all_observe(desk, 11_100)
    found = value(desk)
    assert found is not None
    assert found.value == 10_500
    assert told(desk) == [FeedValueRefused("USD/EUR", 11_100, 3)]
    assert not observations(desk.machine.state)
    all_observe(desk, 9_900)
    assert value(desk) == found, "down as up"
    desk.pass_time(60 * MINUTE)
    desk.decide()
    all_observe(desk, 20_000)
    found = value(desk)
    assert found is not None
    assert found.value == 20_000, "what is stale is no measure any more"


def test_near_zero_a_deviation_is_permitted_in_units(desk: Desk) -> None:
    for amount, expected in ((0, 0), (20, 20), (-1, 20), (0, 0), (-21, 0), (-20, -20)):
        desk.pass_time(MINUTE)
        all_observe(desk, amount)
        found = value(desk)
        assert found is not None
        assert found.value == expected


def test_a_stale_value_is_none_for_whoever_uses_it(desk: Desk) -> None:
    all_observe(desk, 10_000)
    found = value(desk)
    assert found is not None
    feed = desk.machine.wired.feeds
    assert feed.value("USD/EUR", found.observed_ms + 60 * MINUTE) == found
    assert feed.value("USD/EUR", found.observed_ms + 60 * MINUTE + 1) is None
    (view,) = feeds(desk.machine.state, found.observed_ms + 60 * MINUTE + 1)
    assert view.stale
    assert view.value == found, "on record it stays"
    with pytest.raises(Rejected) as refused:
        feed.value("GBP/EUR", desk.time_ms)
    assert refused.value.code is FeedsReject.FEED_NOT_FOUND


def test_an_ended_feed_leaves_nothing_behind_and_may_come_again_with_another_unit(desk: Desk) -> None:
    all_observe(desk, 10_000)
    desk.pass_time(MINUTE)
    observe(desk, "exchange", 10_000)
    height = desk.height
    desk.carry(EndFeed("USD/EUR"))
    assert not feeds(desk.machine.state, desk.time_ms)
    (past,) = feeds(desk.machine.state, desk.time_ms, height)
    assert past.value is not None
    desk.carry(replace(FEED, unit="EUR", scale=2))
    assert value(desk) is None
    desk.machine.check_everything()


def test_a_feed_defined_anew_keeps_its_value_and_forgets_what_waits(desk: Desk) -> None:
    all_observe(desk, 10_000)
    desk.pass_time(MINUTE)
    observe(desk, "exchange", 10_001)
    before = value(desk)
    desk.carry(replace(FEED, quorum=4))
    assert value(desk) == before
    assert not observations(desk.machine.state)


def test_what_a_node_should_look_up(desk: Desk) -> None:
    wanted = desk.machine.wired.feeds.wanted
    assert wanted(party("exchange"), desk.height, desk.time_ms) == ("USD/EUR",)
    assert wanted(party("depository"), desk.height, desk.time_ms) == ()
    all_observe(desk, 10_000)
    assert wanted(party("exchange"), desk.height, desk.time_ms) == ()
    assert wanted(party("exchange"), desk.height, desk.time_ms + MINUTE) == ("USD/EUR",)


@pytest.mark.parametrize(
    ("values", "expected"),
    [((5,), 5), ((5, 1), 1), ((9, 1, 5), 5), ((4, 3, 2, 1), 2), ((-1, -5, 7, 7, 7), 7)],
)
def test_median(values: tuple[int, ...], expected: int) -> None:
    assert median(values) == expected
