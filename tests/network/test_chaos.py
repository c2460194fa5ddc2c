"""Faults that take long: partitions, slow disks, floods, long absences. Run by `make chaos` alone."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from statistics import median

import pytest

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import Place, create_network
from counterfoil.node.network.homes import PROPOSE_MILLISECONDS
from counterfoil.sdk import LedgerError, NodeUnreachable
from tests.network.namespaces import Hosts, hosts, need_tool
from tests.network.nets import GENESIS, PROJECT, Net, need_engine, running, signed_deals
from tests.network.test_faults import Traffic, Waiting

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]
NAMES = [f"validator-{number}" for number in range(1, 5)]
VICTIM = "validator-4"
HONEST_LEAST = 0.8
SYNC_SECONDS = 0.2
SLOW_SYNCS = 15
"""So many syncs a proposer makes before its block is out, at most: of its log of votes, its state, its last block."""


def start_on(net: Net, place: Hosts, name: str, *misbehaves: str) -> None:
    """Start a node on its host; one that misbehaves by order where options of the victim are given."""
    folder = str(net.path(name))
    honest = ("-m", "counterfoil.cli.main", "start", folder, "--workers", "0")
    words = ("-m", "tests.network.victim", folder, *misbehaves) if misbehaves else honest
    with (net.path(name) / "node.log").open("ab") as output:
        subprocess.Popen(
            [*place.command(name), sys.executable, *words],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def test_partitions(tmp_path: Path) -> None:
    """One host's cable is pulled: three go on. Two are: nothing is decided. All are back: one root, nothing lost."""
    need_engine()
    with hosts(NAMES) as place:
        places = [Place(name, 1, place.addresses[name], 26_600) for name in NAMES]
        made = Net.of(Control(_created(tmp_path / "n", places)), None)
        try:
            for name in NAMES:
                start_on(made, place, name)
            for name in NAMES:  # never by `up`, which would start it outside of its host
                made.wait_for_height(name, 1)
            made.seeded()
            print(f"  did: the cable of {VICTIM} pulled")
            traffic = Traffic(made, "one cut off")
            place.plug(VICTIM, connected=False)
            traffic.send(6)
            behind = made.status(VICTIM)
            assert behind is not None
            assert behind.moment.height < traffic.results[-1].height
            place.plug(VICTIM, connected=True)
            traffic.check_once()
            print("  did: two against two")
            split = Traffic(made, "two and two")
            place.plug("validator-3", connected=False)
            place.plug(VICTIM, connected=False)
            time.sleep(3)
            heights = {name: made.status(name) for name in NAMES}
            waiting = Waiting(made.connect("validator-1"), split.drafts[0])
            time.sleep(10)
            assert not waiting.done, "half of the power decides nothing"
            later = {name: made.status(name) for name in NAMES}
            for name in NAMES:
                assert heights[name] is not None
                assert later[name] is not None
                assert later[name].moment.height == heights[name].moment.height  # type: ignore[union-attr]
            place.plug("validator-3", connected=True)
            place.plug(VICTIM, connected=True)
            split.results.append(waiting.result())
            split.send(2)
            split.check_once()
        finally:
            for name in NAMES:
                made.control.kill(name)


def test_one_lies_and_one_is_cut_off(tmp_path: Path) -> None:
    """One that lies is borne by three; with one of these cut off, nothing is decided, and nothing false either."""
    need_engine()
    with hosts(NAMES) as place:
        places = [Place(name, 1, place.addresses[name], 26_600) for name in NAMES]
        made = Net.of(Control(_created(tmp_path / "n", places)), None)
        two = ("validator-1", "validator-2")
        try:
            for name in NAMES:
                start_on(made, place, name)
            for name in NAMES:
                made.wait_for_height(name, 1)
            made.seeded()
            print(f"  did: {VICTIM} proposes garbage and votes against all that others propose")
            traffic = Traffic(made, "a liar", *two)
            made.control.kill(VICTIM)
            start_on(made, place, VICTIM, "--garbage", "--against-all")
            made.wait_for_height(VICTIM, 1)
            traffic.send(6)
            log = (made.path(VICTIM) / "node.log").read_text(errors="replace")
            assert "garbage proposed" in log, "its turn came"
            print(f"  checked: three decide {len(traffic.results)} deals beside it")
            print("  did: the cable of validator-3 pulled too")
            place.plug("validator-3", connected=False)
            time.sleep(3)
            before = made.agreed(*two)
            waiting = Waiting(made.connect(*two), traffic.drafts[len(traffic.results)])
            time.sleep(10)
            assert not waiting.done, "two honest ones of four decide nothing"
            assert made.agreed(*two).moment.height == before.moment.height
            place.plug("validator-3", connected=True)
            traffic.results.append(waiting.result())
            traffic.send(2)
            print(f"  checked: halted at {before.moment.height}; decided again when the cable was back")
            made.control.kill(VICTIM)
            start_on(made, place, VICTIM)
            made.wait_for_height(VICTIM, traffic.results[-1].height)
            traffic.check_once()
        finally:
            for name in NAMES:
                made.control.kill(name)


def _created(folder: Path, places: list[Place]) -> Path:
    create_network(folder, GENESIS, places, encrypted=False, snapshot_interval=0)
    return folder


@pytest.fixture
def net(tmp_path: Path) -> Net:
    need_engine()
    return Net(tmp_path / "n", 4, snapshot_interval=0)


