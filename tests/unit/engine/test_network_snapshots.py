"""State sync through the application: taken beside the ledger, offered, passed in sealed chunks, restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.decided import LOGGED_BLOCK
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.sealing.epochs import FIRST_EPOCH, Epoch
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.sealing.ring import KeyRing
from counterfoil.state.snapshot import FORMAT
from tests.conformance.applications import InProcess
from tests.conformance.syncing import (
    APPLY,
    OFFER,
    app_hash,
    apply,
    chunk,
    empty,
    giving,
    listed,
    offer,
    with_snapshots,
)
from tests.conformance.world import World
from tests.model.desk import SECRETS


@pytest.fixture
def world() -> World:
    return World(1_700)


@pytest.fixture
def giver(world: World, tmp_path: Path) -> Any:
    """Some blocks, and the snapshots that were taken on the way."""
    application, _ = giving(world, tmp_path / "giver")
    yield application
    application.close()


def give_roots(taker: InProcess, network: bytes, *given: bytes) -> None:
    """As if its invitation had brought these."""
    node = taker.node
    assert node.machine.sealed is not None
    node.machine.sealed.ring = KeyRing(
        node.chain_id, network, node.machine.sealed.ring.node, OpeningKey(SECRETS.opening), given
    )


def test_a_node_takes_up_the_ledger_from_a_snapshot_and_goes_on(
    giver: InProcess, world: World, tmp_path: Path
) -> None:
    snapshot = listed(giver)[-1]
    assert snapshot.height >= world.first_height
    taker = empty(world, tmp_path / "taker")
    verified = app_hash(giver, snapshot.height)
    assert offer(taker, snapshot, verified) == OFFER.ACCEPT
    for index in range(snapshot.chunks):
        assert apply(taker, index, chunk(giver, snapshot, index)).result == APPLY.ACCEPT
    found = taker.ask("info", abci.RequestInfo())
    assert (found.last_block_height, found.last_block_app_hash) == (snapshot.height, verified)
    block = world.block(snapshot.height + 1, [world.bundle()])
    after = taker.finalise(block)
    taker.commit()
    with taker.node.engine.lock:
        taker.node.machine.check_everything()
        assert taker.node.state.held_from == snapshot.height
    again = taker.restarted()
    height, hash_ = again.handshake()
    assert height >= snapshot.height
    if height > snapshot.height:
        assert hash_ == after
    again.close()


def test_two_nodes_make_the_same_snapshot(giver: InProcess, world: World, tmp_path: Path) -> None:
    other = with_snapshots(InProcess(world.desk), tmp_path / "other")
    other.handshake()
    for _, payload in giver.node.log.read_from(world.first_height):
        if payload:
            decided = LOGGED_BLOCK.exact(payload).block
            other.finalise(world.block(decided.height, list(decided.items)))
            other.commit()
            other.application.snapshots.finish()
    assert listed(other) == listed(giver)
    for snapshot in listed(giver):
        for index in range(snapshot.chunks):
            assert chunk(other, snapshot, index) == chunk(giver, snapshot, index)
    other.close()


def test_only_the_last_few_are_kept_and_what_is_not_there_is_empty(giver: InProcess) -> None:
    found = listed(giver)
    assert len(found) == 2
    assert chunk(giver, found[0], found[0].chunks) == b""
    request = abci.RequestLoadSnapshotChunk(height=1, format=FORMAT, chunk=0)
    assert giver.ask("load_snapshot_chunk", request).chunk == b""


def test_one_that_is_being_removed_is_not_offered(giver: InProcess, tmp_path: Path) -> None:
    """Its folder is there still when the engine asks, and what is in it is not."""
    found = listed(giver)
    (tmp_path / "giver" / str(found[0].height) / "digests").unlink()
    assert listed(giver) == found[1:]


def test_a_changed_chunk_is_fetched_again_from_somebody_else(
    giver: InProcess, world: World, tmp_path: Path
) -> None:
    snapshot = listed(giver)[-1]
    taker = empty(world, tmp_path / "taker")
    assert offer(taker, snapshot, app_hash(giver, snapshot.height)) == OFFER.ACCEPT
    good = chunk(giver, snapshot, 0)
    for bad in (b"", good[:-1], good[:-1] + bytes([good[-1] ^ 1])):
        answer = apply(taker, 0, bad)
        assert answer.result == APPLY.RETRY
        assert (list(answer.refetch_chunks), list(answer.reject_senders)) == ([0], ["peer"])
    assert apply(taker, 1, good).result == APPLY.RETRY, "out of turn"
    assert apply(taker, 0, good).result == APPLY.ACCEPT
    taker.close()


@pytest.mark.parametrize("what", ["format", "hash", "chunks", "metadata", "none"])
def test_an_offer_that_cannot_be_one_is_refused(
    giver: InProcess, world: World, tmp_path: Path, what: str
) -> None:
    snapshot = listed(giver)[-1]
    verified = app_hash(giver, snapshot.height)
    taker = empty(world, tmp_path / "taker")
    if what == "format":
        snapshot.format = 99
    elif what == "hash":
        snapshot.hash = bytes(32)
    elif what == "chunks":
        snapshot.chunks += 1
    elif what == "metadata":
        snapshot.metadata = b"x" * 31
    else:
        snapshot.chunks, snapshot.metadata = 0, b""
    expected = OFFER.REJECT_FORMAT if what == "format" else OFFER.REJECT
    assert offer(taker, snapshot, verified) == expected
    taker.close()


def test_a_ledger_that_is_there_is_never_overwritten(giver: InProcess, world: World) -> None:
    """Its node ends and says why: an engine that is told to abort does nothing more, and says nothing to anybody."""
    snapshot = listed(giver)[-1]
    with pytest.raises(InvariantViolation, match="begin again with an empty folder"):
        offer(giver, snapshot, app_hash(giver, snapshot.height))


@pytest.mark.parametrize("what", ["another header", "another secret"])
def test_a_snapshot_that_does_not_lead_to_what_was_verified_is_refused(
    giver: InProcess, world: World, tmp_path: Path, what: str
) -> None:
    snapshot = listed(giver)[-1]
    verified = app_hash(giver, snapshot.height) if what == "another secret" else bytes(32)
    taker = empty(world, tmp_path / "taker")
    if what == "another secret":
        give_roots(taker, bytes(32))
    assert offer(taker, snapshot, verified) == OFFER.ACCEPT
    results = [apply(taker, at, chunk(giver, snapshot, at)).result for at in range(snapshot.chunks)]
    assert results[-1] == APPLY.REJECT_SNAPSHOT
    assert taker.node.machine.last is None
    taker.close()


@pytest.mark.parametrize("invited", [True, False], ids=["invited after it", "left before it"])
def test_a_snapshot_of_a_later_key_epoch(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invited: bool
) -> None:
    second = Epoch(FIRST_EPOCH + 1, bytes(range(100, 132)))
    giver = with_snapshots(InProcess(world.desk), tmp_path / "giver")
    monkeypatch.setattr(giver.application.snapshots, "_key", lambda machine: second.snapshots)
    giver.handshake()
    for height in range(world.first_height, world.first_height + 13):
        giver.finalise(world.block(height, [world.bundle()]))
        giver.commit()
        giver.application.snapshots.finish()
    snapshot = listed(giver)[-1]
    taker = empty(world, tmp_path / "taker")
    give_roots(taker, SECRETS.network, *([second.root] if invited else []))
    assert offer(taker, snapshot, app_hash(giver, snapshot.height)) == OFFER.ACCEPT
    results = [apply(taker, at, chunk(giver, snapshot, at)).result for at in range(snapshot.chunks)]
    assert results[-1] == (APPLY.ACCEPT if invited else APPLY.REJECT_SNAPSHOT)
    assert (taker.node.machine.last is not None) == invited
    taker.close()
    giver.close()
