"""What the ledger keeps about feeds: how each is defined, what was observed for its next value, its last value."""

from __future__ import annotations

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

NAME_SIZE = 20
"""Bytes of a feed's key: its name, filled up with zeros."""
PARTY_ID_SIZE = 20
FEEDS_MAX = 200
OBSERVERS_MAX = 100
QUORUM_MIN = 3
"""The fewest of whom one that lies does not decide the median."""
UNIT_LENGTH_MAX = 20
SCALE_MAX = 18
VALUE_MAX = 2**62
"""Of a value's size; a rate may be negative."""
DURATION_MAX_MS = 366 * 86_400_000
DEVIATION_BPS_MAX = 1_000_000
BPS = 10_000
AHEAD_MAX_MS = 5_000
"""So far an observer's clock may be ahead of the block's time."""


class Feed(Record):
    """A value that several observe, under its name filled up to 20 bytes.

    unit: in words, such as "USD per EUR". scale: decimal places of its values. observers: the parties that observe it,
    ascending; () for the validators. quorum: so many observations make a value, and never fewer than the greater half
    of all observers. age_max_ms: how old an observation may be when the value is made. interval_ms: the next value
    comes no sooner after the last. stale_after_ms: so long after it was observed a value holds. deviation_bps,
    deviation_units: a value that holds is followed by none that differs from it by more than the greater of the two
    (of the last value, and in units of the scale).
    """

    unit: str
    scale: int
    observers: tuple[bytes, ...]
    quorum: int
    age_max_ms: int
    interval_ms: int
    stale_after_ms: int
    deviation_bps: int
    deviation_units: int


class FeedValue(Record):
    """The last value of a feed, under the same key.

    value: the median of what was observed. observed_ms: the median of when. observers: how many observed. height,
    time_ms: of the block that recorded it.
    """

    value: int
    observed_ms: int
    observers: int
    height: int
    time_ms: int


class Observation(Record):
    """What a party (20 bytes) observed of a feed (20 bytes), until a value is made of it."""

    value: int
    observed_ms: int


FEEDS = Table(number=170, name="feeds", record=Feed, key_sizes=(NAME_SIZE,), clear=NAME_SIZE, resident=True)
FEED_VALUES = Table(number=171, name="feed_values", record=FeedValue, key_sizes=(NAME_SIZE,), clear=NAME_SIZE)
OBSERVATIONS = Table(
    number=172, name="observations", record=Observation, key_sizes=(NAME_SIZE, PARTY_ID_SIZE), resident=True
)


def feed_key(name: str) -> bytes:
    """b"" for what can be no name: 1 to 20 of A–Z, 0–9, dot, dash and slash."""
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/"
    if not 0 < len(name) <= NAME_SIZE or any(character not in allowed for character in name):
        return b""
    return name.encode().ljust(NAME_SIZE, b"\0")


def name_of(key: bytes) -> str:
    return key.rstrip(b"\0").decode()
