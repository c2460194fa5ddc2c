"""View keys on the ledger: who may raise and grant which, and what that does to the tree."""

from __future__ import annotations

from itertools import product

import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.grants.messages import GrantView
from counterfoil.modules.grants.records import GRANT_MS_MAX, Purpose, Scope
from counterfoil.modules.grants.rejects import GrantsReject
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.messages import GrantMandate, SuspendParty
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.viewkeys.facts import (
    OpeningKeyRecorded,
    ViewGrantEnded,
    ViewKeyGranted,
    ViewKeyRaised,
    ViewKeysChanged,
)
from counterfoil.modules.viewkeys.messages import EndViewGrant, GrantViewKey, RaiseViewKey, RecordOpeningKey
from counterfoil.modules.viewkeys.records import GRANTS_MAX, ViewGrant
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.outcome import RejectCode
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import PARAMETERS, Desk, by, own, party
from tests.model.opening import stranger
from tests.unit.viewkeys.test_epochs import expect, facts_of
from tests.unit.viewkeys.world import (
    AT_DEPOSITORY,
    AUDITOR,
    BROKER_A,
    BROKER_B,
    CLIENT,
    DAY_MS,
    DEPOSITORY,
    INVESTOR_A,
    NOTARY,
    REGULATOR,
    World,
)

KEY = OpeningKey(b"\x07" * 32).public_key


@pytest.fixture
def world() -> World:
    return World()


def test_the_tree_hangs_on_relationships(world: World) -> None:
    path_to = world.viewkeys.path_to
    assert path_to(REGULATOR) == ((REGULATOR, 0),)
    assert path_to(BROKER_A) == ((REGULATOR, 0), (BROKER_A, 0))
    assert path_to(INVESTOR_A) == ((REGULATOR, 0), (BROKER_A, 0), (INVESTOR_A, 0))
    assert path_to(CLIENT) == ((REGULATOR, 0), (BROKER_A, 0), (CLIENT, 0))
    assert path_to(AT_DEPOSITORY) == ((REGULATOR, 0), (DEPOSITORY, 0), (AT_DEPOSITORY, 0))
    signer = own("broker-a")[0].address
    assert path_to(signer) == ((signer, 0),)


