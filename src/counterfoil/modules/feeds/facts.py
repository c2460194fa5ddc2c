"""What happened to feeds. Values are for everybody, a party's observation is for that party alone."""

from __future__ import annotations

from counterfoil.primitives.codec import Fact


class FeedDefined(Fact, tag=1750):
    """A feed is observed from now on; the definition is read from the state."""

    name: str


class FeedEnded(Fact, tag=1751):
    """A feed is observed no more."""

    name: str


class ObservationEntered(Fact, tag=1752):
    """A party's observation counts for the feed's next value."""

    party: bytes
    name: str
    value: int
    observed_ms: int


class FeedValueRecorded(Fact, tag=1753):
    """A feed has another value; fields as in the record `FeedValue`."""

    name: str
    value: int
    observed_ms: int
    observers: int


class FeedValueRefused(Fact, tag=1754):
    """A median was too far from the value that holds, and was not recorded; its observations are forgotten."""

    name: str
    value: int
    observers: int
