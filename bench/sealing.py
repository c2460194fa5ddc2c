"""What sealing costs: one workload with sealing off and on, in one run, and the bytes of envelopes and of receipts.

Both ledgers take the same deals in turns, so that both meet the same machine. Rates are of the clock on the wall;
beside them stands the deciding thread's own processor time, which other work on the machine does not change. Every
stakeholder that is told something must have its sealed receipt: one that has none ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.dvp import Bench, Measured
from counterfoil.machine.machine import BLOCK_RESULTS
from counterfoil.machine.transactions import read_bundle
from counterfoil.modules.module import PUBLIC
from counterfoil.primitives.codec import Decoder, encode
from counterfoil.state.receipts import SealedReceipts

LOSS_MAX = 0.25
"""Of the rate: more is a failure."""
_SEALED = Decoder(SealedReceipts)


@dataclass
class Weighed:
    """Bytes of the blocks from a height on. told: receipts that stakeholders are entitled to; public: to everybody."""

    transactions: int = 0
    envelopes: int = 0
    told: int = 0
    public: int = 0
    stakeholders: int = 0
    plaintext: int = 0
    sealed: int = 0

    def __str__(self) -> str:
        return (
            f"envelopes: {self.envelopes:,} bytes around {self.transactions:,} bytes of transactions; receipts:"
            f" {self.told:,} for {self.stakeholders:,} stakeholders and {self.public:,} for everybody,"
            f" {self.plaintext:,} bytes of plaintext, {self.sealed:,} bytes sealed"
        )


def weigh(bench: Bench, first: int) -> Weighed:
    """RuntimeError where a stakeholder is told something and has no sealed receipt of it."""
    found, stakeholders = Weighed(), set()
    for raws, sealed_parts, height in _bundles(bench, first):
        found.transactions += raws
        found.envelopes += sealed_parts - raws
        state = bench.node.state
        kept = BLOCK_RESULTS.trusted(state.blob("receipts", height)).receipts
        receipts = _SEALED.trusted(state.blob("sealed", height)).receipts
        for own, shown in zip(kept, receipts, strict=True):
            if own.stakeholder == PUBLIC:
                found.public += 1
                continue
            if len(shown.sealed) <= len(own.plaintext):
                raise RuntimeError(f"block {height}: a stakeholder has no sealed receipt")
            stakeholders.add(own.stakeholder)
            found.told += 1
            found.plaintext += len(own.plaintext)
            found.sealed += len(shown.sealed) + len(shown.hidden)
    found.stakeholders = len(stakeholders)
    return found


def told(bench: Bench, first: int) -> int:
    """How many receipts stakeholders were told, from a height on."""
    with bench.node.engine.lock:
        results = [bench.node.machine.block_results(height) for height in range(first, bench.node.height + 1)]
    return sum(one.stakeholder != PUBLIC for block in results for one in block.receipts)


def _bundles(bench: Bench, first: int) -> Iterator[tuple[int, int, int]]:
    """(bytes of transactions, bytes of the sealed parts, height) of each block."""
    for logged in bench.node.blocks(first):
        items = logged.block.bundles
        inside = [bench.node.machine.bundles.read_again(item) for item in items]
        outside = [read_bundle(item)[1].transactions for item in items]
        yield (
            sum(len(encode(raws)) for raws in inside),
            sum(len(part) for parts in outside for part in parts),
            logged.block.height,
        )


def sealing(accounts: int, count: int, rounds: int = 3) -> str:
    """Both ledgers in turns; the best of each, since what else runs on the machine only ever slows. RuntimeError where
    the loss is above `LOSS_MAX`, or a stakeholder is left out."""
    benches = {name: Bench(accounts, sealed=name == "on") for name in ("off", "on")}
    try:
        firsts = {name: bench.node.height + 1 for name, bench in benches.items()}
        runs: dict[str, list[Measured]] = {"off": [], "on": []}
        for number in range(rounds):
            for name in ("off", "on") if number % 2 == 0 else ("on", "off"):
                bench = benches[name]
                runs[name].append(bench.run(name, bench.two_signatures(count)))
        entitled = {name: told(bench, firsts[name]) for name, bench in benches.items()}
        if entitled["off"] != entitled["on"]:
            raise RuntimeError(f"stakeholders were left out: {entitled}")
        weighed = weigh(benches["on"], firsts["on"])
    finally:
        for bench in benches.values():
            bench.close()
    lines = [
        f"sealing {name:<3} {max(one.rate for one in found):>8,.0f} DVP/s,"
        f" deciding thread {min(one.block_cpu_us for one in found):>6.1f} us a DVP,"
        f" disk {found[-1].disk_per_dvp:>6,.0f} B a DVP"
        for name, found in runs.items()
    ]
    loss = 1 - max(one.rate for one in runs["on"]) / max(one.rate for one in runs["off"])
    more = min(one.block_cpu_us for one in runs["on"]) / min(one.block_cpu_us for one in runs["off"]) - 1
    lines += [f"loss of rate {loss:.0%}; deciding thread {more:+.0%}", str(weighed)]
    if loss > LOSS_MAX:
        raise RuntimeError("\n".join([*lines, f"more than {LOSS_MAX:.0%} is lost"]))
    return "\n".join(lines)
