"""The terms of every grant, of a view as of a view key: who gives what to whom, with whose consent, and who ends it."""

from __future__ import annotations

from counterfoil.modules.grants.records import PURPOSES, Purpose, PurposeTerms, Scope
from counterfoil.modules.grants.rejects import GrantsReject
from counterfoil.modules.grants.shown import Shown, places
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Parties
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected


def require_terms(
    parties: Parties,
    context: ActionContext,
    message: type[Message],
    grantor: bytes,
    grantee: bytes,
    purpose: Purpose,
    scope: Scope,
    shown: Shown,
    account: bytes = b"",
) -> None:
    """Refuse what the table of purposes does not allow; the grantor itself was authorised before.

    account: what the mandates of holders who consent may be for alone. In this order, Rejected: NOTHING_TO_SHOW,
    HOLDER_HAS_NOT_CONSENTED, GRANTEE_IS_NOT_ELIGIBLE. What is not there and what is not the grantor's to show are
    refused alike, and so are all wrong grantees.
    """
    terms = PURPOSES[purpose]
    standing = places(parties, grantor, shown)
    if scope not in terms.scopes or not any(place in terms.givers for place in standing):
        raise Rejected(GrantsReject.NOTHING_TO_SHOW, scope=scope.name, purpose=purpose.name)
    for holder in _asked(parties, terms, grantor, shown):
        try:
            parties.authorise(context, holder, message, account)
        except Rejected:
            raise Rejected(GrantsReject.HOLDER_HAS_NOT_CONSENTED) from None
    if (
        grantee == grantor
        or not parties.is_active(grantee)
        or not parties.has_role(grantee, *terms.receivers)
    ):
        raise Rejected(GrantsReject.GRANTEE_IS_NOT_ELIGIBLE, purpose=purpose.name)


def may_end(parties: Parties, party: bytes, grantor: bytes, grantee: bytes, shown: Shown) -> bool:
    """Whether a party may end a grant: who gave it or has it, one above who gave it, a joint holder whose owner did."""
    if party in (grantor, grantee) or parties.is_above(party, grantor):
        return True
    return grantor == shown.holder and party in shown.joint


def _asked(parties: Parties, terms: PurposeTerms, grantor: bytes, shown: Shown) -> tuple[bytes, ...]:
    """Whose consent is needed beside the grantor's word.

    What is held jointly is shown by all who hold it. A keeper asks the holders where the purpose says so, as far as
    they speak for themselves.
    """
    if grantor == shown.holder:
        return shown.joint
    if not terms.asks_holders:
        return ()
    found = [(holder, parties.find(holder)) for holder in (shown.holder, *shown.joint)]
    return tuple([holder for holder, party in found if party is not None and party.signer])
