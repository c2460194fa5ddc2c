"""What the module's rules work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from counterfoil.modules.instruments.records import (
    AMENDING_MARKETS,
    AMENDMENTS_DUE,
    EQUITY_CLASSES,
    IDENTIFIERS,
    INSTRUMENTS,
    TERMS,
)
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.parties.interface import Parties
from counterfoil.primitives.codec import Record
from counterfoil.state.books import Shelf
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)


class Shelves(Protocol):
    """Gives the shelf of a table that the module owns."""

    def __call__(self, table: Table[R], /) -> Shelf[R]: ...


class InstrumentsBooks:
    """Shelves of the module's own tables, and what it asks of others.

    outstanding(instrument id) → units issued and not redeemed. It is answered by a module above this one, so that
    the wiring sets it.
    """

    __slots__ = (
        "amending_markets",
        "amendments_due",
        "equity_classes",
        "identifiers",
        "instruments",
        "markets",
        "outstanding",
        "parties",
        "terms",
    )

    def __init__(self, shelves: Shelves, parties: Parties, markets: Markets) -> None:
        self.instruments = shelves(INSTRUMENTS)
        self.terms = shelves(TERMS)
        self.identifiers = shelves(IDENTIFIERS)
        self.equity_classes = shelves(EQUITY_CLASSES)
        self.amendments_due = shelves(AMENDMENTS_DUE)
        self.amending_markets = shelves(AMENDING_MARKETS)
        self.parties = parties
        self.markets = markets
        self.outstanding: Callable[[bytes], int] = _nobody_knows


def _nobody_knows(_instrument_id: bytes) -> int:
    """Until the wiring says who counts, something is taken to be outstanding, and nothing is recorded as redeemed."""
    return 1
