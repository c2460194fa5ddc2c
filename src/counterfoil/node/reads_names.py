"""Reads about real names: how a party is verified, whom an agent has asked about, and which parties are one person."""

from __future__ import annotations

import msgspec

from counterfoil.modules.identities import queries as identities
from counterfoil.modules.identities.interface import Verification
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    PAGE_MAX,
    Answer,
    AsOf,
    Params,
    View,
    check_id,
    named,
    present,
    reading,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import PartyDetails, PersonLinks

IN_FORCE, LAPSED, WITHDRAWN, UNUSED = "IN_FORCE", "LAPSED", "WITHDRAWN", "UNUSED"


class RegistrarLine(msgspec.Struct, frozen=True):
    """A version of a registrar's key. public_key: of the function that makes tags (32 bytes)."""

    key_version: int
    registrar: bytes
    suite: str
    public_key: bytes
    appointed_ms: int


class LicenceLine(msgspec.Struct, frozen=True):
    """A member that may verify who its clients are. valid_until_ms: 0 for no end."""

    agent: bytes
    authority: bytes
    reference: str
    valid_from_ms: int
    valid_until_ms: int


class Regime(Answer, frozen=True, kw_only=True):
    """demanded_from_ms: from when an investor needs a registrar's attestation; None on a ledger without registrars."""

    demanded_from_ms: int | None
    registrars: tuple[RegistrarLine, ...]
    licences: tuple[LicenceLine, ...]


class IdentityOf(AsOf, frozen=True, kw_only=True):
    """party: id (20 bytes)."""

    party: bytes


class IdentityRecord(Answer, frozen=True, kw_only=True):
    """How a party is verified. status: IN_FORCE, LAPSED or WITHDRAWN as of the moment.

    handle, pointer: its agent's own, b"" for whoever may not see the agent's details.
    """

    party: bytes
    status: str
    level: str
    agent: bytes
    evidence_hash: bytes
    verified_ms: int
    expires_ms: int
    withdrawn_ms: int
    handle: bytes
    pointer: bytes


class IdentitiesOf(AsOf, frozen=True, kw_only=True):
    """agent: id. before_ms: only what expires or lapses before this time (0: all). first, limit: as of other pages."""

    agent: bytes
    before_ms: int = 0
    first: int = 0
    limit: int = PAGE_MAX


class ClientLine(msgspec.Struct, frozen=True):
    """Somebody whom an agent has asked a registrar about. party: b"" while the handle is UNUSED, and expires_ms is
    then when the attestation lapses."""

    handle: bytes
    party: bytes
    status: str
    level: str
    expires_ms: int


class IdentityList(Answer, frozen=True, kw_only=True):
    """By handle. next: `first` of the page after this one, 0 after the last."""

    lines: tuple[ClientLine, ...]
    next: int


class PersonOf(Params, frozen=True, kw_only=True):
    """Exactly one of: party (id), tag (32 bytes)."""

    party: bytes = b""
    tag: bytes = b""


class LinkLine(msgspec.Struct, frozen=True):
    """A party that is the person, and the agent whose word that is."""

    party: bytes
    agent: bytes
    status: str
    level: str
    expires_ms: int


class Person(Answer, frozen=True, kw_only=True):
    """All parties of one person, by identifier."""

    parties: tuple[LinkLine, ...]


@named("registrars", is_alike=True)
def registrars(node: LedgerNode, viewer: Viewer, params: AsOf) -> Regime:
    """Who attests identities, since when that is demanded, and who is licensed to verify them (public)."""
    with reading(node, viewer, params) as view:
        regime = identities.regime(view.state, view.height)
        return Regime(
            moment=view.moment,
            demanded_from_ms=regime.demanded_from_ms if regime is not None else None,
            registrars=tuple(
                RegistrarLine(version, key.registrar, key.suite.name, key.public_key, key.appointed_ms)
                for version, key in identities.registrar_keys(view.state, view.height)
            ),
            licences=tuple(
                LicenceLine(agent, one.authority, one.reference, one.valid_from_ms, one.valid_until_ms)
                for agent, one in identities.licences(view.state, view.height)
            ),
        )


@named("identity")
def identity(node: LedgerNode, viewer: Viewer, params: IdentityOf) -> IdentityRecord:
    """How a party is verified: level, agent, evidence hash, until when; to whoever may see the party's details."""
    with reading(node, viewer, params) as view:
        party_id = check_id(params.party)
        verified = identities.verification(view.state, party_id, view.height)
        found = view.shown(verified, PartyDetails(party_id))
        papers = view.may_see(PartyDetails(found.agent))
        return IdentityRecord(
            moment=view.moment,
            party=party_id,
            status=_status(view, found),
            level=found.level.name,
            agent=found.agent,
            evidence_hash=found.evidence_hash,
            verified_ms=found.verified_ms,
            expires_ms=found.expires_ms,
            withdrawn_ms=found.withdrawn_ms,
            handle=found.handle if papers else b"",
            pointer=found.pointer if papers else b"",
        )


@named("identities")
def list_identities(node: LedgerNode, viewer: Viewer, params: IdentitiesOf) -> IdentityList:
    """Everybody whom an agent has asked a registrar about, with what became of it; to whoever may see its details."""
    if params.first < 0 or not 0 < params.limit <= PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="first is 0 or more, limit 1 to the limit",
        )
    with reading(node, viewer, params) as view:
        agent = check_id(params.agent)
        view.require(PartyDetails(agent))
        lines = [
            line
            for line in _clients(view, agent)
            if not params.before_ms or line.expires_ms < params.before_ms
        ]
        page = lines[params.first : params.first + params.limit]
        after = params.first + len(page)
        return IdentityList(moment=view.moment, lines=tuple(page), next=after if after < len(lines) else 0)


@named("person")
def person(node: LedgerNode, viewer: Viewer, params: PersonOf) -> Person:
    """Which parties, of whichever agents, are one person: to the identity registrar in office, and to regulators."""
    if bool(params.party) == bool(params.tag):
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="name one party or one tag")
    with reading(node, viewer) as view:
        keys = identities.registrar_keys(view.state)
        named_one = (
            identities.person_of_tag(view.state, params.tag)
            if params.tag
            else identities.person_of_party(view.state, params.party)
        )
        found = view.shown(named_one, PersonLinks(keys[-1][1].registrar if keys else b""))
        lines = []
        for party_id, link in identities.parties_of(view.state, found):
            one = present(identities.verification(view.state, party_id))
            lines.append(LinkLine(party_id, link.agent, _status(view, one), one.level.name, one.expires_ms))
        return Person(moment=view.moment, parties=tuple(lines))


def _clients(view: View, agent: bytes) -> list[ClientLine]:
    lines = []
    for handle, attested in identities.attestations(view.state, agent, view.height):
        if not attested.party:
            lines.append(ClientLine(handle, b"", UNUSED, "", attested.lapses_ms))
            continue
        found = identities.verification(view.state, attested.party, view.height)
        if found is not None and found.handle == handle:
            status = _status(view, found)
            lines.append(ClientLine(handle, attested.party, status, found.level.name, found.expires_ms))
    return lines


def _status(view: View, found: Verification) -> str:
    if found.withdrawn_ms:
        return WITHDRAWN
    return IN_FORCE if view.header.time_ms < found.expires_ms else LAPSED
