"""The rules about real names: who attests, who is licensed, and who is verified as whom."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.checks import (
    attestation_key,
    check_reason,
    forget_lapse,
    lapse_key,
    require_below,
    require_licence,
)
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
    ATTESTATION_DAYS_MAX,
    EVIDENCE_HASH_SIZE,
    HANDLE_SIZE,
    KEY_VERSION_MAX,
    NEWEST,
    POINTER_SIZE_MAX,
    PUBLIC_KEY_SIZE,
    REFERENCE_LENGTH_MAX,
    TAG_SIZE,
    TIME_MAX_MS,
    VERIFICATION_DAYS_MAX,
    Attestation,
    AttestationLapse,
    Licence,
    PersonParty,
    Regime,
    RegistrarKey,
    Tagged,
    Verification,
)
from counterfoil.modules.identities.rejects import IdentitiesReject
from counterfoil.modules.module import EVERY, PUBLIC, ActionContext
from counterfoil.modules.parties.interface import LICENSED_AGENTS, PartyStatus, Role
from counterfoil.primitives.outcome import Rejected

_DAY_MS = 86_400_000


def appoint_identity_registrar(
    books: IdentitiesBooks, ask: AppointIdentityRegistrar, context: ActionContext
) -> None:
    """Earlier versions stay, so that persons who were attested under them are found again."""
    books.parties.authorise(context, ask.regulator, AppointIdentityRegistrar)
    books.parties.require_role(ask.registrar, Role.IDENTITY_REGISTRAR)
    if len(ask.public_key) != PUBLIC_KEY_SIZE:
        raise Rejected(IdentitiesReject.PUBLIC_KEY_IS_MALFORMED, bytes=len(ask.public_key))
    regime = books.regime.find(NEWEST)
    newest = regime.key_version if regime is not None else 0
    if ask.key_version != newest + 1 or newest >= KEY_VERSION_MAX:
        raise Rejected(IdentitiesReject.KEY_VERSION_IS_NOT_NEXT, newest=newest)
    if not 0 <= ask.demanded_from_ms <= TIME_MAX_MS:
        raise Rejected(IdentitiesReject.DEMAND_IS_OUT_OF_RANGE)

    key = RegistrarKey(ask.registrar, ask.suite, ask.public_key, context.time_ms)
    books.keys.put(ask.key_version.to_bytes(4, "big"), key)
    books.regime.put(NEWEST, Regime(ask.key_version, ask.demanded_from_ms))
    fact = IdentityRegistrarAppointed(
        ask.registrar, ask.suite, ask.public_key, ask.key_version, ask.demanded_from_ms
    )
    context.tell(fact, PUBLIC)


def record_licence(books: IdentitiesBooks, ask: RecordLicence, context: ActionContext) -> None:
    """Who is licensed is public: a client may know whom it shows its papers to."""
    books.parties.authorise(context, ask.regulator, RecordLicence)
    books.parties.require(ask.agent)
    if not books.parties.has_role(ask.agent, *LICENSED_AGENTS):
        raise Rejected(IdentitiesReject.AGENT_MAY_NOT_BE_LICENSED, agent=ask.agent)
    if not 0 < len(ask.reference) <= REFERENCE_LENGTH_MAX or not all(
        " " <= character <= "~" for character in ask.reference
    ):
        raise Rejected(IdentitiesReject.REFERENCE_IS_INVALID)
    if not 0 <= ask.valid_from_ms <= TIME_MAX_MS or not 0 <= ask.valid_until_ms <= TIME_MAX_MS:
        raise Rejected(IdentitiesReject.VALIDITY_IS_INVALID)
    if ask.valid_until_ms and ask.valid_until_ms <= max(ask.valid_from_ms, context.time_ms):
        raise Rejected(IdentitiesReject.VALIDITY_IS_INVALID, valid_until_ms=ask.valid_until_ms)

    licence = Licence(ask.regulator, ask.reference, ask.valid_from_ms, ask.valid_until_ms)
    books.licences.put(ask.agent, licence)
    fact = LicenceRecorded(ask.agent, ask.regulator, ask.reference, ask.valid_from_ms, ask.valid_until_ms)
    context.tell(fact, PUBLIC)


def withdraw_licence(books: IdentitiesBooks, ask: WithdrawLicence, context: ActionContext) -> None:
    """From the next message on the agent verifies nobody; the reason is told to it alone."""
    books.parties.authorise(context, ask.regulator, WithdrawLicence)
    if books.licences.find(ask.agent) is None:
        raise Rejected(IdentitiesReject.LICENCE_NOT_FOUND, agent=ask.agent)
    check_reason(ask.reason)

    books.licences.delete(ask.agent)
    context.tell(LicenceWithdrawn(ask.agent, ask.regulator, ask.reason), ask.agent, ask.regulator)


def attest_identity(books: IdentitiesBooks, ask: AttestIdentity, context: ActionContext) -> None:
    """The same for a person who is new and for one whom another agent knows: the agent cannot tell which it was."""
    books.parties.authorise(context, ask.registrar, AttestIdentity)
    version = ask.key_version
    key = books.keys.find(version.to_bytes(4, "big")) if 0 <= version <= KEY_VERSION_MAX else None
    if key is None:
        raise Rejected(IdentitiesReject.KEY_VERSION_IS_UNKNOWN, key_version=version)
    if key.registrar != ask.registrar:
        raise Rejected(IdentitiesReject.REGISTRAR_IS_ANOTHER, registrar=key.registrar)
    if len(ask.tag) != TAG_SIZE:
        raise Rejected(IdentitiesReject.TAG_IS_MALFORMED, bytes=len(ask.tag))
    if len(ask.handle) != HANDLE_SIZE:
        raise Rejected(IdentitiesReject.HANDLE_IS_MALFORMED, bytes=len(ask.handle))
    require_licence(books, ask.agent, context.time_ms)
    person = _person(books, ask, context)
    at = attestation_key(ask.agent, ask.handle)
    before = books.attestations.find(at)
    if before is not None and before.party and before.person != person:
        verified = books.verifications.find(before.party)
        if verified is not None and verified.handle == ask.handle and not verified.withdrawn_ms:
            raise Rejected(IdentitiesReject.HANDLE_IS_IN_USE_FOR_ANOTHER_PERSON)

    known = Tagged(person, ask.key_version)
    if books.tags.find(ask.tag) != known:
        books.tags.put(ask.tag, known)
    if before is not None:
        forget_lapse(books, at, before)
    used = before is not None and before.party and before.person == person
    party = before.party if before is not None and used else b""
    lapses_ms = 0 if used else context.time_ms + ATTESTATION_DAYS_MAX * _DAY_MS
    books.attestations.put(at, Attestation(person, ask.registrar, context.time_ms, lapses_ms, party))
    if lapses_ms:
        books.lapses.put(lapse_key(lapses_ms, at), AttestationLapse())
    context.tell(
        PersonAttested(ask.registrar, ask.tag, ask.key_version, ask.agent, ask.handle), ask.registrar
    )
    context.tell(IdentityAttested(ask.agent, ask.handle, ask.registrar, lapses_ms), ask.agent)


def _person(books: IdentitiesBooks, ask: AttestIdentity, context: ActionContext) -> bytes:
    """Whose tag it is; a new person's where nobody has it."""
    known = books.tags.find(ask.tag)
    if ask.same_as:
        other = books.tags.find(ask.same_as)
        if other is None:
            raise Rejected(IdentitiesReject.OTHER_TAG_IS_UNKNOWN)
        if known is not None and known.person != other.person:
            raise Rejected(IdentitiesReject.TAGS_ARE_OF_TWO_PERSONS)
        return other.person
    return known.person if known is not None else context.new_short_id()


