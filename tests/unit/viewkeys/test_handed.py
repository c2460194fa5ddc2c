"""Which view keys a party is handed while it holds its office, and while it does not; and the trace that leaves."""

from __future__ import annotations

from counterfoil.modules.grants.records import Purpose
from counterfoil.modules.parties.interface import Role
from counterfoil.modules.parties.messages import (
    EnrolParty,
    ReinstateParty,
    SuspendParty,
    TerminateParty,
    WindDownParty,
)
from counterfoil.modules.viewkeys.messages import GrantViewKey
from counterfoil.node.reads_base import reading
from counterfoil.node.view_keys import nodes_of
from counterfoil.node.viewer import Viewer
from counterfoil.policy.rights import Basis
from counterfoil.policy.subjects import PartyDetails
from counterfoil.sealing.view_keys import TOP
from tests.model.desk import by, own, party
from tests.model.opening import stranger
from tests.unit.viewkeys.test_views import granted
from tests.unit.viewkeys.world import (
    AT_DEPOSITORY,
    AUDITOR,
    BROKER_A,
    CLIENT,
    DAY_MS,
    INVESTOR_A,
    REGULATOR,
    World,
)


def handed(world: World, party: bytes) -> tuple[set[bytes], set[Basis]]:
    """The nodes, and the rights whose use is logged."""
    viewer = Viewer(party)
    with reading(world.desk.node, viewer) as view:
        return {node for node, _ in nodes_of(view)}, {right.basis for right in viewer.used}


def test_what_is_anothers_is_handed_by_a_right_that_is_logged() -> None:
    world = World()
    assert handed(world, REGULATOR) == ({TOP}, {Basis.SUPERVISION})
    nodes, used = handed(world, BROKER_A)
    assert {BROKER_A, AT_DEPOSITORY} <= nodes
    assert used == {Basis.CUSTODY}
    nodes, used = handed(world, INVESTOR_A)
    assert {INVESTOR_A, CLIENT} <= nodes
    assert used == set()


def test_an_office_that_rests_opens_nobody_below() -> None:
    """Its clients' accounts it still may look at, as in every other read; whom it admitted it does not see."""
    world = World()
    world.desk.do(SuspendParty(REGULATOR, BROKER_A, "An inquiry."), *by("regulator"))
    nodes, used = handed(world, BROKER_A)
    assert BROKER_A not in nodes
    assert {CLIENT, AT_DEPOSITORY, own("broker-a")[0].address} <= nodes
    assert used == {Basis.CUSTODY}
    world.desk.do(ReinstateParty(REGULATOR, BROKER_A), *by("regulator"))
    assert BROKER_A in handed(world, BROKER_A)[0]


def test_a_trustee_sees_the_operator_under_it_and_whom_that_admits() -> None:
    world = World()
    trustee, keys = party("trustee"), (stranger("operator under the trustee"), stranger("issuer under it"))
    roles = (Role.OPERATOR,), (Role.ISSUER,)
    names = "Platform", "Listed by the platform"
    above, made, signers = trustee, [], own("trustee")
    for role, name, key in zip(roles, names, keys, strict=True):
        world.desk.do(EnrolParty(above, role, name, "", key.address, b"", True), *signers)
        found = world.desk.machine.wired.parties.find_by_name(name)
        assert found is not None
        made.append(found)
        above, signers = found, (key,)
    operator, issuer = made
    assert [node for node, _ in world.viewkeys.path_to(issuer)] == [REGULATOR, trustee, operator, issuer]
    assert trustee in handed(world, trustee)[0]
    for viewer, sees in ((trustee, True), (operator, True), (BROKER_A, False)):
        with reading(world.desk.node, Viewer(viewer)) as view:
            assert view.may_see(PartyDetails(issuer)) is sees
            assert view.may_see(PartyDetails(operator)) is sees


def test_a_grant_shows_nothing_once_its_giver_is_a_member_no_more() -> None:
    world, notary = World(), party("notary")
    until = world.desk.next_time_ms() + DAY_MS
    ask = GrantViewKey(notary, notary, AUDITOR, Purpose.AUDIT, "Audit.", until)
    world.desk.do(ask, *own("notary"))
    assert notary in handed(world, AUDITOR)[0]
    for message in (
        SuspendParty(REGULATOR, notary, "An inquiry."),
        ReinstateParty(REGULATOR, notary),
        WindDownParty(REGULATOR, notary, "It leaves."),
    ):
        world.desk.do(message, *(own if isinstance(message, WindDownParty) else by)("regulator"))
        assert notary in handed(world, AUDITOR)[0], "of its own it shows what it sees"
    world.desk.do(TerminateParty(REGULATOR, notary), *by("regulator"))
    assert notary not in handed(world, AUDITOR)[0]


def test_a_grant_rests_with_its_holder() -> None:
    world = World()
    world.desk.do(granted(world), *own("broker-a"))
    nodes, used = handed(world, AUDITOR)
    assert BROKER_A in nodes
    assert used == {Basis.GRANT}
    world.desk.do(SuspendParty(REGULATOR, AUDITOR, "An inquiry."), *by("regulator"))
    nodes, used = handed(world, AUDITOR)
    assert BROKER_A not in nodes
    assert used == set()
    assert AUDITOR in nodes
