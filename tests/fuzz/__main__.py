"""python -m tests.fuzz [--count 1000000] [--seed 1]: ends with 1 where anything was found."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.running import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    told = time.monotonic()

    def progress(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"{done:,} of {asked.count:,}", file=sys.stderr, flush=True)

    report = run(asked.count, asked.seed, progress)
    print("\n".join(report.lines()))
    for complaint in report.complaints():
        print(f"\nFOUND: {complaint}")
    return 1 if report.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
