"""What the rules about trades work on."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.trades.records import IDLE_TRADES, TRADE_CLIENTS, TRADE_REFERENCES, TRADES


class TradesBooks:
    """Shelves of the module's own tables, and what it asks of others."""

    __slots__ = ("clients", "holdings", "idle", "instruments", "markets", "parties", "references", "trades")

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
    ) -> None:
        self.trades = shelves(TRADES)
        self.references = shelves(TRADE_REFERENCES)
        self.clients = shelves(TRADE_CLIENTS)
        self.idle = shelves(IDLE_TRADES)
        self.parties = parties
        self.markets = markets
        self.instruments = instruments
        self.holdings = holdings
