"""What is always true of grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.records import (
    GRANTS,
    GRANTS_MAX,
    GRANTS_OF,
    PURPOSES,
    READ_LOGS,
    VIEWS,
    Grant,
    GrantsOf,
    lapse_key,
    view_key,
)
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: GrantsBooks, changed: Changes) -> None:
    """Each grant has its view and its lapse and is counted; none changes; logs of reads only grow."""
    given: dict[bytes, int] = {}
    for grant_id, (old, new) in changed.get(GRANTS.number, {}).items():
        ensure(old is None or new is None, "a grant is given or ended, never changed")
        for grant, difference in ((old, -1), (new, 1)):
            if grant is not None:
                given[grant.grantor] = given.get(grant.grantor, 0) + difference
        if new is not None:
            _check_grant(books, grant_id, new)
        elif old is not None:
            _check_ended(books, grant_id, old)
    for grantor, (before, now) in changed.get(GRANTS_OF.number, {}).items():
        ensure(
            _count(now) - _count(before) == given.pop(grantor, 0), "grants are counted as they come and go"
        )
        ensure(0 <= _count(now) <= GRANTS_MAX, "nobody has more grants in force than the limit")
    ensure(not any(given.values()), "grants are counted as they come and go")
    for before, now in changed.get(READ_LOGS.number, {}).values():
        ensure(now is not None, "a recorded log of reads stays recorded")
        if before is not None and now is not None and before != now:
            ensure(before.entries < now.entries, "a log of reads only grows")


def check_all(books: GrantsBooks) -> None:
    """The same of every grant, found by the moments at which they lapse."""
    counts: dict[bytes, int] = {}
    found = 0
    for key, _ in books.lapses.scan():
        grant = books.grants.find(key[8:])
        if grant is None:
            ensure(False, "a lapse belongs to a grant")
            continue
        ensure(lapse_key(key[8:], grant) == key, "a grant lapses when it expires")
        _check_grant(books, key[8:], grant)
        counts[grant.grantor] = counts.get(grant.grantor, 0) + 1
        found += 1
    ensure(sum(1 for _ in books.views.scan()) == found, f"table {VIEWS.name}: one for each grant")
    counted = {grantor: record.count for grantor, record in books.grants_of.scan()}
    ensure(counted == counts, "grants are counted")


def _check_grant(books: GrantsBooks, grant_id: bytes, grant: Grant) -> None:
    ensure(books.views.find(view_key(grant_id, grant)) is not None, "a grant has its view")
    ensure(books.lapses.find(lapse_key(grant_id, grant)) is not None, "a grant has its lapse")
    ensure(grant.grantor != grant.grantee, "nobody grants itself a view")
    terms = PURPOSES[grant.purpose]
    ensure(grant.scope in terms.scopes, "a grant shows what its purpose allows")
    ensure(books.parties.has_role(grant.grantee, *terms.receivers), "a grantee has a role of the purpose")


def _check_ended(books: GrantsBooks, grant_id: bytes, grant: Grant) -> None:
    ensure(books.views.find(view_key(grant_id, grant)) is None, "an ended grant shows nothing")
    ensure(books.lapses.find(lapse_key(grant_id, grant)) is None, "an ended grant has no lapse")


def _count(record: GrantsOf | None) -> int:
    return record.count if record is not None else 0