def record_verification(books: IdentitiesBooks, ask: RecordVerification, context: ActionContext) -> None:
    """In place of the party's verification before; the same person must still be meant."""
    books.parties.authorise(context, ask.agent, RecordVerification)
    party = require_below(books, ask.agent, ask.party)
    if party.status in (PartyStatus.APPLIED, PartyStatus.TERMINATED):
        raise Rejected(IdentitiesReject.PARTY_IS_NOT_ADMITTED, status=party.status.name)
    if Role.INVESTOR not in party.roles:
        raise Rejected(IdentitiesReject.PARTY_IS_NO_INVESTOR, party=ask.party)
    require_licence(books, ask.agent, context.time_ms)
    at = attestation_key(ask.agent, ask.handle)
    attestation = books.attestations.find(at)
    if attestation is None:
        raise Rejected(IdentitiesReject.ATTESTATION_NOT_FOUND)
    if attestation.party not in (b"", ask.party) and _is_still(books, attestation.party, ask.handle):
        raise Rejected(IdentitiesReject.HANDLE_IS_ANOTHER_PARTYS, party=attestation.party)
    before = books.verifications.find(ask.party)
    if before is not None and before.person != attestation.person and not before.withdrawn_ms:
        raise Rejected(IdentitiesReject.PARTY_IS_ANOTHER_PERSON)
    if len(ask.evidence_hash) != EVIDENCE_HASH_SIZE:
        raise Rejected(IdentitiesReject.EVIDENCE_HASH_IS_MALFORMED, bytes=len(ask.evidence_hash))
    if len(ask.pointer) > POINTER_SIZE_MAX:
        raise Rejected(IdentitiesReject.POINTER_IS_TOO_LONG, bytes=len(ask.pointer))
    if not 0 < ask.expires_ms - context.time_ms <= VERIFICATION_DAYS_MAX * _DAY_MS:
        raise Rejected(IdentitiesReject.EXPIRY_IS_OUT_OF_RANGE, expires_ms=ask.expires_ms)

    forget_lapse(books, at, attestation)
    books.attestations.put(at, replace(attestation, lapses_ms=0, party=ask.party))
    if before is not None and before.person != attestation.person:
        books.person_parties.delete(before.person + ask.party)
    books.person_parties.put(attestation.person + ask.party, PersonParty(ask.agent))
    verification = Verification(
        person=attestation.person,
        agent=ask.agent,
        handle=ask.handle,
        level=ask.level,
        evidence_hash=ask.evidence_hash,
        pointer=ask.pointer,
        verified_ms=context.time_ms,
        expires_ms=ask.expires_ms,
    )
    books.verifications.put(ask.party, verification)
    context.credited.append(ask.party + EVERY)
    fact = VerificationRecorded(ask.party, ask.agent, ask.level, ask.evidence_hash, ask.expires_ms)
    context.tell(fact, *dict.fromkeys((ask.party, party.parent, ask.agent)))


def _is_still(books: IdentitiesBooks, party_id: bytes, handle: bytes) -> bool:
    """Whether a party lives and is verified under the handle."""
    party = books.parties.find(party_id)
    found = books.verifications.find(party_id)
    return (
        party is not None
        and party.status is not PartyStatus.TERMINATED
        and found is not None
        and found.handle == handle
        and not found.withdrawn_ms
    )


def withdraw_verification(books: IdentitiesBooks, ask: WithdrawVerification, context: ActionContext) -> None:
    """As if it had lapsed now; the record stays, since it happened."""
    books.parties.authorise(context, ask.authority, WithdrawVerification)
    party = require_below(books, ask.authority, ask.party)
    found = books.verifications.find(ask.party)
    if found is None:
        raise Rejected(IdentitiesReject.VERIFICATION_NOT_FOUND)
    if found.withdrawn_ms:
        raise Rejected(IdentitiesReject.VERIFICATION_IS_WITHDRAWN)
    check_reason(ask.reason)

    books.verifications.put(ask.party, replace(found, withdrawn_ms=context.time_ms))
    fact = VerificationWithdrawn(ask.party, ask.authority, ask.reason)
    context.tell(fact, *dict.fromkeys((ask.party, party.parent, found.agent, ask.authority)))
