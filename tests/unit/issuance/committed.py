"""The same market on a state that is committed block by block."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.approvals import records as approvals_records
from counterfoil.modules.cash import records as cash_records
from counterfoil.modules.holdings import records as holdings_records
from counterfoil.modules.identities import records as identities_records
from counterfoil.modules.instruments import records as instruments_records
from counterfoil.modules.issuance import records as issuance_records
from counterfoil.modules.markets import records as markets_records
from counterfoil.modules.parties import records as parties_records
from counterfoil.state.books import Books
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS, Table
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.issuance.world import World

RECORDS = (
    parties_records,
    identities_records,
    markets_records,
    instruments_records,
    holdings_records,
    approvals_records,
    issuance_records,
    cash_records,
)
TABLES: dict[int, Table[Any]] = {
    table.number: table for file in RECORDS for table in vars(file).values() if isinstance(table, Table)
}


class CommittedWorld(World):
    """Commits each block."""

    def take(self, books: Books) -> None:
        layouts = {table.number: table.layout for table in (LINKS, *TABLES.values())}
        self.committed = State(MemoryStore(layouts), tuple(TABLES.values()), b"s" * 32)
        self.committed.found()
        super().take(self.committed.books)

    def commit(self) -> None:
        self.committed.commit(self.height)
