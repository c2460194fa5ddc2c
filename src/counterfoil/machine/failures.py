"""Why a machine does not go on: its rules broke, or it is too old for those in force."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.machine.transactions import Prepared


class RulesFailed(Exception):
    """A rule broke on one transaction (our fault). The block has been taken back; the transaction is named."""

    def __init__(self, prepared: Prepared, cause: Exception) -> None:
        super().__init__(f"the rules failed on a transaction: {type(cause).__name__}")
        self.prepared = prepared


class ProgramIsOutdated(Exception):
    """A rule version has come into force that this program does not know. The node stops and goes on after it is
    replaced; nothing is lost."""

    def __init__(self, version: int, height: int, known: Sequence[int]) -> None:
        listed = ", ".join(str(one) for one in known)
        super().__init__(
            f"from block {height} on, rule version {version} is in force; this program knows {listed}: "
            "install the program that knows it and start again"
        )
