"""What the module's rules work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from counterfoil.modules.instruments.records import (
    AMENDING_MARKETS,
    AMENDMENTS_DUE,
    EQUITY_CLASSES,
    IDENTIFIERS,
    INSTRUMENTS,
    TERMS,
)
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.state.books import Shelf


def _nobody_knows(_instrument_id: bytes) -> int:
    """Until the wiring says who counts, something is taken to be outstanding, and nothing is recorded as redeemed."""
    return 1


def in_memory(shelf: Shelf[Any]) -> Iterator[tuple[bytes, Any]]:
    """The records of a shelf that are in memory, by key: all of them in a ledger that was never written to disk."""
    for key in sorted(shelf.live):
        record = shelf.live[key]
        if record is not None:
            yield key, record


class InstrumentsBooks:
    """Shelves of the module's own tables, and what it asks of others.

    everything(shelf) → all its records, for the full check alone; the wiring sets one that asks the state.

    outstanding(instrument id) → units issued and not redeemed. It is answered by a module above this one, so that
    the wiring hands it in.
    """

    __slots__ = (
        "amending_markets",
        "amendments_due",
        "equity_classes",
        "everything",
        "identifiers",
        "instruments",
        "markets",
        "outstanding",
        "parties",
        "terms",
    )

    def __init__(
        self,
        shelves: Shelves,
        parties: Parties,
        markets: Markets,
        outstanding: Callable[[bytes], int] = _nobody_knows,
    ) -> None:
        self.instruments = shelves(INSTRUMENTS)
        self.terms = shelves(TERMS)
        self.identifiers = shelves(IDENTIFIERS)
        self.equity_classes = shelves(EQUITY_CLASSES)
        self.amendments_due = shelves(AMENDMENTS_DUE)
        self.amending_markets = shelves(AMENDING_MARKETS)
        self.parties = parties
        self.markets = markets
        self.outstanding = outstanding
        self.everything: Callable[[Shelf[Any]], Iterable[tuple[bytes, Any]]] = in_memory
