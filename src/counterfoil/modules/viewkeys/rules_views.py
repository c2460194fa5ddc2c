"""View keys: raised, granted for a purpose and a time, and to which key a party has them handed out."""

from __future__ import annotations

from counterfoil.modules.grants.interface import (
    GRANT_DAYS_MAX,
    GRANT_MS_MAX,
    PURPOSES,
    may_end,
    require_terms,
)
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.facts import OpeningKeyRecorded, ViewGrantEnded, ViewKeyGranted
from counterfoil.modules.viewkeys.messages import EndViewGrant, GrantViewKey, RaiseViewKey, RecordOpeningKey
from counterfoil.modules.viewkeys.records import (
    GRANTS_MAX,
    REASON_LENGTH_MAX,
    RecordedKey,
    ViewGrant,
    ViewGrantEnd,
    ViewGrantOf,
    ViewNode,
    end_key,
)
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.modules.viewkeys.rules_epochs import require_sealed
from counterfoil.modules.viewkeys.tree import has_a_say, node_of, raise_key, shown_by, with_those_above
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.opening_keys import is_opening_key

_SIZE = 20


def record_opening_key(books: ViewKeysBooks, ask: RecordOpeningKey, context: ActionContext) -> None:
    """Whoever has the other half is handed the party's view keys from now on."""
    books.parties.authorise(context, ask.party, RecordOpeningKey)
    if not is_opening_key(ask.opening_key):
        raise Rejected(ViewKeysReject.OPENING_KEY_IS_INVALID)
    books.opening_keys.put(ask.party, RecordedKey(ask.opening_key))
    context.tell(OpeningKeyRecorded(ask.party, ask.opening_key), ask.party)


def raise_view_key(books: ViewKeysBooks, ask: RaiseViewKey, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, RaiseViewKey)
    require_sealed(books)
    if len(ask.node) != _SIZE or not has_a_say(books, ask.party, ask.node):
        raise Rejected(ViewKeysReject.VIEW_NODE_NOT_FOUND)
    raise_key(books, context, ask.node)


def grant_view_key(books: ViewKeysBooks, ask: GrantViewKey, context: ActionContext) -> None:
    """From this block on, or for the past too; by the terms that hold of views."""
    books.parties.authorise(context, ask.party, GrantViewKey)
    require_sealed(books)
    scope, shown = shown_by(books, ask.party, ask.node)
    require_terms(books.parties, context, GrantViewKey, ask.party, ask.grantee, ask.purpose, scope, shown)
    if _has_it_anyway(books, ask.grantee, ask.node):
        raise Rejected(ViewKeysReject.GRANTEE_IS_INVALID, grantee=ask.grantee)
    if not 0 < len(ask.reason) <= REASON_LENGTH_MAX or not ask.reason.isprintable():
        raise Rejected(ViewKeysReject.PURPOSE_IS_INVALID, limit=REASON_LENGTH_MAX)
    if not context.time_ms < ask.until_ms <= context.time_ms + GRANT_MS_MAX:
        raise Rejected(ViewKeysReject.END_IS_INVALID, days=GRANT_DAYS_MAX)
    if books.grants.find(ask.node + ask.grantee) is not None:
        raise Rejected(ViewKeysReject.GRANT_EXISTS)
    if node_of(books, ask.node).grants >= GRANTS_MAX:
        raise Rejected(ViewKeysReject.TOO_MANY_GRANTS, limit=GRANTS_MAX)

    if not ask.past:
        raise_key(books, context, ask.node)
    from_height = 0 if ask.past else context.height
    granted = ViewGrant(ask.party, ask.purpose, ask.reason, from_height, ask.until_ms, context.height)
    books.grants.put(ask.node + ask.grantee, granted)
    books.grant_ends.put(end_key(ask.until_ms, ask.node, ask.grantee), ViewGrantEnd())
    for upper in with_those_above(books, ask.grantee):
        books.grants_of.put(upper + ask.node + ask.grantee, ViewGrantOf())
    _count(books, ask.node, 1)
    fact = ViewKeyGranted(
        ask.node, ask.grantee, ask.party, ask.purpose, ask.reason, from_height, ask.until_ms
    )
    context.tell(fact, *_told(ask.node, ask.grantee, granted))


def end_view_grant(books: ViewKeysBooks, ask: EndViewGrant, context: ActionContext) -> None:
    """A grant that the party may not end is refused as one that is not there."""
    books.parties.authorise(context, ask.party, EndViewGrant)
    if len(ask.node) != _SIZE or len(ask.grantee) != _SIZE:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    granted = books.grants.find(ask.node + ask.grantee)
    if granted is None:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    _, shown = shown_by(books, granted.by, ask.node)
    if not may_end(books.parties, ask.party, granted.by, ask.grantee, shown):
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    end_grant(books, context, ask.node, ask.grantee)


def end_grant(books: ViewKeysBooks, context: ActionContext, node: bytes, grantee: bytes) -> None:
    """The grant's record ends, and the key is another one from this block on."""
    granted = books.grants.find(node + grantee)
    if granted is None:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    books.grants.delete(node + grantee)
    books.grant_ends.delete(end_key(granted.until_ms, node, grantee))
    for upper in with_those_above(books, grantee):
        books.grants_of.delete(upper + node + grantee)
    _count(books, node, -1)
    raise_key(books, context, node)
    context.tell(ViewGrantEnded(node, grantee), *_told(node, grantee, granted))


def _has_it_anyway(books: ViewKeysBooks, party: bytes, node: bytes) -> bool:
    return has_a_say(books, party, node) or books.parties.has_role(party, Role.REGULATOR)


def _count(books: ViewKeysBooks, node: bytes, change: int) -> None:
    found = node_of(books, node)
    books.nodes.put(node, ViewNode(found.counter, found.grants + change))


def _told(node: bytes, grantee: bytes, granted: ViewGrant) -> tuple[bytes, ...]:
    """Grantee and grantor; the node, where the purpose tells those concerned."""
    concerned = (node,) if PURPOSES[granted.purpose].tells_concerned else ()
    return tuple(dict.fromkeys((*concerned, grantee, granted.by)))
