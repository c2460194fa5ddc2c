"""Whatever ends a right to a key raises it: a stop and its cascade, a last account, a joint holder that leaves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants.records import Purpose
from counterfoil.modules.holdings.messages import AmendAccount, CloseAccount, OpenAccount
from counterfoil.modules.holdings.queries import accounts_of_owner
from counterfoil.modules.holdings.records import (
    PARTY_RELATIONSHIPS,
    RELATIONSHIPS,
    AccountKind,
    AccountStatus,
    relationship_of,
)
from counterfoil.modules.parties.messages import EnrolParty, ReinstateParty, RevokeParty, SuspendParty
from counterfoil.modules.parties.records import Role
from counterfoil.modules.viewkeys.facts import ViewKeyRaised
from counterfoil.modules.viewkeys.messages import EndViewGrant, GrantViewKey
from counterfoil.modules.viewkeys.records import STOPPED_PARTIES
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.reads_base import reading
from counterfoil.node.view_keys import nodes_of
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import Message
from counterfoil.state.state import State
from tests.model.desk import PARAMETERS, Desk, by, own, party
from tests.model.opening import stranger
from tests.unit.viewkeys.test_epochs import facts_of
from tests.unit.viewkeys.world import (
    AT_DEPOSITORY,
    AUDITOR,
    BROKER_A,
    BROKER_B,
    CLIENT,
    DAY_MS,
    INVESTOR_A,
    NOTARY,
    REGULATOR,
    World,
)

INVESTOR_B = party("investor-b")
AT_BROKER_B = relationship_of(BROKER_B, INVESTOR_B)


@pytest.fixture
def world() -> World:
    return World()


def counters(world: World, *nodes: bytes) -> list[int]:
    return [world.viewkeys.path_to(node)[-1][1] for node in nodes]


def suspend(name: bytes) -> SuspendParty:
    return SuspendParty(REGULATOR, name, "An inquiry.")


def grant(world: World, who: str, node: bytes, to: bytes, purpose: Purpose = Purpose.AUDIT) -> None:
    until = world.desk.next_time_ms() + DAY_MS
    world.desk.do(GrantViewKey(party(who), node, to, purpose, "Why.", until, True), *own(who))


@pytest.mark.parametrize("message", [suspend(BROKER_A), RevokeParty(REGULATOR, BROKER_A, "It is over.")])
def test_a_stop_raises_the_key_of_the_stopped_in_its_block(world: World, message: Message) -> None:
    world.desk.do(message, *by("regulator"))
    assert world.viewkeys.path_to(CLIENT) == ((REGULATOR, 0), (BROKER_A, 1), (CLIENT, 0))
    assert world.viewkeys.path_to(INVESTOR_A) == ((REGULATOR, 0), (BROKER_A, 1), (INVESTOR_A, 0))
    assert counters(world, REGULATOR, BROKER_B, AT_DEPOSITORY) == [0, 0, 0], (
        "what it owns elsewhere stays its own"
    )
    told = {whose for whose, fact in facts_of(world.desk) if fact == ViewKeyRaised(BROKER_A, 1)}
    assert told == {BROKER_A, REGULATOR}


def test_a_stopped_broker_is_handed_what_it_services_under_the_new_key(world: World) -> None:
    world.desk.do(suspend(BROKER_A), *by("regulator"))
    with reading(world.desk.node, Viewer(BROKER_A)) as view:
        nodes = {node for node, _ in nodes_of(view)}
    assert CLIENT in nodes
    assert not {BROKER_A, INVESTOR_A} & nodes
    world.desk.do(ReinstateParty(REGULATOR, BROKER_A), *by("regulator"))
    with reading(world.desk.node, Viewer(BROKER_A)) as view:
        assert BROKER_A in {node for node, _ in nodes_of(view)}
    assert counters(world, BROKER_A) == [1]


def test_what_the_stopped_was_granted_is_raised_in_the_same_block(world: World) -> None:
    grant(world, "broker-a", BROKER_A, AUDITOR)
    grant(world, "broker-b", AT_BROKER_B, AUDITOR)
    before = counters(world, BROKER_A, AT_BROKER_B, BROKER_B)
    height = world.desk.height
    world.desk.do(suspend(AUDITOR), *by("regulator"))
    assert world.desk.height == height + 1
    after = counters(world, BROKER_A, AT_BROKER_B, BROKER_B)
    assert after == [before[0] + 1, before[1] + 1, before[2]]
    assert (BROKER_A, ViewKeyRaised(BROKER_A, after[0])) in facts_of(world.desk)
    assert world.desk.machine.state.find(STOPPED_PARTIES, AUDITOR) is None
    world.desk.machine.check_everything()


def test_a_stop_reaches_what_those_below_were_granted(world: World) -> None:
    """A client of broker-a was shown the accounts of another's; with broker-a the client is stopped, too."""
    grant(world, "investor-b", AT_BROKER_B, INVESTOR_A, Purpose.DISCLOSURE)
    (before,) = counters(world, AT_BROKER_B)
    world.desk.do(suspend(BROKER_A), *by("regulator"))
    assert counters(world, AT_BROKER_B) == [before + 1]
    world.desk.do(suspend(BROKER_B), *by("regulator"))
    assert counters(world, AT_BROKER_B) == [before + 1], "who gave it is not who has it"


