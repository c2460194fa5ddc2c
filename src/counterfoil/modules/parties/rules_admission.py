"""How parties come in: application, admission, enrolment, identity, and corrections to their public data."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import (
    check_applicant,
    check_lei,
    check_name,
    check_reason,
    enter_names,
    leave_names,
    require_above,
    stakeholders,
)
from counterfoil.modules.parties.facts import (
    ApplicationEnded,
    IdentityVerified,
    PartyAmended,
    PartyApplied,
    PartyEnrolled,
    PartyStatusChanged,
)
from counterfoil.modules.parties.interface import Parties, hide_unless_known_to_all
from counterfoil.modules.parties.messages import (
    ActivateParty,
    AdmitParty,
    AmendParty,
    ApplyForAdmission,
    EnrolParty,
    RefuseApplication,
    VerifyIdentity,
)
from counterfoil.modules.parties.permissions import LICENSED_AGENTS
from counterfoil.modules.parties.records import (
    APPLICATION_DAYS_MAX,
    APPLICATIONS_MAX,
    IDENTITY_HASH_SIZE,
    Application,
    Party,
    PartyStatus,
    Role,
)
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import Rejected

_DAY_MS = 86_400_000


def apply_for_admission(books: PartiesBooks, ask: ApplyForAdmission, context: ActionContext) -> None:
    """Anybody may ask; the sponsor decides, or the application lapses."""
    parties = Parties(books)
    hide_unless_known_to_all(ask.sponsor, parties.require(ask.sponsor))
    sponsor = parties.require_active(ask.sponsor)
    check_applicant(books, sponsor, ask.roles, ask.name, ask.lei, ask.signer)
    if ask.signer not in context.signers:
        raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED, signer=ask.signer)
    if sponsor.applications >= APPLICATIONS_MAX:
        raise Rejected(PartiesReject.TOO_MANY_APPLICATIONS, most=APPLICATIONS_MAX)
    party_id = context.new_short_id()
    lapses_ms = context.time_ms + APPLICATION_DAYS_MAX * _DAY_MS
    books.parties.put(
        party_id,
        Party(
            roles=ask.roles,
            parent=ask.sponsor,
            name=ask.name,
            lei=ask.lei,
            signer=ask.signer,
            status=PartyStatus.APPLIED,
            lapses_ms=lapses_ms,
        ),
    )
    books.parties.put(ask.sponsor, replace(sponsor, applications=sponsor.applications + 1))
    books.applications.put(application_key(lapses_ms, party_id), Application(ask.sponsor))
    context.tell(PartyApplied(party_id, ask.sponsor, ask.roles, lapses_ms), party_id, ask.sponsor)


def admit_party(books: PartiesBooks, ask: AdmitParty, context: ActionContext) -> None:
    """The sponsor says yes. The name and the LEI may have been taken since the application."""
    parties = Parties(books)
    parties.authorise(context, ask.sponsor, AdmitParty)
    party = _require_applicant(parties, ask.sponsor, ask.party)
    check_name(books, party.roles, party.name)
    check_lei(books, party.lei)
    sponsor = parties.require(ask.sponsor)
    books.applications.delete(application_key(party.lapses_ms, ask.party))
    books.parties.put(ask.party, replace(party, status=PartyStatus.ADMITTED, lapses_ms=0))
    counts = replace(sponsor, applications=sponsor.applications - 1, below=sponsor.below + 1)
    books.parties.put(ask.sponsor, counts)
    enter_names(books, ask.party, party)
    fact = PartyStatusChanged(ask.party, PartyStatus.APPLIED, PartyStatus.ADMITTED, ask.sponsor, "")
    context.tell(fact, ask.party, ask.sponsor)


def refuse_application(books: PartiesBooks, ask: RefuseApplication, context: ActionContext) -> None:
    """The sponsor says no."""
    parties = Parties(books)
    parties.authorise(context, ask.sponsor, RefuseApplication)
    party = _require_applicant(parties, ask.sponsor, ask.party)
    check_reason(ask.reason)
    end_application(books, context, ask.party, party, ask.reason)


def end_application(
    books: PartiesBooks, context: ActionContext, party_id: bytes, party: Party, reason: str
) -> None:
    """Nothing of a refused or lapsed application stays in the state."""
    sponsor = cast(Party, books.parties.find(party.parent))
    books.applications.delete(application_key(party.lapses_ms, party_id))
    books.parties.delete(party_id)
    books.parties.put(party.parent, replace(sponsor, applications=sponsor.applications - 1))
    context.tell(ApplicationEnded(party_id, party.parent, reason), party_id, party.parent)


def enrol_party(books: PartiesBooks, ask: EnrolParty, context: ActionContext) -> None:
    """Admission without an application: the sponsor answers for the data, and may have verified the identity."""
    parties = Parties(books)
    parties.authorise(context, ask.sponsor, EnrolParty)
    sponsor = parties.require(ask.sponsor)
    keyless = ask.roles == (Role.INVESTOR,) and not ask.signer
    check_applicant(books, sponsor, ask.roles, ask.name, ask.lei, bytes(20) if keyless else ask.signer)
    if ask.identity_hash and len(ask.identity_hash) != IDENTITY_HASH_SIZE:
        raise Rejected(PartiesReject.IDENTITY_HASH_IS_INVALID, bytes=len(ask.identity_hash))
    if ask.identity_hash and not parties.has_role(ask.sponsor, *LICENSED_AGENTS):
        raise Rejected(PartiesReject.PARTY_LACKS_THE_ROLE, party=ask.sponsor, roles="a licensed agent's")
    if ask.identity_hash and Role.INVESTOR in ask.roles and books.registrar_verifies(context.time_ms):
        raise Rejected(PartiesReject.REGISTRAR_ATTESTS_IDENTITIES)
    if ask.activate and Role.INVESTOR in ask.roles and not ask.identity_hash:
        raise Rejected(PartiesReject.IDENTITY_IS_NOT_VERIFIED)
    party_id = context.new_short_id()
    party = Party(
        roles=ask.roles,
        parent=ask.sponsor,
        name=ask.name,
        lei=ask.lei,
        signer=ask.signer,
        status=PartyStatus.ACTIVE if ask.activate else PartyStatus.ADMITTED,
        identity_hash=ask.identity_hash,
        agent=ask.sponsor if ask.identity_hash else b"",
    )
    books.parties.put(party_id, party)
    books.parties.put(ask.sponsor, replace(sponsor, below=sponsor.below + 1))
    enter_names(books, party_id, party)
    context.tell(PartyEnrolled(party_id, ask.sponsor, ask.roles, party.status), party_id, ask.sponsor)


def activate_party(books: PartiesBooks, ask: ActivateParty, context: ActionContext) -> None:
    """The last step in: an investor takes it only under its real name."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, ActivateParty)
    party = require_above(parties, ask.authority, ask.party)
    if party.status is not PartyStatus.ADMITTED:
        raise Rejected(PartiesReject.STATUS_DOES_NOT_ALLOW_IT, status=party.status.name)
    if not books.is_verified(ask.party, party, context.time_ms):
        raise Rejected(PartiesReject.IDENTITY_IS_NOT_VERIFIED, party=ask.party)
    books.parties.put(ask.party, replace(party, status=PartyStatus.ACTIVE))
    fact = PartyStatusChanged(ask.party, party.status, PartyStatus.ACTIVE, ask.authority, "")
    context.tell(fact, *stakeholders(ask.party, party.parent, ask.authority))


