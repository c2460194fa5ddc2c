"""What the module's rules work on."""

from __future__ import annotations

from counterfoil.modules.governance.records import RULE_VERSIONS
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties


class GovernanceBooks:
    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.rule_versions = shelves(RULE_VERSIONS)
        self.parties = parties
