"""Of four validators one is hurt in every way that a test can hurt it; three go on, and it comes back with their root.

Each test prints what it did and what it checked (pytest -s). The long ones run with `make chaos` alone.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.process import PID_NAME
from counterfoil.engine.cometbft.rpc import EngineRefused, EngineUnreachable
from counterfoil.node.ledger import open_ledger
from counterfoil.node.network.control import tail
from counterfoil.node.network.creating import ENGINE_GENESIS_NAME
from counterfoil.node.network.homes import CONFIGURATION_NAME, EngineKeys, Peering, write_home
from counterfoil.node.network.settings import ENGINE_FOLDER, ENGINE_LOG, NetworkNode
from counterfoil.sdk import Client, FailoverConnection
from counterfoil.sdk.client import Result
from counterfoil.sdk.draft import Draft
from tests.network.nets import PROJECT, Net, need_engine, running, signed_deals
from tests.network.victim import APPLICATION, BOTH, CALLS, ENGINE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(600)]
VICTIM = "validator-4"
HONEST = ("validator-1", "validator-2", "validator-3")
SIGNED_FILE = "data/priv_validator_state.json"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    need_engine()
    made = Net(tmp_path_factory.mktemp("faults") / "n", 4, snapshot_interval=0, spare_ports=1)
    shutil.copytree(made.path(VICTIM), as_made(made))
    with running(made):
        made.seeded()
        yield made


@pytest.fixture(autouse=True)
def restored(net: Net) -> Iterator[None]:
    """Every test begins with four validators that agree, and tells at its end that they do again."""
    net.up()
    before = net.agreed()
    yield
    net.up()
    after = net.agreed()
    assert after.moment.height >= before.moment.height
    print(f"  checked: four nodes, one root at height {after.moment.height}, no two at any height met")


class Traffic:
    """Deals sent one after the other to the honest nodes, each acknowledged once."""

    def __init__(self, net: Net, prefix: str, *nodes: str) -> None:
        self.net = net
        self.client: Client = net.client("broker-a", *(nodes or HONEST))
        self.drafts = signed_deals(net, prefix, 60)
        self.results: list[Result] = []

    def send(self, count: int = 2) -> None:
        """So many blocks of traffic."""
        for _ in range(count):
            draft = self.drafts[len(self.results)]
            self.results.append(self.client.submit(draft))

    def check_once(self) -> None:
        """Every acknowledged transaction stands in one block, the same at every node."""
        self.net.agreed()
        sent = self.drafts[: len(self.results)]
        for name in self.net.names:
            client = self.net.client("broker-b", name)
            for draft, result in zip(sent, self.results, strict=True):
                found = client.result(draft)
                assert found is not None, f"{name} lost an acknowledged transaction"
                assert (found.height, found.number) == (result.height, 0)
        print(f"  checked: {len(sent)} acknowledged deals, each once, at every node")


def start_victim(net: Net, *options: str) -> subprocess.Popen[bytes]:
    """The victim's folder served by a node that misbehaves by order."""
    net.control.kill(VICTIM)
    return start_victim_at(net.path(VICTIM), *options)


