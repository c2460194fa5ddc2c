"""State sync as the engine asks for it: an application that gives snapshots, and one that begins with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.snapshots import Snapshots
from counterfoil.node.ledger import LAYOUTS
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.conformance.applications import Block, InProcess, network_node
from tests.conformance.world import World
from tests.model.desk import SECRETS

INTERVAL = 5
BLOCKS = 13
OFFER = abci.ResponseOfferSnapshot.Result
APPLY = abci.ResponseApplySnapshotChunk.Result


def with_snapshots(application: InProcess, folder: Path) -> InProcess:
    node = application.node
    application.application.snapshots = Snapshots(
        folder, node.store, SECRETS.network, node.chain_id, INTERVAL
    )
    return application


def giving(
    world: World, folder: Path, kind: type[InProcess] = InProcess
) -> tuple[InProcess, list[tuple[Block, bytes]]]:
    """A node with some blocks and the snapshots that it took on the way; each block, and the hash after it."""
    application = with_snapshots(kind(world.desk), folder)
    application.handshake()
    decided = []
    for height in range(world.first_height, world.first_height + BLOCKS):
        block = world.block(height, [world.bundle()] if height % 3 else [])
        decided.append((block, application.finalise(block)))
        application.commit()
        application.application.snapshots.finish()
    return application, decided


def empty(world: World, folder: Path, kind: type[InProcess] = InProcess) -> InProcess:
    """A node that has nothing yet."""
    node = network_node(world.desk, MemoryStore(LAYOUTS), MemoryLog())
    return with_snapshots(kind(world.desk, node), folder)


def listed(giver: InProcess) -> list[Any]:
    return list(giver.ask("list_snapshots", abci.RequestListSnapshots()).snapshots)


def app_hash(giver: InProcess, height: int) -> bytes:
    """As a light client has it from the headers."""
    machine = giver.node.machine
    for number in range(machine.history.size):
        header = machine.header(number).header
        if header.height == height:
            return header.digest()
    raise AssertionError(f"no header at {height}")


def offer(taker: InProcess, snapshot: Any, verified: bytes) -> int:
    request = abci.RequestOfferSnapshot(snapshot=snapshot, app_hash=verified)
    return int(taker.ask("offer_snapshot", request).result)


def chunk(giver: InProcess, snapshot: Any, index: int) -> bytes:
    request = abci.RequestLoadSnapshotChunk(height=snapshot.height, format=snapshot.format, chunk=index)
    return bytes(giver.ask("load_snapshot_chunk", request).chunk)


def apply(taker: InProcess, index: int, data: bytes) -> Any:
    request = abci.RequestApplySnapshotChunk(index=index, chunk=data, sender="peer")
    return taker.ask("apply_snapshot_chunk", request)
