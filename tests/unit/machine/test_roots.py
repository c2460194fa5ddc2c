"""Several nodes and their roots: who can go on when an epoch begins, who cannot, and how older roots are found."""

from __future__ import annotations

import pytest

from counterfoil.modules.viewkeys.facts import KeyEpochBegins
from counterfoil.modules.viewkeys.messages import ConfirmKeyEpoch, RemoveHolder
from counterfoil.node.ledger import LAYOUTS, LedgerNode, NodeSecrets
from counterfoil.node.receipts_of import found_in, receipts_of_block
from counterfoil.sealing.ring import KeyRing, RootIsMissing
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.model.desk import SECRETS, Desk, by
from tests.unit.viewkeys.world import REGULATOR, OtherNode, World

OTHER, THIRD = OtherNode(1), OtherNode(2)


def another_node(desk: Desk, other: OtherNode, store: MemoryStore | None = None) -> LedgerNode:
    """A node of the same ledger with keys of its own, which has seen nothing yet."""
    number = next(at for at in range(1, 10) if OtherNode(at).address == other.address)
    secrets = NodeSecrets(SECRETS.network, bytes([number]) * 32, bytes([number + 100]) * 32)
    return LedgerNode(
        desk.node.genesis_bytes,
        secrets,
        store or MemoryStore(LAYOUTS),
        MemoryLog(),
        workers=0,
        scheduled=False,
    )


def follow(node: LedgerNode, desk: Desk) -> None:
    for block in desk.node.blocks(node.height + 1):
        node.engine.replay(block)


def confirm_for(world: World, other: OtherNode) -> None:
    waiting = world.viewkeys.proposed()
    assert waiting is not None
    world.desk.do(ConfirmKeyEpoch(other.address, waiting[0], waiting[1].commitment), other.key)


def next_epoch(world: World, *others: OtherNode) -> None:
    world.propose()
    for other in others:
        confirm_for(world, other)
    world.confirm()


def same(one: LedgerNode, desk: Desk) -> None:
    assert one.machine.last == desk.machine.last
    for height in range(1, one.height + 1):
        assert one.machine.state.blob("sealed", height) == desk.machine.state.blob("sealed", height)


def test_two_holders_seal_the_same_bytes_through_epochs() -> None:
    world = World()
    node = another_node(world.desk, OTHER)
    follow(node, world.desk)
    same(node, world.desk)
    world.admit(OTHER)
    next_epoch(world, OTHER)
    next_epoch(world, OTHER)
    world.desk.settle_down()
    follow(node, world.desk)
    same(node, world.desk)
    assert node.machine.sealed is not None
    assert node.machine.sealed.epoch.number == 3


def test_who_is_no_holder_stops_where_an_epoch_begins_and_goes_on_once_admitted() -> None:
    """Of the network secret it has the first root, so that it follows the first epoch; nothing of the next opens."""
    world = World()
    world.next_epoch()
    store = MemoryStore(LAYOUTS)
    node = another_node(world.desk, OTHER, store)
    follow(node, world.desk)
    height = node.height
    world.desk.settle_down()
    world.admit(OTHER)
    with pytest.raises(RootIsMissing, match="key epoch 2") as missing:
        follow(node, world.desk)
    assert OTHER.address.hex() in str(missing.value)
    assert node.height == height
    assert node.machine.sealed is not None
    secrets = node.machine.sealed.ring
    holder = world.viewkeys.holder(OTHER.address)
    recorded = world.viewkeys.epoch(2)
    assert holder is not None
    assert recorded is not None
    assert secrets.learn_wrapped(2, holder.wrapped, recorded.commitment), "handed over by whoever admitted it"
    follow(node, world.desk)
    same(node, world.desk)


