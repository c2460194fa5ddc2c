"""What an engine has decided since it was started, counted: for figures that an operator watches."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.machine.machine import Outcome


class Counts:
    """Transactions in decided blocks. One thread counts, any reads."""

    def __init__(self) -> None:
        self.blocks = 0
        self.accepted = 0
        self.rejected = 0

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """A block that was decided, with the outcomes of its transactions."""
        self.blocks += 1
        for outcome in outcomes:
            if outcome.result.number:
                self.rejected += 1
            else:
                self.accepted += 1
