"""The same desk on a state that commits every block to a store in memory."""

from __future__ import annotations

from functools import partial

from counterfoil.modules import holdings, identities, instruments
from counterfoil.modules.holdings.queries import Balance, every_record, register
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.holdings.desk import Desk

TABLES = (*identities.MODULE.tables, *instruments.MODULE.tables, *holdings.MODULE.tables)
LAYOUTS = {table.number: table.layout for table in (LINKS, *TABLES)}


def holders(state: State, instrument_id: bytes, height: int | None = None) -> list[Balance]:
    """A register without the issuance account, the largest holding first."""
    held = [line for line in register(state, instrument_id, height) if line.total > 0]
    return sorted(held, key=lambda line: (-line.total, line.account_id))


class KeptDesk(Desk):
    """Every `check` ends a block, so that `kept.height` is the height of the last one."""

    def __init__(self, flush_every: int = 2) -> None:
        self.kept = State(MemoryStore(LAYOUTS), TABLES, bytes(32))
        self.kept.found()
        self.flush_every = flush_every
        super().__init__(self.kept.books)

    def handle(self, identity: bytes) -> bytes:
        return self.kept.handle(identity)

    def keep_block(self) -> None:
        self.kept.commit(self.kept.height + 1)
        if self.kept.height % self.flush_every == 0:
            self.kept.flush()
        for module, books in self.modules:
            before, books.everything = books.everything, partial(every_record, self.kept)
            for check_all in module.full_checks:
                check_all(books)
            books.everything = before
