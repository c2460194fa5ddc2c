"""What the rules about settlement work on."""

from __future__ import annotations

from counterfoil.modules.cash.interface import Cash
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.settlement.records import (
    BATCH_CHUNKS,
    BATCHES,
    COUNTERS,
    DUE,
    INSTRUCTION_REFERENCES,
    INSTRUCTIONS,
    MATCHING,
    OPEN_BATCHES,
    READY,
    RECYCLED,
    RISEN,
    WAITING,
)
from counterfoil.modules.trades.interface import Trades


class SettlementBooks:
    """Shelves of the module's own tables, and what it asks of others."""

    __slots__ = (
        "batches",
        "cash",
        "chunks",
        "counters",
        "due",
        "holdings",
        "instructions",
        "instruments",
        "markets",
        "matching",
        "open_batches",
        "parties",
        "ready",
        "recycled",
        "references",
        "risen",
        "trades",
        "waiting",
    )

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
        cash: Cash,
        trades: Trades,
    ) -> None:
        self.instructions = shelves(INSTRUCTIONS)
        self.references = shelves(INSTRUCTION_REFERENCES)
        self.matching = shelves(MATCHING)
        self.waiting = shelves(WAITING)
        self.due = shelves(DUE)
        self.ready = shelves(READY)
        self.recycled = shelves(RECYCLED)
        self.risen = shelves(RISEN)
        self.counters = shelves(COUNTERS)
        self.batches = shelves(BATCHES)
        self.chunks = shelves(BATCH_CHUNKS)
        self.open_batches = shelves(OPEN_BATCHES)
        self.parties = parties
        self.markets = markets
        self.instruments = instruments
        self.holdings = holdings
        self.cash = cash
        self.trades = trades
