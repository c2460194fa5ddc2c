"""The policy against the visibility matrix, cell by cell, and what the matrix cannot say."""

from __future__ import annotations

import typing

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants.records import Purpose, View, view_key
from counterfoil.modules.holdings.records import ACCOUNTS
from counterfoil.modules.parties.interface import PartyStatus, Role
from counterfoil.modules.parties.records import MANDATES, PARTIES, Mandate
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import Standing
from counterfoil.policy.rights import Basis, Right, Span
from counterfoil.policy.subjects import (
    AccountContents,
    AccountHistory,
    Business,
    CertificateOf,
    PartyDetails,
    PartyHistory,
    PartyName,
    PendingProposal,
    PersonLinks,
    QueueCounts,
    ReceiptFor,
    Register,
    Side,
    Subject,
    ViewGrant,
)
from tests.unit.policy.visibility_matrix import (
    CAST,
    GRANTEES,
    GRANTEES_WHILE_SUSPENDED,
    MATRIX,
    PERIODS,
    WHILE_SUSPENDED,
    seen,
)
from tests.unit.policy.world import (
    ALSO,
    GRANTED,
    NO_INSTRUMENT,
    SUBJECTS,
    TREE,
    USER_OF_BROKER_A,
    World,
    account,
    party,
    signer,
)

NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def seen_by(world: World, row: str) -> set[str]:
    also = ALSO.get(row, SUBJECTS[row])
    may_see = world.policy.may_see
    return {
        viewer for viewer in CAST if may_see(party(viewer), SUBJECTS[row]) and may_see(party(viewer), also)
    }


def test_the_matrix_names_only_its_cast_and_covers_every_subject() -> None:
    assert set(SUBJECTS) == set(MATRIX)
    assert set(TREE) | {"nobody", "stranger"} == set(CAST)
    for row in (*MATRIX.values(), *(cells for rows in WHILE_SUSPENDED.values() for cells in rows.values())):
        assert set(row.split()) <= set(CAST), row
    for grantee, rows in GRANTEES.items():
        assert grantee in CAST
        assert set(rows) <= set(MATRIX), grantee
    kinds = {type(subject) for subject in SUBJECTS.values()}
    assert kinds == set(typing.get_args(Subject)), "a kind of subject without a row"


@pytest.mark.parametrize("row", MATRIX)
def test_matrix(world: World, row: str) -> None:
    assert seen_by(world, row) == seen(row)


@pytest.mark.parametrize(
    ("suspended", "row"),
    [
        *((who, row) for who, rows in WHILE_SUSPENDED.items() for row in rows),
        *((who, row) for who, rows in GRANTEES_WHILE_SUSPENDED.items() for row in rows),
    ],
)
def test_matrix_while_somebody_is_suspended(suspended: str, row: str) -> None:
    themselves = WHILE_SUSPENDED.get(suspended, {}).get(row, MATRIX[row])
    granted = GRANTEES_WHILE_SUSPENDED.get(suspended, {}).get(row, "")
    assert seen_by(World(suspended), row) == {*themselves.split(), *granted.split()}


@pytest.mark.parametrize(("begins", "ends", "first", "last", "shown"), PERIODS)
def test_a_grant_shows_its_period_alone(begins: int, ends: int, first: int, last: int, shown: bool) -> None:
    world = World(granted=False)
    grant = replace(GRANTED["auditor-of-a"], period_from_ms=begins, period_until_ms=ends)
    world.grants_books.grants.put(b"g" * 32, grant)
    world.grants_books.views.put(view_key(b"g" * 32, grant), View())
    right = world.policy.right(party("auditor-of-a"), SUBJECTS["account of client-a"], Span(first, last))
    assert right == (Right(Basis.GRANT, b"g" * 32, Purpose.AUDIT) if shown else None)
    own = world.policy.right(party("client-a"), SUBJECTS["account of client-a"], Span(first, last))
    assert own == Right(Basis.OWN), "one's own rights are for all times"


@pytest.mark.parametrize(
    ("viewer", "row", "basis"),
    [
        ("nobody", "terms of the equity", Basis.PUBLIC),
        ("client-a", "account of client-a", Basis.OWN),
        ("joint-holder", "joint account", Basis.OWN),
        ("broker-a", "account of client-a", Basis.CUSTODY),
        ("regulator", "account of client-a", Basis.SUPERVISION),
        ("broker-a", "details of client-a", Basis.SUPERVISION),
        ("issuer", "register of the equity", Basis.OWN),
        ("depository", "register of the equity", Basis.OFFICE),
        ("regulator", "register of the equity", Basis.SUPERVISION),
        ("depository", "register of the money token", None),
        ("broker-a", "trade", Basis.OWN),
        ("client-a", "trade", Basis.OWN),
        ("exchange", "trade", Basis.OFFICE),
        ("regulator", "trade", Basis.SUPERVISION),
        ("depository", "instruction of broker-b for itself", Basis.CUSTODY),
        ("issuer", "proposal", Basis.OWN),
        ("regulator", "proposal", Basis.SUPERVISION),
        ("broker-b", "receipt for three-brokers at broker-b", Basis.CUSTODY),
        ("three-brokers", "receipt for three-brokers at broker-b", Basis.OWN),
        ("depository", "receipt for the issuer", Basis.SUPERVISION),
        ("data-protection", "reads at this node", Basis.OFFICE),
        ("second-custodian", "account of client-a", Basis.GRANT),
    ],
)
def test_by_which_right(world: World, viewer: str, row: str, basis: Basis | None) -> None:
    right = world.policy.right(party(viewer), SUBJECTS[row])
    assert (right.basis if right is not None else None) is basis


