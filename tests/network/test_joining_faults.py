"""A node takes the ledger up from a snapshot, or from the genesis, and is killed on the way; or those are that serve
it. Run by `make chaos` alone."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.network.joining import invite, join
from tests.network.nets import CHEAP, LOCK, Net, need_engine, running, signed_deals
from tests.network.test_faults import start_victim_at, stop
from tests.network.victim import BOTH, JOINING_CALLS, SERVING_CALLS

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(600),
]
BEGIN_AGAIN = "begin again with an empty folder"
JOINER = "joined"
SERVER = "validator-4"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    need_engine()
    made = Net(tmp_path_factory.mktemp("joining") / "n", 4, snapshot_interval=10, spare_ports=1)
    invite(made.path("validator-1"), made.control.folder / "invitation", LOCK, cost=CHEAP)
    with running(made):
        made.seeded()
        trade(made, 12)
        yield made


@pytest.fixture(autouse=True)
def nobody_has_joined(net: Net) -> Iterator[None]:
    yield
    net.control.kill(JOINER) if net.path(JOINER).exists() else None
    shutil.rmtree(net.path(JOINER), ignore_errors=True)
    net.up()
    net.agreed()


def trade(net: Net, blocks: int) -> None:
    client = net.client("broker-a", "validator-1", "validator-2")
    for draft in signed_deals(net, f"t{time.monotonic_ns()}", blocks):
        client.submit(draft)


def make_joiner(net: Net) -> Path:
    """A new folder, for the state of a snapshot that the others have now."""
    path = net.path(JOINER)
    shutil.rmtree(path, ignore_errors=True)
    join(net.control.folder / "invitation", path, LOCK, name=JOINER, port=net.spare_port, encrypted=False)
    return path


def until_killed(net: Net, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    """Trade until the process is gone; the joiner needs two blocks after its snapshot."""
    give_up = time.monotonic() + seconds
    while process.poll() is None:
        assert time.monotonic() < give_up, f"it was not killed: {net.control.last_words(JOINER)}"
        trade(net, 1)
        time.sleep(1.0)
    assert process.returncode == -signal.SIGKILL


def is_level(net: Net) -> bool:
    """Whether the joiner answers and has all blocks: one that waits for ever may answer too, of an old one."""
    told, others = net.status(JOINER), net.status("validator-1")
    return told is not None and others is not None and told.moment.height >= others.moment.height


def comes_in(net: Net) -> bool:
    """Start the joiner as anybody would. True where it serves with the others' root; False where it ends and says
    that it must begin with an empty folder."""
    log = net.path(JOINER) / "node.log"
    before = log.read_text(errors="replace").count(BEGIN_AGAIN) if log.exists() else 0
    started = net.control.start(JOINER, "--workers", "0")
    give_up = time.monotonic() + 90
    while not is_level(net):
        if started.poll() is not None:
            said = log.read_text(errors="replace").count(BEGIN_AGAIN) - before
            assert said, f"it ended with {started.returncode}: {net.control.last_words(JOINER)}"
            return False
        assert time.monotonic() < give_up, f"it waits for ever: {net.control.last_words(JOINER)}"
        trade(net, 1)
        time.sleep(1.0)
    agreed = net.agreed(JOINER, *net.names)
    print(f"  checked: it has the others' root at height {agreed.moment.height}")
    return True


@pytest.mark.parametrize(
    "options",
    [
        *(
            ("--kill-at", f"{call}:{when}:1:{BOTH}")
            for call in JOINING_CALLS
            for when in ("asked", "answered")
        ),
        ("--kill-while", "restoring"),
        ("--kill-while", "restored"),
    ],
    ids=lambda options: options[1],
)
def test_a_node_that_is_killed_while_it_takes_up_a_snapshot(net: Net, options: tuple[str, str]) -> None:
    """Started again it comes in, or says that its folder is spoilt; then a new folder comes in."""
    print(f"  did: a joining node ended by {' '.join(options)}")
    process = start_victim_at(make_joiner(net), *options)
    try:
        until_killed(net, process)
    finally:
        stop(process)
    if not comes_in(net):
        print(f"  checked: started again it says: {BEGIN_AGAIN}")
        make_joiner(net)
        assert comes_in(net), "a new folder comes in"


@pytest.mark.parametrize("when", ["asked", "answered"])
@pytest.mark.parametrize("call", SERVING_CALLS)
def test_a_node_that_serves_a_snapshot_is_killed(net: Net, call: str, when: str) -> None:
    """Nobody else has the snapshot then; whoever joins takes it from it when it is back, or a later one of others."""
    print(f"  did: {SERVER}, which alone has snapshots, ended at {call}, {when}")
    net.control.kill(SERVER)
    process = start_victim_at(net.path(SERVER), "--kill-at", f"{call}:{when}:1:{BOTH}")
    try:
        net.wait_for_height(SERVER, net.agreed("validator-1").moment.height)
        make_joiner(net)
        for name in net.names:
            if name != SERVER:
                for snapshot in (net.path(name) / "snapshots").glob("[0-9]*"):
                    shutil.rmtree(snapshot)
        net.control.start(JOINER, "--workers", "0")
        give_up = time.monotonic() + 60
        while process.poll() is None:  # a later snapshot of the others would let it be
            assert time.monotonic() < give_up, net.control.last_words(SERVER)
            time.sleep(0.1)
        assert process.returncode == -signal.SIGKILL
    finally:
        stop(process)
    net.up(SERVER)
    give_up = time.monotonic() + 200
    while not is_level(net):  # slowly, so that the snapshot under way is not let go meanwhile
        assert time.monotonic() < give_up, f"it waits for ever: {net.control.last_words(JOINER)}"
        trade(net, 1)
        time.sleep(8.0)
    agreed = net.agreed(JOINER, *net.names, seconds=90)
    print(f"  checked: the joining node has the others' root at height {agreed.moment.height}")
