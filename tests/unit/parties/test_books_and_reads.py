"""Reads now and as of a past height, and the invariants that stop the node."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.modules.parties import invariants, queries
from counterfoil.modules.parties.interface import PartyStatus, Role
from counterfoil.modules.parties.messages import (
    AmendParty,
    ApplyForAdmission,
    GrantMandate,
    RegisterSigner,
    RevokeMandate,
    RotateKeys,
    SuspendParty,
)
from counterfoil.modules.parties.records import APPLICATIONS, NAMES, PARTIES, Application, Named, Party
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import single_key
from tests.unit.parties.world import World, by, key_of, makers_and_checkers, party


@pytest.fixture
def world() -> World:
    return World()


def test_reads_as_of_a_height(world: World) -> None:
    state, before = world.state, world.height - 1
    clerk = by("clerk")
    world.act(
        AmendParty(party("regulator"), party("broker"), "new name", ""), *makers_and_checkers("regulator")
    )
    world.act(SuspendParty(party("regulator"), party("broker"), "why"), "regulator")
    world.act(GrantMandate(party("operator"), clerk), "operator")
    world.act(RegisterSigner(single_key(key_of("k").public_key)), "k")
    world.end_block()
    world.act(RevokeMandate(party("operator"), clerk), "operator")
    world.act(RotateKeys(by("k"), single_key(key_of("k2").public_key)), "k")
    world.end_block()

    assert queries.by_name(state, "broker", before) == party("broker")
    assert queries.by_name(state, "broker") is None
    assert queries.by_name(state, "new name") == party("broker")
    assert queries.by_name(state, "") is None
    assert "broker" in dict(queries.members(state, before))
    assert [name for name, _ in queries.members(state)] == sorted(
        ["auditor", "depository", "issuer", "new name", "operator", "regulator"]
    )
    then, now = queries.party(state, party("broker"), before), queries.party(state, party("broker"))
    assert then is not None
    assert now is not None
    assert (then.status, now.status) == (PartyStatus.ACTIVE, PartyStatus.SUSPENDED)
    assert queries.stopped_by(state, party("ann")) == party("broker")
    assert queries.stopped_by(state, party("broker")) == party("broker")
    assert queries.stopped_by(state, party("ann"), before) is None
    assert [upper for upper, _ in queries.above(state, party("ann"))] == [party("broker"), party("regulator")]
    assert clerk not in dict(queries.mandates(state, party("operator"), before))
    assert clerk in dict(queries.mandates(state, party("operator"), before + 1))
    assert clerk not in dict(queries.mandates(state, party("operator")))
    rotated = queries.signer(state, by("k"))
    assert rotated is not None
    assert rotated.rotations == 1
    assert queries.signer(state, by("k"), before) is None


@pytest.mark.parametrize("malformed", [b"", b"short", bytes(21)])
def test_reads_of_what_cannot_be(world: World, malformed: bytes) -> None:
    assert queries.party(world.state, malformed) is None
    assert queries.signer(world.state, malformed) is None
    assert queries.mandates(world.state, malformed) == ()
    assert queries.above(world.state, malformed) == ()
    assert queries.stopped_by(world.state, malformed) is None


def applied(world: World) -> bytes:
    apply = ApplyForAdmission(party("regulator"), (Role.NOTARY,), "notary", "", by("notary"))
    return world.act(apply, "notary")


def changed(world: World, name: str, /, **fields: Any) -> None:
    world.change(name, **fields)


BROKEN = {
    "moved in the tree": lambda w: changed(w, "ann", parent=party("operator")),
    "below nobody": lambda w: w.parties_books.parties.put(
        party("orphan"), Party((Role.INVESTOR,), party("nobody"), "", "", b"", PartyStatus.ACTIVE)
    ),
    "not counted": lambda w: w.parties_books.parties.put(
        party("new"), Party((Role.INVESTOR,), party("broker"), "", "", b"", PartyStatus.ACTIVE)
    ),
    "counted twice": lambda w: changed(w, "ann", status=PartyStatus.TERMINATED),
    "suspended by nobody": lambda w: changed(w, "ann", status=PartyStatus.SUSPENDED),
    "another's name": lambda w: changed(w, "operator", name="broker"),
    "another's LEI": lambda w: changed(w, "operator", lei="5493001KJTIIGC8Y1R12"),
    "an unknown LEI": lambda w: changed(w, "operator", lei="213800D1EI4B9WTWWD28"),
    "an application without a party": lambda w: w.parties_books.applications.put(
        bytes(8) + party("ann"), Application(party("broker"))
    ),
    "a party without its application": lambda w: w.parties_books.applications.delete(
        next(key for key, _ in w.parties_books.applications.scan())
    ),
}


@pytest.mark.parametrize("how", list(BROKEN))
def test_invariants_see_what_is_wrong(world: World, how: str) -> None:
    applied(world)
    world.end_block()
    BROKEN[how](world)
    world.state.books.accept()
    with pytest.raises(InvariantViolation):
        world.end_block()


def test_full_checks_see_what_was_wrong_before(world: World) -> None:
    applied(world)
    for shelf, key, record in (
        (world.state.books.shelf(NAMES), b"ghost", Named(party("ghost"))),
        (world.state.books.shelf(APPLICATIONS), bytes(28), Application(party("broker"))),
    ):
        shelf.put(key, record)  # type: ignore[attr-defined]
        with pytest.raises(InvariantViolation):
            invariants.check_all(world.parties_books)
        world.state.books.reject()
    world.change("regulator", applications=0)
    with pytest.raises(InvariantViolation):
        invariants.check_all(world.parties_books)


def test_a_rejected_message_leaves_no_trace(world: World) -> None:
    before = {key: world.state.find(PARTIES, key) for key in (party("ann"), party("broker"))}
    assert world.refused(SuspendParty(party("operator"), party("ann"), "why"), "operator") is not None
    assert {key: world.state.find(PARTIES, key) for key in before} == before
    assert not any(shelf.touched for shelf in world.state.books.shelves.values())
