"""What the module's rules work on."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.viewkeys.records import (
    EPOCH_IN_FORCE,
    HOLDERS,
    KEY_EPOCHS,
    OPENING_KEYS,
    PROPOSED_EPOCHS,
    STOPPED_PARTIES,
    VIEW_GRANT_ENDS,
    VIEW_GRANTS,
    VIEW_GRANTS_OF,
    VIEW_NODES,
)


class ViewKeysBooks:
    def __init__(self, shelves: Shelves, parties: Parties, holdings: Holdings) -> None:
        self.epochs = shelves(KEY_EPOCHS)
        self.in_force = shelves(EPOCH_IN_FORCE)
        self.proposed = shelves(PROPOSED_EPOCHS)
        self.holders = shelves(HOLDERS)
        self.opening_keys = shelves(OPENING_KEYS)
        self.nodes = shelves(VIEW_NODES)
        self.grants = shelves(VIEW_GRANTS)
        self.grant_ends = shelves(VIEW_GRANT_ENDS)
        self.grants_of = shelves(VIEW_GRANTS_OF)
        self.stopped = shelves(STOPPED_PARTIES)
        self.parties = parties
        self.holdings = holdings
