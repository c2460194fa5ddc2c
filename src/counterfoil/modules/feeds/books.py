"""The records about feeds, as the rules hold them."""

from __future__ import annotations

from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, OBSERVATIONS
from counterfoil.modules.module import Shelves
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.validators.interface import Validators


class FeedsBooks:
    def __init__(self, shelves: Shelves, parties: Parties, validators: Validators) -> None:
        self.feeds = shelves(FEEDS)
        self.values = shelves(FEED_VALUES)
        self.observations = shelves(OBSERVATIONS)
        self.parties = parties
        self.validators = validators
