"""Reads of granted views: which there are, by whom, to whom, for what."""

from __future__ import annotations

import msgspec

from counterfoil.modules.grants import queries as grants
from counterfoil.modules.grants.interface import PURPOSES, Grant
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, AsOf, View, named, reading
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import ViewGrant


class GrantLine(msgspec.Struct, frozen=True):
    """A grant as it is on the ledger. shown: a party, account or instrument, or a market's code (ASCII).

    The period is of the data shown (0 at its end: without end); block times in ms since 1970 UTC.
    """

    grant_id: bytes
    grantor: bytes
    grantee: bytes
    scope: str
    shown: bytes
    purpose: str
    period_from_ms: int
    period_until_ms: int
    valid_until_ms: int
    granted_height: int


class GrantList(Answer, frozen=True, kw_only=True):
    """In the order of their identifiers."""

    grants: tuple[GrantLine, ...]


@named("grants")
def list_grants(node: LedgerNode, viewer: Viewer, params: AsOf) -> GrantList:
    """Granted views as far as the viewer may know of them: that it gave, that it has, that show what is its own."""
    with reading(node, viewer, params) as view:
        found = grants.grants(view.state, view.height)
        visible = view.visible(found, lambda one: _subject(view, one[1]))
        return GrantList(moment=view.moment, grants=tuple(_line(key, grant) for key, grant in visible))


def _subject(view: View, grant: Grant) -> ViewGrant:
    """Those concerned may know of a grant whose purpose tells them."""
    concerned = view.wired.grants.concerned(grant) if PURPOSES[grant.purpose].tells_concerned else ()
    return ViewGrant(grant.grantor, grant.grantee, concerned)


def _line(key: bytes, grant: Grant) -> GrantLine:
    return GrantLine(
        key,
        grant.grantor,
        grant.grantee,
        grant.scope.name,
        grant.shown,
        grant.purpose.name,
        grant.period_from_ms,
        grant.period_until_ms,
        grant.valid_until_ms,
        grant.granted_height,
    )
