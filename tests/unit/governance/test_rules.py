"""The chain about itself: the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

import pytest

from counterfoil.modules.governance.facts import RulesUpgraded, UpgradeCancelled, UpgradeScheduled
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.governance.records import (
    IN_FORCE,
    RULE_VERSION_MAX,
    RULE_VERSIONS,
    SCHEDULED,
    RuleVersion,
)
from counterfoil.modules.governance.rejects import GovernanceReject
from counterfoil.modules.governance.rules import upgrade_when_due
from counterfoil.modules.module import PUBLIC, ActionContext, BlockContext
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import RejectCode
from counterfoil.state.window import Window
from tests.model.desk import DECIDING, Desk, by, own, party

REGULATOR, DEPOSITORY = party("regulator"), party("depository")
MEMBERS = by(*DECIDING)
FAR = 1_000


def schedule(version: int = 2, from_height: int = FAR, by_party: bytes = REGULATOR) -> ScheduleUpgrade:
    return ScheduleUpgrade(by_party, version, from_height)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (schedule(), None),
        (schedule(by_party=DEPOSITORY), None),
        (schedule(version=RULE_VERSION_MAX, from_height=3), None),
        (schedule(by_party=bytes(20)), PartiesReject.PARTY_NOT_FOUND),
        (schedule(by_party=party("broker-a")), PartiesReject.PARTY_LACKS_THE_ROLE),
        (schedule(version=1), GovernanceReject.VERSION_IS_NOT_NEWER),
        (schedule(version=0), GovernanceReject.VERSION_IS_NOT_NEWER),
        (schedule(version=-1), GovernanceReject.VERSION_IS_NOT_NEWER),
        (schedule(version=RULE_VERSION_MAX + 1), GovernanceReject.VERSION_IS_NOT_NEWER),
        (schedule(from_height=2), GovernanceReject.HEIGHT_IS_PAST),
        (schedule(from_height=-1), GovernanceReject.HEIGHT_IS_PAST),
    ],
)
def test_schedule_upgrade(desk: Desk, message: Message, expected: RejectCode | None) -> None:
    outcome = desk.send(message, *MEMBERS)
    assert outcome.result.number == (expected.number if expected is not None else 0)
    scheduled = desk.machine.wired.governance.scheduled()
    assert (scheduled is not None) == (expected is None)


def test_one_upgrade_at_a_time(desk: Desk) -> None:
    desk.carry(schedule())
    outcome = desk.send(schedule(3, FAR + 1), *MEMBERS)
    assert outcome.rejects[0].code is GovernanceReject.UPGRADE_IS_SCHEDULED
    desk.carry(CancelUpgrade(DEPOSITORY))
    desk.carry(schedule(3, FAR + 1))
    assert desk.machine.wired.governance.scheduled() == RuleVersion(3, FAR + 1)


@pytest.mark.parametrize(
    ("scheduled", "asker", "expected"),
    [
        (True, REGULATOR, None),
        (True, party("notary"), PartiesReject.PARTY_LACKS_THE_ROLE),
        (False, REGULATOR, GovernanceReject.NO_UPGRADE_IS_SCHEDULED),
    ],
)
def test_cancel_upgrade(desk: Desk, scheduled: bool, asker: bytes, expected: RejectCode | None) -> None:
    if scheduled:
        desk.carry(schedule())
    outcome = desk.send(CancelUpgrade(asker), *MEMBERS)
    assert outcome.result.number == (expected.number if expected is not None else 0)
    assert (desk.machine.wired.governance.scheduled() is None) == (expected is None or not scheduled)


@pytest.mark.parametrize("message", [schedule(), CancelUpgrade(REGULATOR)])
def test_no_member_decides_it_alone(desk: Desk, message: Message) -> None:
    outcome = desk.send_alone(message, *by("regulator"), *own("regulator"))
    assert outcome.rejects[0].code is PartiesReject.CONSORTIUM_DECIDES


def test_at_its_height_the_scheduled_version_comes_into_force(desk: Desk) -> None:
    """By the deadline itself: the program of this version stops before it would run."""
    desk.carry(schedule(2, 5))
    machine = desk.machine
    governance, books = machine.wired.modules[0]
    assert governance.name == "governance"

    def block(height: int) -> BlockContext:
        return BlockContext(height, 0, 1, machine.state.handle, Window(), 0)

    assert machine.wired.governance.version_at(4) == 1
    assert machine.wired.governance.version_at(5) == 2
    assert list(upgrade_when_due(books, block(4), 10)) == []
    (act,) = upgrade_when_due(books, block(5), 10)
    context = ActionContext(block(5), bytes(32), 0, ())
    act(context)
    machine.state.books.accept()
    assert machine.state.find(RULE_VERSIONS, IN_FORCE) == RuleVersion(2, 5)
    assert machine.state.find(RULE_VERSIONS, SCHEDULED) is None
    assert context.facts == [(RulesUpgraded(2), (PUBLIC,))]
    assert machine.wired.governance.version_at(6) == 2
    assert list(upgrade_when_due(books, block(6), 10)) == []


def test_what_is_told(desk: Desk) -> None:
    governance = desk.machine.wired.modules[0][0]
    assert set(governance.facts) == {UpgradeScheduled, UpgradeCancelled, RulesUpgraded}
    assert set(governance.rules) == {ScheduleUpgrade, CancelUpgrade}


def test_the_version_that_genesis_names_is_in_force_from_the_first_block(desk: Desk) -> None:
    assert desk.machine.state.find(RULE_VERSIONS, IN_FORCE) == RuleVersion(1, 1)
    assert desk.machine.last is not None
    assert desk.machine.last.rule_version == 1