def test_every_role_and_every_stage_of_life_is_cast(world: World) -> None:
    assert {role for _, role in TREE.values()} == set(Role)
    records = (world.books.shelf(PARTIES).find(party(name)) for name in CAST)
    stages = {record.status for record in records if record is not None}
    assert stages >= {PartyStatus.APPLIED, PartyStatus.ACTIVE, PartyStatus.SUSPENDED}
    assert stages >= {PartyStatus.WINDING_DOWN, PartyStatus.TERMINATED}


def test_a_grant_dies_with_what_its_grantor_sees() -> None:
    """Nobody shows more than it sees at the moment of reading, and nobody passes on what it was granted."""
    world = World()
    row = SUBJECTS["account of client-a"]
    lender, custodian = party("lender"), party("second-custodian")
    assert world.policy.may_see(lender, row)
    shelf = world.books.shelf(ACCOUNTS)
    held = shelf.find(account("client-a's"))
    assert held is not None
    shelf.put(account("client-a's"), replace(held, owner=party("client-b")))
    assert not world.policy.may_see(lender, row)
    assert world.policy.may_see(custodian, row)
    onward = replace(GRANTED["lender"], grantor=custodian, grantee=party("auditor"), purpose=Purpose.AUDIT)
    world.grants_books.grants.put(b"o" * 32, onward)
    world.grants_books.views.put(view_key(b"o" * 32, onward), View())
    assert not world.policy.may_see(party("auditor"), row)


def test_not_there_and_not_yours_are_one_answer(world: World) -> None:
    answers = []
    for identity in (account("client-b's"), account("none")):
        with pytest.raises(NotVisible) as caught:
            world.policy.require(party("client-a"), AccountContents(identity))
        answers.append((type(caught.value), str(caught.value), caught.value.number, caught.value.args))
    assert answers[0] == answers[1]
    assert answers[0][1].startswith("1090 NOT_VISIBLE")


NO_PARTY, NO_ACCOUNT = party("none"), account("none")
NOT_THERE: dict[str, tuple[Subject, str]] = {
    # Who sees what is not there: nobody; of what is only an address or a list of sides, whoever would see any of it
    "name": (PartyName(NO_PARTY), ""),
    "details": (PartyDetails(NO_PARTY), ""),
    "history": (PartyHistory(NO_PARTY), ""),
    "account": (AccountContents(NO_ACCOUNT), ""),
    "history of an account": (AccountHistory(NO_ACCOUNT), ""),
    "register": (Register(NO_INSTRUMENT), ""),
    "certificate": (CertificateOf(NO_PARTY, NO_PARTY, False), ""),
    "person": (PersonLinks(NO_PARTY), "regulator"),
    "business": (Business((Side(NO_PARTY, NO_ACCOUNT),), "XXXX"), "regulator"),
    "business of nobody": (Business((), ""), "regulator"),
    "queues": (QueueCounts("XXXX"), "regulator"),
    "proposal": (PendingProposal((NO_PARTY,)), "regulator"),
    "receipt": (ReceiptFor(NO_PARTY), "regulator"),
    "receipt of an account": (ReceiptFor(NO_PARTY, (NO_ACCOUNT,)), "regulator"),
    "grant": (ViewGrant(NO_PARTY, NO_PARTY), "regulator data-protection"),
}


@pytest.mark.parametrize("kind", NOT_THERE)
def test_what_is_not_there_is_shown_to_nobody_who_would_not_see_all_of_its_kind(
    world: World, kind: str
) -> None:
    """Empty and overlong identities are asked about too; nobody's identity is anybody's."""
    subject, viewers = NOT_THERE[kind]
    assert {viewer for viewer in CAST if world.policy.may_see(party(viewer), subject)} == set(viewers.split())


@pytest.mark.parametrize("identity", [b"", b"x", bytes(20), b"n" * 32, b"n" * 1_000])
def test_no_identity_is_taken_for_a_party_or_an_account(world: World, identity: bytes) -> None:
    for subject in (
        PartyDetails(identity),
        PartyName(identity),
        AccountContents(identity),
        Register(identity),
    ):
        for viewer in (*CAST, "none"):
            assert not world.policy.may_see(party(viewer), subject)
        assert not world.policy.may_see(identity, subject)


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
