"""How the ledger grows: the same work at larger registers, as-of reads and proofs on long ledgers, restart after a crash.

Every size runs in a process of its own, so that memory can be told apart.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.dvp import Bench
from bench.ledger import SECURITIES, DealMaker, deals, new_ledger, opened
from bench.machine import folder_bytes, peak_memory_mb
from counterfoil.engine.decided import items_digest
from counterfoil.engine.items import check, fill_in
from counterfoil.machine.founding import opening_account, opening_security
from counterfoil.machine.genesis import genesis_digest
from counterfoil.modules.holdings.records import HOLDINGS
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import LedgerNode, open_ledger
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proofs import Prover, Sources
from counterfoil.verify.check import verify_proof
from counterfoil.verify.trust import Trust


def at_size(accounts: int, count: int) -> str:
    """One line of the growth table: founding, memory, disk, rate, restart."""
    bench = Bench(accounts)
    try:
        raws = bench.two_signatures(count)
        measured = bench.run("two signatures", raws)
        memory = peak_memory_mb() * 2**20
        bench.node.close()
        _crash(bench)
        started = time.perf_counter()
        replayed: list[int] = []
        node = open_ledger(
            bench.folder / "ledger", clock=system_clock_ms, progress=lambda done, _all: replayed.append(done)
        )
        restart = time.perf_counter() - started
        node.close()
        return (
            f"{accounts:>11,} {bench.founding_seconds:>9.0f} s {measured.rate:>7,.0f}/s {measured.block_cpu_us:>6.0f} us"
            f" {memory / 2**20:>7,.0f} MB {memory / accounts:>6,.0f} B {bench.founding_bytes / accounts:>7,.0f} B"
            f" {measured.disk_per_dvp:>7,.0f} B {restart:>6.1f} s ({max(replayed, default=0)} blocks)"
        )
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)


TITLE = "   accounts    founding     rate    deciding  memory   /account disk/account disk/DVP  restart after kill (replayed)"

_CRASH = """
import os, sys
from pathlib import Path
from bench.ledger import DealMaker, deals, opened
node = opened(Path(sys.argv[1]))
node.engine.submit_many(DealMaker.on(node).transactions(deals(9_000, int(sys.argv[2]), 77))).results()
print("crashed at", node.height, flush=True)
os.kill(os.getpid(), 9)
"""


def _crash(bench: Bench) -> None:
    """Let another process settle 9,000 DVP on the ledger and be killed before it has written its record store."""
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", _CRASH, str(bench.folder / "ledger"), str(bench.accounts)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    if "crashed at" not in done.stdout:
        raise RuntimeError(f"the crash did not happen: {done.stderr}")


def at_height(height: int) -> str:
    """As-of reads and proofs on a ledger of so many blocks, one DVP a block, over 1,000 accounts."""
    accounts = 1_000
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-height-", dir="/var/tmp"))
    try:
        new_ledger(folder / "ledger", accounts)
        with opened(folder / "ledger") as node:
            raws = DealMaker.on(node).all_transactions(deals(height, accounts, 5))
            started = time.perf_counter()
            for raw in raws:
                _one_block(node, raw)
            seconds = time.perf_counter() - started
            node.state.flush()
            return (
                _reads(node, accounts)
                + f" {height / seconds:>7,.0f}/s {folder_bytes(folder) / 2**20:>7,.0f} MB"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


HEIGHT_TITLE = "     height   read now   as of     proof now  size    proof as of  size     checked in  blocks made    disk"


def _one_block(node: LedgerNode, raw: bytes) -> None:
    engine, machine = node.engine, node.machine
    prepared = [machine.reader.prepare(raw)]
    fill_in(prepared, check(node.signatures, prepared).result())
    with engine.lock:
        last = machine.last
        if last is None:
            raise RuntimeError("the ledger is not founded")
        time_ms = max(last.time_ms + 1, node.clock())
        items = (engine.bundle(prepared, time_ms),)
        machine.execute(last.height + 1, time_ms, [prepared], items_digest(items))
        engine.conclude(time_ms, items)


def _reads(node: LedgerNode, accounts: int) -> str:
    chance = random.Random(9)
    state, machine = node.state, node.machine
    prover = Prover(
        Sources(state, machine.history, machine.header, node.chain_id, genesis_digest(node.genesis_bytes))
    )
    trust = Trust.in_genesis(node.genesis_bytes)
    spent: dict[str, list[float]] = {}
    sizes: dict[str, list[int]] = {}
    for _ in range(200):
        number = chance.randrange(accounts)
        key = opening_account(number) + opening_security(number % SECURITIES)
        height = chance.randrange(machine.founding_height + 1, state.height)
        started = time.perf_counter()
        state.find_at(HOLDINGS, key, state.height)
        spent.setdefault("now", []).append(time.perf_counter() - started)
        started = time.perf_counter()
        state.find_at(HOLDINGS, key, height)
        spent.setdefault("as of", []).append(time.perf_counter() - started)
        for name, at in (("proof now", None), ("proof as of", height)):
            started = time.perf_counter()
            proof = encode_proof(prover.records([HOLDINGS.prefix + key], height=at))
            spent.setdefault(name, []).append(time.perf_counter() - started)
            sizes.setdefault(name, []).append(len(proof))
            started = time.perf_counter()
            verify_proof(proof, trust)
            spent.setdefault("checked", []).append(time.perf_counter() - started)
    us = {name: median(values) * 1e6 for name, values in spent.items()}
    return (
        f"{state.height:>11,} {us['now']:>7.0f} us {us['as of']:>7.0f} us {us['proof now']:>8.0f} us"
        f" {median(sizes['proof now']) / 1024:>5.1f} kB {us['proof as of']:>8.0f} us"
        f" {median(sizes['proof as of']) / 1024:>5.1f} kB {us['checked']:>8.0f} us"
    )
