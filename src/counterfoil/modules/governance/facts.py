"""What is told about the chain itself."""

from __future__ import annotations

from counterfoil.primitives.codec import Fact


class UpgradeScheduled(Fact, tag=145):
    """From block from_height on, rule version `version` will be in force."""

    version: int
    from_height: int


class UpgradeCancelled(Fact, tag=146):
    """What was scheduled will not take effect."""

    version: int
    from_height: int


class RulesUpgraded(Fact, tag=147):
    """The scheduled rule version came into force with this block."""

    version: int
