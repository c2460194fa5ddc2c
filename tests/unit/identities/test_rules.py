"""Real names: for each message the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.identities.facts import (
    IdentityAttested,
    IdentityRegistrarAppointed,
    LicenceRecorded,
    LicenceWithdrawn,
    PersonAttested,
    VerificationRecorded,
    VerificationWithdrawn,
)
from counterfoil.modules.identities.messages import (
    AppointIdentityRegistrar,
    AttestIdentity,
    RecordLicence,
    RecordVerification,
    WithdrawLicence,
    WithdrawVerification,
)
from counterfoil.modules.identities.records import (
    ATTESTATIONS,
    KEY_VERSION_MAX,
    PERSON_PARTIES,
    TAGS,
    TIME_MAX_MS,
    VERIFICATIONS,
    Level,
)
from counterfoil.modules.identities.rejects import IdentitiesReject
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.messages import (
    ActivateParty,
    EnrolParty,
    TerminateParty,
    VerifyIdentity,
    WindDownParty,
)
from counterfoil.modules.parties.records import Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import Fact, Message
from counterfoil.primitives.outcome import RejectCode
from tests.model.desk import Desk, by, own, party
from tests.model.opening import DAY_MS, stranger
from tests.unit.identities.world import (
    BROKER,
    CLIENT,
    OTHER_BROKER,
    OTHER_CLIENT,
    REGISTRAR_KEY,
    REGULATOR,
    RIVAL_KEY,
    SUITE,
    World,
    evidence,
    handle,
    tag,
)


@pytest.fixture(scope="module")
def kept() -> World:
    """Nothing is sent to it: each row is tried out."""
    return World()


@pytest.fixture
def world() -> World:
    return World()


def refusal(desk: Desk, message: Message, *keys: SandboxKey) -> RejectCode | None:
    rejects = desk.try_out(message, *keys).rejects
    return rejects[0].code if rejects else None


def told(desk: Desk, message: Message, *keys: SandboxKey) -> list[tuple[Fact, tuple[bytes, ...]]]:
    """The facts of a message that is tried out, with their stakeholders."""
    heard: list[tuple[Fact, tuple[bytes, ...]]] = []
    wired = desk.machine.wired
    rule, books = wired.rules[type(message)]

    def listen(inner: Any, ask: Any, context: Any) -> None:
        rule(inner, ask, context)
        heard.extend(context.facts)

    wired.rules[type(message)] = (listen, books)  # type: ignore[index]
    try:
        assert refusal(desk, message, *keys) is None
    finally:
        wired.rules[type(message)] = (rule, books)  # type: ignore[index]
    return heard


Row = tuple[RejectCode | None, dict[str, Any], tuple[SandboxKey, ...]]
SIGNED = by("regulator")


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (None, {"demanded_from_ms": 0}, SIGNED),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"regulator": party("depository")}, by("depository")),
        (PartiesReject.CHECKER_IS_MISSING, {}, SIGNED[:1]),
        (PartiesReject.PARTY_NOT_FOUND, {"registrar": bytes(20)}, SIGNED),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"registrar": BROKER}, SIGNED),
        (IdentitiesReject.PUBLIC_KEY_IS_MALFORMED, {"public_key": bytes(31)}, SIGNED),
        (IdentitiesReject.KEY_VERSION_IS_NOT_NEXT, {"key_version": 1}, SIGNED),
        (IdentitiesReject.KEY_VERSION_IS_NOT_NEXT, {"key_version": 3}, SIGNED),
        (IdentitiesReject.DEMAND_IS_OUT_OF_RANGE, {"demanded_from_ms": -1}, SIGNED),
        (IdentitiesReject.DEMAND_IS_OUT_OF_RANGE, {"demanded_from_ms": TIME_MAX_MS + 1}, SIGNED),
    ],
)
def test_appoint_registrar(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = AppointIdentityRegistrar(REGULATOR, kept.registrar, SUITE, bytes(32), 2, 5)
    assert refusal(kept, replace(ask, **changes), *keys) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (None, {"valid_until_ms": TIME_MAX_MS, "agent": party("depository")}, SIGNED),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"regulator": BROKER}, by("broker-a")),
        (PartiesReject.PARTY_NOT_FOUND, {"agent": bytes(20)}, SIGNED),
        (IdentitiesReject.AGENT_MAY_NOT_BE_LICENSED, {"agent": party("exchange")}, SIGNED),
        (IdentitiesReject.REFERENCE_IS_INVALID, {"reference": ""}, SIGNED),
        (IdentitiesReject.REFERENCE_IS_INVALID, {"reference": "x" * 65}, SIGNED),
        (IdentitiesReject.REFERENCE_IS_INVALID, {"reference": "é"}, SIGNED),
        (IdentitiesReject.VALIDITY_IS_INVALID, {"valid_from_ms": -1}, SIGNED),
        (IdentitiesReject.VALIDITY_IS_INVALID, {"valid_until_ms": TIME_MAX_MS + 1}, SIGNED),
        (IdentitiesReject.VALIDITY_IS_INVALID, {"valid_until_ms": 1}, SIGNED),
        (IdentitiesReject.VALIDITY_IS_INVALID, {"valid_from_ms": 2**52, "valid_until_ms": 2**52}, SIGNED),
    ],
)
def test_record_licence(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = RecordLicence(REGULATOR, BROKER, "FCA 2")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"regulator": BROKER}, by("broker-a")),
        (IdentitiesReject.LICENCE_NOT_FOUND, {"agent": party("depository")}, SIGNED),
        (IdentitiesReject.LICENCE_NOT_FOUND, {"agent": b""}, SIGNED),
        (IdentitiesReject.REASON_IS_INVALID, {"reason": ""}, SIGNED),
        (IdentitiesReject.REASON_IS_INVALID, {"reason": "x" * 201}, SIGNED),
    ],
)
def test_withdraw_licence(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = WithdrawLicence(REGULATOR, BROKER, "An inquiry.")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "key"),
    [
        (None, {}, REGISTRAR_KEY),
        (None, {"same_as": tag("ann")}, REGISTRAR_KEY),
        (None, {"tag": tag("ann"), "handle": handle("a", "ann")}, REGISTRAR_KEY),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"registrar": BROKER}, own("broker-a")[0]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, RIVAL_KEY),
        (IdentitiesReject.KEY_VERSION_IS_UNKNOWN, {"key_version": 2}, REGISTRAR_KEY),
        (IdentitiesReject.KEY_VERSION_IS_UNKNOWN, {"key_version": -1}, REGISTRAR_KEY),
        (IdentitiesReject.KEY_VERSION_IS_UNKNOWN, {"key_version": KEY_VERSION_MAX + 1}, REGISTRAR_KEY),
        (IdentitiesReject.REGISTRAR_IS_ANOTHER, {"registrar": "rival"}, RIVAL_KEY),
        (IdentitiesReject.TAG_IS_MALFORMED, {"tag": bytes(31)}, REGISTRAR_KEY),
        (IdentitiesReject.HANDLE_IS_MALFORMED, {"handle": bytes(33)}, REGISTRAR_KEY),
        (IdentitiesReject.AGENT_HAS_NO_LICENCE, {"agent": party("depository")}, REGISTRAR_KEY),
        (IdentitiesReject.OTHER_TAG_IS_UNKNOWN, {"same_as": tag("nobody")}, REGISTRAR_KEY),
        (
            IdentitiesReject.TAGS_ARE_OF_TWO_PERSONS,
            {"tag": tag("ben"), "same_as": tag("ann")},
            REGISTRAR_KEY,
        ),
        (
            IdentitiesReject.HANDLE_IS_IN_USE_FOR_ANOTHER_PERSON,
            {"tag": tag("ben"), "handle": handle("a", "ann")},
            REGISTRAR_KEY,
        ),
    ],
)
def test_attest_identity(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], key: SandboxKey
) -> None:
    ask = AttestIdentity(kept.registrar, 1, tag("new"), BROKER, handle("a", "new"))
    if changes.get("registrar") == "rival":
        changes = {"registrar": kept.rival}
    assert refusal(kept, replace(ask, **changes), key) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, by("broker-a")),
        (None, {"pointer": b"", "level": Level.ENHANCED}, by("broker-a")),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"agent": party("exchange")}, by("exchange")),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, by("broker-b")),
        (PartiesReject.PARTY_NOT_FOUND, {"party": bytes(20)}, by("broker-a")),
        (PartiesReject.PARTY_NOT_FOUND, {"party": OTHER_CLIENT}, by("broker-a")),
        (IdentitiesReject.AGENT_IS_NOT_ABOVE, {"party": OTHER_BROKER}, by("broker-a")),
        (
            IdentitiesReject.PARTY_IS_NO_INVESTOR,
            {"agent": party("depository"), "party": party("issuer-a")},
            by("depository"),
        ),
        (IdentitiesReject.ATTESTATION_NOT_FOUND, {"handle": handle("b", "ann")}, by("broker-a")),
        (IdentitiesReject.ATTESTATION_NOT_FOUND, {"handle": b""}, by("broker-a")),
        (IdentitiesReject.HANDLE_IS_ANOTHER_PARTYS, {"party": "second"}, by("broker-a")),
        (IdentitiesReject.PARTY_IS_ANOTHER_PERSON, {"handle": handle("a", "ben")}, by("broker-a")),
        (IdentitiesReject.EVIDENCE_HASH_IS_MALFORMED, {"evidence_hash": b""}, by("broker-a")),
        (IdentitiesReject.POINTER_IS_TOO_LONG, {"pointer": bytes(513)}, by("broker-a")),
        (IdentitiesReject.EXPIRY_IS_OUT_OF_RANGE, {"expires_ms": 0}, by("broker-a")),
        (IdentitiesReject.EXPIRY_IS_OUT_OF_RANGE, {"expires_ms": 2**60}, by("broker-a")),
    ],
)
def test_record_verification(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    if changes.get("party") == "second":
        changes = {"party": kept.second}
    assert refusal(kept, replace(kept.verification(), **changes), *keys) is expected


def test_an_agent_without_a_licence_verifies_nobody(world: World) -> None:
    world.do(WithdrawLicence(REGULATOR, BROKER, "An inquiry."), *SIGNED)
    assert refusal(world, world.verification(), *by("broker-a")) is IdentitiesReject.AGENT_HAS_NO_LICENCE
    world.do(RecordLicence(REGULATOR, BROKER, "FCA 3", 0, world.time_ms + DAY_MS), *SIGNED)
    assert refusal(world, world.verification(), *by("broker-a")) is None
    world.pass_time(DAY_MS)
    assert refusal(world, world.verification(), *by("broker-a")) is IdentitiesReject.AGENT_HAS_NO_LICENCE


def test_who_is_not_in_the_market_is_not_verified(world: World) -> None:
    world.do(WindDownParty(BROKER, world.second, "It leaves."), *by("broker-a"))
    world.do(TerminateParty(BROKER, world.second), *by("broker-a"))
    ask = replace(world.verification(), party=world.second)
    assert refusal(world, ask, *by("broker-a")) is IdentitiesReject.PARTY_IS_NOT_ADMITTED


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, by("broker-a")),
        (None, {"authority": REGULATOR}, SIGNED),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"authority": party("notary")}, by("notary")),
        (PartiesReject.PARTY_NOT_FOUND, {"authority": OTHER_BROKER}, by("broker-b")),
        (
            IdentitiesReject.VERIFICATION_NOT_FOUND,
            {"authority": OTHER_BROKER, "party": OTHER_CLIENT},
            by("broker-b"),
        ),
        (IdentitiesReject.REASON_IS_INVALID, {"reason": ""}, by("broker-a")),
    ],
)
def test_withdraw_verification(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = WithdrawVerification(BROKER, CLIENT, "Forged.")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


def test_a_verification_is_withdrawn_once_and_frees_its_party_and_its_handle(world: World) -> None:
    ask = WithdrawVerification(BROKER, CLIENT, "Forged.")
    world.do(ask, *by("broker-a"))
    assert refusal(world, ask, *by("broker-a")) is IdentitiesReject.VERIFICATION_IS_WITHDRAWN
    world.do(replace(world.verification(), handle=handle("a", "ben")), *by("broker-a"))
    world.do(replace(world.verification(), party=world.second), *by("broker-a"))
    found = world.books()
    persons = {found[VERIFICATIONS.number][one].person for one in (CLIENT, world.second)}
    assert len(persons) == 2
    assert {key[20:] for key in found[PERSON_PARTIES.number]} == {CLIENT, world.second}
    world.machine.check_everything()


# ---- one person, several agents ----


def test_one_person_at_two_operators_is_one_person_and_neither_is_told(world: World) -> None:
    ask = replace(world.verification(), agent=OTHER_BROKER, party=OTHER_CLIENT, handle=handle("b", "ann"))
    world.do(ask, *by("broker-b"))
    identities = world.machine.wired.identities
    assert identities.person_of(CLIENT) == identities.person_of(OTHER_CLIENT) is not None
    facts = told(world, replace(world.verification(), agent=BROKER), *by("broker-a"))
    assert [type(fact) for fact, _ in facts] == [VerificationRecorded]
    assert facts[0][1] == (CLIENT, BROKER)


def test_an_agent_cannot_tell_a_new_person_from_one_that_others_know(world: World) -> None:
    """What it is told has the same form and the same fields, and the same stakeholders."""
    known = AttestIdentity(world.registrar, 1, tag("ben"), OTHER_BROKER, handle("b", "x"))
    new = AttestIdentity(world.registrar, 1, tag("new"), OTHER_BROKER, handle("b", "x"))
    heard = []
    for ask in (known, new):
        facts = told(world, ask, REGISTRAR_KEY)
        mine = [fact for fact, to in facts if OTHER_BROKER in to]
        assert [type(fact) for fact, _ in facts] == [PersonAttested, IdentityAttested]
        assert [to for _, to in facts] == [(world.registrar,), (OTHER_BROKER,)]
        heard.append([replace(fact, lapses_ms=0) for fact in mine if isinstance(fact, IdentityAttested)])
    assert heard[0] == heard[1] != []


def test_a_tag_is_told_to_its_registrar_alone(world: World) -> None:
    facts = told(
        world, AttestIdentity(world.registrar, 1, tag("new"), BROKER, handle("a", "new")), REGISTRAR_KEY
    )
    assert [to for fact, to in facts if tag("new") in msgspec.structs.astuple(fact)] == [(world.registrar,)]


def test_two_tags_of_one_person_lead_to_one_person(world: World) -> None:
    tags = world.books()[TAGS.number]
    assert tags[tag("ann")].person == tags[tag("ann's passport")].person != tags[tag("ben")].person


def test_everybody_is_told_of_registrars_and_licences(world: World) -> None:
    appointed = told(world, AppointIdentityRegistrar(REGULATOR, world.rival, SUITE, bytes(32), 2, 5), *SIGNED)
    licensed = told(world, RecordLicence(REGULATOR, BROKER, "FCA 2"), *SIGNED)
    assert [(type(fact), to) for fact, to in appointed + licensed] == [
        (IdentityRegistrarAppointed, (PUBLIC,)),
        (LicenceRecorded, (PUBLIC,)),
    ]
    ended = told(world, WithdrawLicence(REGULATOR, BROKER, "An inquiry."), *SIGNED)
    assert [(type(fact), to) for fact, to in ended] == [(LicenceWithdrawn, (BROKER, REGULATOR))]
    ended = told(world, WithdrawVerification(REGULATOR, CLIENT, "Forged."), *SIGNED)
    assert [(type(fact), to) for fact, to in ended] == [(VerificationWithdrawn, (CLIENT, BROKER, REGULATOR))]


# ---- attestations lapse ----


def test_an_attestation_that_nobody_uses_lapses_and_one_that_is_used_stays(world: World) -> None:
    used, unused = BROKER + handle("a", "ann"), BROKER + handle("a", "ben")
    assert {used, unused} <= set(world.books()[ATTESTATIONS.number])
    world.pass_time(29 * DAY_MS)
    world.settle_down()
    assert unused in world.books()[ATTESTATIONS.number]
    world.pass_time(DAY_MS)
    world.settle_down()
    left = world.books()[ATTESTATIONS.number]
    assert used in left
    assert unused not in left
    ask = replace(world.verification(), handle=handle("a", "ben"), party=world.second)
    assert refusal(world, ask, *by("broker-a")) is IdentitiesReject.ATTESTATION_NOT_FOUND
    world.machine.check_everything()


def test_an_attestation_asked_again_lapses_later(world: World) -> None:
    world.pass_time(20 * DAY_MS)
    world.attest("ben", BROKER, "a")
    world.pass_time(20 * DAY_MS)
    world.settle_down()
    assert BROKER + handle("a", "ben") in world.books()[ATTESTATIONS.number]


# ---- where a registrar's word is demanded ----


def test_where_it_is_demanded_an_agents_word_alone_counts_no_more() -> None:
    world = World(demanded_from_ms=0, verified=False)
    word = VerifyIdentity(BROKER, CLIENT, evidence())
    assert refusal(world, word, *by("broker-a")) is PartiesReject.REGISTRAR_ATTESTS_IDENTITIES
    enrol = EnrolParty(BROKER, (Role.INVESTOR,), "", "", b"", evidence(), True)
    assert refusal(world, enrol, *by("broker-a")) is PartiesReject.REGISTRAR_ATTESTS_IDENTITIES
    assert refusal(world, replace(enrol, identity_hash=b"", activate=False), *by("broker-a")) is None
    activate = ActivateParty(BROKER, world.second)
    assert refusal(world, activate, *by("broker-a")) is PartiesReject.IDENTITY_IS_NOT_VERIFIED
    world.do(replace(world.verification(), party=world.second), *by("broker-a"))
    assert refusal(world, activate, *by("broker-a")) is None


def test_an_issuers_identity_is_still_its_agents_word() -> None:
    world = World(demanded_from_ms=0)
    word = VerifyIdentity(party("depository"), party("issuer-a"), evidence())
    assert refusal(world, word, *by("depository")) is None


def test_before_it_is_demanded_both_count(world: World) -> None:
    assert refusal(world, VerifyIdentity(BROKER, CLIENT, evidence()), *by("broker-a")) is None
    activate = ActivateParty(BROKER, world.second)
    assert refusal(world, activate, *by("broker-a")) is PartiesReject.IDENTITY_IS_NOT_VERIFIED
    ask = replace(world.verification(), party=world.second, handle=handle("a", "ben"))
    world.do(ask, *by("broker-a"))
    assert refusal(world, activate, *by("broker-a")) is None


def test_strangers_may_not_send_any_of_it(kept: World) -> None:
    key = stranger("somebody")
    for ask in (
        AppointIdentityRegistrar(REGULATOR, kept.registrar, SUITE, bytes(32), 2, 0),
        AttestIdentity(kept.registrar, 1, tag("new"), BROKER, handle("a", "new")),
        RecordVerification(BROKER, CLIENT, handle("a", "ann"), Level.STANDARD, evidence(), 2**41),
    ):
        assert refusal(kept, ask, key) in (
            PartiesReject.MAKER_IS_MISSING,
            PartiesReject.SIGNER_IS_NOT_AUTHORISED,
        )
