"""Delivery versus payment on a network, all on one machine: `python -m bench.network` (make bench-network).

Validators with full rules, state and receipts, each with its engine, and a load generator. Rates and latencies are
those of acknowledged transactions; processor seconds are told by process, and from them the rate to expect where each
validator has two cores of its own. CometBFT's own kvstore runs the same load beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench import floors, kvstore
from bench.ledger import (
    BROKERS,
    MAKER_AND_CHECKER,
    MARKET,
    DealMaker,
    deals,
    draft_genesis,
    market_opening,
    signed,
)
from bench.machine import describe, percentile
from counterfoil.machine.founding import CONSORTIUM
from counterfoil.machine.genesis import Genesis
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import KEYS_FOLDER, create_network, places_here
from counterfoil.node.network.homes import COMMIT_MILLISECONDS
from counterfoil.node.network.observing import note
from counterfoil.node.network.settings import ENGINE_FOLDER
from counterfoil.node.reads_ledger import Status
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Client, LedgerError, NodeUnreachable, SocketConnection, recipes

TICKS = os.sysconf("SC_CLK_TCK")
CORES_EACH = 2
ITEM_BYTES = 600
"""Of a DVP with two signatures, as it travels."""
FEEDS = 10
FRESH_BLOCKS = 5
DAY_MS = 86_400_000
REQUEST_SIZES = (50, 250, 500, 1_000)
FOUR = "4 validators"
SATURATED = {
    "requests of 500, 1,500 under way": (500, 3),
    "single transactions, 1,200 under way": (1, 1_200),
}
"""Items of a request, and how many requests are under way."""


@dataclass
class Cpu:
    """Processor seconds so far, by what a process is: "engine", "application", "signatures", "store"."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu({kind: used - before.seconds.get(kind, 0.0) for kind, used in self.seconds.items()})

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


@dataclass
class Measured:
    """One run. waited: seconds from a request to its answer. load_cpu: of the load generator."""

    name: str
    settled: int
    seconds: float
    waited: list[float]
    cpu: Cpu
    load_cpu: float
    validators: int

    @property
    def rate(self) -> float:
        return self.settled / self.seconds

    @property
    def p99_ms(self) -> float:
        return percentile(self.waited, 0.99) * 1_000

    def lines(self) -> Iterator[str]:
        p50_ms = percentile(self.waited, 0.5) * 1_000
        yield f"{self.name:<44} {self.rate:>7,.0f} DVP/s   p50 {p50_ms:>6,.0f} ms   p99 {self.p99_ms:>6,.0f} ms"
        thousand = self.settled / 1_000
        told = "   ".join(f"{kind} {used / thousand:.2f}" for kind, used in self.cpu.seconds.items())
        each = self.cpu.total / thousand / self.validators
        yield (
            f"    CPU seconds per 1,000 DVP, {self.validators} validators together: {told}   load"
            f" {self.load_cpu / thousand:.2f}; each validator {each:.2f}, so with {CORES_EACH} cores of its own about"
            f" {CORES_EACH * 1_000 / each:,.0f} DVP/s before other limits"
        )


