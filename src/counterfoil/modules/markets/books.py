"""The records about markets, as the rules hold them."""

from __future__ import annotations

from counterfoil.modules.markets.records import (
    ACCEPTED_ASSETS,
    AMENDMENTS,
    CALENDARS,
    DAY_CLOSES,
    MARKETS,
    RULEBOOKS,
)
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class MarketsBooks:
    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.parties = parties
        self.markets = shelves(MARKETS)
        self.rulebooks = shelves(RULEBOOKS)
        self.amendments = shelves(AMENDMENTS)
        self.calendars = shelves(CALENDARS)
        self.accepted_assets = shelves(ACCEPTED_ASSETS)
        self.day_closes = shelves(DAY_CLOSES)


def market_key(market: str) -> bytes:
    """The key of a market's records: 4 bytes; of a text that is no MIC a key under which nothing lies."""
    return market.encode() if len(market) == 4 and market.isascii() else b""


def date_key(date: int) -> bytes:
    return date.to_bytes(4, "big")
