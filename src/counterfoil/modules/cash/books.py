"""What the module's rules work on."""

from __future__ import annotations

from counterfoil.modules.cash.records import BANK_ENTRIES, OPEN_REDEMPTIONS, REDEMPTIONS, SUPPLIES
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class CashBooks:
    """Shelves of the module's own tables, and the interfaces that it asks."""

    __slots__ = (
        "bank_entries",
        "holdings",
        "instruments",
        "markets",
        "open_redemptions",
        "parties",
        "redemptions",
        "supplies",
    )

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
    ) -> None:
        self.bank_entries = shelves(BANK_ENTRIES)
        self.supplies = shelves(SUPPLIES)
        self.redemptions = shelves(REDEMPTIONS)
        self.open_redemptions = shelves(OPEN_REDEMPTIONS)
        self.parties = parties
        self.markets = markets
        self.instruments = instruments
        self.holdings = holdings
