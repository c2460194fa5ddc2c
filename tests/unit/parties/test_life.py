"""How parties are stopped, let go on, wound down and ended, and how far a stop reaches."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.facts import PartyStatusChanged
from counterfoil.modules.parties.interface import PartyStatus, Role
from counterfoil.modules.parties.messages import (
    ActivateParty,
    EnrolParty,
    ReinstateParty,
    RevokeParty,
    SuspendParty,
    TerminateParty,
    VerifyIdentity,
    WindDownParty,
)
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import Rejected
from tests.unit.parties.world import LEI, World, by, hash_of, party, tags

ACTIVE, SUSPENDED, REVOKED = PartyStatus.ACTIVE, PartyStatus.SUSPENDED, PartyStatus.REVOKED
WINDING_DOWN, TERMINATED = PartyStatus.WINDING_DOWN, PartyStatus.TERMINATED


@pytest.fixture
def world() -> World:
    return World()


STOP_ROWS = [
    (None, "broker", "ann", "why", ["broker"], ACTIVE),
    (None, "regulator", "ann", "why", ["regulator"], ACTIVE),
    (None, "broker", "ann", "why", ["broker"], PartyStatus.ADMITTED),
    (None, "broker", "ann", "why", ["broker"], WINDING_DOWN),
    (PartiesReject.PARTY_LACKS_THE_ROLE, "auditor", "ann", "why", ["auditor"], ACTIVE),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", "ann", "why", ["regulator"], ACTIVE),
    (PartiesReject.PARTY_NOT_FOUND, "broker", "nobody", "why", ["broker"], ACTIVE),
    (PartiesReject.PARTY_NOT_FOUND, "operator", "ann", "why", ["operator"], ACTIVE),
    (PartiesReject.AUTHORITY_IS_NOT_ABOVE, "broker", "broker", "why", ["broker"], ACTIVE),
    (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", "why", ["broker"], REVOKED),
    (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", "why", ["broker"], TERMINATED),
    (PartiesReject.REASON_IS_INVALID, "broker", "ann", "", ["broker"], ACTIVE),
]


@pytest.mark.parametrize(("expected", "authority", "who", "reason", "signers", "status"), STOP_ROWS)
def test_suspend_party(
    world: World,
    expected: Any,
    authority: str,
    who: str,
    reason: str,
    signers: list[str],
    status: PartyStatus,
) -> None:
    world.change("ann", status=status)
    assert world.refused(SuspendParty(party(authority), party(who), reason), *signers) is expected
    if expected is None:
        stopped = world.party("ann")
        assert (stopped.status, stopped.status_before) == (SUSPENDED, status)
        assert stopped.suspended_by == party(authority)
        assert tags(world.facts) == [PartyStatusChanged.__name__]


@pytest.mark.parametrize(("expected", "authority", "who", "reason", "signers", "status"), STOP_ROWS)
def test_revoke_party(
    world: World,
    expected: Any,
    authority: str,
    who: str,
    reason: str,
    signers: list[str],
    status: PartyStatus,
) -> None:
    world.change("ann", status=status)
    assert world.refused(RevokeParty(party(authority), party(who), reason), *signers) is expected
    if expected is None:
        assert world.party("ann").status is REVOKED


def test_a_suspended_party_can_be_revoked(world: World) -> None:
    world.act(SuspendParty(party("regulator"), party("ann"), "why"), "regulator")
    world.act(RevokeParty(party("broker"), party("ann"), "why"), "broker")
    assert world.party("ann").suspended_by == b""
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "authority", "who", "signers", "suspended_by"),
    [
        (None, "broker", "ann", ["broker"], "broker"),
        (None, "regulator", "ann", ["regulator"], "broker"),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "auditor", "ann", ["auditor"], "broker"),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", "ann", ["ann"], "broker"),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "ann", ["operator"], "broker"),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", ["broker"], ""),
        (PartiesReject.AUTHORITY_DID_NOT_SUSPEND_IT, "broker", "ann", ["broker"], "regulator"),
    ],
)
def test_reinstate_party(
    world: World, expected: Any, authority: str, who: str, signers: list[str], suspended_by: str
) -> None:
    if suspended_by:
        world.act(SuspendParty(party(suspended_by), party("ann"), "why"), suspended_by)
    assert world.refused(ReinstateParty(party(authority), party(who)), *signers) is expected
    if expected is None:
        back = world.party("ann")
        assert (back.status, back.suspended_by) == (ACTIVE, b"")
    world.end_block()


def test_reinstated_where_it_was_stopped(world: World) -> None:
    world.act(WindDownParty(party("ann"), party("ann"), "leaving"), "ann")
    world.act(SuspendParty(party("broker"), party("ann"), "why"), "broker")
    world.act(ReinstateParty(party("broker"), party("ann")), "broker")
    assert world.party("ann").status is WINDING_DOWN
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "authority", "who", "reason", "signers", "status"),
    [
        (None, "ann", "ann", "leaving", ["ann"], ACTIVE),
        (None, "broker", "ann", "leaving", ["broker"], ACTIVE),
        (None, "regulator", "ann", "leaving", ["regulator"], REVOKED),
        (PartiesReject.PARTY_NOT_FOUND, "nobody", "ann", "leaving", ["ann"], ACTIVE),
        (PartiesReject.PARTY_IS_NOT_ACTIVE, "ann", "ann", "leaving", ["ann"], WINDING_DOWN),
        (PartiesReject.PARTY_NOT_FOUND, "ann", "ann", "leaving", ["ben"], ACTIVE),
        (PartiesReject.PARTY_NOT_FOUND, "ben", "ann", "leaving", ["ben"], ACTIVE),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", "leaving", ["broker"], SUSPENDED),
        (PartiesReject.REASON_IS_INVALID, "ann", "ann", "", ["ann"], ACTIVE),
    ],
)
def test_wind_down_party(
    world: World,
    expected: Any,
    authority: str,
    who: str,
    reason: str,
    signers: list[str],
    status: PartyStatus,
) -> None:
    world.change("ann", status=status)
    assert world.refused(WindDownParty(party(authority), party(who), reason), *signers) is expected
    if expected is None:
        assert world.party("ann").status is WINDING_DOWN
        assert world.parties.require_in_business(party("ann"))


def asked_for(world: World) -> None:
    world.change("ann", applications=1)


def holding(world: World) -> None:
    world.holders.append(party("ann"))


@pytest.mark.parametrize(
    ("expected", "authority", "who", "signers", "status", "prepare"),
    [
        (None, "broker", "ann", ["broker"], WINDING_DOWN, None),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "ann", "ann", ["ann"], WINDING_DOWN, None),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", "ann", ["ann"], WINDING_DOWN, None),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "ann", ["operator"], WINDING_DOWN, None),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", ["broker"], ACTIVE, None),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", ["broker"], TERMINATED, None),
        (PartiesReject.PARTY_HAS_PARTIES_BELOW, "regulator", "broker", ["regulator"], WINDING_DOWN, None),
        (PartiesReject.PARTY_HAS_PARTIES_BELOW, "broker", "ann", ["broker"], WINDING_DOWN, asked_for),
        (PartiesReject.PARTY_HAS_POSITIONS, "broker", "ann", ["broker"], WINDING_DOWN, holding),
    ],
)
def test_terminate_party(
    world: World,
    expected: Any,
    authority: str,
    who: str,
    signers: list[str],
    status: PartyStatus,
    prepare: Any,
) -> None:
    world.change("ann", status=status)
    world.change("broker", status=WINDING_DOWN if who == "broker" else ACTIVE)
    if prepare is not None:
        prepare(world)
    assert world.refused(TerminateParty(party(authority), party(who)), *signers) is expected
    if expected is None:
        assert world.party("ann").status is TERMINATED
        assert world.party("broker").below == 0


def test_nobody_is_terminated_before_positions_can_be_asked_for(world: World) -> None:
    untold = PartiesBooks(world.state.books.shelf)
    assert untold.holds_anything(party("ann"))


def test_a_whole_life(world: World) -> None:
    enrol = EnrolParty(party("broker"), (Role.INVESTOR,), "", "", by("cat"))
    cat = world.act(enrol, "broker")
    assert not world.parties.is_active(cat)
    world.end_block()
    world.act(VerifyIdentity(party("broker"), cat, hash_of("cat")), "broker")
    world.act(ActivateParty(party("broker"), cat), "broker")
    world.end_block()
    assert world.parties.is_active(cat)
    for authority, message in (
        ("broker", SuspendParty(party("broker"), cat, "missing papers")),
        ("broker", ReinstateParty(party("broker"), cat)),
        ("regulator", RevokeParty(party("regulator"), cat, "fraud")),
        ("regulator", WindDownParty(party("regulator"), cat, "to be paid out")),
        ("regulator", TerminateParty(party("regulator"), cat)),
    ):
        world.act(message, authority)
        world.end_block()
    assert world.parties.require(cat).status is TERMINATED
    assert world.party("broker").below == 1


def test_a_terminated_members_name_and_lei_are_free(world: World) -> None:
    world.act(SuspendParty(party("broker"), party("ann"), "leaving"), "broker")
    world.act(RevokeParty(party("broker"), party("ann"), "leaving"), "broker")
    world.act(WindDownParty(party("broker"), party("ann"), "leaving"), "broker")
    world.act(TerminateParty(party("broker"), party("ann")), "broker")
    world.act(WindDownParty(party("broker"), party("broker"), "leaving"), "broker")
    world.act(TerminateParty(party("regulator"), party("broker")), "regulator")
    world.end_block()
    heir = EnrolParty(party("regulator"), (Role.SECURITIES_COMPANY,), "broker", LEI, by("heir"))
    assert world.parties.find_by_name("broker") is None
    assert world.parties.find_by_name("broker") != world.act(heir, "regulator")
    world.end_block()


@pytest.mark.parametrize("status", [SUSPENDED, REVOKED])
def test_a_stop_reaches_everybody_below(world: World, status: PartyStatus) -> None:
    world.change("regulator", status=status, suspended_by=party("regulator"))
    for name in ("depository", "operator", "broker", "issuer", "ann", "ben"):
        assert world.party(name).status is ACTIVE
        assert not world.parties.is_active(party(name))
        with pytest.raises(Rejected) as caught:
            world.parties.require_active(party(name))
        assert caught.value.code is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_a_stop_reaches_nobody_beside(world: World) -> None:
    world.act(SuspendParty(party("regulator"), party("broker"), "why"), "regulator")
    assert not world.parties.is_active(party("ann"))
    assert world.parties.is_active(party("ben"))
    assert world.parties.is_active(party("operator"))
    world.act(ReinstateParty(party("regulator"), party("broker")), "regulator")
    assert world.parties.is_active(party("ann"))


def test_those_below_a_party_that_winds_down_go_on(world: World) -> None:
    world.change("broker", status=WINDING_DOWN)
    assert world.parties.is_active(party("ann"))


def test_what_is_suspended_cannot_suspend(world: World) -> None:
    world.act(SuspendParty(party("regulator"), party("broker"), "why"), "regulator")
    message = SuspendParty(party("broker"), party("ann"), "why")
    assert world.refused(message, "broker") is PartiesReject.PARTY_IS_NOT_ACTIVE
    message_below = WindDownParty(party("ann"), party("ann"), "leaving")
    assert world.refused(message_below, "ann") is PartiesReject.PARTY_IS_NOT_ACTIVE
