"""What the rules about grants work on."""

from __future__ import annotations

from counterfoil.modules.grants.records import GRANTS, GRANTS_OF, LAPSES, READ_LOGS, VIEWS
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class GrantsBooks:
    """Shelves of the module's own tables, and what it asks of others."""

    __slots__ = (
        "grants",
        "grants_of",
        "holdings",
        "instruments",
        "lapses",
        "markets",
        "parties",
        "read_logs",
        "views",
    )

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
    ) -> None:
        self.grants = shelves(GRANTS)
        self.views = shelves(VIEWS)
        self.lapses = shelves(LAPSES)
        self.grants_of = shelves(GRANTS_OF)
        self.read_logs = shelves(READ_LOGS)
        self.parties = parties
        self.markets = markets
        self.instruments = instruments
        self.holdings = holdings
