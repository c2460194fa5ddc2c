"""Feeds with adversarial observers: who is absent, silent, late, lying or talking nonsense moves nothing it must not.

Fewer than a third of the observers are faulty, and the quorum is all others: then every value lies between two that
honest observers saw, and whenever enough honest ones observe there is one. On both ways: votes, and signed messages.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.machine.feed_items import FeedItemIsInvalid, encode_extension, make_feed_item, read_feed_item
from counterfoil.modules.feeds.interface import Seen
from counterfoil.modules.feeds.messages import Observe
from counterfoil.modules.feeds.records import (
    AHEAD_MAX_MS,
    FEED_VALUES,
    FEEDS,
    OBSERVATIONS,
    VALUE_MAX,
    feed_key,
)
from counterfoil.primitives.codec import encode
from tests.model.desk import Desk, by, party, replayed
from tests.unit.feeds.votes import (
    ABSENT,
    COMMIT,
    FEED,
    FOUR,
    MINUTE,
    NIL,
    SEVEN,
    bare,
    next_block,
    observed,
    validating,
    votes_on_last,
)

KEY = feed_key(FEED.name)
ANYTHING = replace(FEED, deviation_units=VALUE_MAX)
AGE_MAX = FEED.age_max_ms
FAULTS = (
    "absent",
    "against",
    "silent",
    "garbage",
    "another feed",
    "old",
    "ahead",
    "low",
    "high",
    "twice",
    "large",
)

Round = tuple[dict[str, int], dict[str, tuple[str, int]], frozenset[str]]


@st.composite
def rounds(draw: Any, names: tuple[str, ...]) -> list[Round]:
    """Some blocks: what the honest see, what each faulty one does, and which honest ones see nothing this time."""
    faulty = draw(st.sets(st.sampled_from(names), max_size=(len(names) - 1) // 3))
    honest = [name for name in names if name not in faulty]
    made = []
    for _ in range(draw(st.integers(1, 4))):
        centre = draw(st.integers(-VALUE_MAX // 2, VALUE_MAX // 2))
        values = {name: centre + draw(st.integers(-50, 50)) for name in honest}
        does = {
            name: (draw(st.sampled_from(FAULTS)), draw(st.integers(-(2**63), 2**63 - 1))) for name in faulty
        }
        quiet = draw(
            st.sets(st.sampled_from(honest), max_size=len(honest)) if draw(st.booleans()) else st.just(set())
        )
        made.append((values, does, frozenset(quiet)))
    return made


def extension_of(desk: Desk, fault: str, value: int) -> bytes:
    now = desk.next_time_ms()
    seen = {
        "garbage": b"\x91\x93" + value.to_bytes(8, "big", signed=True),
        "another feed": encode((Seen("NO-SUCH", value, now),)),
        "old": encode((Seen(FEED.name, value, now - AGE_MAX - 1),)),
        "ahead": encode((Seen(FEED.name, value, now + AHEAD_MAX_MS + 1),)),
        "low": encode((Seen(FEED.name, -VALUE_MAX, now),)),
        "high": encode((Seen(FEED.name, VALUE_MAX, now + AHEAD_MAX_MS),)),
        "twice": encode((Seen(FEED.name, -VALUE_MAX, now - 2), Seen(FEED.name, VALUE_MAX, now))),
        "large": bytes(50_000),
    }
    return seen.get(fault, b"")


def world(names: tuple[str, ...]) -> Desk:
    desk = validating(names)
    desk.carry(replace(ANYTHING, quorum=len(names) - (len(names) - 1) // 3))
    desk.pass_time()
    return desk


def others(desk: Desk) -> dict[int, Any]:
    """All books but what is observed and its value."""
    return {
        number: records
        for number, records in desk.books().items()
        if number not in (1, FEED_VALUES.number, OBSERVATIONS.number)
    }


class Watch:
    """What may have moved since the last value."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.honest: list[int] = []
        self.books = others(desk)
        self.last = desk.machine.state.find(FEED_VALUES, KEY)

    def check(self, values: dict[str, int], quorum: int) -> None:
        self.honest += values.values()
        found = self.desk.machine.state.find(FEED_VALUES, KEY)
        made = found != self.last
        assert made or len(values) < quorum, "enough honest observers make a value"
        if made:
            assert found is not None
            assert found.observers >= quorum
            assert min(self.honest) <= found.value <= max(self.honest)
            assert found.observed_ms <= self.desk.time_ms
            self.honest, self.last = [], found
        assert others(self.desk) == self.books, "nothing else moved"


