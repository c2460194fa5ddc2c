"""A network's nodes copied under load and restored: a full node, and the only validator."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.restoring import KEPT_ASIDE, LAST_SIGNED, VALIDATOR_KEY
from tests.network.nets import Net, need_engine, running, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """A validator and a full node with the seeded market."""
    need_engine()
    made = Net(tmp_path_factory.mktemp("net") / "n", 1, 1)
    with running(made):
        made.seeded()
        yield made


def typed(*words: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "counterfoil.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_node_is_copied_under_load_and_comes_back_from_the_copy(net: Net, tmp_path: Path) -> None:
    drafts, results = signed_deals(net, "copied", 60), []
    client = net.client("broker-a", "validator-1")

    def load() -> None:
        for draft in drafts:
            results.append(client.submit(draft))

    thread = threading.Thread(target=load)
    thread.start()
    told = json.loads(typed("backup", net.path("full-1"), tmp_path / "copy", "--json"))
    assert thread.is_alive(), "the load was over before the copy"
    thread.join()
    assert [result.number for result in results] == [0] * len(drafts)
    before = net.agreed()
    assert before.moment.height > told["height"], "the node went on while it was copied"
    net.control.kill("full-1")
    shutil.rmtree(net.path("full-1"))
    said = typed("restore", tmp_path / "copy", net.path("full-1"), "--check")
    assert "State root" in said
    net.up("full-1")
    after = net.agreed()
    assert after.application_hash == before.application_hash
    assert after.moment.height == before.moment.height


def test_the_only_validator_comes_back_and_signs_nothing_twice(net: Net, tmp_path: Path) -> None:
    before = net.agreed()
    net.down("validator-1")
    typed("backup", net.path("validator-1"), tmp_path / "copy")
    signed = json.loads((net.path("validator-1") / LAST_SIGNED).read_text())
    shutil.rmtree(net.path("validator-1"))
    too_low = str(before.moment.height - 1)
    typed("restore", tmp_path / "copy", tmp_path / "no", "--signs-after", too_low, code=4)
    typed("restore", tmp_path / "copy", net.path("validator-1"), "--signs-after", signed["height"])
    state = json.loads((net.path("validator-1") / LAST_SIGNED).read_text())
    assert (state["height"], state["step"]) == (signed["height"], 3)
    net.up("validator-1")
    done = net.client("broker-a", "full-1").submit_many(signed_deals(net, "after", 3))
    assert [result.number for result in done] == [0, 0, 0]
    assert net.agreed().moment.height > before.moment.height


def test_a_validator_votes_no_more_unless_it_is_said(net: Net, tmp_path: Path) -> None:
    typed("backup", net.path("validator-1"), tmp_path / "copy")
    said = typed("restore", tmp_path / "copy", tmp_path / "back")
    assert "set aside" in said
    key = (tmp_path / "copy" / "files" / VALIDATOR_KEY).read_bytes()
    assert (tmp_path / "back" / VALIDATOR_KEY).read_bytes() != key
    assert (tmp_path / "back" / KEPT_ASIDE).read_bytes() == key
    assert str(tmp_path / "back") in (tmp_path / "back" / "engine" / "config" / "config.toml").read_text()