def verify_identity(books: PartiesBooks, ask: VerifyIdentity, context: ActionContext) -> None:
    """The agent vouches; what it saw stays with it, and only a salted hash of it comes here."""
    parties = Parties(books)
    parties.authorise(context, ask.agent, VerifyIdentity)
    party = require_above(parties, ask.agent, ask.party)
    if party.status in (PartyStatus.APPLIED, PartyStatus.TERMINATED):
        raise Rejected(PartiesReject.STATUS_DOES_NOT_ALLOW_IT, status=party.status.name)
    if len(ask.identity_hash) != IDENTITY_HASH_SIZE:
        raise Rejected(PartiesReject.IDENTITY_HASH_IS_INVALID, bytes=len(ask.identity_hash))
    if Role.INVESTOR in party.roles and books.registrar_verifies(context.time_ms):
        raise Rejected(PartiesReject.REGISTRAR_ATTESTS_IDENTITIES)
    books.parties.put(ask.party, replace(party, identity_hash=ask.identity_hash, agent=ask.agent))
    context.tell(IdentityVerified(ask.party, ask.agent), *stakeholders(ask.party, party.parent, ask.agent))


def amend_party(books: PartiesBooks, ask: AmendParty, context: ActionContext) -> None:
    """Public data are reference data: two pairs of eyes of the authority."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, AmendParty)
    party = require_above(parties, ask.authority, ask.party)
    if party.status in (PartyStatus.APPLIED, PartyStatus.TERMINATED):
        raise Rejected(PartiesReject.STATUS_DOES_NOT_ALLOW_IT, status=party.status.name)
    check_name(books, party.roles, ask.name, ask.party)
    check_lei(books, ask.lei, ask.party)
    amended = replace(party, name=ask.name, lei=ask.lei)
    leave_names(books, party)
    enter_names(books, ask.party, amended)
    books.parties.put(ask.party, amended)
    context.tell(
        PartyAmended(ask.party, ask.name, ask.lei), *stakeholders(ask.party, party.parent, ask.authority)
    )


def application_key(lapses_ms: int, party_id: bytes) -> bytes:
    return lapses_ms.to_bytes(8, "big") + party_id


def _require_applicant(parties: Parties, sponsor: bytes, party_id: bytes) -> Party:
    party = parties.require(party_id)
    if party.parent != sponsor:
        hide_unless_known_to_all(party_id, party)
        raise Rejected(PartiesReject.SPONSOR_IS_ANOTHER, party=party_id)
    if party.status is not PartyStatus.APPLIED:
        raise Rejected(PartiesReject.STATUS_DOES_NOT_ALLOW_IT, status=party.status.name)
    return party
