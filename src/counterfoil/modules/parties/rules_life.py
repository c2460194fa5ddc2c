"""How parties are stopped, let go on, wound down and ended. A stop reaches everybody below without touching them."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from counterfoil.modules.module import BY_THE_CONSORTIUM, EVERY, ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import check_reason, leave_names, require_above, stakeholders
from counterfoil.modules.parties.facts import PartyStatusChanged
from counterfoil.modules.parties.interface import STOPPED, Parties
from counterfoil.modules.parties.messages import (
    ReinstateParty,
    RevokeParty,
    SuspendParty,
    TerminateParty,
    WindDownParty,
)
from counterfoil.modules.parties.records import Party, PartyStatus
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import Rejected

ADMITTED = PartyStatus.ADMITTED
ACTIVE = PartyStatus.ACTIVE
SUSPENDED = PartyStatus.SUSPENDED
REVOKED = PartyStatus.REVOKED
WINDING_DOWN = PartyStatus.WINDING_DOWN
TERMINATED = PartyStatus.TERMINATED
IN_BUSINESS = (ACTIVE, WINDING_DOWN)


def suspend_party(books: PartiesBooks, ask: SuspendParty, context: ActionContext) -> None:
    """Stopped from this message on; the status to which it may return is remembered."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, SuspendParty)
    party = require_above(parties, ask.authority, ask.party)
    _require_status(party, ADMITTED, ACTIVE, WINDING_DOWN)
    check_reason(ask.reason)
    suspended = replace(party, status=SUSPENDED, status_before=party.status, suspended_by=ask.authority)
    _step(books, context, ask.authority, ask.party, party, suspended, ask.reason)


def reinstate_party(books: PartiesBooks, ask: ReinstateParty, context: ActionContext) -> None:
    """By whoever suspended it, or by one above that: a lower authority does not undo a higher one's act."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, ReinstateParty)
    party = require_above(parties, ask.authority, ask.party)
    _require_status(party, SUSPENDED)
    if ask.authority != party.suspended_by and not parties.is_above(ask.authority, party.suspended_by):
        raise Rejected(PartiesReject.AUTHORITY_DID_NOT_SUSPEND_IT, suspended_by=party.suspended_by)
    reinstated = replace(party, status=party.status_before, status_before=ACTIVE, suspended_by=b"")
    _step(books, context, ask.authority, ask.party, party, reinstated, "")


def revoke_party(books: PartiesBooks, ask: RevokeParty, context: ActionContext) -> None:
    """There is no way back: a party that is to return applies anew."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, RevokeParty)
    party = require_above(parties, ask.authority, ask.party)
    _require_status(party, ADMITTED, ACTIVE, SUSPENDED, WINDING_DOWN)
    check_reason(ask.reason)
    revoked = replace(party, status=REVOKED, status_before=ACTIVE, suspended_by=b"")
    _step(books, context, ask.authority, ask.party, party, revoked, ask.reason)


def wind_down_party(books: PartiesBooks, ask: WindDownParty, context: ActionContext) -> None:
    """By the party itself while it is active; by one above it also after a revocation, so that it can pay out.

    The consortium acts in the place of an authority, and not in that of the party itself.
    """
    parties = Parties(books)
    parties.authorise(context, ask.authority, WindDownParty)
    if ask.authority == ask.party and context.signers is not BY_THE_CONSORTIUM:
        party = parties.require(ask.party)
        _require_status(party, ACTIVE)
    else:
        party = require_above(parties, ask.authority, ask.party)
        _require_status(party, ADMITTED, ACTIVE, REVOKED)
    check_reason(ask.reason)
    _step(books, context, ask.authority, ask.party, party, replace(party, status=WINDING_DOWN), ask.reason)


def terminate_party(books: PartiesBooks, ask: TerminateParty, context: ActionContext) -> None:
    """The end; the record stays, since others cite it."""
    parties = Parties(books)
    parties.authorise(context, ask.authority, TerminateParty)
    party = require_above(parties, ask.authority, ask.party)
    _require_status(party, WINDING_DOWN)
    if party.below or party.applications:
        raise Rejected(
            PartiesReject.PARTY_HAS_PARTIES_BELOW, below=party.below, applications=party.applications
        )
    if books.holds_anything(ask.party):
        raise Rejected(PartiesReject.PARTY_HAS_POSITIONS, party=ask.party)
    parent = cast(Party, books.parties.find(party.parent))
    leave_names(books, party)
    books.parties.put(party.parent, replace(parent, below=parent.below - 1))
    _step(books, context, ask.authority, ask.party, party, replace(party, status=TERMINATED), "")


def _require_status(party: Party, *statuses: PartyStatus) -> None:
    if party.status not in statuses:
        raise Rejected(PartiesReject.STATUS_DOES_NOT_ALLOW_IT, status=party.status.name)


def _step(
    books: PartiesBooks,
    context: ActionContext,
    authority: bytes,
    party_id: bytes,
    before: Party,
    after: Party,
    reason: str,
) -> None:
    books.parties.put(party_id, after)
    fact = PartyStatusChanged(party_id, before.status, after.status, authority, reason)
    context.tell(fact, *stakeholders(party_id, before.parent, authority))
    if after.status in STOPPED:
        books.stopped(context, party_id)
    elif after.status in IN_BUSINESS and before.status not in IN_BUSINESS:
        context.credited.append(party_id + EVERY)
