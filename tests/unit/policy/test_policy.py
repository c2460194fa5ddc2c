"""The policy against the visibility matrix, cell by cell, and what the matrix cannot say."""

from __future__ import annotations

import pytest

from counterfoil.modules.parties.interface import PartyStatus
from counterfoil.modules.parties.records import MANDATES, PARTIES, Mandate
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import Standing
from counterfoil.policy.subjects import AccountContents, PartyDetails
from tests.unit.policy.visibility_matrix import CAST, MATRIX, WHILE_SUSPENDED
from tests.unit.policy.world import SUBJECTS, TREE, USER_OF_BROKER_A, World, account, party, signer

NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def seen_by(world: World, row: str) -> set[str]:
    return {viewer for viewer in CAST if world.policy.may_see(party(viewer), SUBJECTS[row])}


def test_the_matrix_names_only_its_cast_and_covers_every_subject() -> None:
    assert set(SUBJECTS) == set(MATRIX)
    assert set(TREE) | {"nobody", "stranger"} == set(CAST)
    for row in (*MATRIX.values(), *(cells for rows in WHILE_SUSPENDED.values() for cells in rows.values())):
        assert set(row.split()) <= set(CAST), row


@pytest.mark.parametrize("row", MATRIX)
def test_matrix(world: World, row: str) -> None:
    assert seen_by(world, row) == set(MATRIX[row].split())


@pytest.mark.parametrize(
    ("suspended", "row"), [(who, row) for who, rows in WHILE_SUSPENDED.items() for row in rows]
)
def test_matrix_while_somebody_is_suspended(suspended: str, row: str) -> None:
    assert seen_by(World(suspended), row) == set(WHILE_SUSPENDED[suspended][row].split())


def test_not_there_and_not_yours_are_one_answer(world: World) -> None:
    answers = []
    for identity in (account("client-b's"), account("none")):
        with pytest.raises(NotVisible) as caught:
            world.policy.require(party("client-a"), AccountContents(identity))
        answers.append((type(caught.value), str(caught.value), caught.value.number, caught.value.args))
    assert answers[0] == answers[1]
    assert answers[0][1].startswith("1090 NOT_VISIBLE")


def test_require_lets_pass_what_may_be_seen(world: World) -> None:
    world.policy.require(party("client-a"), PartyDetails(party("client-a")))


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (PartyStatus.APPLIED, Standing.PERSONAL),
        (PartyStatus.ADMITTED, Standing.PERSONAL),
        (PartyStatus.ACTIVE, Standing.FULL),
        (PartyStatus.SUSPENDED, Standing.PERSONAL),
        (PartyStatus.REVOKED, Standing.PERSONAL),
        (PartyStatus.WINDING_DOWN, Standing.FULL),
        (PartyStatus.TERMINATED, Standing.FORMER),
    ],
)
def test_standing(status: PartyStatus, standing: Standing) -> None:
    world = World()
    shelf = world.books.shelf(PARTIES)
    record = shelf.find(party("exchange"))
    assert record is not None
    shelf.put(party("exchange"), type(record)(record.roles, record.parent, "x", "", record.signer, status))
    assert world.policy.standing(party("exchange")) is standing


def test_an_applicant_that_calls_itself_a_regulator_sees_nothing() -> None:
    world = World()
    shelf = world.books.shelf(PARTIES)
    regulator = shelf.find(party("regulator"))
    assert regulator is not None
    fake = type(regulator)(regulator.roles, party("regulator"), "x", "", b"", PartyStatus.APPLIED)
    shelf.put(party("applicant"), fake)
    assert not world.policy.may_see(party("applicant"), SUBJECTS["account of client-a"])
    assert not world.policy.may_see(party("applicant"), SUBJECTS["trade"])


@pytest.mark.parametrize(
    ("address", "whose", "time_ms", "speaks"),
    [
        (signer("issuer"), "issuer", None, True),
        (signer("issuer"), "other-issuer", None, False),
        (USER_OF_BROKER_A, "broker-a", None, True),
        (USER_OF_BROKER_A, "broker-a", NOW_MS, True),
        (USER_OF_BROKER_A, "broker-b", None, True),
        (USER_OF_BROKER_A, "issuer", None, False),
        (b"", "broker-a", None, False),
        (signer("stranger"), "stranger", None, False),
    ],
)
def test_who_speaks_for_a_party(
    world: World, address: bytes, whose: str, time_ms: int | None, speaks: bool
) -> None:
    assert world.policy.speaks_for(address, party(whose), time_ms) is speaks


@pytest.mark.parametrize(
    ("address", "whose", "own"),
    [
        (signer("issuer"), "issuer", True),
        (USER_OF_BROKER_A, "broker-a", True),
        (USER_OF_BROKER_A, "broker-b", False),
        (signer("issuer"), "broker-b", False),
        (b"", "broker-a", False),
    ],
)
def test_naming_a_user_opens_nothing(world: World, address: bytes, whose: str, own: bool) -> None:
    assert world.policy.is_its_own(address, party(whose)) is own


@pytest.mark.parametrize(
    ("time_ms", "speaks"), [(9, False), (10, True), (19, True), (20, False), (None, True)]
)
def test_a_mandate_speaks_while_it_is_in_force(time_ms: int | None, speaks: bool) -> None:
    world = World()
    mandate = Mandate((), (), valid_from_ms=10, valid_until_ms=20)
    world.books.shelf(MANDATES).put(party("broker-b") + b"u" * 20, mandate)
    assert world.policy.speaks_for(b"u" * 20, party("broker-b"), time_ms) is speaks