def test_a_grant_that_has_ended_is_raised_no_more(world: World) -> None:
    grant(world, "broker-a", BROKER_A, AUDITOR)
    world.desk.do(EndViewGrant(BROKER_A, BROKER_A, AUDITOR), *own("broker-a"))
    (before,) = counters(world, BROKER_A)
    world.desk.do(suspend(AUDITOR), *by("regulator"))
    assert counters(world, BROKER_A) == [before]
    world.desk.machine.check_everything()


def test_no_block_raises_more_than_its_limit_and_the_next_go_on() -> None:
    world = World(Desk(parameters=replace(PARAMETERS, retry_actions_max=2)))
    nodes = sorted((BROKER_A, BROKER_B, CLIENT, AT_BROKER_B, AT_DEPOSITORY))
    for node in nodes:
        until = world.desk.next_time_ms() + DAY_MS
        ask = GrantViewKey(REGULATOR, node, AUDITOR, Purpose.AUDIT, "Why.", until, True)
        world.desk.do(ask, *own("regulator"))
    start = counters(world, *nodes)

    def raised() -> list[int]:
        return [now - then for now, then in zip(counters(world, *nodes), start, strict=True)]

    world.desk.do(suspend(AUDITOR), *by("regulator"))
    assert raised() == [1, 1, 0, 0, 0]
    world.desk.do(EndViewGrant(REGULATOR, nodes[2], AUDITOR), *own("regulator"))
    assert raised() == [1, 1, 1, 1, 1], "what was ended meanwhile was raised by that"
    world.desk.do(suspend(NOTARY), *by("regulator"))
    assert world.desk.machine.state.find(STOPPED_PARTIES, AUDITOR) is None
    assert raised() == [1, 1, 1, 1, 1]
    world.desk.machine.check_everything()


def test_the_last_account_that_is_closed_raises_the_relationship(world: World) -> None:
    other = OpenAccount(INVESTOR_A, BROKER_A, AccountKind.SEGREGATED)
    (second,) = world.desk.do(other, *by("broker-a"))
    world.desk.do(CloseAccount(second), *by("broker-a"))
    assert counters(world, CLIENT) == [0], "another account is open"
    state = world.desk.machine.state
    open_ones = [
        account_id
        for account_id, account in accounts_of_owner(state, INVESTOR_A)
        if account.relationship == CLIENT and account.status is AccountStatus.OPEN
    ]
    assert open_ones
    for account_id in open_ones:
        world.desk.do(CloseAccount(account_id), *by("broker-a"))
    assert counters(world, CLIENT) == [1]
    (again,) = world.desk.do(other, *by("broker-a"))
    world.desk.do(CloseAccount(again), *by("broker-a"))
    assert counters(world, CLIENT) == [2]
    world.desk.machine.check_everything()


def test_a_joint_holder_that_leaves_holds_no_key_of_what_follows(world: World) -> None:
    account_id = world.opening.accounts["ia"]
    node = relationship_of(BROKER_A, INVESTOR_A, account_id)

    def amend(*joint: bytes) -> None:
        key = own("investor-a")[0]
        ask = AmendAccount(account_id, (key.address,), 1, tuple(sorted(joint)), b"", True)
        world.desk.do(ask, *by("broker-a"), key, *own("investor-b"))

    def handed(who: bytes) -> set[bytes]:
        with reading(world.desk.node, Viewer(who)) as view:
            return {one for one, _ in nodes_of(view)}

    assert node not in handed(INVESTOR_A)
    amend(INVESTOR_B)
    assert counters(world, node) == [0]
    assert node in handed(INVESTOR_A) & handed(INVESTOR_B)
    assert CLIENT not in handed(INVESTOR_B)
    amend()
    assert counters(world, node) == [1]
    assert node not in handed(INVESTOR_B)
    world.desk.machine.check_everything()


def test_a_ledger_that_is_not_sealed_has_nothing_to_raise() -> None:
    desk = Desk(genesis=replace(sandbox_genesis(parameters=PARAMETERS), sealed=False))
    desk.do(suspend(BROKER_A), *by("regulator"))
    assert desk.machine.wired.viewkeys.path_to(BROKER_A)[-1] == (BROKER_A, 0)


def test_a_stopped_servicer_is_handed_its_keys_for_the_price_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many relationships others have: as many records are read, and none of theirs."""
    world.desk.do(suspend(BROKER_A), *by("regulator"))
    read: Counter[int] = Counter()
    find, listed = State.find, State.keys

    def counted_find(state: State, table: Any, key: bytes) -> Any:
        read[table.number] += 1
        return find(state, table, key)

    def counted_keys(state: State, table: Any, prefix: bytes = b"") -> list[bytes]:
        found = listed(state, table, prefix)
        read[table.number] += len(found)
        return found

    def cost() -> tuple[int, set[bytes]]:
        read.clear()
        with monkeypatch.context() as patched:
            patched.setattr(State, "find", counted_find)
            patched.setattr(State, "keys", counted_keys)
            with reading(world.desk.node, Viewer(BROKER_A)) as view:
                nodes = {node for node, _ in nodes_of(view)}
        return read[RELATIONSHIPS.number] + read[PARTY_RELATIONSHIPS.number], nodes

    before = cost()
    assert CLIENT in before[1]
    for number in range(20):
        key = stranger(f"another client {number}")
        enrol = EnrolParty(
            BROKER_B, (Role.INVESTOR,), f"Client {number}", "", key.address, bytes(31) + b"x", True
        )
        (client,) = world.desk.do(enrol, *by("broker-b"))
        world.desk.do(OpenAccount(client, BROKER_B, AccountKind.SEGREGATED), *by("broker-b"))
    assert cost() == before