def test_one_has_a_slow_disk(net: Net) -> None:
    """Every sync of the victim's processes takes a fifth of a second longer. Blocks that others propose are decided by
    the three others as fast as before; those that it proposes itself wait for it, or for the next round."""
    need_tool("strace", "strace")
    with running(net):
        net.seeded()
        traffic = Traffic(net, "slow disk")
        pid = net.control.pid(VICTIM)
        assert pid is not None
        traffic.send(4)
        quick = [seconds for _, seconds in timed(traffic, 8)]
        calls = "fsync,fdatasync,msync"
        tracers = [
            subprocess.Popen(
                [
                    *("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"),
                    *("-e", f"inject={calls}:delay_enter={int(SYNC_SECONDS * 1e6)}", "-p", one),
                ],
                stderr=subprocess.DEVNULL,
            )
            for one in subprocess.run(
                ["pgrep", "-g", str(pid)], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        print(f"  did: 200 ms more for each sync of {VICTIM}")
        try:
            time.sleep(1)
            slow = timed(traffic, 16)
        finally:
            for tracer in tracers:
                tracer.terminate()
                tracer.wait()
        victim = next(node for node in net.control.network.nodes if node.name == VICTIM)
        own_address = sha256(bytes.fromhex(victim.validator_key)).hexdigest()[:40].upper()
        others = [seconds for proposer, seconds in slow if proposer != own_address]
        own = [seconds for proposer, seconds in slow if proposer == own_address]
        longest = max(seconds for _, seconds in slow)
        print(
            f"  checked: a block took {median(quick):.2f} s before; with the slow disk {median(others):.2f} s where"
            f" others propose ({len(others)} blocks); {len(own)} that it proposed; {longest:.2f} s the longest of all"
        )
        assert len(others) >= 6
        assert median(others) < 1.5 * median(quick) + 0.1, "three of four are enough"
        waited = PROPOSE_MILLISECONDS / 1_000 + SLOW_SYNCS * SYNC_SECONDS
        assert longest < waited, "its turn is waited for once, and no longer"
        traffic.check_once()


def timed(traffic: Traffic, count: int) -> list[tuple[str, float]]:
    """So many blocks of traffic: the address of each one's proposer, and how long its deal took."""
    found = []
    rpc = traffic.net.control.rpc("validator-1")
    try:
        for _ in range(count):
            began = time.monotonic()
            traffic.send(1)
            seconds = time.monotonic() - began
            header = rpc.ask("header", height=str(traffic.results[-1].height))["header"]
            found.append((header["proposer_address"], seconds))
    finally:
        rpc.close()
    return found


def test_junk_that_floods_one_node_leaves_the_others_their_rate(net: Net) -> None:
    """Bytes that are no bundles into the engine's pool, and transactions with wrong signatures into the node."""
    with running(net):
        net.seeded()
        honest = net.client("broker-a", "validator-1")
        drafts = signed_deals(net, "honest", 900)
        honest.submit_many(drafts[:100])

        def rate(part: list[object]) -> float:
            began = time.monotonic()
            results = honest.submit_many(part)  # type: ignore[arg-type]
            assert {result.number for result in results} == {0}
            return len(part) / (time.monotonic() - began)

        before = rate(list(drafts[100:500]))
        stopping, sent = threading.Event(), [0, 0]
        threads = [
            threading.Thread(target=_flood_the_pool, args=(net, stopping, sent), daemon=True),
            threading.Thread(target=_flood_the_node, args=(net, stopping, sent), daemon=True),
        ]
        for thread in threads:
            thread.start()
        time.sleep(1)
        during = rate(list(drafts[500:]))
        stopping.set()
        for thread in threads:
            thread.join()
        print(f"  did: {sent[0]} junk items and {sent[1]} wrongly signed transactions at {VICTIM}")
        print(f"  checked: honest transactions {before:.0f} a second before, {during:.0f} during the flood")
        assert min(sent) > 20
        assert during >= HONEST_LEAST * before
        net.agreed()


JUNK_A_SECOND = 100


def _flood_the_pool(net: Net, stopping: threading.Event, sent: list[int]) -> None:
    rpc: EngineRpc = net.control.rpc(VICTIM)
    chance = random.Random(1)
    while not stopping.wait(1 / JUNK_A_SECOND):
        try:
            rpc.offer(chance.randbytes(2_000))
        except (EngineRefused, EngineUnreachable):
            continue
        sent[0] += 1


def _flood_the_node(net: Net, stopping: threading.Event, sent: list[int]) -> None:
    connection = net.connect(VICTIM)
    (draft,) = signed_deals(net, "junk", 1)
    while not stopping.wait(1 / JUNK_A_SECOND):
        junk = bytearray(draft.transaction)
        junk[-1 - sent[1] % 60] ^= 1 + sent[1] % 255
        try:
            connection.submit([bytes(junk)])
        except (LedgerError, NodeUnreachable):
            continue
        sent[1] += 1


def test_a_validator_comes_back_after_a_long_absence(net: Net) -> None:
    with running(net):
        net.seeded()
        traffic = Traffic(net, "absence")
        traffic.send(2)
        net.control.kill(VICTIM)
        print(f"  did: {VICTIM} killed for fifty blocks")
        traffic.send(50)
        net.up(VICTIM)
        traffic.send(2)
        traffic.check_once()


def test_every_validator_is_killed_at_once_and_the_network_goes_on(net: Net) -> None:
    """As in a power cut of the whole machine, three times."""
    with running(net):
        net.seeded()
        traffic = Traffic(net, "power cut", *NAMES)
        for _ in range(3):
            traffic.send(4)
            for name in NAMES:
                net.control.kill(name)
            print("  did: all four validators killed at once")
            net.up()
            traffic.send(2)
        traffic.check_once()
