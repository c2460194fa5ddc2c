"""What is always true of feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.feeds.books import FeedsBooks
from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, NAME_SIZE, OBSERVATIONS, QUORUM_MIN
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: FeedsBooks, changed: Changes) -> None:
    """A value was made by at least a quorum, and nothing is kept of a feed that has ended."""
    for key, (_, value) in changed.get(FEED_VALUES.number, {}).items():
        if value is not None:
            ensure(books.feeds.find(key) is not None, "a value is a feed's")
            ensure(value.observers >= QUORUM_MIN, "a value was observed by a quorum")
    for key, (_, observation) in changed.get(OBSERVATIONS.number, {}).items():
        ensure(observation is None or books.feeds.find(key[:NAME_SIZE]) is not None, "what waits is a feed's")
    for key, (_, feed) in changed.get(FEEDS.number, {}).items():
        if feed is None:
            ensure(books.values.find(key) is None, "an ended feed has no value")
            ensure(books.observations.first(key) is None, "nothing waits for an ended feed")
        else:
            ensure(feed.quorum >= QUORUM_MIN, "nobody makes a value alone")


def check_all(books: FeedsBooks) -> None:
    """The same of every feed and of all that waits."""
    for _, feed in books.feeds.scan():
        ensure(feed.quorum >= QUORUM_MIN, "nobody makes a value alone")
    for key, _ in books.observations.scan():
        ensure(books.feeds.find(key[:NAME_SIZE]) is not None, "what waits is a feed's")
