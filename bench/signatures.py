"""How fast signatures are checked: by one core, by all, and through the pool that the engine uses.

    python bench/signatures.py [--workers 2] [--checks 20000] [--rounds 5]

"Bare" is this project's rule in a loop, keys known: what the machine can do with this library, and what no pool can
exceed. OpenSSL's own rule is measured beside it. The parent's cost is the processor time that handing in and taking
answers take from the process that applies blocks, which is what the pool is there to spare.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings

from counterfoil.engine.signature_pool import PendingChecks, SignaturePool, pack_check
from counterfoil.primitives.signatures import (
    TAGGED_KEY_BYTES,
    SigningKey,
    holds_with_cofactor,
    in_subgroup,
    verify_signed,
)

MESSAGE_BYTES = 300
KEYS = 1_000
BATCH = 2_000
BARE_SECONDS = 1.0

Check = tuple[bytes, bytes, bytes]


def made_checks(count: int) -> list[Check]:
    """(tagged key, message, signature): distinct messages of 300 bytes, by 1,000 keys in turn."""
    keys = [SigningKey(number.to_bytes(32, "big")) for number in range(1, KEYS + 1)]
    made = []
    for number in range(count):
        key = keys[number % KEYS]
        message = number.to_bytes(MESSAGE_BYTES, "big")
        made.append((key.public_key, message, key.sign(message)))
    return made


def bare_rate(checks: Sequence[Check], seconds: float = BARE_SECONDS) -> float:
    """Checks a second by this process alone."""
    signed = [(key, signature + message) for key, message, signature in checks[:KEYS]]
    for key, both in signed:
        verify_signed(key, both)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for key, both in signed:
            verify_signed(key, both)
        done += len(signed)
    return done / (time.perf_counter() - started)


def bare_ceiling(processes: int, seconds: float = BARE_SECONDS) -> float:
    """Checks a second by so many processes at once, each for itself."""
    command = [sys.executable, os.path.abspath(__file__), "--bare", str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(float(process.communicate()[0]) for process in running)


def openssl_rate(checks: Sequence[Check]) -> float:
    loaded = [(Ed25519PublicKey.from_public_bytes(key[1:]), message, s) for key, message, s in checks[:KEYS]]
    started = time.perf_counter()
    for key, message, signature in loaded:
        key.verify(signature, message)
    return len(loaded) / (time.perf_counter() - started)


class PoolRun:
    """One pass of all batches through a pool, every batch handed in before the first answer is asked for."""

    def __init__(self, submit: Callable[[int, int], PendingChecks], count: int) -> None:
        processor, started = time.process_time(), time.perf_counter()
        pending = [submit(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
        handed_in = time.perf_counter() - started
        if not all(each.all_accepted() for each in pending):
            raise SystemExit("A good signature was refused.")
        self.rate = count / (time.perf_counter() - started)
        self.parent_microseconds = (time.process_time() - processor) / count * 1e6
        self.handing_in_microseconds = handed_in / count * 1e6


def latencies(pool: SignaturePool, checks: Sequence[Check], size: int, times: int = 200) -> list[float]:
    """Milliseconds from handing `size` checks in to their answers, nothing else being under way, ascending."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        pool.submit(checks[:size]).result()
        taken.append((time.perf_counter() - started) * 1e3)
    return sorted(taken)


def microseconds(run: Callable[[], object], times: int = 2_000) -> float:
    started = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - started) / times * 1e6


def processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--checks", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--bare", type=float, metavar="SECONDS", help="only print one core's bare rate")
    chosen = arguments.parse_args()
    if chosen.bare is not None:
        print(bare_rate(made_checks(KEYS), chosen.bare))
        return

    print(
        f"machine    {processor_name()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}"
    )
    print(f"           Python {platform.python_version()}, load {os.getloadavg()[0]:.2f} at the start")
    print(
        f"work       {chosen.checks:,} checks of {MESSAGE_BYTES}-byte messages, batches of {BATCH:,}, ",
        end="",
    )
    print(f"{KEYS:,} keys, median of {chosen.rounds} rounds (best)")

    checks = made_checks(chosen.checks)
    packed = [pack_check(*check) for check in checks]
    key, message, signature = checks[0]
    signed, changed = signature + message, signature + message[:-1] + b"?"
    rates: dict[str, list[float]] = {"one": [], "all": [], "openssl": []}
    runs: dict[str, list[PoolRun]] = {"triples": [], "packed": []}
    with SignaturePool(chosen.workers) as pool:
        pool.submit(checks).result()
        for _ in range(chosen.rounds):
            rates["one"].append(bare_rate(checks))
            rates["openssl"].append(openssl_rate(checks))
            rates["all"].append(bare_ceiling(chosen.workers))
            runs["triples"].append(PoolRun(lambda start, end: pool.submit(checks[start:end]), len(checks)))
            runs["packed"].append(
                PoolRun(lambda start, end: pool.submit_packed(packed[start:end]), len(packed))
            )
        single, batch = latencies(pool, checks, 1), latencies(pool, checks, 200, 50)

    def told(values: Sequence[float]) -> str:
        return f"{statistics.median(values):>9,.0f} a second ({max(values):,.0f})"

    print(f"bare       one core            {told(rates['one'])}")
    print(f"           {chosen.workers} processes at once {told(rates['all'])}")
    print(f"           OpenSSL, one core   {told(rates['openssl'])}")
    ceiling = statistics.median(rates["all"])
    for name, passes in runs.items():
        median = statistics.median(one.rate for one in passes)
        parent = statistics.median(one.parent_microseconds for one in passes)
        waiting = statistics.median(one.handing_in_microseconds for one in passes)
        print(
            f"pool       {chosen.workers} workers, {name:<8}   {told([one.rate for one in passes])}, ", end=""
        )
        print(f"{median / ceiling:.0%} of bare; parent {parent:.2f} µs of processor a check, ", end="")
        print(f"{waiting:.2f} µs passed while handing in")
    print(f"answer     1 check   p50 {single[100]:.2f} ms, p99 {single[197]:.2f} ms; ", end="")
    print(f"200 checks p50 {batch[25]:.2f} ms, p99 {batch[49]:.2f} ms")
    print(f"single     accept {microseconds(lambda: verify_signed(key, signed)):.1f} µs, ", end="")
    print(
        f"refuse {microseconds(lambda: verify_signed(key, changed)):.1f} µs, of which by group calls ", end=""
    )
    print(f"{microseconds(lambda: holds_with_cofactor(key[1:], changed)):.1f} µs")
    point = key[TAGGED_KEY_BYTES - 32 :]
    print(
        f"key        first sight {microseconds(lambda: bindings.crypto_core_ed25519_is_valid_point(point)):.1f} µs, ",
        end="",
    )
    print(f"with an older libsodium {microseconds(lambda: in_subgroup(point)):.1f} µs")
    peaks = [
        resource.getrusage(who).ru_maxrss >> 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(f"memory     parent {peaks[0]} MB at most, largest child {peaks[1]} MB")


if __name__ == "__main__":
    main()
