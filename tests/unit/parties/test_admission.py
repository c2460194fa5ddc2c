"""How parties come in: valid first, then one row for each reject in order of precedence, differing in one cell."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.parties.facts import (
    ApplicationEnded,
    PartyApplied,
    PartyEnrolled,
    PartyStatusChanged,
)
from counterfoil.modules.parties.interface import PartyStatus, Role
from counterfoil.modules.parties.messages import (
    ActivateParty,
    AdmitParty,
    AmendParty,
    ApplyForAdmission,
    EnrolParty,
    RefuseApplication,
    VerifyIdentity,
)
from counterfoil.modules.parties.records import APPLICATION_DAYS_MAX, APPLICATIONS_MAX, PARTIES
from counterfoil.modules.parties.rejects import PartiesReject
from tests.unit.parties.world import (
    DAY_MS,
    LEI,
    OTHER_LEI,
    World,
    by,
    hash_of,
    makers_and_checkers,
    party,
    tags,
)

NOWHERE = bytes(20)
APPLY = ApplyForAdmission(party("regulator"), (Role.COMMERCIAL_BANK,), "bank", OTHER_LEI, by("bank"))
ENROL = EnrolParty(party("broker"), (Role.INVESTOR,), "cat", "", by("cat"), hash_of("cat"), True)


@pytest.fixture
def world() -> World:
    return World()


def crowded(world: World) -> None:
    world.change("regulator", applications=APPLICATIONS_MAX)


@pytest.mark.parametrize(
    ("expected", "changes", "signers", "prepare"),
    [
        (None, {}, ["bank"], None),
        (PartiesReject.PARTY_NOT_FOUND, {"sponsor": NOWHERE}, ["bank"], None),
        (PartiesReject.PARTY_NOT_FOUND, {"sponsor": b"short"}, ["bank"], None),
        (
            PartiesReject.PARTY_IS_NOT_ACTIVE,
            {},
            ["bank"],
            lambda world: world.change("regulator", status=PartyStatus.REVOKED),
        ),
        (PartiesReject.ROLES_ARE_INVALID, {"roles": ()}, ["bank"], None),
        (PartiesReject.ROLES_ARE_INVALID, {"roles": (Role.NOTARY, Role.COMMERCIAL_BANK)}, ["bank"], None),
        (PartiesReject.ROLES_ARE_INVALID, {"roles": (Role.NOTARY, Role.NOTARY)}, ["bank"], None),
        (PartiesReject.ROLES_ARE_INVALID, {"roles": tuple(Role)[1:6]}, ["bank"], None),
        (PartiesReject.SPONSOR_MAY_NOT_ADMIT_THE_ROLE, {"roles": (Role.REGULATOR,)}, ["bank"], None),
        (PartiesReject.SPONSOR_MAY_NOT_ADMIT_THE_ROLE, {"roles": (Role.INVESTOR,)}, ["bank"], None),
        (PartiesReject.NAME_IS_INVALID, {"name": ""}, ["bank"], None),
        (PartiesReject.NAME_IS_INVALID, {"name": "b" * 65}, ["bank"], None),
        (PartiesReject.NAME_IS_INVALID, {"name": "ba\nnk"}, ["bank"], None),
        (PartiesReject.NAME_IS_INVALID, {"name": "bank "}, ["bank"], None),
        (PartiesReject.NAME_IS_TAKEN, {"name": "broker"}, ["bank"], None),
        (PartiesReject.LEI_IS_INVALID, {"lei": OTHER_LEI[:-1] + "9"}, ["bank"], None),
        (PartiesReject.LEI_IS_TAKEN, {"lei": LEI}, ["bank"], None),
        (PartiesReject.ADDRESS_IS_INVALID, {"signer": b""}, ["bank"], None),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ["regulator"], None),
        (PartiesReject.TOO_MANY_APPLICATIONS, {}, ["bank"], crowded),
    ],
)
def test_apply_for_admission(
    world: World, expected: Any, changes: dict[str, Any], signers: list[str], prepare: Any
) -> None:
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(APPLY, **changes), *signers) is expected
    if expected is None:
        applicant = world.state.find(PARTIES, world.created[0])
        assert applicant is not None
        assert applicant.status is PartyStatus.APPLIED
        assert world.party("regulator").applications == 1
        assert tags(world.facts) == [PartyApplied.__name__]
        world.end_block()


def applied(world: World) -> bytes:
    applicant = world.act(APPLY, "bank")
    world.end_block()
    return applicant


def taken(world: World) -> None:
    world.act(EnrolParty(party("regulator"), (Role.NOTARY,), "bank", "", by("notary")), "regulator")


def taken_lei(world: World) -> None:
    world.act(EnrolParty(party("regulator"), (Role.NOTARY,), "other", OTHER_LEI, by("notary")), "regulator")


@pytest.mark.parametrize(
    ("expected", "sponsor", "who", "signers", "prepare"),
    [
        (None, "regulator", "", ["regulator"], None),
        (PartiesReject.PARTY_NOT_FOUND, "nobody", "", ["regulator"], None),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "auditor", "", ["auditor"], None),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "regulator", "", ["bank"], None),
        (PartiesReject.PARTY_NOT_FOUND, "regulator", "nobody", ["regulator"], None),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "", ["operator"], None),
        (PartiesReject.SPONSOR_IS_ANOTHER, "operator", "broker", ["operator"], None),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "regulator", "broker", ["regulator"], None),
        (PartiesReject.NAME_IS_TAKEN, "regulator", "", ["regulator"], taken),
        (PartiesReject.LEI_IS_TAKEN, "regulator", "", ["regulator"], taken_lei),
    ],
)
def test_admit_party(
    world: World, expected: Any, sponsor: str, who: str, signers: list[str], prepare: Any
) -> None:
    applicant = applied(world)
    if prepare is not None:
        prepare(world)
    assert world.refused(AdmitParty(party(sponsor), party(who) if who else applicant), *signers) is expected
    if expected is None:
        admitted = world.parties.require(applicant)
        assert (admitted.status, admitted.lapses_ms) == (PartyStatus.ADMITTED, 0)
        assert world.parties.find_by_name("bank") == applicant
        assert world.party("regulator").applications == 0
        assert tags(world.facts) == [PartyStatusChanged.__name__]
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "sponsor", "who", "reason", "signers"),
    [
        (None, "regulator", "", "no licence", ["regulator"]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "regulator", "", "no licence", ["bank"]),
        (PartiesReject.PARTY_NOT_FOUND, "regulator", "nobody", "no licence", ["regulator"]),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "", "no licence", ["operator"]),
        (PartiesReject.SPONSOR_IS_ANOTHER, "operator", "broker", "no licence", ["operator"]),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "regulator", "broker", "no licence", ["regulator"]),
        (PartiesReject.REASON_IS_INVALID, "regulator", "", "", ["regulator"]),
        (PartiesReject.REASON_IS_INVALID, "regulator", "", "r" * 201, ["regulator"]),
    ],
)
def test_refuse_application(
    world: World, expected: Any, sponsor: str, who: str, reason: str, signers: list[str]
) -> None:
    applicant = applied(world)
    message = RefuseApplication(party(sponsor), party(who) if who else applicant, reason)
    assert world.refused(message, *signers) is expected
    if expected is None:
        assert world.parties.find(applicant) is None
        assert tags(world.facts) == [ApplicationEnded.__name__]
    world.end_block()


def test_an_application_lapses_when_nobody_decides(world: World) -> None:
    applicant = applied(world)
    second = world.act(msgspec.structs.replace(APPLY, name="second", lei="", signer=by("second")), "second")
    world.end_block(hours=24 * APPLICATION_DAYS_MAX)
    assert [type(fact) for fact in world.deadlines(limit=1)] == [ApplicationEnded]
    world.end_block()
    assert world.parties.find(applicant) is None
    assert world.parties.find(second) is not None
    assert len(world.deadlines()) == 1
    world.end_block()
    assert world.party("regulator").applications == 0
    assert world.deadlines() == []


def test_an_application_does_not_lapse_early(world: World) -> None:
    applied(world)
    world.time_ms += APPLICATION_DAYS_MAX * DAY_MS - 1_001 - 1_000
    world.end_block()
    assert world.deadlines() == []


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, ["broker"]),
        (None, {"signer": b"", "name": ""}, ["broker"]),
        (None, {"identity_hash": b"", "activate": False}, ["broker"]),
        (PartiesReject.PARTY_NOT_FOUND, {"sponsor": NOWHERE}, ["broker"]),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"sponsor": party("issuer")}, ["issuer"]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ["cat"]),
        (PartiesReject.ROLES_ARE_INVALID, {"roles": ()}, ["broker"]),
        (PartiesReject.SPONSOR_MAY_NOT_ADMIT_THE_ROLE, {"roles": (Role.ISSUER,)}, ["broker"]),
        (PartiesReject.NAME_IS_INVALID, {"name": " cat"}, ["broker"]),
        (PartiesReject.LEI_IS_INVALID, {"lei": "cat"}, ["broker"]),
        (PartiesReject.LEI_IS_TAKEN, {"lei": LEI}, ["broker"]),
        (PartiesReject.ADDRESS_IS_INVALID, {"signer": b"short"}, ["broker"]),
        (PartiesReject.IDENTITY_HASH_IS_INVALID, {"identity_hash": b"short"}, ["broker"]),
        (PartiesReject.IDENTITY_IS_NOT_VERIFIED, {"identity_hash": b""}, ["broker"]),
    ],
)
def test_enrol_party(world: World, expected: Any, changes: dict[str, Any], signers: list[str]) -> None:
    assert world.refused(msgspec.structs.replace(ENROL, **changes), *signers) is expected
    if expected is None:
        enrolled = world.parties.require(world.created[0])
        assert enrolled.agent == (party("broker") if enrolled.identity_hash else b"")
        assert world.party("broker").below == 2
        assert tags(world.facts) == [PartyEnrolled.__name__]
    world.end_block()


def test_a_member_needs_a_signer_and_a_free_name(world: World) -> None:
    notary = EnrolParty(party("regulator"), (Role.NOTARY,), "notary", "", by("notary"))
    keyless = msgspec.structs.replace(notary, signer=b"")
    assert world.refused(keyless, "regulator") is PartiesReject.ADDRESS_IS_INVALID
    known = msgspec.structs.replace(notary, name="broker")
    assert world.refused(known, "regulator") is PartiesReject.NAME_IS_TAKEN
    assert world.refused(notary, "regulator") is None


def test_only_a_licensed_agent_verifies_identities(world: World) -> None:
    notary = EnrolParty(party("regulator"), (Role.NOTARY,), "notary", "", by("notary"), hash_of("notary"))
    assert world.refused(notary, "regulator") is PartiesReject.PARTY_LACKS_THE_ROLE


def test_investors_may_share_a_name(world: World) -> None:
    world.act(ENROL, "broker")
    world.act(msgspec.structs.replace(ENROL, signer=by("another cat")), "broker")
    world.end_block()
    assert world.parties.find_by_name("cat") is None


def unverified(world: World) -> bytes:
    changes = {"identity_hash": b"", "activate": False}
    enrolled = world.act(msgspec.structs.replace(ENROL, **changes), "broker")
    world.end_block()
    return enrolled


@pytest.mark.parametrize(
    ("expected", "authority", "who", "signers", "verified"),
    [
        (None, "broker", "", ["broker"], True),
        (None, "regulator", "", ["regulator"], True),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "auditor", "", ["auditor"], True),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", "", ["cat"], True),
        (PartiesReject.PARTY_NOT_FOUND, "broker", "nobody", ["broker"], True),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "", ["operator"], True),
        (PartiesReject.AUTHORITY_IS_NOT_ABOVE, "operator", "broker", ["operator"], True),
        (PartiesReject.STATUS_DOES_NOT_ALLOW_IT, "broker", "ann", ["broker"], True),
        (PartiesReject.IDENTITY_IS_NOT_VERIFIED, "broker", "", ["broker"], False),
    ],
)
def test_activate_party(
    world: World, expected: Any, authority: str, who: str, signers: list[str], verified: bool
) -> None:
    cat = unverified(world)
    if verified:
        world.act(VerifyIdentity(party("broker"), cat, hash_of("cat")), "broker")
    assert world.refused(ActivateParty(party(authority), party(who) if who else cat), *signers) is expected
    if expected is None:
        assert world.parties.require_active(cat).agent == party("broker")
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "agent", "who", "identity_hash", "signers"),
    [
        (None, "broker", "", hash_of("cat"), ["broker"]),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "regulator", "", hash_of("cat"), ["regulator"]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", "", hash_of("cat"), ["regulator"]),
        (PartiesReject.PARTY_NOT_FOUND, "broker", "nobody", hash_of("cat"), ["broker"]),
        (PartiesReject.PARTY_NOT_FOUND, "operator", "", hash_of("cat"), ["operator"]),
        (PartiesReject.IDENTITY_HASH_IS_INVALID, "broker", "", b"", ["broker"]),
    ],
)
def test_verify_identity(
    world: World, expected: Any, agent: str, who: str, identity_hash: bytes, signers: list[str]
) -> None:
    cat = unverified(world)
    message = VerifyIdentity(party(agent), party(who) if who else cat, identity_hash)
    assert world.refused(message, *signers) is expected
    if expected is None:
        verified = world.parties.require(cat)
        assert (verified.identity_hash, verified.agent) == (hash_of("cat"), party("broker"))


def test_nobody_vouches_for_whom_is_gone(world: World) -> None:
    world.change("ann", status=PartyStatus.TERMINATED)
    message = VerifyIdentity(party("broker"), party("ann"), hash_of("ann"))
    assert world.refused(message, "broker") is PartiesReject.STATUS_DOES_NOT_ALLOW_IT


AMEND = AmendParty(party("regulator"), party("broker"), "new broker", OTHER_LEI)


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, makers_and_checkers("regulator")),
        (None, {"name": "broker", "lei": LEI}, makers_and_checkers("regulator")),
        (None, {"lei": ""}, makers_and_checkers("regulator")),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"authority": party("auditor")}, makers_and_checkers("auditor")),
        (PartiesReject.MAKER_IS_MISSING, {}, ["regulator"]),
        (PartiesReject.CHECKER_IS_MISSING, {}, ["regulator maker"]),
        (PartiesReject.PARTY_NOT_FOUND, {"party": NOWHERE}, makers_and_checkers("regulator")),
        (
            PartiesReject.AUTHORITY_IS_NOT_ABOVE,
            {"authority": party("operator")},
            makers_and_checkers("operator"),
        ),
        (PartiesReject.NAME_IS_INVALID, {"name": ""}, makers_and_checkers("regulator")),
        (PartiesReject.NAME_IS_TAKEN, {"name": "operator"}, makers_and_checkers("regulator")),
        (PartiesReject.LEI_IS_INVALID, {"lei": "x"}, makers_and_checkers("regulator")),
    ],
)
def test_amend_party(world: World, expected: Any, changes: dict[str, Any], signers: list[str]) -> None:
    message = msgspec.structs.replace(AMEND, **changes)
    assert world.refused(message, *signers) is expected
    if expected is None:
        assert world.parties.find_by_name(message.name) == party("broker")
        assert (world.parties.find_by_name("broker") is None) == (message.name != "broker")
    world.end_block()


def test_names_and_leis_are_one_partys(world: World) -> None:
    with_lei = EnrolParty(party("regulator"), (Role.NOTARY,), "notary", OTHER_LEI, by("notary"))
    world.act(with_lei, "regulator")
    both = makers_and_checkers("regulator")
    assert world.refused(AMEND, *both) is PartiesReject.LEI_IS_TAKEN
    world.change("broker", status=PartyStatus.TERMINATED)
    assert world.refused(AMEND, *both) is PartiesReject.STATUS_DOES_NOT_ALLOW_IT
