"""How observations become a value: who observes, what counts, the median, and its bounds."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.modules.feeds.books import FeedsBooks
from counterfoil.modules.feeds.facts import FeedValueRecorded, FeedValueRefused, ObservationEntered
from counterfoil.modules.feeds.records import (
    AHEAD_MAX_MS,
    BPS,
    VALUE_MAX,
    Feed,
    FeedValue,
    Observation,
    feed_key,
    name_of,
)
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.primitives.amounts import divide_down
from counterfoil.primitives.outcome import Rejected


def observers_of(books: FeedsBooks, feed: Feed, height: int) -> tuple[bytes, ...]:
    """The parties that observe a feed at a height: those it names, or the validators of the block."""
    return feed.observers or tuple(entry.party for entry in books.validators.at(height))


def needed(feed: Feed, observers: int) -> int:
    """How many observations make a value: the quorum, and in any case the greater half of all observers."""
    return max(feed.quorum, observers // 2 + 1)


def median(values: Sequence[int]) -> int:
    """The middle one in order; of an even number the lower of the two, so that it is one that was observed.

    As long as fewer than half lie, it is not below the least and not above the greatest that an honest one observed.
    """
    return sorted(values)[(len(values) - 1) // 2]


def is_stale(feed: Feed, value: FeedValue, time_ms: int) -> bool:
    return time_ms > value.observed_ms + feed.stale_after_ms


def is_due(feed: Feed, value: FeedValue | None, time_ms: int) -> bool:
    """Whether the next value may be made now."""
    return value is None or time_ms >= value.time_ms + feed.interval_ms


def deviates(feed: Feed, last: FeedValue, value: int) -> bool:
    """Whether a value is too far from the last one to follow it."""
    permitted = max(feed.deviation_units, divide_down(abs(last.value) * feed.deviation_bps, BPS))
    return abs(value - last.value) > permitted


def require_feed(books: FeedsBooks, name: str) -> tuple[bytes, Feed]:
    key = feed_key(name)
    feed = books.feeds.find(key) if key else None
    if feed is None:
        raise Rejected(FeedsReject.FEED_NOT_FOUND, name=name[:40])
    return key, feed


def enter(
    books: FeedsBooks, name: str, party: bytes, value: int, observed_ms: int, context: ActionContext
) -> bytes:
    """Keep what a party observed for the next value; returns the feed's key. Rejected 17010 to 17016."""
    key, feed = require_feed(books, name)
    if party not in observers_of(books, feed, context.height):
        raise Rejected(FeedsReject.PARTY_DOES_NOT_OBSERVE, name=name)
    if abs(value) > VALUE_MAX:
        raise Rejected(FeedsReject.VALUE_IS_NOT_IN_RANGE)
    if observed_ms < context.time_ms - feed.age_max_ms:
        raise Rejected(FeedsReject.OBSERVATION_IS_TOO_OLD, age_max_ms=feed.age_max_ms)
    if observed_ms > context.time_ms + AHEAD_MAX_MS:
        raise Rejected(FeedsReject.OBSERVATION_IS_AHEAD, block_time_ms=context.time_ms)
    waiting = books.observations.find(key + party)
    if waiting is not None and observed_ms <= waiting.observed_ms:
        raise Rejected(FeedsReject.OBSERVATION_IS_NOT_NEWER)
    if not is_due(feed, books.values.find(key), context.time_ms):
        raise Rejected(FeedsReject.NO_VALUE_IS_DUE)

    books.observations.put(key + party, Observation(value, observed_ms))
    context.tell(ObservationEntered(party, name, value, observed_ms), party)
    return key


def conclude(books: FeedsBooks, key: bytes, context: ActionContext) -> None:
    """Make the feed's next value where enough was observed: the same at every node, and by nobody alone.

    While the last value holds, a median that is too far from it is refused and its observations are forgotten; once
    the last value is stale it is no measure any more. So all that a wrong bound can cost is time.
    """
    feed, now = books.feeds.find(key), context.time_ms
    if feed is None:
        return
    observers = observers_of(books, feed, context.height)
    waiting = (books.observations.find(key + party) for party in observers if books.parties.is_active(party))
    counted = [one for one in waiting if one is not None and one.observed_ms >= now - feed.age_max_ms]
    if len(counted) < needed(feed, len(observers)):
        return
    value = median([one.value for one in counted])
    last = books.values.find(key)
    forget(books, key)
    if last is not None and not is_stale(feed, last, now) and deviates(feed, last, value):
        context.tell(FeedValueRefused(name_of(key), value, len(counted)), PUBLIC)
        return
    observed_ms = median([one.observed_ms for one in counted])
    books.values.put(key, FeedValue(value, observed_ms, len(counted), context.height, now))
    context.tell(FeedValueRecorded(name_of(key), value, observed_ms, len(counted)), PUBLIC)


def forget(books: FeedsBooks, key: bytes) -> None:
    """Let go of every observation that waits for a feed's next value."""
    for observation in [found for found, _ in books.observations.scan(key)]:
        books.observations.delete(observation)