def start_victim_at(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    with (folder / "node.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.network.victim", str(folder), *options],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


IN_CI = {("finalize_block", "answered"), ("commit", "answered")}
"""The calls around which most can go wrong; `make chaos` goes through all of them."""
FIRST_CALLS = {"info", "init_chain", "query"}
"""Killed at the first of them. There are many of the others: the second is amid work."""


@pytest.mark.parametrize(
    ("call", "when"),
    [
        pytest.param(call, when, marks=() if (call, when) in IN_CI else pytest.mark.chaos)
        for call in CALLS
        for when in ("asked", "answered")
    ],
)
def test_the_application_is_killed_at_each_call(net: Net, call: str, when: str) -> None:
    print(f"  did: {VICTIM} ended at {call}, {when}, with its engine")
    traffic = Traffic(net, f"{call}-{when}")
    if call == "init_chain":  # asked of a node that has nothing yet
        begin_anew(net)
    times = 1 if call in FIRST_CALLS else 2
    process = start_victim(net, "--kill-at", f"{call}:{when}:{times}:{BOTH}", "--write-each-block")
    try:
        if call == "query":
            query_until_it_ends(net, process)
        give_up = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < give_up and len(traffic.results) < 40:
            traffic.send(1)
        assert process.wait(30) == -signal.SIGKILL
        traffic.send(1)
    finally:
        stop(process)
    net.up(VICTIM)
    traffic.check_once()


def as_made(net: Net) -> Path:
    """The victim's folder as it was before its first start."""
    return net.control.folder.parent / "as-made"


def begin_anew(net: Net) -> None:
    """Give the victim its first folder back, with nothing in it but its keys and what it has signed."""
    net.down(VICTIM)
    path = net.path(VICTIM)
    signed = (path / ENGINE_FOLDER / SIGNED_FILE).read_bytes()
    shutil.rmtree(path)
    shutil.copytree(as_made(net), path)
    (path / ENGINE_FOLDER / SIGNED_FILE).write_bytes(signed)


def query_until_it_ends(net: Net, process: subprocess.Popen[bytes]) -> None:
    """Ask the victim for its last header by way of its engine, as light clients do."""
    give_up = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up:
        rpc = net.control.rpc(VICTIM)
        try:
            rpc.ask("abci_query", path="header")
        except (EngineUnreachable, EngineRefused):
            time.sleep(0.1)
        finally:
            rpc.close()


@pytest.mark.chaos
@pytest.mark.parametrize("when", ["asked", "answered"])
@pytest.mark.parametrize("call", ["finalize_block", "commit"])
@pytest.mark.parametrize("who", [APPLICATION, ENGINE])
def test_one_of_application_and_engine_is_killed_and_the_other_ends_by_itself(
    net: Net, who: str, call: str, when: str
) -> None:
    """Neither goes on alone. An engine outlives its application for a moment as it would where the system does not
    bind them to each other, and writes what it has; the application says why it ends."""
    print(f"  did: the {who} of {VICTIM} killed at {call}, {when}; the other left alone")
    traffic = Traffic(net, f"{who[:3]}-{call}-{when}")
    process = start_victim(net, "--kill-at", f"{call}:{when}:2:{who}", "--write-each-block")
    try:
        give_up = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < give_up and len(traffic.results) < 40:
            traffic.send(1)
        code = process.wait(30)
        if who == ENGINE:
            assert code == 3
            words = " ".join(tail(net.path(VICTIM) / "node.log", 3))
            assert "the consensus engine ended with -9" in words, words
            print("  checked: the application ended with 3, and named its engine's end")
        else:
            assert code == -signal.SIGKILL
            print(f"  checked: its engine ended {wait_for_the_engine(net):.1f} s later by itself")
        traffic.send(1)
    finally:
        stop(process)
    net.up(VICTIM)
    traffic.check_once()


def wait_for_the_engine(net: Net) -> float:
    """How long an engine that has lost its application still runs (seconds)."""
    pid, began = int((net.path(VICTIM) / PID_NAME).read_text()), time.monotonic()
    while is_running(pid):
        assert time.monotonic() < began + 30, "the engine goes on without its application"
        time.sleep(0.02)
    return time.monotonic() - began


def is_running(pid: int) -> bool:
    """Whether a process is there that has not ended; one that waits for its parent to notice has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Heights(NamedTuple):
    """What a node's two processes hold when they start. stored: the engine's last decided block; applied: the last
    of them whose results it has; application: the last that is in the record store."""

    application: int
    stored: int
    applied: int


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("kill_at", "behind_stored", "ahead_of_applied"),
    [
        pytest.param(
            "finalize_block:asked", 1, 0, id="the application lacks a block that the engine decided"
        ),
        pytest.param("commit:answered", 0, 1, id="the engine lacks the results of a block that is committed"),
    ],
)
def test_engine_and_application_start_one_height_apart(
    net: Net, kill_at: str, behind_stored: int, ahead_of_applied: int
) -> None:
    """In both directions that a sudden end leaves; the engine's own account of the heights is what counts."""
    print(f"  did: {VICTIM} ended at {kill_at}, its record store written at every block")
    traffic = Traffic(net, f"apart-{behind_stored}")
    net.down(VICTIM)  # with everything written, so that nothing is left to be replayed before
    process = start_victim(net, "--kill-at", f"{kill_at}:2:{BOTH}", "--write-each-block")
    try:
        while process.poll() is None and len(traffic.results) < 40:
            traffic.send(1)
        assert process.wait(30) == -signal.SIGKILL
    finally:
        stop(process)
    with open_ledger(net.path(VICTIM), workers=0, start=False) as node:
        assert isinstance(node.engine, CometBftEngine)
        application = node.engine.application.height
    with telling_its_heights(net):
        net.up(VICTIM)
    found = told_heights(net)
    print(f"  checked: before the restart {found}")
    assert found.application == application, "what lies in the folder is what it says of itself"
    assert found.stored - found.application == behind_stored
    assert found.application - found.applied == ahead_of_applied
    traffic.check_once()


@contextmanager
def telling_its_heights(net: Net) -> Iterator[None]:
    """Let the victim's engine, if it is started meanwhile, write into its log what it finds."""
    path = net.path(VICTIM) / ENGINE_FOLDER / "config" / CONFIGURATION_NAME
    before = path.read_text()
    quiet = 'log_level = "error"'
    assert quiet in before
    path.write_text(before.replace(quiet, 'log_level = "consensus:info,*:error"'))
    try:
        yield
    finally:
        path.write_text(before)


def told_heights(net: Net) -> Heights:
    """As the victim's engine found them when it was started last."""
    log = (net.path(VICTIM) / ENGINE_LOG).read_text(errors="replace")
    line = [line for line in log.splitlines() if "ABCI Replay Blocks" in line][-1]
    found = {name: int(re.findall(rf"\b{name}=(\d+)", line)[0]) for name in HEIGHT_NAMES}
    return Heights(*found.values())


HEIGHT_NAMES = ("appHeight", "storeHeight", "stateHeight")


def test_one_is_frozen_and_thaws(net: Net) -> None:
    print(f"  did: SIGSTOP to {VICTIM} and its engine for some blocks, then SIGCONT")
    traffic = Traffic(net, "frozen")
    pid = net.control.pid(VICTIM)
    assert pid is not None
    os.killpg(pid, signal.SIGSTOP)
    try:
        traffic.send(6)
    finally:
        os.killpg(pid, signal.SIGCONT)
    traffic.send(2)
    traffic.check_once()


def test_two_are_down_and_the_network_halts_and_goes_on_when_one_is_back(net: Net) -> None:
    print("  did: two of four validators killed, one brought back")
    traffic = Traffic(net, "halted")
    traffic.send(1)
    net.control.kill(VICTIM)
    net.control.kill("validator-3")
    before = net.agreed("validator-1", "validator-2")
    connection = net.connect("validator-1", "validator-2")
    waiting = Waiting(connection, traffic.drafts[1])
    time.sleep(6)
    during = net.agreed("validator-1", "validator-2")
    assert during.moment.height == before.moment.height, "two of four decide nothing"
    assert not waiting.done
    net.up("validator-3")
    result = waiting.result()
    assert result.number == 0
    traffic.results.append(result)
    net.up(VICTIM)
    traffic.check_once()


@pytest.mark.chaos
def test_one_is_frozen_and_one_killed_and_the_network_halts_until_one_is_back(net: Net) -> None:
    print(f"  did: {VICTIM} frozen and validator-3 killed; that one brought back, then the other thawed")
    traffic = Traffic(net, "frozen and killed", "validator-1", "validator-2")
    traffic.send(1)
    pid = net.control.pid(VICTIM)
    assert pid is not None
    os.killpg(pid, signal.SIGSTOP)
    try:
        net.control.kill("validator-3")
        before = net.agreed("validator-1", "validator-2")
        waiting = Waiting(net.connect("validator-1", "validator-2"), traffic.drafts[1])
        time.sleep(6)
        during = net.agreed("validator-1", "validator-2")
        assert during.moment.height == before.moment.height, "two of four decide nothing"
        assert not waiting.done
        net.up("validator-3")
        traffic.results.append(waiting.result())
        print(f"  checked: nothing decided at {during.moment.height} for 6 s; decided with one still frozen")
        traffic.send(2)
    finally:
        os.killpg(pid, signal.SIGCONT)
    traffic.check_once()


class Waiting:
    """A draft that was sent from another thread, which waits for its answer."""

    def __init__(self, connection: FailoverConnection, draft: Draft) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(lambda: Client(connection).submit(draft))

    @property
    def done(self) -> bool:
        return self._future.done()

    def result(self) -> Result:
        return self._future.result(120)


def test_one_proposes_garbage(net: Net) -> None:
    print(f"  did: {VICTIM} proposes bundles with changed bits, and bytes that are none")
    traffic = Traffic(net, "garbage")
    log = net.path(VICTIM) / "node.log"
    before = log.read_text(errors="replace").count("garbage proposed")
    process = start_victim(net, "--garbage")
    try:
        net.wait_for_height(VICTIM, net.agreed(*HONEST).moment.height)
        for _ in range(20):
            traffic.send(1)
            if log.read_text(errors="replace").count("garbage proposed") - before >= 2:
                break
        proposed = log.read_text(errors="replace").count("garbage proposed") - before
        assert proposed >= 1, "its turn to propose came"
        refused = [
            name
            for name in HONEST
            if "is refused" in (net.path(name) / "node.log").read_text(errors="replace")
        ]
        assert refused, "the others say that they refused it"
        print(f"  checked: {proposed} proposals refused by {', '.join(refused)}")
    finally:
        stop(process)
    net.up(VICTIM)
    traffic.check_once()


def test_one_signs_twice_and_the_others_put_it_on_record(net: Net) -> None:
    """A second process with the same validator's key, as after a careless move to another machine."""
    print(f"  did: a second engine with the key of {VICTIM}, which proposes other blocks at the same time")
    traffic = Traffic(net, "twice")
    net.down(VICTIM)
    twin = make_twin(net)
    net.up(VICTIM)
    rpc = net.control.rpc("validator-1")
    first = int(rpc.status()["sync_info"]["latest_block_height"])
    process = start_victim_at(twin, "--garbage")
    try:
        evidence: list[object] = []
        at = first
        for _ in range(50):
            traffic.send(1)
            last = int(rpc.status()["sync_info"]["latest_block_height"])
            while at < last:
                at += 1
                evidence += rpc.ask("block", height=str(at))["block"]["evidence"]["evidence"]
            if evidence:
                break
        assert evidence, "two votes of one validator were noticed"
        assert {one["type"] for one in evidence} == {"tendermint/DuplicateVoteEvidence"}  # type: ignore[index]
        print(f"  checked: {len(evidence)} double votes on record in a decided block")
    finally:
        stop(process)
        rpc.close()
    traffic.check_once()


def make_twin(net: Net, name: str = VICTIM) -> Path:
    """A copy of a validator's folder with its validator's key, and ports and a node key of its own."""
    twin = net.path("twin")
    whose = net.untouched.get(name, net.path(name))
    shutil.copytree(whose, twin, ignore=shutil.ignore_patterns("*socket*", "engine", "lock", "node.log"))
    held = json.loads((net.path(name) / ENGINE_FOLDER / "config" / "priv_validator_key.json").read_text())
    keys = EngineKeys(os.urandom(32), base64.b64decode(held["priv_key"]["value"])[:32])
    own = NetworkNode("twin", "127.0.0.1", net.spare_port, "127.0.0.1", net.spare_port + 1, 0, keys.node_id)
    genesis = (net.control.folder / ENGINE_GENESIS_NAME).read_bytes()
    home = twin / ENGINE_FOLDER
    write_home(home, home, keys, genesis, own, Peering(net.control.network.nodes))
    if name not in net.untouched:
        shutil.rmtree(twin / "store")
        shutil.rmtree(twin / "log")
        (twin / "log").mkdir()
    return twin


def test_an_application_that_is_ahead_of_its_engine_is_told_so(net: Net) -> None:
    """An engine's folder from an older copy, without the ledger's: nothing goes on, and nothing is signed twice."""
    print(f"  did: the engine of {VICTIM} put back to an older copy, its ledger not")
    traffic = Traffic(net, "apart")
    net.down(VICTIM)
    data = net.path(VICTIM) / ENGINE_FOLDER / "data"
    shutil.copytree(data, data.with_name("old"))
    net.up(VICTIM)
    traffic.send(3)
    net.agreed()
    net.down(VICTIM)
    data.rename(data.with_name("new"))
    data.with_name("old").rename(data)
    process = start_victim_at(net.path(VICTIM))
    assert process.wait(60) == 3
    words = " ".join(tail(net.path(VICTIM) / "node.log", 3))
    assert "higher" in words or "height" in words, words
    shutil.rmtree(data)
    data.with_name("new").rename(data)
    net.up(VICTIM)
    traffic.check_once()
