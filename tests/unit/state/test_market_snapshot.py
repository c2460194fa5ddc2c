"""A whole market replayed from its first block, and from a snapshot on: the same headers, window and answers."""

from __future__ import annotations

import pytest

from counterfoil.engine.decided import LoggedBlock
from counterfoil.machine.wiring import TABLES
from counterfoil.node.ledger import LAYOUTS, LedgerNode
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import StoredHeader, seal_message
from counterfoil.state.snapshot import restore_snapshot, write_snapshot
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.node.cast import Cast


def _node(like: LedgerNode, store: MemoryStore) -> LedgerNode:
    return LedgerNode(like.genesis_bytes, like.secrets, store, MemoryLog(), workers=0, scheduled=False)


def _snapshot(node: LedgerNode) -> list[bytes]:
    machine = node.machine
    count, span_ms = machine.history.size, machine.window_span_ms
    return list(write_snapshot(node.state, machine.header, count, node.chain_id, span_ms))


def _restored(node: LedgerNode) -> LedgerNode:
    keys = [bytes.fromhex(key) for key in node.genesis.sealers]

    def is_sealed(stored: StoredHeader) -> bool:
        message = seal_message(node.chain_id, stored.header.digest())
        return any(verify(key, message, stored.seal) for key in keys)

    store = MemoryStore(LAYOUTS)
    span_ms = node.machine.window_span_ms
    last = restore_snapshot(store, TABLES, _snapshot(node), node.chain_id, is_sealed, span_ms)
    assert last == node.machine.last
    follower = _node(node, store)
    follower.machine.open()
    return follower


@pytest.fixture(scope="module")
def market() -> Cast:
    return Cast()


@pytest.mark.parametrize("part", [1, 3, 5, 8, 9])
def test_snapshot_and_tail_are_replay(market: Cast, part: int) -> None:
    blocks: list[LoggedBlock] = list(market.node.blocks())
    whole = _node(market.node, MemoryStore(LAYOUTS))
    cut = max(whole.machine.founding_height, len(blocks) * part // 10)
    for block in blocks[:cut]:
        whole.engine.replay(block)
    follower = _restored(whole)
    assert _snapshot(follower) == _snapshot(whole)
    for block in blocks[cut:]:
        whole.engine.replay(block)
        header = follower.engine.replay(block)
        assert header == block.header
        assert sorted(whole.machine.window._expiry) == sorted(follower.machine.window._expiry)
    assert _snapshot(follower) == _snapshot(whole)
    follower.machine.check_everything()
