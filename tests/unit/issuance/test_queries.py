"""What is read of issues, now and as of past blocks."""

from __future__ import annotations

import pytest

from counterfoil.modules.issuance.messages import (
    Allot,
    HoldingLine,
    RegisterFurtherIssue,
    RegisterIssue,
)
from counterfoil.modules.issuance.queries import issue, placings, registrations
from counterfoil.modules.issuance.records import Issue, Placing, RegistrationAct
from tests.unit.issuance.committed import CommittedWorld
from tests.unit.issuance.world import account, by, instrument, papers, party

UNIT = instrument("unit")
ADMINISTRATOR = (party("depository"),)


@pytest.fixture
def world() -> CommittedWorld:
    return CommittedWorld()


def test_issues_are_read_as_of_any_block(world: CommittedWorld) -> None:
    first = world.height
    world.act(RegisterIssue(UNIT, 100, account("treasury"), ADMINISTRATOR, papers("1")), *by("depository"))
    world.end_block()
    tap = RegisterFurtherIssue(UNIT, 50, account("treasury"), ADMINISTRATOR, papers("2"))
    world.act(tap, *by("depository"))
    lines = (HoldingLine(account("underwriter's"), 60),)
    world.act(Allot(UNIT, account("treasury"), True, lines, 60, "A", papers("a")), *by("issuer"))
    world.end_block()

    state = world.committed
    assert issue(state, UNIT, first - 1) is None
    assert issue(state, UNIT, first) == Issue(100, 0, 1, RegistrationAct.INITIAL)
    assert issue(state, UNIT) == Issue(150, 0, 2, RegistrationAct.FURTHER)
    found = registrations(state, UNIT)
    assert [(by_papers, kept.number, kept.act) for by_papers, kept in found] == [
        (papers("1"), 1, RegistrationAct.INITIAL),
        (papers("2"), 2, RegistrationAct.FURTHER),
    ]
    assert registrations(state, UNIT, first) == found[:1]
    assert registrations(state, instrument("share")) == []
    assert placings(state, UNIT) == [(account("underwriter's"), Placing(60, 0))]
