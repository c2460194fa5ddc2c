"""View keys: raised, granted for a purpose and a time, and to which key a party has them handed out."""

from __future__ import annotations

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.facts import OpeningKeyRecorded, ViewGrantEnded, ViewKeyGranted
from counterfoil.modules.viewkeys.messages import EndViewGrant, GrantViewKey, RaiseViewKey, RecordOpeningKey
from counterfoil.modules.viewkeys.records import (
    GRANT_DAYS_MAX,
    GRANTS_MAX,
    PURPOSE_LENGTH_MAX,
    RecordedKey,
    ViewGrant,
    ViewGrantEnd,
    ViewNode,
    end_key,
)
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.modules.viewkeys.rules_epochs import require_sealed
from counterfoil.modules.viewkeys.tree import has_a_say, node_of, raise_key
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.opening_keys import is_opening_key

DAY_MS = 86_400_000
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
    _require_say(books, ask.party, ask.node)
    raise_key(books, context, ask.node)


def grant_view_key(books: ViewKeysBooks, ask: GrantViewKey, context: ActionContext) -> None:
    """From this block on, or for the past too."""
    books.parties.authorise(context, ask.party, GrantViewKey)
    require_sealed(books)
    _require_say(books, ask.party, ask.node)
    if not books.parties.is_active(ask.grantee) or _has_it_anyway(books, ask.grantee, ask.node):
        raise Rejected(ViewKeysReject.GRANTEE_IS_INVALID, grantee=ask.grantee)
    if not 0 < len(ask.purpose) <= PURPOSE_LENGTH_MAX or not ask.purpose.isprintable():
        raise Rejected(ViewKeysReject.PURPOSE_IS_INVALID, limit=PURPOSE_LENGTH_MAX)
    if not context.time_ms < ask.until_ms <= context.time_ms + GRANT_DAYS_MAX * DAY_MS:
        raise Rejected(ViewKeysReject.END_IS_INVALID, days=GRANT_DAYS_MAX)
    if books.grants.find(ask.node + ask.grantee) is not None:
        raise Rejected(ViewKeysReject.GRANT_EXISTS)
    if node_of(books, ask.node).grants >= GRANTS_MAX:
        raise Rejected(ViewKeysReject.TOO_MANY_GRANTS, limit=GRANTS_MAX)

    if not ask.past:
        raise_key(books, context, ask.node)
    from_height = 0 if ask.past else context.height
    granted = ViewGrant(ask.party, ask.purpose, from_height, ask.until_ms)
    books.grants.put(ask.node + ask.grantee, granted)
    books.grant_ends.put(end_key(ask.until_ms, ask.node, ask.grantee), ViewGrantEnd())
    _count(books, ask.node, 1)
    fact = ViewKeyGranted(ask.node, ask.grantee, ask.party, ask.purpose, from_height, ask.until_ms)
    context.tell(fact, *_told(ask.node, ask.grantee, ask.party))


def end_view_grant(books: ViewKeysBooks, ask: EndViewGrant, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, EndViewGrant)
    if ask.party != ask.grantee:
        _require_say(books, ask.party, ask.node)
    if len(ask.node) != _SIZE or len(ask.grantee) != _SIZE:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    if books.grants.find(ask.node + ask.grantee) is None:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    end_grant(books, context, ask.node, ask.grantee)


def end_grant(books: ViewKeysBooks, context: ActionContext, node: bytes, grantee: bytes) -> None:
    """The grant's record ends, and the key is another one from this block on."""
    granted = books.grants.find(node + grantee)
    if granted is None:
        raise Rejected(ViewKeysReject.GRANT_NOT_FOUND)
    books.grants.delete(node + grantee)
    books.grant_ends.delete(end_key(granted.until_ms, node, grantee))
    _count(books, node, -1)
    raise_key(books, context, node)
    context.tell(ViewGrantEnded(node, grantee), *_told(node, grantee, granted.by))


def _require_say(books: ViewKeysBooks, party: bytes, node: bytes) -> None:
    if len(node) != _SIZE or not has_a_say(books, party, node):
        raise Rejected(ViewKeysReject.VIEW_NODE_NOT_FOUND)


def _has_it_anyway(books: ViewKeysBooks, party: bytes, node: bytes) -> bool:
    return has_a_say(books, party, node) or books.parties.has_role(party, Role.REGULATOR)


def _count(books: ViewKeysBooks, node: bytes, change: int) -> None:
    found = node_of(books, node)
    books.nodes.put(node, ViewNode(found.counter, found.grants + change))


def _told(node: bytes, grantee: bytes, by: bytes) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((node, grantee, by)))
