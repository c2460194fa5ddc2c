"""What one engine decided, applied by the other: the same header at every height, the same results, the same state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.engine.decided import LOGGED_BLOCK
from counterfoil.node import ledger
from counterfoil.node.clock import SandboxClock
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.personas import SANDBOX_START_MS, sandbox_genesis
from counterfoil.primitives.codec import encode
from tests.conformance.applications import BYTES_MAX, Block, InProcess, OverSocket
from tests.conformance.world import PARAMETERS, World
from tests.differential.games import said_by
from tests.model.desk import Desk, by, memory_node
from tests.model.opening import DAY_MS, Opening

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def said(node: LedgerNode) -> dict[str, object]:
    """`said_by` without the stored seals, which only one of the engines makes."""
    found = said_by(node)
    found["stored"] = [(one.header, one.window) for one in found["stored"]]
    return found


def decided_under_consensus(world: World, heights: int) -> InProcess:
    """An application whose blocks were proposed and judged before they were decided, some of them empty."""
    application = OverSocket(world.desk)
    application.handshake()
    for height in range(world.first_height, world.first_height + heights):
        pool = [world.any_item() for _ in range(world.chance.randint(0, 5))]
        block = application.propose(height, world.time_ms(height), pool, BYTES_MAX)
        assert application.judge(block)
        application.finalise(block)
        application.commit()
    return application


REPLAY = """
import sys
import msgspec
from counterfoil.engine.decided import LOGGED_BLOCK
from tests.conformance.world import opening
from tests.differential.test_engines import embedded_node
from counterfoil.primitives.codec import encode

node = embedded_node(opening().desk)
for payload in msgspec.msgpack.decode(open(sys.argv[1], "rb").read()):
    node.replaying.replay(LOGGED_BLOCK.exact(payload))
results = [node.machine.block_results(height) for height in node.machine._block_results]
print(node.machine.last.digest().hex(), "".join({name: None for name in set("abcdefgh")}))
"""


def embedded_node(desk: Desk) -> LedgerNode:
    """The embedded engine at the place where consensus took the ledger over."""
    node = memory_node(desk.node.genesis)
    node.replaying.consensus_from = desk.height + 1
    for block in desk.node.blocks():
        node.replaying.replay(block)
    return node


def test_what_consensus_decided_is_replayed_by_the_embedded_engine(tmp_path: Path) -> None:
    """Every header is compared on the way; and in processes that hash strings otherwise."""
    world = World(77)
    application = decided_under_consensus(world, 25)
    payloads = [payload for _, payload in application.node.log.read_from(1) if payload]
    assert len(payloads) > 10
    node = embedded_node(world.desk)
    for payload in payloads:
        logged = LOGGED_BLOCK.exact(payload)
        assert node.replaying.replay(logged) == logged.header
        assert node.machine.block_results(logged.block.height) == application.node.machine.block_results(
            logged.block.height
        )
    with application.node.engine.lock:
        for number, table in node.state.tables.items():
            keys = node.state.keys(table)
            assert keys == application.node.state.keys(table), number
            assert all(node.state.row(table, key) == application.node.state.row(table, key) for key in keys)
    file = tmp_path / "blocks"
    file.write_bytes(encode(payloads))
    last = application.node.machine.last
    assert last is not None
    application.close()
    orders = set()
    for hash_seed in ("0", "1", "4242"):
        words = subprocess.run(
            [sys.executable, "-c", REPLAY, str(file)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert words[0] == last.digest().hex()
        orders.add(words[1])
    assert len(orders) > 1, "the processes did hash otherwise"


def test_what_the_embedded_engine_decided_is_finalised_by_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ledger whose time is the engine's: blocks of deals, deadlines and retries over three days."""
    monkeypatch.setattr(ledger, "refuse_personas", lambda _genesis: None)
    genesis = replace(sandbox_genesis(parameters=PARAMETERS), sandbox=False)
    clock = SandboxClock(SANDBOX_START_MS)
    node = memory_node(genesis, clock)
    node.embedded.found()
    opening = Opening(Desk(node)).everything()
    desk = opening.desk
    application = InProcess(desk)
    height, app_hash = application.handshake()
    last = desk.machine.last
    assert last is not None
    assert (height, app_hash) == (desk.height, last.digest())
    first = desk.height + 1
    for day in range(3):
        for number in range(8):
            raws = [
                desk.transaction(
                    opening.both(f"{day}/{number}/{at}", 1 + at * 10**6), *by("broker-a", "broker-b")
                )
                for at in range(number % 4)
            ]
            desk.block(raws)
            desk.pass_time(60_000)
        desk.advance_to(desk.time_ms + DAY_MS)
        desk.settle_down()
    for block in desk.node.blocks(first):
        decided = block.block
        found = application.finalise(Block(decided.height, decided.time_ms, decided.items))
        assert found == block.header.digest(), decided.height
        application.commit()
    assert desk.height > first + 10
    with application.node.engine.lock:
        assert said(application.node) == said(desk.node)
    application.close()