def test_a_holder_admitted_later_opens_the_store_with_all_older_roots() -> None:
    """As after a snapshot: the records alone, the newest root wrapped for it, the older ones in the archives."""
    world = World()
    next_epoch(world)
    next_epoch(world)
    world.admit(OTHER)
    holder = world.viewkeys.holder(OTHER.address)
    assert holder is not None
    assert holder.epoch == 3
    machine = world.desk.machine
    assert machine.sealed is not None
    ours = machine.sealed.ring
    theirs = KeyRing(world.desk.chain_id, SECRETS.network, OTHER.address, OTHER.opening)
    machine.sealed.ring = theirs
    machine.sealed.take_up_roots()
    machine.sealed.ring = ours
    assert [theirs.require(number).root for number in (1, 2, 3)] == [
        ours.require(number).root for number in (1, 2, 3)
    ]


def test_a_removed_holder_stops_at_the_next_epoch() -> None:
    world = World()
    world.admit(OTHER)
    node = another_node(world.desk, OTHER)
    follow(node, world.desk)
    world.desk.do(RemoveHolder(REGULATOR, OTHER.address), *by("regulator"))
    follow(node, world.desk)
    world.next_epoch()
    world.desk.settle_down()
    world.admit(THIRD)
    with pytest.raises(RootIsMissing):
        follow(node, world.desk)


def test_a_snapshot_is_sealed_for_who_holds_the_epoch_in_force() -> None:
    world = World()
    machine = world.desk.machine
    assert machine.sealed is not None
    first = machine.sealed.epoch.snapshots
    left = KeyRing(world.desk.chain_id, SECRETS.network, THIRD.address, THIRD.opening)
    assert first in {epoch.snapshots for epoch in left.held()}
    next_epoch(world)
    world.desk.settle_down()
    second = machine.sealed.epoch.snapshots
    assert second not in {first, *(epoch.snapshots for epoch in left.held())}
    given = machine.sealed.ring.roots_to(2)
    invited = KeyRing(world.desk.chain_id, SECRETS.network, THIRD.address, THIRD.opening, given)
    assert [epoch.snapshots for epoch in invited.held()] == [second, first]


def test_the_newest_root_and_the_receipts_for_everybody_open_all_of_the_past() -> None:
    """Somebody who has lost the ledger's keys but for one root needs no more than a copy of it."""
    world = World()
    next_epoch(world)
    next_epoch(world)
    world.desk.settle_down()
    machine = world.desk.machine
    assert machine.sealed is not None
    newest = machine.sealed.epoch
    begun: dict[int, KeyEpochBegins] = {}
    for height in range(1, world.desk.height + 1):
        for at, kept in enumerate(receipts_of_block(world.desk.node, height)):
            for fact in found_in(at, kept).facts:
                if isinstance(fact, KeyEpochBegins):
                    begun[fact.number] = fact
    opened = newest.open_archive(begun[3].archived)
    assert opened is not None
    ring = KeyRing(world.desk.chain_id, opened.network, THIRD.address, THIRD.opening)
    assert ring.learn(3, newest.root, begun[3].commitment)
    assert ring.learn_archived(2, begun[3].archived, begun[2].commitment)
    assert ring.require(2).bundle_key.public_key == begun[2].bundle_key
    secrets = NodeSecrets(opened.network, bytes([2]) * 32, bytes([102]) * 32)
    node = LedgerNode(
        world.desk.node.genesis_bytes,
        secrets,
        MemoryStore(LAYOUTS),
        MemoryLog(),
        workers=0,
        scheduled=False,
    )
    assert node.machine.sealed is not None
    for number in (2, 3):
        node.machine.sealed.ring.learn(number, ring.require(number).root, begun[number].commitment)
    follow(node, world.desk)
    same(node, world.desk)


def test_a_root_that_the_ledger_did_not_commit_to_is_not_taken_up() -> None:
    world = World()
    next_epoch(world)
    recorded = world.viewkeys.epoch(2)
    assert recorded is not None
    ring = OTHER.ring(world.desk)
    assert not ring.learn(2, bytes(32), recorded.commitment)
    assert ring.find(2) is None
    assert not ring.learn_archived(2, recorded.archived, recorded.commitment)
    with pytest.raises(RootIsMissing):
        ring.require(2)
