"""Feeds are defined and ended by the consortium; whoever observes states what it saw."""

from __future__ import annotations

from itertools import pairwise

from counterfoil.modules.feeds.books import FeedsBooks
from counterfoil.modules.feeds.facts import FeedDefined, FeedEnded
from counterfoil.modules.feeds.messages import DefineFeed, EndFeed, Observe
from counterfoil.modules.feeds.records import (
    DEVIATION_BPS_MAX,
    DURATION_MAX_MS,
    FEEDS_MAX,
    OBSERVERS_MAX,
    QUORUM_MIN,
    SCALE_MAX,
    UNIT_LENGTH_MAX,
    VALUE_MAX,
    Feed,
    feed_key,
)
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.feeds.values import conclude, enter, forget, require_feed
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.primitives.outcome import Rejected


def define_feed(books: FeedsBooks, ask: DefineFeed, context: ActionContext) -> None:
    """What waited for the next value is observed anew; the value itself stays."""
    books.parties.require_consortium(context, DefineFeed)
    key = feed_key(ask.name)
    if not key:
        raise Rejected(FeedsReject.NAME_IS_NOT_GOOD)
    if not _is_printable(ask.unit) or not 0 <= ask.scale <= SCALE_MAX:
        raise Rejected(FeedsReject.UNIT_IS_NOT_GOOD, scale_max=SCALE_MAX)
    known = books.feeds.find(key)
    if known is not None and (known.unit, known.scale) != (ask.unit, ask.scale):
        raise Rejected(FeedsReject.UNIT_CANNOT_CHANGE, unit=known.unit, scale=known.scale)
    _check_observers(books, ask)
    times = (ask.age_max_ms, ask.interval_ms, ask.stale_after_ms)
    if not all(0 < time <= DURATION_MAX_MS for time in times) or ask.stale_after_ms < max(times):
        raise Rejected(FeedsReject.TIMES_ARE_NOT_IN_RANGE, longest_ms=DURATION_MAX_MS)
    if (
        not 0 <= ask.deviation_bps <= DEVIATION_BPS_MAX
        or not 0 <= ask.deviation_units <= VALUE_MAX
        or not ask.deviation_bps + ask.deviation_units
    ):
        raise Rejected(FeedsReject.DEVIATION_IS_NOT_IN_RANGE, most_bps=DEVIATION_BPS_MAX)
    if known is None and sum(1 for _ in books.feeds.scan()) >= FEEDS_MAX:
        raise Rejected(FeedsReject.TOO_MANY_FEEDS, limit=FEEDS_MAX)

    forget(books, key)
    books.feeds.put(
        key,
        Feed(
            ask.unit,
            ask.scale,
            ask.observers,
            ask.quorum,
            ask.age_max_ms,
            ask.interval_ms,
            ask.stale_after_ms,
            ask.deviation_bps,
            ask.deviation_units,
        ),
    )
    context.tell(FeedDefined(ask.name), PUBLIC)


def end_feed(books: FeedsBooks, ask: EndFeed, context: ActionContext) -> None:
    """Nothing of it stays in the state; its values have their receipts and their history."""
    books.parties.require_consortium(context, EndFeed)
    key, _ = require_feed(books, ask.name)

    forget(books, key)
    books.feeds.delete(key)
    if books.values.find(key) is not None:
        books.values.delete(key)
    context.tell(FeedEnded(ask.name), PUBLIC)


def observe(books: FeedsBooks, ask: Observe, context: ActionContext) -> None:
    """One observation by its observer's signature; validators may give theirs with their votes instead."""
    books.parties.authorise(context, ask.party, Observe)
    key = enter(books, ask.name, ask.party, ask.value, ask.observed_ms, context)

    conclude(books, key, context)


def _check_observers(books: FeedsBooks, ask: DefineFeed) -> None:
    observers = ask.observers
    if (
        len(observers) > OBSERVERS_MAX
        or not all(earlier < later for earlier, later in pairwise(observers))
        or not all(books.parties.is_active(party) for party in observers)
    ):
        raise Rejected(FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE, limit=OBSERVERS_MAX)
    if not QUORUM_MIN <= ask.quorum <= (len(observers) or OBSERVERS_MAX):
        raise Rejected(FeedsReject.QUORUM_IS_NOT_IN_RANGE, least=QUORUM_MIN, observers=len(observers))


def _is_printable(text: str) -> bool:
    """No control characters; the same at every node, whatever its Unicode tables say."""
    if not 0 < len(text) <= UNIT_LENGTH_MAX or text != text.strip(" "):
        return False
    return not any(character < " " or "\x7f" <= character <= "\x9f" for character in text)
