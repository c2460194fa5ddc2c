"""The tree of view keys as the books have it: who hangs under whom, whose key is raised, and who has a say over it."""

from __future__ import annotations

from counterfoil.modules.grants.interface import NOTHING, Scope, Shown
from counterfoil.modules.holdings.interface import Relationship
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.modules.parties.interface import PartyStatus
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.facts import ViewKeyRaised, ViewKeysChanged
from counterfoil.modules.viewkeys.records import ViewNode
from counterfoil.primitives.outcome import InvariantViolation

DEPTH_MAX = 9
"""Nodes on the longest path: the role tree's depth, and a relationship under its servicer."""
NEVER_RAISED = ViewNode(0)


def node_of(books: ViewKeysBooks, node: bytes) -> ViewNode:
    return books.nodes.find(node) or NEVER_RAISED


def above(books: ViewKeysBooks, node: bytes) -> bytes:
    """What a node hangs under: a party under whoever admitted it, a relationship under its servicer; b"" the top."""
    party = books.parties.find(node)
    if party is not None:
        return party.parent
    relationship = books.holdings.relationship(node)
    return relationship.servicer if relationship is not None else b""


def path_to(books: ViewKeysBooks, node: bytes) -> tuple[tuple[bytes, int], ...]:
    """The steps from the top to a node (20 bytes), each with the counter in force for it."""
    steps: list[tuple[bytes, int]] = []
    while node:
        if len(steps) == DEPTH_MAX:
            raise InvariantViolation("the tree of view keys is deeper than its limit")
        steps.append((node, node_of(books, node).counter))
        node = above(books, node)
    return tuple(reversed(steps))


def has_a_say(books: ViewKeysBooks, party: bytes, node: bytes) -> bool:
    """Whether a party may raise a node's key, and has it without any grant: its own, its signers', a relationship's
    that it is a side of, one below it. An applicant is on nobody's tree yet.
    """
    if party == node or books.parties.is_its_own(node, party):
        return True
    relationship = books.holdings.relationship(node)
    if relationship is not None:
        servicer = relationship.servicer
        sides = (relationship.owner, servicer, *_joint_holders(books, relationship))
        return party in sides or books.parties.is_above(party, servicer)
    found = books.parties.find(node)
    return (
        found is not None and found.status is not PartyStatus.APPLIED and books.parties.is_above(party, node)
    )


def with_those_above(books: ViewKeysBooks, party: bytes) -> tuple[bytes, ...]:
    """A party, whoever admitted it, and so on to the top: with whom it is stopped."""
    return tuple([node for node, _ in path_to(books, party)])


def shown_by(books: ViewKeysBooks, party: bytes, node: bytes) -> tuple[Scope, Shown]:
    """What the key of a node opens, as a grant would name it: a relationship's accounts, or a party with what hangs
    under it; of an address, where it is the asking party's, that party. `NOTHING` where there is no such node.
    """
    relationship = books.holdings.relationship(node)
    if relationship is not None:
        joint = _joint_holders(books, relationship)
        return Scope.ACCOUNT, Shown(relationship.owner, relationship.servicer, joint)
    found = books.parties.find(node)
    if found is not None:
        return Scope.PARTY, Shown(node) if found.status is not PartyStatus.APPLIED else NOTHING
    return Scope.PARTY, Shown(party) if books.parties.is_its_own(node, party) else NOTHING


def raise_key(books: ViewKeysBooks, context: ActionContext, node: bytes) -> None:
    """Put another key in force for a node and everything below, from this very block on."""
    found = node_of(books, node)
    books.nodes.put(node, ViewNode(found.counter + 1, found.grants))
    parent = above(books, node)
    told = (node, parent) if parent else (node,)
    context.tell(ViewKeyRaised(node, found.counter + 1), *told)
    context.tell(ViewKeysChanged(), PUBLIC)


def _joint_holders(books: ViewKeysBooks, relationship: Relationship) -> tuple[bytes, ...]:
    """Who holds the account that a relationship is about beside its owner, as of now."""
    account = books.holdings.account(relationship.account)
    return account.joint_holders if account is not None else ()