@pytest.mark.parametrize(
    ("node", "by_party", "keys", "expected"),
    [
        (BROKER_A, BROKER_A, own("broker-a"), None),
        (BROKER_A, REGULATOR, own("regulator"), None),
        (CLIENT, BROKER_A, own("broker-a"), None),
        (CLIENT, INVESTOR_A, own("investor-a"), None),
        (CLIENT, REGULATOR, own("regulator"), None),
        (INVESTOR_A, BROKER_A, own("broker-a"), None),
        (AT_DEPOSITORY, BROKER_A, own("broker-a"), None),
        (own("broker-a")[0].address, BROKER_A, own("broker-a"), None),
        (BROKER_A, bytes(20), own("broker-a"), PartiesReject.PARTY_NOT_FOUND),
        (BROKER_A, BROKER_A, own("broker-b"), PartiesReject.MAKER_IS_MISSING),
        (BROKER_A, BROKER_B, own("broker-b"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (CLIENT, BROKER_B, own("broker-b"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (CLIENT, DEPOSITORY, own("depository"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (REGULATOR, BROKER_A, own("broker-a"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (BROKER_A, INVESTOR_A, own("investor-a"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (own("broker-b")[0].address, BROKER_A, own("broker-a"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (b"n" * 20, REGULATOR, own("regulator"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (b"", REGULATOR, own("regulator"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
        (bytes(32), REGULATOR, own("regulator"), ViewKeysReject.VIEW_NODE_NOT_FOUND),
    ],
)
def test_raise_view_key(
    world: World, node: bytes, by_party: bytes, keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    expect(world.desk, RaiseViewKey(by_party, node), keys, expected)
    if expected is not None:
        return
    path = world.viewkeys.path_to(node)
    assert path[-1] == (node, 1)
    told = facts_of(world.desk)
    assert (PUBLIC, ViewKeysChanged()) in told
    raised = ViewKeyRaised(node, 1)
    assert {whose for whose, fact in told if fact == raised} == {node, *[step[0] for step in path[-2:-1]]}


def test_a_raised_key_is_another_one_for_everything_below(world: World) -> None:
    world.desk.do(RaiseViewKey(BROKER_A, BROKER_A), *own("broker-a"))
    world.desk.do(RaiseViewKey(INVESTOR_A, CLIENT), *own("investor-a"))
    assert world.viewkeys.path_to(CLIENT) == ((REGULATOR, 0), (BROKER_A, 1), (CLIENT, 1))
    assert world.viewkeys.path_to(AT_DEPOSITORY) == ((REGULATOR, 0), (DEPOSITORY, 0), (AT_DEPOSITORY, 0))


def test_a_user_who_accepted_its_mandate_is_its_partys(world: World) -> None:
    clerk = stranger("clerk")
    world.desk.do(GrantMandate(BROKER_A, clerk.address), *own("broker-a"))
    message = RaiseViewKey(BROKER_A, clerk.address)
    expect(world.desk, message, own("broker-a"), ViewKeysReject.VIEW_NODE_NOT_FOUND)
    world.desk.do(GrantMandate(BROKER_A, clerk.address), *own("broker-a"), clerk)
    expect(world.desk, message, own("broker-a"), None)


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, own("broker-a"), None),
        ({"party": BROKER_B}, own("broker-a"), PartiesReject.MAKER_IS_MISSING),
        ({"opening_key": b""}, own("broker-a"), ViewKeysReject.OPENING_KEY_IS_INVALID),
        ({"opening_key": bytes(32)}, own("broker-a"), ViewKeysReject.OPENING_KEY_IS_INVALID),
        ({"opening_key": KEY + b"\0"}, own("broker-a"), ViewKeysReject.OPENING_KEY_IS_INVALID),
    ],
)
def test_record_opening_key(
    world: World, changes: dict[str, bytes], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    expect(world.desk, replace(RecordOpeningKey(BROKER_A, KEY), **changes), keys, expected)
    assert world.viewkeys.opening_key(BROKER_A) == (KEY if expected is None else None)
    if expected is None:
        assert (BROKER_A, OpeningKeyRecorded(BROKER_A, KEY)) in facts_of(world.desk)


def granted(world: World, **changes: object) -> GrantViewKey:
    until = world.desk.next_time_ms() + DAY_MS
    ask = GrantViewKey(BROKER_A, BROKER_A, AUDITOR, Purpose.AUDIT, "Audit of 2024.", until)
    return replace(ask, **changes)


OWN, CLIENTS = own("broker-a"), own("investor-a")
CUSTODY, DISCLOSURE, INVESTIGATION = Purpose.CUSTODY, Purpose.DISCLOSURE, Purpose.INVESTIGATION
NOTHING = GrantsReject.NOTHING_TO_SHOW
NOT_ELIGIBLE = GrantsReject.GRANTEE_IS_NOT_ELIGIBLE
SECOND = {"node": CLIENT, "grantee": BROKER_B, "purpose": CUSTODY}
"""A client's accounts at one broker, for another."""


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        # By the terms that hold of views: each purpose from a giver that it allows, to a grantee that it allows
        ({}, OWN, None),
        ({"node": CLIENT}, OWN, None),
        ({"party": INVESTOR_A, "node": CLIENT}, CLIENTS, None),
        ({"party": REGULATOR}, own("regulator"), None),
        ({"party": REGULATOR, "purpose": INVESTIGATION, "grantee": NOTARY}, own("regulator"), None),
        ({"node": own("broker-a")[0].address}, OWN, None),
        ({**SECOND, "party": INVESTOR_A}, CLIENTS, None),
        (SECOND, OWN + CLIENTS, None),
        ({"party": INVESTOR_A, "node": CLIENT, "purpose": DISCLOSURE, "grantee": NOTARY}, CLIENTS, None),
        ({"party": BROKER_B}, OWN, PartiesReject.MAKER_IS_MISSING),
        # What is not there, not the granter's, and not for this purpose
        ({"party": BROKER_B}, own("broker-b"), NOTHING),
        ({"node": b"n" * 20}, OWN, NOTHING),
        ({"node": b"short"}, OWN, NOTHING),
        ({"node": INVESTOR_A}, OWN, NOTHING),
        ({"node": BROKER_B}, OWN, NOTHING),
        ({"node": own("broker-b")[0].address}, OWN, NOTHING),
        ({"node": CLIENT, "party": BROKER_B}, own("broker-b"), NOTHING),
        ({"purpose": INVESTIGATION}, OWN, NOTHING),
        ({"purpose": CUSTODY, "grantee": BROKER_B}, OWN, NOTHING),
        ({"purpose": DISCLOSURE, "grantee": NOTARY}, OWN, NOTHING),
        ({**SECOND, "purpose": DISCLOSURE}, OWN, NOTHING),
        ({**SECOND, "party": REGULATOR}, own("regulator"), NOTHING),
        # A sibling is shown a client by that client's consent alone
        (SECOND, OWN, GrantsReject.HOLDER_HAS_NOT_CONSENTED),
        (SECOND, OWN + own("broker-b"), GrantsReject.HOLDER_HAS_NOT_CONSENTED),
        # Wrong grantees
        ({"grantee": BROKER_B}, OWN, NOT_ELIGIBLE),
        ({"node": CLIENT, "grantee": BROKER_B}, OWN, NOT_ELIGIBLE),
        ({"grantee": bytes(20)}, OWN, NOT_ELIGIBLE),
        ({"grantee": b""}, OWN, NOT_ELIGIBLE),
        ({"grantee": BROKER_A}, OWN, NOT_ELIGIBLE),
        ({"grantee": REGULATOR}, OWN, NOT_ELIGIBLE),
        (
            {"party": INVESTOR_A, "node": CLIENT, "purpose": CUSTODY, "grantee": BROKER_A},
            CLIENTS,
            ViewKeysReject.GRANTEE_IS_INVALID,
        ),
        (
            {"party": INVESTOR_A, "node": CLIENT, "purpose": DISCLOSURE, "grantee": REGULATOR},
            CLIENTS,
            ViewKeysReject.GRANTEE_IS_INVALID,
        ),
        ({"reason": ""}, OWN, ViewKeysReject.PURPOSE_IS_INVALID),
        ({"reason": "x" * 201}, OWN, ViewKeysReject.PURPOSE_IS_INVALID),
        ({"reason": "two\nlines"}, OWN, ViewKeysReject.PURPOSE_IS_INVALID),
        ({"until_ms": 0}, OWN, ViewKeysReject.END_IS_INVALID),
        ({"until_ms": -1}, OWN, ViewKeysReject.END_IS_INVALID),
        ({"until_ms": 2**63 - 1}, OWN, ViewKeysReject.END_IS_INVALID),
    ],
)
def test_grant_view_key(
    world: World, changes: dict[str, object], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    message = granted(world, **changes)
    expect(world.desk, message, keys, expected)
    grant = world.viewkeys.grant(message.node, message.grantee)
    assert (grant is not None) == (expected is None)
    if grant is None:
        return
    height = world.desk.height
    assert grant == ViewGrant(
        message.party, message.purpose, message.reason, height, message.until_ms, height
    )
    assert world.viewkeys.path_to(message.node)[-1] == (message.node, 1)
    fact = ViewKeyGranted(
        message.node,
        message.grantee,
        message.party,
        message.purpose,
        message.reason,
        height,
        message.until_ms,
    )
    warned = set() if message.purpose is INVESTIGATION else {message.node}
    told = {whose for whose, one in facts_of(world.desk) if one == fact}
    assert told == warned | {message.grantee, message.party}


def test_views_and_view_keys_are_granted_by_one_set_of_terms(world: World) -> None:
    """Whatever a party asks of a party or an account: the key is refused with the number with which the view is."""
    parties = {name: party(name) for name in ("regulator", "broker-a", "broker-b", "investor-a", "auditor")}
    account = world.opening.accounts["ia"]
    answers = set()
    for scope, node, shown in ((Scope.PARTY, BROKER_A, BROKER_A), (Scope.ACCOUNT, CLIENT, account)):
        for grantor, purpose in product(parties, Purpose):
            for grantee in parties:
                until = world.desk.next_time_ms() + DAY_MS
                who, to = parties[grantor], parties[grantee]
                view = GrantView(who, to, scope, shown, purpose, 0, 0, until)
                key = GrantViewKey(who, node, to, purpose, "Why.", until)
                one, other = (
                    tuple(reject.code for reject in world.desk.try_out(ask, *own(grantor)).rejects)
                    for ask in (view, key)
                )
                if other == (ViewKeysReject.GRANTEE_IS_INVALID,):
                    other = ()  # a view of what one sees anyway is needless, and not refused
                assert one == other, (scope, grantor, grantee, purpose)
                answers.update(one)
    assert answers == {NOTHING, NOT_ELIGIBLE, GrantsReject.HOLDER_HAS_NOT_CONSENTED}


def test_a_suspended_party_is_granted_nothing(world: World) -> None:
    world.desk.do(SuspendParty(REGULATOR, AUDITOR, "An inquiry."), *by("regulator"))
    expect(world.desk, granted(world), OWN, NOT_ELIGIBLE)


def test_a_grant_for_the_past_leaves_the_key(world: World) -> None:
    world.desk.do(granted(world, past=True), *OWN)
    grant = world.viewkeys.grant(BROKER_A, AUDITOR)
    assert grant is not None
    assert grant.from_height == 0
    assert world.viewkeys.path_to(BROKER_A)[-1] == (BROKER_A, 0)


def test_one_grant_for_one_grantee_and_no_more_than_the_limit(world: World) -> None:
    world.desk.do(granted(world), *OWN)
    expect(world.desk, granted(world), OWN, ViewKeysReject.GRANT_EXISTS)
    from counterfoil.modules.parties.messages import EnrolParty
    from counterfoil.modules.parties.records import Role

    for number in range(GRANTS_MAX):
        enrol = EnrolParty(
            REGULATOR, (Role.AUDITOR,), f"Auditor {number}", "", stranger(f"a{number}").address, activate=True
        )
        (auditor,) = world.desk.do(enrol, *by("regulator"))
        full = number == GRANTS_MAX - 1
        message = granted(world, grantee=auditor)
        expect(world.desk, message, OWN, ViewKeysReject.TOO_MANY_GRANTS if full else None)


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, OWN, None),
        ({"party": AUDITOR}, own("auditor"), None),
        ({"party": REGULATOR}, own("regulator"), None),
        ({"party": BROKER_B}, OWN, PartiesReject.MAKER_IS_MISSING),
        ({"party": BROKER_B}, own("broker-b"), ViewKeysReject.GRANT_NOT_FOUND),
        ({"party": INVESTOR_A}, CLIENTS, ViewKeysReject.GRANT_NOT_FOUND),
        ({"node": DEPOSITORY, "party": REGULATOR}, own("regulator"), ViewKeysReject.GRANT_NOT_FOUND),
        ({"grantee": BROKER_B}, OWN, ViewKeysReject.GRANT_NOT_FOUND),
        ({"grantee": b""}, OWN, ViewKeysReject.GRANT_NOT_FOUND),
        ({"party": AUDITOR, "node": b"x"}, own("auditor"), ViewKeysReject.GRANT_NOT_FOUND),
    ],
)
def test_end_view_grant(
    world: World, changes: dict[str, bytes], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    world.desk.do(granted(world), *OWN)
    expect(world.desk, replace(EndViewGrant(BROKER_A, BROKER_A, AUDITOR), **changes), keys, expected)
    ended = world.viewkeys.grant(BROKER_A, AUDITOR) is None
    assert ended == (expected is None)
    if ended:
        assert world.viewkeys.path_to(BROKER_A)[-1] == (BROKER_A, 2)
        told = [whose for whose, fact in facts_of(world.desk) if fact == ViewGrantEnded(BROKER_A, AUDITOR)]
        assert sorted(told) == sorted((BROKER_A, AUDITOR))


def test_a_grant_ends_when_its_time_is_over(world: World) -> None:
    message = granted(world)
    world.desk.do(message, *OWN)
    other = granted(world, node=CLIENT, until_ms=message.until_ms + DAY_MS)
    world.desk.do(other, *OWN)
    world.desk.advance_to(message.until_ms - 1_000)
    world.desk.settle_down()
    assert world.viewkeys.grant(BROKER_A, AUDITOR) is not None
    world.desk.advance_to(message.until_ms)
    world.desk.settle_down()
    assert world.viewkeys.grant(BROKER_A, AUDITOR) is None
    assert world.viewkeys.grant(CLIENT, AUDITOR) is not None
    assert world.viewkeys.path_to(BROKER_A)[-1] == (BROKER_A, 2)
    world.desk.advance_to(other.until_ms)
    world.desk.settle_down()
    assert world.viewkeys.grant(CLIENT, AUDITOR) is None
    world.desk.machine.check_everything()


def test_a_grant_may_not_outlive_its_limit(world: World) -> None:
    at_most = world.desk.next_time_ms() + GRANT_MS_MAX
    expect(world.desk, granted(world, until_ms=at_most), OWN, None)
    again = world.desk.next_time_ms() + GRANT_MS_MAX + 1
    message = granted(world, node=CLIENT, until_ms=again)
    expect(world.desk, message, OWN, ViewKeysReject.END_IS_INVALID)


def test_on_a_ledger_that_is_not_sealed_no_view_key_is_raised_or_granted() -> None:
    desk = Desk(genesis=replace(sandbox_genesis(parameters=PARAMETERS), sealed=False))
    until = desk.next_time_ms() + DAY_MS
    expect(desk, RaiseViewKey(BROKER_A, BROKER_A), OWN, ViewKeysReject.LEDGER_IS_NOT_SEALED)
    grant = GrantViewKey(BROKER_A, BROKER_A, AUDITOR, Purpose.AUDIT, "Audit.", until)
    expect(desk, grant, OWN, ViewKeysReject.LEDGER_IS_NOT_SEALED)
    expect(desk, RecordOpeningKey(BROKER_A, KEY), OWN, None)
    assert party("broker-a") == BROKER_A
