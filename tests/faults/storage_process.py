"""A process that works on a ledger folder, to be killed: `python -m tests.faults.storage_process ACTION FOLDER`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.errors import StorageFull, WrongStorageKey
from counterfoil.storage.folder import LedgerFolder, create_folder, open_folder
from counterfoil.storage.key_change import KeyChanges, ask_for_change
from tests.unit.storage.support import HOLDINGS, LAYOUTS, batch, holding_key

KEYS = {VARIABLE: "ab" * 32}
NEXT_KEYS = {VARIABLE: "cd" * 32}
SEGMENT = 2000
BLOCKS = 40


def payload(height: int) -> bytes:
    return b"block %d;" % height * 20


def row(height: int) -> tuple[int, bytes, bytes]:
    return HOLDINGS, holding_key(height % 7, 1), b"row of %d" % height


def fill(folder: LedgerFolder) -> None:
    folder.keep("secret", b"secret", b"the secret")
    log, store = folder.open_log(segment_size=SEGMENT), folder.open_store(LAYOUTS)
    log.append(1, payload(1))
    log.sync()
    store.write(batch(1, [row(1)], versions=[b"v0"]))
    log.close()
    store.close()


def make(path: Path) -> None:
    create_folder(path, environment=KEYS, fill=fill)


def work(path: Path, blocks: int = BLOCKS) -> None:
    """Append blocks, two to a sync, and tell of each that it is durable; write the store every third block."""
    with open_folder(path, environment=KEYS) as folder:
        log, store = folder.open_log(segment_size=SEGMENT), folder.open_store(LAYOUTS)
        for height in range(log.last_height() + 1, log.last_height() + 1 + blocks):
            log.append(height, payload(height))
            if height % 2 == 0:
                log.sync()
                print(height, flush=True)
            if height % 3 == 0:
                missing = range(store.height() + 1, height + 1)
                log.sync()
                rows = {key: (table, key, text) for table, key, text in map(row, missing)}
                versions = [b"v%d" % (at - 1) for at in missing]
                store.write(
                    batch(height, list(rows.values()), first_version=store.height(), versions=versions)
                )
        log.close()
        store.close()


def change(path: Path) -> None:
    """Change the storage key (or finish a change), a block and a batch after each piece; tell of each block."""
    keys = keys_of(path)
    if keys == KEYS:
        ask_for_change(path, *(bytes.fromhex(one[VARIABLE]) for one in (KEYS, NEXT_KEYS)), None)
    with open_folder(path, environment=keys) as folder:
        log, store = folder.open_log(segment_size=SEGMENT), folder.open_store(LAYOUTS)
        folder.read_kept("secret", b"secret")
        changes = KeyChanges(folder, store)
        changes.take_wish()
        for _ in changes.pieces():
            height = log.last_height() + 1
            log.append(height, payload(height))
            log.sync()
            print(height, flush=True)
            missing = range(store.height() + 1, height + 1)
            rows = {key: (table, key, text) for table, key, text in map(row, missing)}
            versions = [b"v%d" % (at - 1) for at in missing]
            store.write(batch(height, list(rows.values()), first_version=store.height(), versions=versions))
        log.close()
        store.close()


def keys_of(path: Path) -> dict[str, str]:
    """The storage key that opens the folder as it is."""
    for keys in (NEXT_KEYS, KEYS):
        try:
            open_folder(path, environment=keys).close()
        except WrongStorageKey:
            continue
        return keys
    raise AssertionError("neither key opens it")


def hold(path: Path) -> None:
    with open_folder(path, environment=KEYS):
        print("open", flush=True)
        time.sleep(60)


def small_disk(path: Path) -> None:
    """Fill a file system of one megabyte, in a mount namespace of its own, until nothing fits; then make room."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(path)], check=True)
    create_folder(path / "ledger", environment=KEYS, fill=fill)
    with open_folder(path / "ledger", environment=KEYS) as folder:
        log, store = folder.open_log(), folder.open_store(LAYOUTS)
        (path / "ballast").write_bytes(bytes(500_000))
        refused = [False, False]
        height = 1
        while not all(refused):
            try:
                log.append(height + 1, bytes(20_000))
                log.sync()
                height += 1
            except StorageFull:
                refused[0] = True
            try:
                store.write(batch(store.height() + 1, blobs=[("block", store.height() + 1, bytes(20_000))]))
            except StorageFull:
                refused[1] = True
        (path / "ballast").unlink()
        log.append(height + 1, payload(height + 1))
        log.sync()
        store.write(batch(store.height() + 1, blobs=[("block", 0, b"fits again")]))
        print(log.last_height() == height + 1, len(list(log.read_from(1))) == height + 1)
        print(store.examine() > 0, store.blob("block", 0))
        log.close()
        store.close()
    with open_folder(path / "ledger", environment=KEYS) as folder:
        log = folder.open_log()
        print(log.torn_tail, log.last_height() == height + 1)
        log.close()


if __name__ == "__main__":
    {"make": make, "work": work, "change": change, "hold": hold, "small-disk": small_disk}[sys.argv[1]](
        Path(sys.argv[2])
    )
