"""What the machine and other modules may ask about feeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from counterfoil.modules.feeds import values
from counterfoil.modules.feeds.books import FeedsBooks
from counterfoil.modules.feeds.records import FEEDS_MAX, FeedValue, name_of
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import Record
from counterfoil.primitives.outcome import Rejected

__all__ = ["FEEDS_MAX", "FeedValue", "Feeds", "FeedsReject", "Observed", "Seen"]


class Seen(Record):
    """One thing that an observer saw: the feed's name, the value in units of its scale, when (ms since 1970 UTC)."""

    name: str
    value: int
    observed_ms: int


class Observed(NamedTuple):
    """What a party saw."""

    party: bytes
    seen: tuple[Seen, ...]


class Feeds:
    def __init__(self, books: FeedsBooks) -> None:
        self._books = books

    def value(self, name: str, time_ms: int) -> FeedValue | None:
        """The feed's last value while it holds at a moment; None where there is none, or it is stale.

        Rejected FEED_NOT_FOUND.
        """
        key, feed = values.require_feed(self._books, name)
        found = self._books.values.find(key)
        return None if found is None or values.is_stale(feed, found, time_ms) else found

    def wanted(self, party: bytes, height: int, time_ms: int) -> tuple[str, ...]:
        """The feeds that a party observes of which a value is due for the block at a height: what its node looks up."""
        return tuple(
            name_of(key)
            for key, feed in self._books.feeds.scan()
            if party in values.observers_of(self._books, feed, height)
            and values.is_due(feed, self._books.values.find(key), time_ms)
        )

    def take_in(self, observed: Iterable[Observed], context: ActionContext) -> None:
        """Enter what the validators saw, then make every value for which it is enough.

        An observation that the rules refuse counts as missing, and nothing else does.
        """
        concerned: dict[bytes, None] = {}
        for party, seen in observed:
            if not self._books.parties.is_active(party):
                continue
            for one in seen:
                try:
                    key = values.enter(self._books, one.name, party, one.value, one.observed_ms, context)
                except Rejected:
                    continue
                concerned[key] = None
        for key in concerned:
            values.conclude(self._books, key, context)
