"""What is told about markets, to everybody. Numbers 350 to 399."""

from __future__ import annotations

from counterfoil.modules.markets.records import CalendarKind
from counterfoil.primitives.codec import Fact


class MarketOpened(Fact, tag=350, frozen=True):
    """A market was founded."""

    market: str
    operator: bytes
    last_date: int


class RulebookAmended(Fact, tag=351, frozen=True):
    """A rulebook waits for its date."""

    market: str
    effective_from: int


class CalendarSet(Fact, tag=352, frozen=True):
    """A calendar has a new version."""

    market: str
    kind: CalendarKind
    currency: str
    effective_from: int


class DayOpened(Fact, tag=353, frozen=True):
    """A business day began, under the rulebook with this date."""

    market: str
    date: int
    rulebook_from: int
    scheduled: bool


class DayClosed(Fact, tag=354, frozen=True):
    """A business day ended with block `height`."""

    market: str
    date: int
    height: int
    scheduled: bool


class AssetAccepted(Fact, tag=355, frozen=True):
    """A money token is accepted in settlement from a business date on."""

    market: str
    instrument: bytes
    accepted_from: int


class AssetWithdrawn(Fact, tag=356, frozen=True):
    """A money token is accepted in settlement until before a business date."""

    market: str
    instrument: bytes
    accepted_until: int


class MarketHandedOver(Fact, tag=357, frozen=True):
    """Another party runs a market from now on. authority: who handed it over."""

    market: str
    before: bytes
    operator: bytes
    authority: bytes
