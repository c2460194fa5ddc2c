"""The chain about itself: which rules are in force, and from which height other ones are."""

from __future__ import annotations

from counterfoil.modules.governance.facts import RulesUpgraded, UpgradeCancelled, UpgradeScheduled
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.governance.records import RULE_VERSIONS
from counterfoil.modules.governance.rejects import GovernanceReject
from counterfoil.modules.governance.rules import cancel_upgrade, schedule_upgrade, upgrade_when_due
from counterfoil.modules.module import Module

MODULE = Module(
    name="governance",
    tables=(RULE_VERSIONS,),
    rules={ScheduleUpgrade: schedule_upgrade, CancelUpgrade: cancel_upgrade},
    facts=(UpgradeScheduled, UpgradeCancelled, RulesUpgraded),
    rejects=GovernanceReject,
    deadlines=(upgrade_when_due,),
)
