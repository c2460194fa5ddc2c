"""The records about proposals, as the rules hold them, and the way into all other rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from counterfoil.modules.approvals.records import APPROVALS, LAPSES, OPEN_PROPOSALS, PROPOSALS
from counterfoil.modules.module import ActionContext, Shelves

DecodeContent = Callable[[bytes], tuple[tuple[bytes, ...], tuple[Any, ...]]]
"""Takes content apart into (signers, messages); raises `Malformed` for anything but their canonical encoding."""

Dispatch = Callable[[Any, ActionContext], None]
"""Runs the one rule of a message in a context; raises what the rule raises."""

Rotations = Callable[[bytes], int]
"""How often the keys of a signer's address have been replaced; 0 for a bare key's."""


class ApprovalsBooks:
    """`decode` and `dispatch` know all the messages of the ledger: the machine's wiring supplies them."""

    def __init__(
        self,
        shelves: Shelves,
        decode: DecodeContent,
        dispatch: Dispatch,
        rotations: Rotations = lambda _address: 0,
    ) -> None:
        self.proposals = shelves(PROPOSALS)
        self.approvals = shelves(APPROVALS)
        self.lapses = shelves(LAPSES)
        self.open_proposals = shelves(OPEN_PROPOSALS)
        self.decode = decode
        self.dispatch = dispatch
        self.rotations = rotations
