"""Rules about the chain itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from counterfoil.modules.governance.books import GovernanceBooks
from counterfoil.modules.governance.facts import RulesUpgraded, UpgradeCancelled, UpgradeScheduled
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.governance.records import IN_FORCE, RULE_VERSION_MAX, SCHEDULED, RuleVersion
from counterfoil.modules.governance.rejects import GovernanceReject
from counterfoil.modules.module import PUBLIC, ActionContext, BlockContext
from counterfoil.primitives.outcome import Rejected


def schedule_upgrade(books: GovernanceBooks, ask: ScheduleUpgrade, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, ScheduleUpgrade)
    in_force = books.rule_versions.find(IN_FORCE)
    if in_force is None or not in_force.version < ask.version <= RULE_VERSION_MAX:
        raise Rejected(GovernanceReject.VERSION_IS_NOT_NEWER, version=ask.version)
    if ask.from_height <= context.height:
        raise Rejected(GovernanceReject.HEIGHT_IS_PAST, height=context.height)
    if books.rule_versions.find(SCHEDULED) is not None:
        raise Rejected(GovernanceReject.UPGRADE_IS_SCHEDULED)
    books.rule_versions.put(SCHEDULED, RuleVersion(ask.version, ask.from_height))
    context.tell(UpgradeScheduled(ask.version, ask.from_height), PUBLIC)


def cancel_upgrade(books: GovernanceBooks, ask: CancelUpgrade, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, CancelUpgrade)
    scheduled = books.rule_versions.find(SCHEDULED)
    if scheduled is None:
        raise Rejected(GovernanceReject.NO_UPGRADE_IS_SCHEDULED)
    books.rule_versions.delete(SCHEDULED)
    context.tell(UpgradeCancelled(scheduled.version, scheduled.from_height), PUBLIC)


def upgrade_when_due(
    books: GovernanceBooks, block: BlockContext, limit: int
) -> Iterable[Callable[[ActionContext], None]]:
    """At its height the scheduled version becomes the one in force, before anything else in the block."""
    scheduled = books.rule_versions.find(SCHEDULED)
    if scheduled is None or block.height < scheduled.from_height:
        return

    def take_effect(context: ActionContext) -> None:
        books.rule_versions.put(IN_FORCE, scheduled)
        books.rule_versions.delete(SCHEDULED)
        context.tell(RulesUpgraded(scheduled.version), PUBLIC)

    yield take_effect
