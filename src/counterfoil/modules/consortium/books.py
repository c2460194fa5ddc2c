"""The records about the consortium, as the rules hold them, and the way into all other rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from counterfoil.modules.consortium.records import (
    DECISION_RULES,
    MEMBERS,
    MOTION_APPROVALS,
    MOTION_LAPSES,
    MOTIONS,
)
from counterfoil.modules.module import ActionContext, Shelves
from counterfoil.modules.parties.interface import Parties

DecodeMessages = Callable[[bytes], tuple[Any, ...]]
"""Takes content apart into messages; raises `Malformed` for anything but their canonical encoding."""

Dispatch = Callable[[Any, ActionContext], None]
"""Runs the one rule of a message in a context; raises what the rule raises."""


class ConsortiumBooks:
    """`decode` and `dispatch` know all the messages of the ledger: the machine's wiring supplies them."""

    def __init__(
        self, shelves: Shelves, parties: Parties, decode: DecodeMessages, dispatch: Dispatch
    ) -> None:
        self.members = shelves(MEMBERS)
        self.decision_rules = shelves(DECISION_RULES)
        self.motions = shelves(MOTIONS)
        self.approvals = shelves(MOTION_APPROVALS)
        self.lapses = shelves(MOTION_LAPSES)
        self.parties = parties
        self.decode = decode
        self.dispatch = dispatch
