"""What the module's rules work on."""

from __future__ import annotations

from counterfoil.modules.custodians.records import TRAILS
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class CustodiansBooks:
    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.trails = shelves(TRAILS)
        self.parties = parties
