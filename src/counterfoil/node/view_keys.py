"""Which view keys a party may be handed, and from which block on each of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from counterfoil.machine.sealed_ledger import SealedLedger
from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.holdings.interface import INTERMEDIARIES
from counterfoil.modules.holdings.records import RELATIONSHIPS
from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.records import PARTIES
from counterfoil.modules.viewkeys.queries import grants_of
from counterfoil.modules.viewkeys.records import KEY_EPOCHS, VIEW_NODES, epoch_key
from counterfoil.node.reads_base import View
from counterfoil.policy.subjects import Opens, ViewKeyOf
from counterfoil.sealing.view_keys import TOP, HandedKey, Step
from counterfoil.state.rows import parse
from counterfoil.state.state import State

DEPTH_MAX = 9


def nodes_of(view: View) -> Iterator[tuple[bytes, int]]:
    """(node, from which block on) of every view key that the viewer may be handed, by the policy: everything, where it
    sees everything; else its own, its signers', its relationships', what is below it, what it was granted."""
    if view.may_see(ViewKeyOf(TOP, Opens.EVERYTHING)):
        yield TOP, 0
        return
    for key, from_height in _candidates(view):
        if view.may_see(key):
            yield key.node, from_height


def _candidates(view: View) -> Iterator[tuple[ViewKeyOf, int]]:
    viewer, state = view.viewer.party, view.state
    party = parties.party(state, viewer)
    others = party is not None and (party.below > 0 or any(role in INTERMEDIARIES for role in party.roles))
    if others and not view.may_see(ViewKeyOf(viewer, Opens.BELOW)):
        for relationship in holdings.relationships_of_servicer(state, viewer):
            yield ViewKeyOf(relationship, Opens.SERVICED), 0
    else:
        yield ViewKeyOf(viewer, Opens.BELOW if others else Opens.OWN), 0
    if party is not None and party.signer:
        yield ViewKeyOf(party.signer, Opens.OWN), 0
    for user, mandate in parties.mandates(state, viewer):
        if mandate.accepted:
            yield ViewKeyOf(user, Opens.OWN), 0
    for relationship in holdings.relationships_of_owner(state, viewer):
        yield ViewKeyOf(relationship, Opens.OWN), 0
    for held in holdings.accounts_held_jointly(state, viewer):
        yield ViewKeyOf(held.account.relationship, Opens.OWN), 0
    for node, grant in grants_of(state, viewer):
        yield ViewKeyOf(node, Opens.GRANTED, grant.by), grant.from_height


def handed(
    view: View, sealed: SealedLedger, nodes: Iterable[tuple[bytes, int]], since: int
) -> list[HandedKey]:
    """The keys of nodes, each from the block on in which it came into force, of those that were in force at block
    `since` or later."""
    found: list[HandedKey] = []
    for node, from_height in nodes:
        first = max(since, from_height, 1, view.state.held_from)
        last = b""
        for height in _moments(view, node, first):
            if not _lives(view.state, node, height):
                continue
            epoch = sealed.ring.require(_epoch_at(view, height))
            key = epoch.view.below(path_at(view.state, node, height))
            if key.key != last:
                found.append(HandedKey(node, height, key.key))
                last = key.key
    return found


def path_at(state: State, node: bytes, height: int) -> tuple[Step, ...]:
    """The steps from the top to a node at the end of block `height`; none to the top itself."""
    steps: list[Step] = []
    while node and len(steps) < DEPTH_MAX:
        found = state.find_at(VIEW_NODES, node, height)
        steps.append((node, found.counter if found is not None else 0))
        node = _above(state, node, height)
    return tuple(reversed(steps))


def _above(state: State, node: bytes, height: int) -> bytes:
    party = state.find_at(PARTIES, node, height)
    if party is not None:
        return party.parent
    relationship = state.find_at(RELATIONSHIPS, node, height)
    return relationship.servicer if relationship is not None else b""


def _moments(view: View, node: bytes, first: int) -> list[int]:
    """Blocks at which the node's key may have become another one, the first asked about among them."""
    heights = {first}
    for number in range(1, view.wired.viewkeys.epoch_in_force + 1):
        epoch = view.state.find(KEY_EPOCHS, epoch_key(number))
        if epoch is not None:
            heights.add(epoch.from_height)
    for step, _ in path_at(view.state, node, view.header.height):
        heights.update(parse(row).height for row in view.state.versions(VIEW_NODES, step))
    for table in (PARTIES, RELATIONSHIPS):
        born = view.state.row_after(table, node, first) if node else None
        if born is not None and not _lives(view.state, node, first):
            heights.add(parse(born).height)
    return sorted(height for height in heights if first <= height <= view.header.height)


def _lives(state: State, node: bytes, height: int) -> bool:
    """False of a party or relationship before it was founded; an address, and the top, were always there."""
    if node == TOP:
        return True
    for table in (PARTIES, RELATIONSHIPS):
        if state.row(table, node) is not None:
            return state.row_at(table, node, height) is not None
    return True


def _epoch_at(view: View, height: int) -> int:
    number = view.wired.viewkeys.epoch_in_force
    while number > 1:
        epoch = view.state.find(KEY_EPOCHS, epoch_key(number))
        if epoch is not None and epoch.from_height <= height:
            break
        number -= 1
    return number
