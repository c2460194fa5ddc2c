"""`python -m bench`: what the embedded ledger does in a second, with the machine it was measured on.

python -m bench                 all parts but the largest register (about a quarter of an hour)
python -m bench dvp postgres    some parts
python -m bench --large         the register of ten million accounts as well (about an hour more)
python -m bench --quick         small sizes, to see that it runs
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench import floors, postgres
from bench.batch import settle
from bench.dvp import LIST, Bench, Measured, Split, stages
from bench.growth import HEIGHT_TITLE, TITLE, at_height, at_size
from bench.light import TITLE as TITLE_OF_COMMITS
from bench.light import WAY_TITLE, long_way, one_commit
from bench.machine import describe, peak_memory_mb
from bench.sealing import sealing
from bench.signatures import bare_ceiling
from counterfoil.engine.signature_pool import usable_processors


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    accounts: int
    deals: int
    seconds: int
    batch: tuple[int, int, int]
    registers: tuple[int, ...]
    heights: tuple[int, ...]
    light_heights: int


FULL = Sizes(100_000, 200_000, 10, (10_000, 500, 100), (100_000, 1_000_000), (1_000, 100_000), 10_000)
QUICK = Sizes(20_000, 10_000, 2, (1_000, 50, 20), (20_000,), (1_000,), 1_000)
LARGEST_REGISTER = 10_000_000
FILE_LEAST_US = 1.0
"""Files in which less time is spent stand in no list."""


def dvp(sizes: Sizes) -> None:
    """Rates beside the raw signature ceiling, then latency at half the rate, then where the time goes."""
    ceiling = bare_ceiling(usable_processors())
    print(f"raw signature ceiling of this machine, all cores, nothing else running: {ceiling:,.0f} a second")
    print(
        "                                          DVP/s   signatures/s  of ceiling   p50 ms   p99 ms  deciding us  disk B"
    )
    rates: dict[str, Measured] = {}
    for rest, encrypted, is_sealed in (
        ("encrypted at rest", True, False),
        ("the same and sealed", True, True),
        ("encryption off", False, False),
    ):
        bench = Bench(sizes.accounts, encrypted=encrypted, sealed=is_sealed)
        try:
            for name, make, per_transaction, per_dvp in (
                ("two signatures", bench.two_signatures, 1, 2.0),
                ("one signature", bench.one_signature, 1, 1.0),
                ("lists of 100, one a side", bench.lists, LIST, 2 / LIST),
            ):
                raws = make(sizes.deals)
                found = bench.run(f"{name}, {rest}", raws, per_transaction)
                rates[found.name] = found
                checks = found.rate * per_dvp
                print(
                    f"{found.name:<38} {found.rate:>8,.0f} {checks:>14,.0f} {checks / ceiling:>10.0%}"
                    f" {found.p50_ms:>9,.0f} {found.p99_ms:>8,.0f} {found.block_cpu_us:>12.0f} {found.disk_per_dvp:>7,.0f}"
                )
                if sizes is not QUICK and encrypted and not is_sealed:
                    floors.least(f"{found.name}, DVP/s", found.rate, floors.DVP[name])
            if rest == "encrypted at rest":
                half = rates[f"two signatures, {rest}"].rate / 2
                raws = bench.two_signatures(min(sizes.deals, int(half * 5)))
                paced = bench.run("two signatures at half the rate", raws, pace=half)
                print(
                    f"{paced.name:<38} {paced.rate:>8,.0f} {'':>25} {paced.p50_ms:>9,.0f} {paced.p99_ms:>8,.0f}"
                )
                split = stages(bench.node, bench.two_signatures(min(sizes.deals, 40_000)))
                _say_where_it_goes(split)
                print(
                    f"peak memory of the ledger's process: {peak_memory_mb():,.0f} MB at {sizes.accounts:,} accounts"
                )
        finally:
            bench.close()


def _say_where_it_goes(split: Split) -> None:
    print(f"stages of the deciding process, two signatures: {sum(split.stages.values()):.0f} us a DVP")
    for stage, us in split.stages.items():
        print(f"    {stage:<38} {us:>6.1f} us")
        for file, part in split.files.get(stage, ()):
            if part >= FILE_LEAST_US:
                print(f"        {file:<40} {part:>6.1f} us")
    largest = ", ".join(f"{file} {us:.1f} us ({stage.split(',')[0]})" for us, stage, file in split.largest(3))
    print(f"what would be next, since most time goes there: {largest}")


def peer(sizes: Sizes) -> None:
    """PostgreSQL doing the same unsigned, and ours again right after it, so that both met the same machine."""
    if postgres.tools() is None:
        print("PostgreSQL is not installed, so there is nothing to compare with: apt-get install postgresql")
        return
    rate, clients, version = postgres.best_rate(sizes.accounts, 20, sizes.seconds)
    print(
        f"PostgreSQL {version}, one stored procedure a DVP, best of {postgres.CLIENTS} clients: {rate:,.0f} DVP/s ({clients} clients)"
    )
    bench = Bench(sizes.accounts)
    try:
        ours = bench.run("two signatures", bench.two_signatures(sizes.deals // 2))
        lists = bench.run("lists", bench.lists(sizes.deals // 2), LIST)
    finally:
        bench.close()
    print(f"Counterfoil, two signatures a DVP:        {ours.rate:>8,.0f} DVP/s, ratio {ours.rate / rate:.2f}")
    print(
        f"Counterfoil, lists of 100, one a side:    {lists.rate:>8,.0f} DVP/s, ratio {lists.rate / rate:.2f}"
    )


def batch(sizes: Sizes) -> None:
    found = settle(*sizes.batch)
    print(
        f"{found.legs:,} legs, {found.accounts:,} accounts, {found.securities} securities: settled in {found.settling_seconds:.1f} s,"
        f" {found.rate:,.0f} legs/s (founded in {found.founding_seconds:.0f} s, loaded in {found.loading_seconds:.1f} s);"
        f" peak memory {peak_memory_mb():,.0f} MB"
    )
    if sizes is not QUICK:
        floors.least("legs/s of a net batch", found.rate, floors.BATCH_LEGS)


def growth(sizes: Sizes) -> None:
    print(TITLE)
    for accounts in sizes.registers:
        _alone("growth", accounts, sizes.deals // 4)


def heights(sizes: Sizes) -> None:
    print(HEIGHT_TITLE)
    for height in sizes.heights:
        _alone("heights", height, 0)


def light(sizes: Sizes) -> None:
    """The light client: single commits, then ways over many heights."""
    print(TITLE_OF_COMMITS)
    for validators in (4, 10, 100):
        print(one_commit(validators))
    print(WAY_TITLE)
    for validators, every in ((4, 0), (4, 1_000), (10, 200), (100, 20)):
        print(long_way(validators, every, sizes.light_heights), flush=True)


def sealed(sizes: Sizes) -> None:
    """The same deals with sealing off and on."""
    print(sealing(sizes.accounts, sizes.deals // 4))


def _alone(part: str, size: int, count: int) -> None:
    """One size in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "bench", part, "--size", str(size), "--count", str(count)], check=True
    )


PARTS: dict[str, Callable[[Sizes], None]] = {
    "dvp": dvp,
    "postgres": peer,
    "batch": batch,
    "growth": growth,
    "heights": heights,
    "light": light,
    "sealing": sealed,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all where none is named")
    parser.add_argument("--large", action="store_true", help="add the register of ten million accounts")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--size", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.size:
        print(
            at_size(asked.size, asked.count) if asked.parts == ["growth"] else at_height(asked.size),
            flush=True,
        )
        return
    sizes = QUICK if asked.quick else FULL
    if asked.large:
        sizes = Sizes(**{**sizes.__dict__, "registers": (*sizes.registers, LARGEST_REGISTER)})
    print(describe())
    for part in asked.parts or list(PARTS):
        started = time.perf_counter()
        print(f"\n== {part}", flush=True)
        PARTS[part](sizes)
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    floors.end()


if __name__ == "__main__":
    main()
