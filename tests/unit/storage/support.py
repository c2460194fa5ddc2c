"""What the tests of storage share: ciphers, stores of every kind, batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.cipher import AesGcm, Checksums, Cipher
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.memory_store import MemoryStore

STORAGE_KEY = bytes(range(32))
LEDGER_SALT = bytes(32)

HOLDINGS, DATED, NAMES, PLACES = 50, 51, 52, 1
LAYOUTS = {
    HOLDINGS: TableLayout(0, (20, 20)),
    DATED: TableLayout(4, (20, 8, 0)),
    NAMES: TableLayout(0, (0,)),
    PLACES: TableLayout(32, ()),
}

STORES = ("lmdb encrypted", "lmdb plain", "memory")


class Salts:
    """Subkey salts in memory, the same from run to run."""

    def __init__(self) -> None:
        self.known: dict[int, bytes] = {}

    def salt(self, epoch: int) -> bytes | None:
        return self.known.get(epoch)

    def draw(self) -> tuple[int, bytes]:
        epoch = len(self.known) + 1
        self.known[epoch] = epoch.to_bytes(32, "big")
        return epoch, self.known[epoch]


def cipher_of(kind: str, salts: Salts) -> Cipher:
    return Checksums() if "plain" in kind else AesGcm(STORAGE_KEY, LEDGER_SALT, salts)


def opener(kind: str, directory: Path) -> Callable[[], Any]:
    """A function that opens the store anew; a memory store is the same one each time."""
    if kind == "memory":
        store = MemoryStore(LAYOUTS)
        return lambda: store
    directory.mkdir(exist_ok=True)
    salts = Salts()
    return lambda: LmdbStore(directory, LAYOUTS, cipher_of(kind, salts))


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
    made.rows = rows or []
    made.first_version = first_version
    made.versions = versions or []
    made.blobs = blobs or []
    made.entries = entries or []
    return made


def holding_key(account: int, instrument: int) -> bytes:
    return account.to_bytes(20, "big") + instrument.to_bytes(20, "big")