class BenchNetwork:
    """Validators of one machine with an opening register, their market open."""

    def __init__(
        self,
        folder: Path,
        validators: int,
        accounts: int,
        workers: int,
        port: int,
        commit_ms: int = COMMIT_MILLISECONDS,
        *,
        block_kib: int = 0,
        own_pool: bool = False,
        sealed: bool = True,
    ) -> None:
        self.accounts = accounts
        self.own_pool = own_pool
        self.folder = folder / "network"
        create_network(
            self.folder,
            _decided_by_the_operator(draft_genesis(accounts, sealed=sealed)),
            places_here(validators, 0, port),
            snapshot_interval=0,
        )
        self.control = Control(self.folder)
        self.names = self.control.names()
        self.workers = workers
        self._seed = 0
        for name in self.names:
            config = self.folder / name / ENGINE_FOLDER / "config"
            if block_kib:
                genesis = json.loads((config / "genesis.json").read_bytes())
                genesis["consensus_params"]["block"]["max_bytes"] = str(block_kib * 1024)
                (config / "genesis.json").write_text(json.dumps(genesis))
            path = config / "config.toml"
            text = path.read_text().replace(
                f'timeout_commit = "{COMMIT_MILLISECONDS}ms"', f'timeout_commit = "{commit_ms}ms"'
            )
            if own_pool:
                text = text.replace('type = "flood"', 'type = "nop"')
                text = text.replace("create_empty_blocks = false", "create_empty_blocks = true")
            path.write_text(text)

    @contextmanager
    def running(self) -> Iterator[BenchNetwork]:
        try:
            if self.own_pool:
                self._start_with_own_pools()
            self.control.up(self.names, "--workers", str(self.workers), is_serving=self._is_serving)
            self._open_market()
            yield self
        finally:
            for name in self.names:
                self.control.kill(name)

    def _start_with_own_pools(self) -> None:
        sockets = {name: self.folder / f"{name}.pool" for name in self.names}
        for name in self.names:
            others = [str(sockets[other]) for other in self.names if other != name]
            environment = {
                **os.environ,
                "COUNTERFOIL_STORAGE_KEY": (self.folder / KEYS_FOLDER / f"{name}.key").read_text().strip(),
            }
            command = [
                sys.executable,
                "-m",
                "bench.own_pool",
                str(self.folder / name),
                str(sockets[name]),
                *others,
            ]
            with (self.folder / name / "node.log").open("ab") as output:
                subprocess.Popen(
                    command, stdout=output, stderr=output, start_new_session=True, env=environment
                )
        time.sleep(2.0)

    def status(self, name: str) -> Status:
        connection = SocketConnection(self.control.socket(name))
        try:
            return Client(connection).status()
        finally:
            connection.close()

    def _is_serving(self, name: str) -> bool:
        try:
            return self.control.socket(name).exists() and self.status(name).moment.height > 0
        except (LedgerError, NodeUnreachable):
            return False

    def _open_market(self) -> None:
        connection = SocketConnection(self.control.socket(self.names[0]))
        client = Client(connection)
        clock_ms = client.time_ms()
        self.operator = operator = client.party_id("operator")
        for message in market_opening(operator, clock_ms):
            raw = signed(connection.chain_id, (message,), MAKER_AND_CHECKER, clock_ms + 300_000)
            (answer,) = connection.submit([raw])
            if answer.number:
                raise RuntimeError(str(answer.problems))
        parties = {line.name: line.party for line in client.parties()}
        self.maker = DealMaker(
            connection.chain_id,
            client.market(MARKET).business_date,
            [parties[f"broker {number}"] for number in range(BROKERS)],
            clock_ms,
        )
        connection.close()

    def observe(self, feeds: int) -> None:
        """Let every vote from now on tell what its validator observed of so many feeds, which are defined here.

        Each block then holds the votes' extensions, whose signatures every node checks, and records each feed's median.
        """
        connection = SocketConnection(self.control.socket(self.names[0]))
        client = Client(connection, *MAKER_AND_CHECKER, party=self.operator)
        names = [f"FEED-{number}" for number in range(feeds)]
        defined = [
            recipes.feed(name, "EUR", 4, interval_ms=1, age_max_ms=DAY_MS, stale_after_ms=DAY_MS)
            for name in names
        ]
        client.send(recipes.motion([client], *defined, expires_ms=client.time_ms() + DAY_MS))
        now_ms = client.time_ms()
        for at, node in enumerate(self.names):
            for name in names:
                note(self.folder / node, name, 10_000 + at, now_ms)
        connection.close()

    def observed(self, feeds: int) -> int:
        """How many feeds have a value of the last blocks."""
        with Client(SocketConnection(self.control.socket(self.names[0]))) as client:
            last = client.status().moment.height
            lines = client.feeds()
            return sum(1 for line in lines[:feeds] if line.height >= last - FRESH_BLOCKS)

    def transactions(self, count: int) -> list[bytes]:
        self._seed += 1
        return self.maker.all_transactions(deals(count, self.accounts, self._seed))

    def cpu(self) -> Cpu:
        """Of all processes of all nodes."""
        found = Cpu()
        for name in self.names:
            leader = self.control.pid(name)
            for pid in _group(leader) if leader is not None else []:
                kind = _kind(pid, leader == pid)
                found.seconds[kind] = found.seconds.get(kind, 0.0) + _used(pid)
        return found

    def run(
        self, name: str, count: int, *, size: int, window: int, pace: float = 0.0, nodes: int = 0
    ) -> Measured:
        """Send transactions to the nodes (to the first so many of them, where it says so)."""
        file = self.folder.with_name("load")
        file.write_bytes(encode(self.transactions(count)))
        sockets = [str(self.control.socket(one)) for one in self.names[: nodes or None]]
        before = self.cpu()
        command = [sys.executable, "-m", "bench.loader", str(file), *sockets]
        command += [
            "--party",
            self.operator.hex(),
            "--size",
            str(size),
            "--window",
            str(window),
            "--pace",
            str(pace),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        used = self.cpu() - before
        said = json.loads(done.stdout)
        if said["refused"]:
            raise RuntimeError(f"{name}: not every DVP settled: {said['refused']}")
        return Measured(
            name, said["settled"], said["seconds"], said["waited"], used, said["cpu"], len(self.names)
        )

    def agreed(self) -> str:
        """The root that all nodes have in the end."""
        give_up = time.monotonic() + 60
        while True:
            found = {
                (status.moment.height, status.application_hash) for status in map(self.status, self.names)
            }
            if len(found) == 1:
                return found.pop()[1].hex()[:16]
            if time.monotonic() > give_up:
                raise RuntimeError(f"the nodes disagree: {found}")
            time.sleep(0.2)


def _decided_by_the_operator(draft: Genesis) -> Genesis:
    """The draft with a consortium of one, which has users that can bring a motion."""
    return replace(draft, sections={**draft.sections, CONSORTIUM: {"members": [{"party": "operator"}]}})


def _group(leader: int) -> list[int]:
    """The processes of a node: its session, and the sessions that its helpers made for themselves."""
    found, parents = [], {leader}
    for path in sorted(Path("/proc").iterdir(), key=lambda one: int(one.name) if one.name.isdigit() else 0):
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(path.name) in parents or int(fields[1]) in parents:
                parents.add(int(path.name))
                found.append(int(path.name))
    return found


def _kind(pid: int, is_leader: bool) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    if is_leader:
        return "application"
    if b"signature_worker" in command:
        return "signatures"
    return "store" if b"store_writer" in command else "engine"


def _used(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.network", description=__doc__)
    parser.add_argument(
        "--validators", type=int, nargs="*", default=[4], help="networks of so many, one after the other"
    )
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--count", type=int, default=12_000, help="DVP of each run")
    parser.add_argument("--workers", type=int, default=1, help="signature workers of each node")
    parser.add_argument("--port", type=int, default=25_600)
    parser.add_argument(
        "--intervals", type=int, nargs="*", default=[], help="milliseconds from block to proposal to try"
    )
    parser.add_argument(
        "--blocks",
        type=int,
        nargs="*",
        default=[],
        help="largest block to try, in KiB, with requests of sizes",
    )
    parser.add_argument(
        "--pools", action="store_true", help="the application's own dissemination beside the engine's"
    )
    parser.add_argument("--open", action="store_true", help="the same on a ledger that is not sealed")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    count = 2_000 if asked.quick else asked.count
    print(describe())
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-bench-", dir="/var/tmp"))
    try:
        for validators in asked.validators:
            _measure(asked, folder, f"{validators} validators", validators, _runs, count)
        for interval in asked.intervals:
            _measure(
                asked, folder, f"4 validators, interval {interval} ms", 4, _paced, count, commit_ms=interval
            )
        for block_kib in asked.blocks:
            title = f"4 validators, blocks of {block_kib:,} KiB at most"
            _measure(asked, folder, title, 4, _sized, count, block_kib=block_kib)
        if asked.open:
            _measure(asked, folder, "4 validators, not sealed", 4, _runs, count, sealed=False)
        if asked.pools:
            for own_pool in (False, True):
                name = "4 validators, " + (
                    "bundles handed on by the application" if own_pool else "the engine's pool"
                )
                _measure(asked, folder, name, 4, _paced, count, own_pool=own_pool)
        _measure(asked, folder, "4 validators, what vote extensions cost", 4, _observing, count)
        rate = kvstore.measure(folder, 4, ITEM_BYTES, 5 if asked.quick else 15, asked.port)
        print(
            f"\nCometBFT's kvstore, 4 validators, items of {ITEM_BYTES} bytes one by one: {rate:,.0f} items/s"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    floors.end()


def _measure(
    asked: argparse.Namespace,
    folder: Path,
    title: str,
    validators: int,
    runs: Callable[[BenchNetwork, int], Iterator[Measured]],
    count: int,
    **how: Any,
) -> None:
    """how: as `BenchNetwork` takes it."""
    print(f"\n== {title}, {asked.accounts:,} accounts", flush=True)
    network = BenchNetwork(folder, validators, asked.accounts, asked.workers, asked.port, **how)
    with network.running():
        for measured in runs(network, count):
            for line in measured.lines():
                print(line, flush=True)
            if title == FOUR and measured.name in SATURATED and not asked.quick:
                floors.least(f"{measured.name}, DVP/s", measured.rate, floors.NETWORK_DVP)
                floors.most(f"{measured.name}, p99 in ms", measured.p99_ms, floors.NETWORK_P99_MS)
        print(f"one root at all nodes: {network.agreed()}")
    shutil.rmtree(network.folder)


def _runs(network: BenchNetwork, count: int) -> Iterator[Measured]:
    network.run("warming up", 1_000, size=500, window=2)
    for name, (size, window) in SATURATED.items():
        yield network.run(name, count, size=size, window=window)
    yield network.run("single transactions at 600 a second", count, size=1, window=4_000, pace=600)


def _sized(network: BenchNetwork, count: int) -> Iterator[Measured]:
    """As many DVP under way, in requests of different sizes."""
    network.run("warming up", 1_000, size=500, window=2)
    for size in REQUEST_SIZES:
        yield network.run(f"requests of {size:,}, 2,000 under way", count, size=size, window=2_000 // size)


def _observing(network: BenchNetwork, count: int) -> Iterator[Measured]:
    """The same load with votes that tell nothing, and with votes that each tell of some feeds."""
    network.run("warming up", 1_000, size=500, window=2)
    for feeds in (0, FEEDS):
        told = f"{feeds} feeds in every vote" if feeds else "votes tell nothing"
        if feeds:
            network.observe(feeds)
        yield network.run(f"{told}, 1,500 under way", count, size=500, window=3)
        yield network.run(f"{told}, 600 a second", count, size=1, window=4_000, pace=600)
        if network.observed(feeds) != feeds:
            raise RuntimeError("not every feed has a value of the last blocks")


def _paced(network: BenchNetwork, count: int) -> Iterator[Measured]:
    network.run("warming up", 1_000, size=500, window=2)
    yield network.run("requests of 500, 1,500 under way", count, size=500, window=3)
    yield network.run("single transactions at 600 a second", count, size=1, window=4_000, pace=600)


if __name__ == "__main__":
    main()
