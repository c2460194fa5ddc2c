"""Reads of what was granted, views and view keys: which grants there are and were, by whom, to whom, for what."""

from __future__ import annotations

import msgspec

from counterfoil.modules.grants import queries as grants
from counterfoil.modules.grants.interface import PURPOSES, Grant
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.viewkeys import queries as viewkeys
from counterfoil.modules.viewkeys.interface import ViewGrant as KeyGrant
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, AsOf, View, named, reading
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import ViewGrant


class GrantsOf(AsOf, frozen=True, kw_only=True):
    """past: all that there ever were, ended or not, whatever `at` says. Of the past are listed those that outlived the
    block in which they were given."""

    past: bool = False


class GrantLine(msgspec.Struct, frozen=True):
    """A grant as it is on the ledger. shown: a party, account or instrument, or a market's code (ASCII).

    The period is of the data shown (0 at its end: without end); block times in ms since 1970 UTC. ended_height: the
    block in which it was revoked or lapsed; 0 where it has not, or a moment was asked about.
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
    ended_height: int = 0


class GrantList(Answer, frozen=True, kw_only=True):
    """In the order of their identifiers."""

    grants: tuple[GrantLine, ...]


class KeyGrantLine(msgspec.Struct, frozen=True):
    """A grant of a view key. party, or signer, or owner and servicer (with the account, where that is told apart since
    it was held jointly): whose key it is; b"" of the others.

    from_height: the first block whose receipts it opens, 0 for all before it too. ended_height: as in `GrantLine`.
    """

    party: bytes
    signer: bytes
    owner: bytes
    servicer: bytes
    account: bytes
    grantor: bytes
    grantee: bytes
    purpose: str
    reason: str
    from_height: int
    valid_until_ms: int
    granted_height: int
    ended_height: int = 0

    @property
    def node(self) -> bytes:
        """The node of the tree of view keys that the key is of."""
        return self.party or self.signer or relationship_of(self.servicer, self.owner, self.account)


class KeyGrantList(Answer, frozen=True, kw_only=True):
    """In the order of nodes and grantees, those of one pair from the newest on."""

    grants: tuple[KeyGrantLine, ...]


@named("grants")
def list_grants(node: LedgerNode, viewer: Viewer, params: GrantsOf) -> GrantList:
    """Granted views as far as the viewer may know of them: that it gave, that it has, that show what is its own."""
    with reading(node, viewer, params) as view:
        if params.past:
            found = grants.grants_ever(view.state)
        else:
            found = [(key, grant, 0) for key, grant in grants.grants(view.state, view.height)]
        visible = view.visible(found, lambda one: _subject(view, one[1]))
        return GrantList(moment=view.moment, grants=tuple(_line(*one) for one in visible))


@named("view_key_grants")
def list_key_grants(node: LedgerNode, viewer: Viewer, params: GrantsOf) -> KeyGrantList:
    """Granted view keys as far as the viewer may know of them: as of granted views."""
    with reading(node, viewer, params) as view:
        if params.past:
            found = viewkeys.grants_ever(view.state)
        else:
            found = [(*one, 0) for one in viewkeys.grants(view.state, view.height)]
        visible = view.visible(found, lambda one: _key_subject(view, *one[:3]))
        return KeyGrantList(moment=view.moment, grants=tuple(_key_line(view, *one) for one in visible))


def _subject(view: View, grant: Grant) -> ViewGrant:
    """Those concerned may know of a grant whose purpose tells them."""
    concerned = view.wired.grants.concerned(grant) if PURPOSES[grant.purpose].tells_concerned else ()
    return ViewGrant(grant.grantor, grant.grantee, concerned)


def _key_subject(view: View, node: bytes, grantee: bytes, grant: KeyGrant) -> ViewGrant:
    told = PURPOSES[grant.purpose].tells_concerned
    concerned = view.wired.viewkeys.concerned(node, grant) if told else ()
    return ViewGrant(grant.by, grantee, concerned)


def _line(key: bytes, grant: Grant, ended_height: int) -> GrantLine:
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
        ended_height,
    )


def _key_line(view: View, node: bytes, grantee: bytes, grant: KeyGrant, ended_height: int) -> KeyGrantLine:
    between, is_party = view.wired.holdings.relationship(node), view.wired.parties.find(node) is not None
    return KeyGrantLine(
        node if is_party else b"",
        node if not is_party and between is None else b"",
        between.owner if between is not None else b"",
        between.servicer if between is not None else b"",
        between.account if between is not None else b"",
        grant.by,
        grantee,
        grant.purpose.name,
        grant.reason,
        grant.from_height,
        grant.until_ms,
        grant.granted_height,
        ended_height,
    )
