"""What the module's rules work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    CONTENTS,
    EARMARK_EXPIRIES,
    EARMARKS,
    HOLDINGS,
    PARTY_ACCOUNTS,
    PARTY_RELATIONSHIPS,
    RELATIONSHIPS,
    TOTALS,
)
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.module import ActionContext, Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.state.books import Shelf


def in_memory(shelf: Shelf[Any]) -> Iterator[tuple[bytes, Any]]:
    """The records of a shelf that are in memory, by key: all of them in a ledger that was never written to disk."""
    for key in sorted(shelf.live):
        record = shelf.live[key]
        if record is not None:
            yield key, record


def nothing_is_sealed(context: ActionContext, relationship: bytes) -> None:
    """Until the wiring says who keeps view keys, there are none to raise."""


class HoldingsBooks:
    """Shelves of the module's own tables, and the interfaces that it asks.

    everything(shelf) → all its records, for the full check alone; the wiring sets one that asks the state.
    raise_key(context, relationship) puts another view key in force, where somebody no longer is a side; by view keys.
    """

    __slots__ = (
        "accounts",
        "contents",
        "earmarks",
        "everything",
        "expiries",
        "holdings",
        "identities",
        "instruments",
        "parties",
        "party_accounts",
        "party_relationships",
        "raise_key",
        "relationships",
        "totals",
    )

    def __init__(
        self, shelves: Shelves, parties: Parties, identities: Identities, instruments: Instruments
    ) -> None:
        self.holdings = shelves(HOLDINGS)
        self.accounts = shelves(ACCOUNTS)
        self.earmarks = shelves(EARMARKS)
        self.expiries = shelves(EARMARK_EXPIRIES)
        self.totals = shelves(TOTALS)
        self.contents = shelves(CONTENTS)
        self.party_accounts = shelves(PARTY_ACCOUNTS)
        self.relationships = shelves(RELATIONSHIPS)
        self.party_relationships = shelves(PARTY_RELATIONSHIPS)
        self.parties = parties
        self.identities = identities
        self.instruments = instruments
        self.everything: Callable[[Shelf[Any]], Iterable[tuple[bytes, Any]]] = in_memory
        self.raise_key: Callable[[ActionContext, bytes], None] = nothing_is_sealed
