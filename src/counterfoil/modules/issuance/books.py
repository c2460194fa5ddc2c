"""What the module's rules work on."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.issuance.records import ISSUES, PLACINGS, REGISTRATIONS
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class IssuanceBooks:
    """Shelves of the module's own tables, and the interfaces that it asks."""

    __slots__ = (
        "holdings",
        "instruments",
        "issues",
        "markets",
        "parties",
        "placings",
        "registrations",
    )

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
    ) -> None:
        self.issues = shelves(ISSUES)
        self.registrations = shelves(REGISTRATIONS)
        self.placings = shelves(PLACINGS)
        self.parties = parties
        self.markets = markets
        self.instruments = instruments
        self.holdings = holdings