@pytest.mark.slow
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_by_vote(data: st.DataObject) -> None:
    names = SEVEN[: data.draw(st.integers(4, 7))]
    desk, quorum = world(names), len(names) - (len(names) - 1) // 3
    watch = Watch(desk)
    for values, does, quiet in data.draw(rounds(names)):
        desk.pass_time(MINUTE)
        seen = {name: value for name, value in values.items() if name not in quiet}
        now = desk.next_time_ms()
        extensions = {name: encode_extension((Seen(FEED.name, value, now),)) for name, value in seen.items()}
        extensions |= {name: extension_of(desk, fault, value) for name, (fault, value) in does.items()}
        flags = {
            name: {"absent": ABSENT, "against": NIL}.get(fault, COMMIT) for name, (fault, _) in does.items()
        }
        next_block(desk, votes_on_last(desk, extensions, flags=flags))
        watch.check(seen, quorum)
    desk.machine.check_everything()
    assert replayed(desk).machine.last == desk.machine.last


@pytest.mark.slow
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_by_message(data: st.DataObject) -> None:
    """Faulty observers come first in the block or last; what they send is refused with a number, or outvoted."""
    names = SEVEN[: data.draw(st.integers(4, 7))]
    desk, quorum = world(names), len(names) - (len(names) - 1) // 3
    watch = Watch(desk)
    for values, does, quiet in data.draw(rounds(names)):
        desk.pass_time(MINUTE)
        now = desk.next_time_ms()
        seen = {name: value for name, value in values.items() if name not in quiet}
        lies = {
            "old": Seen(FEED.name, 1, now - AGE_MAX - 1),
            "ahead": Seen(FEED.name, 1, now + AHEAD_MAX_MS + 1),
            "another feed": Seen("NO-SUCH", 1, now),
            "low": Seen(FEED.name, -VALUE_MAX, now),
            "high": Seen(FEED.name, VALUE_MAX, now + AHEAD_MAX_MS),
            "garbage": Seen(FEED.name, 2**63 - 1, now),
        }
        sent = [(name, Seen(FEED.name, value, now)) for name, value in seen.items()]
        sent += [(name, lies[fault]) for name, (fault, _) in does.items() if fault in lies]
        raws = [
            desk.transaction(Observe(party(name), one.name, one.value, one.observed_ms), *by(name))
            for name, one in data.draw(st.permutations(sent))
        ]
        desk.block(raws)
        watch.check(seen, quorum)
    desk.machine.check_everything()
    assert replayed(desk).machine.last == desk.machine.last


def test_no_bit_of_an_item_can_be_changed() -> None:
    """By a proposer that lies about what the others signed."""
    desk = validating()
    commit = observed(desk, dict.fromkeys(FOUR, 9_200))
    item, reported = make_feed_item(commit), bare(commit)
    validators = desk.machine.validators(desk.height)
    good = read_feed_item(item, desk.chain_id, desk.height + 1, reported, validators)
    assert len(good) == 4
    for bit in range(8 * len(item)):
        wrong = bytearray(item)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FeedItemIsInvalid):
            read_feed_item(bytes(wrong), desk.chain_id, desk.height + 1, reported, validators)


@given(left_out=st.sets(st.sampled_from(range(4))))
def test_all_that_a_proposer_can_do_is_leave_out(left_out: set[int]) -> None:
    """And then it has to keep more than two thirds of the power."""
    desk = validating()
    commit = observed(desk, dict.fromkeys(FOUR, 9_200))
    votes = tuple(
        replace(vote, extension=b"", signature=b"") if at in left_out else vote
        for at, vote in enumerate(commit.votes)
    )
    item = make_feed_item(replace(commit, votes=votes))
    if len(left_out) <= 1:
        desk.decide(feed_item=item, last_commit=bare(commit))
        found = desk.machine.state.find(FEED_VALUES, KEY)
        assert found is not None
        assert (found.value, found.observers) == (9_200, 4 - len(left_out))
    else:
        assert item == b""
    assert desk.machine.state.find(FEEDS, KEY) is not None
