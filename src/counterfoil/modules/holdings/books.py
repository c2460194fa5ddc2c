"""What the module's rules work on."""

from __future__ import annotations

from typing import Protocol, TypeVar

from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    CONTENTS,
    EARMARK_EXPIRIES,
    EARMARKS,
    HOLDINGS,
    PARTY_ACCOUNTS,
    TOTALS,
)
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.parties.interface import Parties
from counterfoil.primitives.codec import Record
from counterfoil.state.books import Shelf
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)


class Shelves(Protocol):
    """Gives the shelf of a table that the module owns."""

    def __call__(self, table: Table[R], /) -> Shelf[R]: ...


class HoldingsBooks:
    """Shelves of the module's own tables, and the interfaces that it asks."""

    __slots__ = (
        "accounts",
        "contents",
        "earmarks",
        "expiries",
        "holdings",
        "instruments",
        "parties",
        "party_accounts",
        "totals",
    )

    def __init__(self, shelves: Shelves, parties: Parties, instruments: Instruments) -> None:
        self.holdings = shelves(HOLDINGS)
        self.accounts = shelves(ACCOUNTS)
        self.earmarks = shelves(EARMARKS)
        self.expiries = shelves(EARMARK_EXPIRIES)
        self.totals = shelves(TOTALS)
        self.contents = shelves(CONTENTS)
        self.party_accounts = shelves(PARTY_ACCOUNTS)
        self.parties = parties
        self.instruments = instruments
