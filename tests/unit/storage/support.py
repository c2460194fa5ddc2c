"""What the tests of storage share: ciphers, stores of every kind, batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.cipher import AesGcm, Checksums, Cipher
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.memory_store import MemoryStore
from counterfoil.storage.write_behind import WriteBehind

STORAGE_KEY = bytes(range(32))
LEDGER_SALT = bytes(32)

HOLDINGS, DATED, NAMES, PLACES = 50, 51, 52, 1
LAYOUTS = {
    HOLDINGS: TableLayout(0, (20, 20)),
    DATED: TableLayout(4, (20, 8, 0)),
    NAMES: TableLayout(0, (0,)),
    PLACES: TableLayout(32, ()),
}

STORES = ("lmdb encrypted", "lmdb plain", "written behind", "memory")


class Salts:
    """Subkey salts in memory, the same from run to run."""

    def __init__(self) -> None:
        self.salts: dict[int, bytes] = {}

    def draw(self) -> tuple[int, bytes]:
        epoch = len(self.salts) + 1
        self.salts[epoch] = epoch.to_bytes(32, "big")
        return epoch, self.salts[epoch]


def cipher_of(kind: str, salts: Salts) -> Cipher:
    return Checksums() if "plain" in kind else AesGcm(STORAGE_KEY, LEDGER_SALT, salts)


def opener(kind: str, directory: Path) -> Callable[[], Any]:
    """A function that opens the store anew; a memory store is the same one each time."""
    if kind == "memory":
        store = MemoryStore(LAYOUTS)
        return lambda: store
    directory.mkdir(exist_ok=True)
    salts = Salts()
    if kind == "written behind":
        return lambda: behind(directory, cipher_of(kind, salts))
    return lambda: LmdbStore(directory, LAYOUTS, cipher_of(kind, salts))


def behind(directory: Path, cipher: Cipher) -> WriteBehind:
    """A store whose every batch, however small, is handed over to another process."""
    return WriteBehind(LmdbStore(directory, LAYOUTS, cipher), LAYOUTS, cipher, handed_over_least=0)


def batch(
    height: int,
    rows: list[tuple[int, bytes, bytes | None]] | None = None,
    *,
    first_version: int = 0,
    versions: list[bytes] | None = None,
    blobs: list[tuple[str, int, bytes]] | None = None,
    entries: list[tuple[str, bytes, bytes | None]] | None = None,
) -> WriteBatch:
    made = WriteBatch()
    made.height = height
    for table, key, row in rows or []:
        made.rows.setdefault(table, {})[key] = row
    made.first_version = first_version
    made.versions = versions or []
    made.blobs = blobs or []
    made.entries = entries or []
    return made


def holding_key(account: int, instrument: int) -> bytes:
    return account.to_bytes(20, "big") + instrument.to_bytes(20, "big")
