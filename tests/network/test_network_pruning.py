"""A network whose engines and nodes let old blocks go: what is proven all the same, and that both go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.node.pruning import prune_ledger
from counterfoil.sdk import LedgerError
from counterfoil.verify import Trust, verify_proof
from tests.network.nets import Net, need_engine, running, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
RETAIN = 15
KEPT = 10


def test_proofs_hold_where_blocks_are_gone(tmp_path: Path) -> None:
    need_engine()
    net = Net(tmp_path / "n", 1, 1, snapshot_interval=RETAIN // 3, retain_blocks=RETAIN)
    with running(net):
        made = net.seeded()
        client = net.client("broker-a", "validator-1")
        heights = [client.submit(draft).height for draft in signed_deals(net, "pruned", 30)]
        net.agreed()
        rpc = net.control.rpc("full-1")
        kept = rpc.status()["sync_info"]
        rpc.close()
        earliest, latest = int(kept["earliest_block_height"]), int(kept["latest_block_height"])
        assert 1 < earliest <= latest - RETAIN, "the engine keeps what it must, and no more"
        net.down("full-1")
        below = heights[10]
        assert prune_ledger(net.path("full-1"), below, kept_least=KEPT).blocks > 0
        net.up("full-1")
        net.client("broker-a", "validator-1").submit_many(signed_deals(net, "later", 3))
        net.agreed()
        trust = Trust.in_genesis((net.control.folder / "genesis.json").read_bytes())
        reader = net.client("broker-a", "full-1")
        account = made.accounts["broker-a"]
        for height in (heights[2], heights[-2]):
            file = reader.proof("holding", account=account, instrument=made.share, at=str(height))
            assert verify_proof(file, trust).height == height
        with pytest.raises(LedgerError) as refused:
            reader.history(account=account)
        assert refused.value.name == "HISTORY_IS_PRUNED"
        told = reader.history(account=account, first_height=below)
        assert {line.height for line in told} >= set(heights[10:])
        assert all(line.authors for line in told if line.height in heights), (
            "authors are known under any engine"
        )
