"""What may be asked about feeds."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class DefineFeed(Message, tag=1700):
    """Define a feed, or define it anew with the same unit and scale; fields as in the record `Feed`. By motion only.

    name: 1 to 20 of A–Z, 0–9, dot, dash and slash.
    """

    name: str
    unit: str
    scale: int
    observers: tuple[bytes, ...]
    quorum: int
    age_max_ms: int
    interval_ms: int
    stale_after_ms: int
    deviation_bps: int
    deviation_units: int = 0


class EndFeed(Message, tag=1701):
    """Take a feed off the ledger; its past values stay readable. By motion only."""

    name: str


class Observe(Message, tag=1702):
    """State what a party observed of a feed; the observation that completes the quorum makes the value.

    value: in units of the feed's scale. observed_ms: when, in milliseconds since 1970 UTC.
    """

    party: bytes
    name: str
    value: int
    observed_ms: int
