"""What the machine asks about the chain's own rules."""

from __future__ import annotations

from counterfoil.modules.governance.books import GovernanceBooks
from counterfoil.modules.governance.records import IN_FORCE, RULE_VERSION_MAX, SCHEDULED, RuleVersion
from counterfoil.primitives.outcome import ensure

__all__ = ["RULE_VERSION_MAX", "Governance", "RuleVersion"]


class Governance:
    def __init__(self, books: GovernanceBooks) -> None:
        self._books = books

    def found(self, version: int) -> None:
        """The rule version that genesis names is in force from the first block."""
        self._books.rule_versions.put(IN_FORCE, RuleVersion(version, 1))

    def version_at(self, height: int) -> int:
        """The rule version in force for a block that comes now, at `height`."""
        scheduled = self._books.rule_versions.find(SCHEDULED)
        if scheduled is not None and height >= scheduled.from_height:
            return scheduled.version
        in_force = self._books.rule_versions.find(IN_FORCE)
        ensure(in_force is not None, "a rule version is in force from genesis on")
        return in_force.version if in_force is not None else 0

    def scheduled(self) -> RuleVersion | None:
        return self._books.rule_versions.find(SCHEDULED)
