"""Views are granted, end by revocation or by time; and nodes record how far their logs of reads are."""

from __future__ import annotations

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.facts import ReadLogRecorded, ViewGranted, ViewLapsed, ViewRevoked
from counterfoil.modules.grants.messages import GrantView, RecordReadLog, RevokeView
from counterfoil.modules.grants.records import (
    GRANT_MS_MAX,
    GRANTS_MAX,
    HEAD_SIZE,
    NODES_MAX,
    PURPOSES,
    Grant,
    GrantsOf,
    Lapse,
    ReadLog,
    Scope,
    View,
    lapse_key,
    view_key,
    view_prefix,
)
from counterfoil.modules.grants.rejects import GrantsReject
from counterfoil.modules.grants.shown import look_up
from counterfoil.modules.grants.terms import may_end, require_terms
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected


def grant_view(books: GrantsBooks, ask: GrantView, context: ActionContext) -> None:
    """By the terms that hold of view keys too."""
    account = ask.shown if ask.scope is Scope.ACCOUNT else b""
    books.parties.authorise(context, ask.grantor, GrantView, account)
    require_terms(
        books.parties,
        context,
        GrantView,
        ask.grantor,
        ask.grantee,
        ask.purpose,
        ask.scope,
        look_up(books, ask.scope, ask.shown),
        account,
    )
    if not 0 <= ask.period_from_ms <= AMOUNT_MAX or not 0 <= ask.period_until_ms <= AMOUNT_MAX:
        raise Rejected(GrantsReject.PERIOD_IS_INVALID)
    if 0 < ask.period_until_ms <= ask.period_from_ms:
        raise Rejected(GrantsReject.PERIOD_IS_INVALID)
    if not context.time_ms < ask.valid_until_ms <= context.time_ms + GRANT_MS_MAX:
        raise Rejected(GrantsReject.VALIDITY_IS_INVALID, latest_ms=context.time_ms + GRANT_MS_MAX)
    if _is_granted(books, ask):
        raise Rejected(GrantsReject.GRANT_EXISTS)
    given = books.grants_of.find(ask.grantor)
    count = given.count if given is not None else 0
    if count >= GRANTS_MAX:
        raise Rejected(GrantsReject.TOO_MANY_GRANTS, limit=GRANTS_MAX)

    grant_id = context.new_id()
    grant = Grant(
        ask.grantor,
        ask.grantee,
        ask.scope,
        ask.shown,
        ask.purpose,
        ask.period_from_ms,
        ask.period_until_ms,
        ask.valid_until_ms,
        context.height,
    )
    books.grants.put(grant_id, grant)
    books.views.put(view_key(grant_id, grant), View())
    books.lapses.put(lapse_key(grant_id, grant), Lapse())
    books.grants_of.put(ask.grantor, GrantsOf(count + 1))
    fact = ViewGranted(
        grant_id,
        ask.grantor,
        ask.grantee,
        ask.scope,
        ask.shown,
        ask.purpose,
        ask.period_from_ms,
        ask.period_until_ms,
        ask.valid_until_ms,
    )
    context.tell(fact, *stakeholders(books, grant))


def revoke_view(books: GrantsBooks, ask: RevokeView, context: ActionContext) -> None:
    """A grant that the party may not end is refused as one that is not there."""
    books.parties.authorise(context, ask.party, RevokeView)
    grant = books.grants.find(ask.grant)
    if grant is None:
        raise Rejected(GrantsReject.GRANT_NOT_FOUND)
    shown = look_up(books, grant.scope, grant.shown)
    if not may_end(books.parties, ask.party, grant.grantor, grant.grantee, shown):
        raise Rejected(GrantsReject.GRANT_NOT_FOUND)
    context.tell(ViewRevoked(ask.grant, ask.party), *stakeholders(books, grant))
    _end(books, ask.grant, grant)


def lapse(books: GrantsBooks, grant_id: bytes, context: ActionContext) -> None:
    """End a grant whose time is over."""
    grant = books.grants.find(grant_id)
    if grant is None:
        raise Rejected(GrantsReject.GRANT_NOT_FOUND)
    context.tell(ViewLapsed(grant_id), *stakeholders(books, grant))
    _end(books, grant_id, grant)


def record_read_log(books: GrantsBooks, ask: RecordReadLog, context: ActionContext) -> None:
    """A log only ever grows: what was recorded of it stays true."""
    if ask.node not in context.signers:
        raise Rejected(GrantsReject.NODE_HAS_NOT_SIGNED, node=ask.node)
    books.parties.authorise(context, ask.party, RecordReadLog)
    if not 0 < ask.entries <= AMOUNT_MAX or len(ask.head) != HEAD_SIZE:
        raise Rejected(GrantsReject.READ_LOG_IS_INVALID)
    before = books.read_logs.find(ask.party + ask.node)
    if before is not None and ask.entries <= before.entries:
        raise Rejected(GrantsReject.READ_LOG_DOES_NOT_GROW, recorded=before.entries)
    if before is None and sum(1 for _ in books.read_logs.scan(ask.party)) >= NODES_MAX:
        raise Rejected(GrantsReject.TOO_MANY_NODES, limit=NODES_MAX)

    books.read_logs.put(ask.party + ask.node, ReadLog(ask.entries, ask.head, context.time_ms))
    context.tell(ReadLogRecorded(ask.party, ask.node, ask.entries, ask.head), ask.party)


def stakeholders(books: GrantsBooks, grant: Grant) -> tuple[bytes, ...]:
    """Who is told of a grant: grantor, grantee, and those concerned where its purpose tells them; each once."""
    concerned: tuple[bytes, ...] = ()
    if PURPOSES[grant.purpose].tells_concerned:
        concerned = look_up(books, grant.scope, grant.shown).concerned
    return tuple(dict.fromkeys((grant.grantor, grant.grantee, *concerned)))


def _is_granted(books: GrantsBooks, ask: GrantView) -> bool:
    prefix = view_prefix(ask.grantee, ask.shown)
    for key, _ in books.views.scan(prefix):
        grant = books.grants.find(key[len(prefix) :])
        if grant is not None and (grant.grantor, grant.scope, grant.purpose) == (
            ask.grantor,
            ask.scope,
            ask.purpose,
        ):
            return True
    return False


def _end(books: GrantsBooks, grant_id: bytes, grant: Grant) -> None:
    books.grants.delete(grant_id)
    books.views.delete(view_key(grant_id, grant))
    books.lapses.delete(lapse_key(grant_id, grant))
    given = books.grants_of.find(grant.grantor)
    if given is not None and given.count > 1:
        books.grants_of.put(grant.grantor, GrantsOf(given.count - 1))
    else:
        books.grants_of.delete(grant.grantor)
