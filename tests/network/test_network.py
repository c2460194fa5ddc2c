"""A network of real processes: founded, traded on, killed and joined; its record replayed by one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.network.joining import invite, join
from counterfoil.node.transfer_format import ArgonCost
from counterfoil.sdk import LedgerError, TransactionRejected
from tests.network.nets import PROJECT, Net, need_engine, running, signed_deals, trade_until_it_joins

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
LOCK = bytes(range(32))
CHEAP = ArgonCost(1, 8_192)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """Four validators and a full node with the seeded market; the tests of this file use it one after the other."""
    need_engine()
    made = Net(tmp_path_factory.mktemp("net") / "n", 4, 1, spare_ports=2)
    with running(made):
        made.seeded()
        yield made


def test_every_node_has_the_same_books(net: Net) -> None:
    drafts = signed_deals(net, "same", 20)
    results = net.client("broker-a", "validator-1").submit_many(drafts)
    assert [result.number for result in results] == [0] * 20
    found = net.agreed()
    assert found.moment.height >= max(result.height for result in results)
    holdings = [net.client("regulator", name).register("XS0000000009") for name in net.names]
    assert all(lines == holdings[0] for lines in holdings)


def test_a_transaction_that_is_sent_to_another_node_too_gets_its_first_result(net: Net) -> None:
    (draft,) = signed_deals(net, "again", 1)
    first = net.client("broker-a", "validator-3").submit(draft)
    assert first.height
    for name in ("full-1", "validator-4"):
        net.agreed()
        again = net.client("broker-b", name).submit(draft)
        assert (again.id, again.height, again.number) == (first.id, first.height, 0)
        assert again.messages == first.messages


def test_a_receipt_is_read_at_any_node_by_whom_it_concerns(net: Net) -> None:
    (draft,) = signed_deals(net, "receipt", 1)
    done = net.client("broker-a").submit(draft)
    net.agreed()
    told = [
        net.client("broker-b", name).history(account=net.fixtures.accounts["broker-b"])
        for name in ("validator-2", "full-1")
    ]
    assert told[0] == told[1]
    assert done.height in {line.height for line in told[0]}


def test_one_validator_is_killed_and_comes_back(net: Net) -> None:
    """Three go on; whoever was killed takes up what it missed. Everything acknowledged is there once."""
    drafts = signed_deals(net, "killed", 60)
    client = net.client("broker-a", "validator-2", "validator-3", "full-1")
    before = client.submit_many(drafts[:20])
    net.control.kill("validator-2")
    during = client.submit_many(drafts[10:40])
    net.up("validator-2")
    after = client.submit_many(drafts[30:])
    results = [*before, *during, *after]
    assert {result.number for result in results} == {0}
    heights: dict[bytes, int] = {}
    for result in results:
        assert heights.setdefault(result.id, result.height) == result.height
    assert len(heights) == 60
    net.agreed()


def test_a_node_joins_by_state_sync(net: Net, tmp_path: Path) -> None:
    """From a snapshot of the others; what lies before it is not held there."""
    snapshots = list((net.path("full-1") / "snapshots").glob("[0-9]*"))
    assert snapshots, "each node takes one every ten blocks"
    net.control.down(["full-1"])
    invite(net.path("full-1"), tmp_path / "invitation", LOCK, cost=CHEAP)
    net.up("full-1")
    joined = join(
        tmp_path / "invitation", net.path("joined"), LOCK, name="joined", port=net.spare_port, encrypted=False
    )
    assert joined.trusted is not None
    net.control.start("joined", "--workers", "0")
    trade_until_it_joins(net, "joined")
    status = net.wait_for_height("joined", net.agreed().moment.height)
    assert net.agreed("joined", *net.names).application_hash == status.application_hash
    lines = [net.client("regulator", name).register("XS0000000009") for name in ("joined", "full-1")]
    assert lines[0] == lines[1]
    with pytest.raises(LedgerError, match="snapshot"):
        net.client("regulator", "joined").register("XS0000000009", at=net.seeded_at)
    assert len(net.client("regulator", "full-1").register("XS0000000009", at=net.seeded_at)) > 2
    net.control.kill("joined")
    net.up("joined")
    net.agreed("joined", "validator-1")
    net.control.kill("joined")


def test_a_node_joins_by_all_blocks(net: Net, tmp_path: Path) -> None:
    net.control.down(["full-1"])
    invite(net.path("full-1"), tmp_path / "invitation", LOCK, cost=CHEAP)
    net.up("full-1")
    join(
        tmp_path / "invitation",
        net.path("later"),
        LOCK,
        name="later",
        port=net.spare_port + 10,
        from_genesis=True,
        encrypted=False,
    )
    net.up("later")
    net.agreed("later", *net.names)
    stranger = net.client("broker-a", "later")
    (draft,) = signed_deals(net, "stranger", 1)
    with pytest.raises(TransactionRejected, match="GATHERER_IS_NO_MEMBER"):
        stranger.submit(draft)
    net.control.kill("later")


def test_a_register_is_proven_to_a_stranger_by_the_validators_signatures(net: Net, tmp_path: Path) -> None:
    """With nothing but the genesis file, by the full node and by a validator; a changed digit is refused."""
    for name in ("full-1", "validator-1"):
        proof = tmp_path / f"{name}.proof"
        proof.write_bytes(net.client("regulator", name).proof("register", instrument="XS0000000009"))
        command = [sys.executable, "-m", "counterfoil.cli.main", "verify", str(proof)]
        command += ["--genesis", str(net.control.folder / "genesis.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "validators" in done.stdout
        text = proof.read_text()
        at = text.index('"value": "') + len('"value": "')
        proof.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :])
        assert subprocess.run(command, capture_output=True, check=False).returncode == 4


REPLAY = """
import sys
from pathlib import Path
from counterfoil.node.transfer import replay_ledger
found = replay_ledger(Path(sys.argv[1]), check=True, workers=0)
print(found.header.digest().hex(), found.blocks)
"""


def test_the_record_replayed_by_one_machine_leads_to_the_same_root(net: Net) -> None:
    """In the embedded engine, under other orders of hashing; every header is compared on the way."""
    agreed = net.agreed()
    net.down("full-1")
    for hash_seed in ("0", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", REPLAY, str(net.path("full-1"))],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digest, blocks = done.stdout.split()
        assert digest == agreed.application_hash.hex()
        assert int(blocks) > 20
    net.up("full-1")
    net.agreed()
