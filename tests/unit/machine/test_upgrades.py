"""Two versions of the program: the old one stops at the upgrade's height, says so, and goes on once it is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.engine.embedded import EngineStopped
from counterfoil.machine import machine as program
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.modules.governance.messages import ScheduleUpgrade
from counterfoil.modules.governance.records import IN_FORCE, RULE_VERSIONS, RuleVersion
from counterfoil.modules.parties.messages import GrantMandate, RevokeMandate
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from tests.model.desk import PARAMETERS, SECRETS, Desk, by, memory_node, party, replayed
from tests.model.later_program import VERSIONS, install
from tests.model.opening import stranger

BROKER, CLERK = party("broker-a"), stranger("clerk").address
GRANT = GrantMandate(BROKER, CLERK, (900,))
OLD, NEW = (1,), VERSIONS


def decided(height: int = 6) -> Desk:
    """A ledger that the new program has decided from the beginning, with an upgrade at this height."""
    desk = Desk()
    install(desk.machine)
    desk.carry(ScheduleUpgrade(party("regulator"), 2, height))
    while desk.height < height - 1:
        desk.do(GRANT, *by("broker-a"))
    return desk


def test_the_new_rules_hold_from_one_height_on_and_not_before() -> None:
    desk = decided(6)
    refused = desk.send(GRANT, *by("broker-a"))
    assert refused.rejects[0].code is PartiesReject.MANDATE_NOT_FOUND
    assert desk.height == 6
    assert [header.rule_version for header in desk.headers] == [1, 1, 1, 1, 2]
    assert desk.machine.state.find(RULE_VERSIONS, IN_FORCE) == RuleVersion(2, 6)


def test_an_old_program_stops_at_the_height_and_goes_on_after_its_upgrade() -> None:
    desk = decided(6)
    desk.send(GRANT, *by("broker-a"))
    desk.do(RevokeMandate(BROKER, CLERK), *by("broker-a"))
    node = memory_node(desk.node.genesis)
    blocks = list(desk.node.blocks())
    for block in blocks[:5]:
        node.engine.replay(block)
    before = node.machine.last
    for _ in range(2):
        with pytest.raises(
            ProgramIsOutdated, match="from block 6 on, rule version 2 is in force; this program knows 1"
        ):
            node.engine.replay(blocks[5])
    assert (node.machine.last, node.height) == (before, 5), "nothing of the block has happened"
    install(node.machine)
    for block in blocks[5:]:
        node.engine.replay(block)
    assert node.machine.last == desk.machine.last
    node.machine.check_everything()


def test_both_programs_agree_on_every_block_before_the_height() -> None:
    """A node may be upgraded at any time before it: its program applies the rules in force."""
    desk = decided(9)
    blocks = list(desk.node.blocks())
    assert len(blocks) == 8
    for upgraded_at in range(1, 9):
        node = memory_node(desk.node.genesis)
        for block in blocks:
            if block.block.height == upgraded_at:
                install(node.machine)
            node.engine.replay(block)
        assert node.machine.last == desk.machine.last


def test_a_program_that_forgot_the_old_rules_cannot_replay_the_past() -> None:
    desk = decided(4)
    desk.send(GRANT, *by("broker-a"))
    node = memory_node(desk.node.genesis)
    node.machine.rule_versions = (2,)
    with pytest.raises(
        ProgramIsOutdated, match="from block 1 on, rule version 1 is in force; this program knows 2"
    ):
        replayed(desk, node)


def test_what_is_decided_before_the_height_is_proposed_by_old_programs_and_not_after() -> None:
    """The embedded engine of an old program: it decides up to the height, stops, and is taken up by the new one."""
    desk = Desk()
    desk.carry(ScheduleUpgrade(party("regulator"), 2, 4))
    desk.do(GRANT, *by("broker-a"))
    with pytest.raises(ProgramIsOutdated):
        desk.send(GRANT, *by("broker-a"))
    with pytest.raises(EngineStopped, match="makes no blocks any more"):
        desk.engine.decide_due()
    new = replayed(desk)
    install(new.machine)
    other = Desk(new)
    other.nonce = 1_000
    assert other.send(GRANT, *by("broker-a")).rejects[0].code is PartiesReject.MANDATE_NOT_FOUND


def running(path: Path, monkeypatch: pytest.MonkeyPatch, versions: tuple[int, ...]) -> LedgerNode:
    """Open a ledger folder with a program that knows these versions."""
    monkeypatch.setattr(program, "RULE_VERSIONS", versions)
    return open_ledger(path, workers=0, scheduled=False, start=False)


def test_a_folder_is_opened_by_no_program_that_does_not_know_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    create_ledger(path, sandbox_genesis(parameters=PARAMETERS), encrypted=False, secrets=SECRETS)
    with running(path, monkeypatch, OLD) as node:
        desk = Desk(node)
        desk.carry(ScheduleUpgrade(party("regulator"), 2, 4))
        desk.do(GRANT, *by("broker-a"))
    with running(path, monkeypatch, OLD) as node:
        assert node.height == 3, "before the height an old program opens it and reads"
        desk = Desk(node)
        desk.nonce = 100
        with pytest.raises(ProgramIsOutdated, match="install the program that knows it and start again"):
            desk.do(GRANT, *by("broker-a"))
    with running(path, monkeypatch, NEW) as node:
        desk = Desk(node)
        desk.nonce = 200
        desk.do(GRANT, *by("broker-a"))
        assert node.height == 4
    with pytest.raises(ProgramIsOutdated, match="from block 4 on, rule version 2 is in force"):
        running(path, monkeypatch, OLD)
    with running(path, monkeypatch, NEW) as node:
        assert node.height == 4
