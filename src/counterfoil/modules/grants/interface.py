"""What others may ask about grants: the policy of reads, and whoever makes keys for grantees."""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.records import (
    GRANT_DAYS_MAX,
    GRANT_MS_MAX,
    PURPOSES,
    READ_LOGS,
    Grant,
    Purpose,
    ReadLog,
    Scope,
    view_prefix,
)
from counterfoil.modules.grants.shown import NOTHING, Shown, look_up
from counterfoil.modules.grants.terms import may_end, require_terms

__all__ = [
    "GRANT_DAYS_MAX",
    "GRANT_MS_MAX",
    "NOTHING",
    "PURPOSES",
    "READ_LOGS",
    "Grant",
    "Grants",
    "Purpose",
    "ReadLog",
    "Scope",
    "Shown",
    "may_end",
    "require_terms",
]


class Grants:
    """Read-only: grants change by their own messages and by time."""

    def __init__(self, books: GrantsBooks) -> None:
        self._books = books

    def find(self, grant_id: bytes) -> Grant | None:
        return self._books.grants.find(grant_id)

    def of(self, grantee: bytes, scope: Scope, shown: bytes, time_ms: int) -> Iterator[tuple[bytes, Grant]]:
        """(id, grant) of every grant that shows one thing to one party and has not expired at `time_ms`."""
        prefix = view_prefix(grantee, shown)
        for key, _ in self._books.views.scan(prefix):
            grant = self._books.grants.find(key[len(prefix) :])
            if grant is not None and grant.scope is scope and time_ms < grant.valid_until_ms:
                yield key[len(prefix) :], grant

    def every(self) -> Iterator[tuple[bytes, Grant]]:
        """(id, grant) of all that are in force or wait to lapse, by grantee."""
        for key, _ in self._books.views.scan():
            grant = self._books.grants.find(key[40:])
            if grant is not None:
                yield key[40:], grant

    def concerned(self, grant: Grant) -> tuple[bytes, ...]:
        """Parties whose business a grant shows: holder, joint holders, keeper."""
        return look_up(self._books, grant.scope, grant.shown).concerned

    def read_log(self, party: bytes, node: bytes) -> ReadLog | None:
        """How far a node's log of reads was when it was recorded last."""
        return self._books.read_logs.find(party + node)
