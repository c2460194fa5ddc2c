"""Reads about parties: the members of the market, and the details of one's own people."""

from __future__ import annotations

import msgspec

from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.interface import Mandate, Party
from counterfoil.modules.parties.records import PARTIES
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    PAGE_MAX,
    Answer,
    AsOf,
    View,
    check_id,
    named,
    present,
    reading,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import PartyDetails, PartyName


class PartyOf(AsOf, frozen=True, kw_only=True):
    """party: id (20 bytes)."""

    party: bytes


class PartiesPage(AsOf, frozen=True, kw_only=True):
    """below: only parties that this one (id) admitted; b"" for the members of the market.

    first: how many to pass over; limit: lines of the page.
    """

    below: bytes = b""
    first: int = 0
    limit: int = PAGE_MAX


class PartyLine(msgspec.Struct, frozen=True):
    """What is public about a member; of an investor only those see it who see its details."""

    party: bytes
    name: str
    lei: str
    roles: tuple[str, ...]
    status: str


class PartyList(Answer, frozen=True, kw_only=True):
    """By name. next: `first` of the page after this one, 0 after the last."""

    parties: tuple[PartyLine, ...]
    next: int


class UserLine(msgspec.Struct, frozen=True):
    """A user of the party: its address, and what it may send."""

    user: bytes
    duty: str
    mandate: Mandate


class PartyRecord(Answer, frozen=True, kw_only=True):
    """stopped_by: whose suspension or end stops the party (its own id, or one above it), b"" where nobody's does.

    keys, threshold: in force for its signer; none where the signer is a bare key. above: who admitted it, to the top.
    """

    line: PartyLine
    signer: bytes
    threshold: int
    keys: tuple[bytes, ...]
    above: tuple[bytes, ...]
    stopped_by: bytes
    identity_hash: bytes
    agent: bytes
    four_eyes: tuple[int, ...]
    users: tuple[UserLine, ...]


@named("parties")
def list_parties(node: LedgerNode, viewer: Viewer, params: PartiesPage) -> PartyList:
    """The members of the market, by name (public); or those that a party admitted, as far as the viewer may see them.

    The members are found by their names; those below a party by reading all parties of the ledger.
    """
    if params.first < 0 or not 0 < params.limit <= PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="first is 0 or more, limit 1 to the limit",
        )
    with reading(node, viewer, params) as view:
        visible = view.visible(
            all_parties(view) if params.below else _members(view),
            lambda one: PartyName(one[0]),
            lambda one: not params.below or one[1].parent == params.below,
        )
        visible.sort(key=lambda entry: (entry[1].name, entry[0]))
        page = visible[params.first : params.first + params.limit]
        after = params.first + len(page)
        return PartyList(
            moment=view.moment,
            parties=tuple(_line(key, party) for key, party in page),
            next=after if after < len(visible) else 0,
        )


@named("party")
def party_details(node: LedgerNode, viewer: Viewer, params: PartyOf) -> PartyRecord:
    """A party with its signer, keys in force, users and mandates, and who is above it."""
    with reading(node, viewer, params) as view:
        party_id = check_id(params.party)
        view.require(PartyDetails(party_id))
        found = present(parties.party(view.state, party_id, view.height))
        signer = parties.signer(view.state, found.signer, view.height)
        users = parties.mandates(view.state, party_id, view.height)
        return PartyRecord(
            moment=view.moment,
            line=_line(party_id, found),
            signer=found.signer,
            threshold=signer.policy.threshold if signer is not None else 1,
            keys=signer.policy.keys if signer is not None else (),
            above=tuple(upper for upper, _ in parties.above(view.state, party_id, view.height)),
            stopped_by=parties.stopped_by(view.state, party_id, view.height) or b"",
            identity_hash=found.identity_hash,
            agent=found.agent,
            four_eyes=found.four_eyes,
            users=tuple(UserLine(user, mandate.duty.name, mandate) for user, mandate in users),
        )


def _members(view: View) -> list[tuple[bytes, Party]]:
    found = []
    for _, key in parties.members(view.state, view.height):
        party = parties.party(view.state, key, view.height)
        if party is not None:
            found.append((key, party))
    return found


def all_parties(view: View) -> list[tuple[bytes, Party]]:
    """(id, party) of all that the ledger had at the moment of the view, in the order of ids."""
    found = ((key, parties.party(view.state, key, view.height)) for key in view.state.keys(PARTIES))
    return [(key, party) for key, party in found if party is not None]


def _line(key: bytes, party: Party) -> PartyLine:
    return PartyLine(key, party.name, party.lei, tuple(role.name for role in party.roles), party.status.name)
