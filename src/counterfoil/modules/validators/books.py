"""The records about validators, as the rules hold them."""

from __future__ import annotations

from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.validators.records import CONSENSUS_KEYS, MISBEHAVIOURS, VALIDATOR_SETS, VALIDATORS


class ValidatorsBooks:
    def __init__(self, shelves: Shelves, parties: Parties) -> None:
        self.validators = shelves(VALIDATORS)
        self.sets = shelves(VALIDATOR_SETS)
        self.keys = shelves(CONSENSUS_KEYS)
        self.misbehaviours = shelves(MISBEHAVIOURS)
        self.parties = parties
