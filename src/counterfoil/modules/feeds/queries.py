"""Reads about feeds, as of now or of the end of any past block."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.feeds.records import (
    FEED_VALUES,
    FEEDS,
    NAME_SIZE,
    OBSERVATIONS,
    Feed,
    FeedValue,
    Observation,
    name_of,
)
from counterfoil.modules.feeds.values import is_stale
from counterfoil.state.state import State
from counterfoil.state.tables import R, Table


class FeedView(NamedTuple):
    """value: the last one, None before the first. stale: whether it holds no more at the moment asked about."""

    name: str
    feed: Feed
    value: FeedValue | None
    stale: bool


def feeds(state: State, time_ms: int, height: int | None = None) -> tuple[FeedView, ...]:
    """Every feed, by name. time_ms: of the moment that is asked about."""
    found = []
    for key in state.keys(FEEDS):
        feed = _find(state, FEEDS, key, height)
        if feed is not None:
            value = _find(state, FEED_VALUES, key, height)
            stale = value is not None and is_stale(feed, value, time_ms)
            found.append(FeedView(name_of(key), feed, value, stale))
    return tuple(found)


def observations(state: State) -> tuple[tuple[str, bytes, Observation], ...]:
    """(feed, party, observation) of all that waits for a next value, by feed."""
    shelf = state.books.shelf(OBSERVATIONS)
    return tuple((name_of(key[:NAME_SIZE]), key[NAME_SIZE:], one) for key, one in shelf.scan())


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
