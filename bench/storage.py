"""What the record store and the block log cost: microseconds a row, a read, a block.

    python bench/storage.py [--rows 300000 3000000] [--folder DIR]

A batch is what a node writes at a time: 80,000 rows under keys of two hidden components (40 bytes; 25 on disk), as
many history versions of 160 bytes, and the blobs of ten blocks (28 MB in all). Not covered: a device slower than
this one, stores larger than memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.folder import LedgerFolder, create_folder, open_folder
from counterfoil.storage.lmdb_environment import examine_structure
from counterfoil.storage.lmdb_store import LmdbStore

TABLE = 50
LAYOUTS = {TABLE: TableLayout(0, (20, 20))}
BATCH, VALUE_SIZE, READS, BLOCKS = 80_000, 160, 30_000, 10
KEYS = {"COUNTERFOIL_STORAGE_KEY": "5a" * 32}


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def report(name: str, seconds: float, count: int) -> None:
    print(f"    {name:<52}{seconds / count * 1e6:9.2f} µs   {count / seconds:12,.0f} /s")


def batch_of(store: LmdbStore, keys: list[bytes], *, rows: bool, versions: bool, blobs: bool) -> WriteBatch:
    batch = WriteBatch()
    batch.height = store.height() + BLOCKS
    if rows:
        batch.rows = {TABLE: {key: os.urandom(VALUE_SIZE) for key in keys}}
    batch.first_version = store.versions_end()
    if versions:
        batch.versions = [os.urandom(VALUE_SIZE) for _ in keys]
    if blobs:
        for height in range(batch.height, batch.height + BLOCKS):
            batch.blobs.append(("block", height, os.urandom(1_000_000)))
            batch.blobs.append(("receipts", height, os.urandom(1_500_000)))
            batch.blobs.append(("changes", height, os.urandom(300_000)))
    return batch


def measure_store(folder: LedgerFolder, existing: int) -> None:
    store = folder.open_store(LAYOUTS)
    draw = random.Random(1)
    keys = [draw.randbytes(40) for _ in range(existing)]
    loading = 0.0
    for start in range(0, existing, BATCH):
        batch = batch_of(store, keys[start : start + BATCH], rows=True, versions=True, blobs=False)
        loading += timed(lambda batch=batch: store.write(batch))
    report("founding, a row with its version", loading, existing)
    for name, parts in (
        ("a row", {"rows": True, "versions": False, "blobs": False}),
        ("a row with its version", {"rows": True, "versions": True, "blobs": False}),
        ("a row with its version and 350 bytes of blobs", {"rows": True, "versions": True, "blobs": True}),
    ):
        taken = []
        for _ in range(5):
            batch = batch_of(store, draw.sample(keys, BATCH), **parts)
            taken.append(timed(lambda batch=batch: store.write(batch)))
        report(f"write {name}, median of 5 batches of {BATCH:,}", sorted(taken)[2], BATCH)
    asked = [(TABLE, key) for key in draw.choices(keys, k=READS)]
    absent = [(TABLE, draw.randbytes(40)) for _ in range(READS)]
    places = [draw.randrange(store.versions_end()) for _ in range(READS)]
    report("row", timed(lambda: [store.row(*key) for key in asked]), READS)
    report(
        "row that is not there (neighbours checked)",
        timed(lambda: [store.row(*key) for key in absent]),
        READS,
    )
    report("rows_of", timed(lambda: store.rows_of(TABLE, [key for _, key in asked])), READS)
    report("version", timed(lambda: [store.version(place) for place in places]), READS)
    report("scan, a row", timed(lambda: sum(1 for _ in store.scan(TABLE, b""))), existing)
    size = store.size_bytes()
    store.close()
    print(f"    file {size / 1e6:,.0f} MB; ", end="")
    print(
        f"examining its pages {timed(lambda: examine_structure(folder.store_path / 'data.mdb')):.2f} s; ",
        end="",
    )
    print(f"opening {timed(lambda: folder.open_store(LAYOUTS).close()):.2f} s")


def measure_log(folder: LedgerFolder) -> None:
    log = folder.open_log()
    for size, group in ((1_000, 1), (1_000_000, 1), (1_000_000, 4)):
        payload, count = os.urandom(size), 200 if size < 100_000 else 40
        taken = []
        for _ in range(count // group):
            started = time.perf_counter()
            for _ in range(group):
                log.append(log.last_height() + 1, payload)
            log.sync()
            taken.append(time.perf_counter() - started)
        taken.sort()
        middle, late = taken[len(taken) // 2] * 1e3, taken[len(taken) * 99 // 100] * 1e3
        print(
            f"    {size:>9,} bytes a block, {group} a sync: p50 {middle:6.2f} ms, p99 {late:6.2f} ms a sync"
        )
    log.close()
    print(
        f"    opening (the last segment is read and checked) {timed(lambda: folder.open_log().close()):.3f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[300_000])
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to write; a temporary folder by default"
    )
    wanted = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    for encrypted in (True, False):
        print(f"encryption {'on' if encrypted else 'off'}")
        for existing in wanted.rows:
            place = Path(tempfile.mkdtemp(dir=wanted.folder))
            try:
                create_folder(place / "ledger", encrypted=encrypted, environment=KEYS)
                with open_folder(place / "ledger", environment=KEYS) as folder:
                    print(f"  record store, {existing:,} rows")
                    measure_store(folder, existing)
                    print("  block log")
                    measure_log(folder)
            finally:
                shutil.rmtree(place)
    print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


if __name__ == "__main__":
    main()
