"""Snapshots for state sync: taken beside the running ledger, sealed for the network, and restored by a node that joins.

Every node makes the same chunks of the same block, sealed under a key that the network's executing nodes share (of a
sealed ledger that of the key epoch in force); the nonce of each is a keyed digest of its content, so that the sealed
bytes are the same everywhere too.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.engine.incidents import report
from counterfoil.engine.port import ENGINE_HEIGHT
from counterfoil.machine.machine import STORED_HEADER, Machine
from counterfoil.machine.wiring import TABLES
from counterfoil.primitives.digests import keyed
from counterfoil.state.headers import StoredHeader
from counterfoil.state.port import RecordStore
from counterfoil.state.snapshot import (
    CHUNK_BYTES_MAX,
    FORMAT,
    SnapshotRefused,
    restore_snapshot,
    write_snapshot,
)
from counterfoil.state.state import State

log = logging.getLogger(__name__)

INTERVAL_BLOCKS = 1_000
KEPT = 2
CHUNKS_MAX = 100_000
"""Of one snapshot, some 100 GB: their digests still fit into the message that offers it."""
NONCE_BYTES = 12
DIGEST_BYTES = 32


class Snapshot(NamedTuple):
    """One that is complete. hash: over the digests of the sealed chunks, which are the metadata."""

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes


class _Offered(NamedTuple):
    height: int
    digests: list[bytes]
    app_hash: bytes
    folder: Path


class Snapshots:
    """Of one ledger, in one folder. `interval`: one is taken at the first block with an effect at or after every
    so-manieth height, 0 for never. Only the thread that takes one works beside the others."""

    def __init__(
        self,
        folder: Path | None,
        store: RecordStore,
        secret: bytes,
        chain_id: str,
        interval: int = INTERVAL_BLOCKS,
    ) -> None:
        self._folder = folder
        self._store = store
        self._secret = secret
        self._chain_id = chain_id
        self._interval = interval if folder is not None else 0
        self._last_mark: int | None = None
        self._thread: threading.Thread | None = None
        self._offered: _Offered | None = None
        self._arrived = 0

    # Taking

    def is_wanted(self, height: int) -> bool:
        """Whether one is taken at this height, which has an effect: the same on every node."""
        if not self._interval:
            return False
        mark = height // self._interval
        if self._last_mark is None:
            self._last_mark = max((one.height // self._interval for one in self.complete()), default=0)
        if mark <= self._last_mark or (self._thread is not None and self._thread.is_alive()):
            return False
        self._last_mark = mark
        return True

    def take(self, machine: Machine) -> None:
        """Begin to write the snapshot of the record store as it is now, beside everything else."""
        frozen = self._store.frozen()
        span_ms, seal = machine.window_span_ms, _Seal(self._key(machine))
        self._thread = threading.Thread(
            target=lambda: self._take(frozen, span_ms, seal), name="counterfoil-snapshot", daemon=True
        )
        self._thread.start()

    def finish(self) -> None:
        """Wait for one that is being taken."""
        if self._thread is not None:
            self._thread.join()

    def _take(self, frozen: RecordStore, window_span_ms: int, seal: _Seal) -> None:
        try:
            state = State(frozen, TABLES, self._secret)
            state.open()
            count = (state.last_blob("header") or 0) + 1

            def stored(number: int) -> StoredHeader:
                header: StoredHeader = STORED_HEADER.trusted(state.blob("header", number) or b"")
                return header

            chunks = write_snapshot(state, stored, count, self._chain_id, window_span_ms)
            self._write(state.height, chunks, seal)
        except Exception as error:
            report(log, logging.ERROR, "a snapshot could not be taken", error)
        finally:
            frozen.close()

    def _write(self, height: int, chunks: Iterator[bytes], seal: _Seal) -> None:
        if self._folder is None:
            return
        building = self._folder / f"{height}.building"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True, mode=0o700)
        digests = []
        for index, chunk in enumerate(chunks):
            sealed = seal.close(height, index, chunk)
            (building / f"{index:06}").write_bytes(sealed)
            digests.append(sha256(sealed).digest())
        (building / "digests").write_bytes(b"".join(digests))
        building.rename(self._folder / str(height))
        for old in self.complete()[:-KEPT]:
            shutil.rmtree(self._folder / str(old.height), ignore_errors=True)

    # Serving

    def complete(self) -> list[Snapshot]:
        """By height."""
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for height in sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit()):
            try:
                digests = (self._folder / str(height) / "digests").read_bytes()
            except FileNotFoundError:
                continue  # removed meanwhile, since newer ones are there
            count = len(digests) // DIGEST_BYTES
            found.append(Snapshot(height, FORMAT, count, sha256(digests).digest(), digests))
        return found

    def chunk(self, height: int, snapshot_format: int, index: int) -> bytes:
        """A sealed chunk; nothing where there is none such."""
        if self._folder is None or snapshot_format != FORMAT:
            return b""
        try:
            return (self._folder / str(height) / f"{index:06}").read_bytes()
        except OSError:
            return b""

    # Restoring

    @staticmethod
    def is_known_format(snapshot_format: int) -> bool:
        return snapshot_format == FORMAT

    def begin(self, height: int, chunks: int, digest: bytes, metadata: bytes, app_hash: bytes) -> bool:
        """Take up an offer whose application hash a light client has verified; False where it cannot be one."""
        fits = (
            self._folder is not None
            and 0 < chunks <= CHUNKS_MAX
            and len(metadata) == chunks * DIGEST_BYTES
            and sha256(metadata).digest() == digest
        )
        if not fits or self._folder is None:
            return False
        folder = self._folder / "arriving"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        digests = [metadata[at : at + DIGEST_BYTES] for at in range(0, len(metadata), DIGEST_BYTES)]
        self._offered, self._arrived = _Offered(height, digests, app_hash, folder), 0
        return True

    def accept(self, index: int, sealed: bytes) -> bool:
        """Keep a chunk of the offer that was taken up; False where it is not what the offer promised."""
        offered = self._offered
        if offered is None or index != self._arrived or len(sealed) > CHUNK_BYTES_MAX:
            return False
        if sha256(sealed).digest() != offered.digests[index]:
            return False
        (offered.folder / f"{index:06}").write_bytes(sealed)
        self._arrived += 1
        return True

    @property
    def is_complete(self) -> bool:
        return self._offered is not None and self._arrived == len(self._offered.digests)

    def restore(self, machine: Machine) -> bool:
        """Fill the empty store, durably, and open the ledger; False where the snapshot is not what was verified."""
        offered, self._offered = self._offered, None
        if offered is None:
            return False

        def chunks() -> Iterator[bytes]:
            seal = None
            for index in range(len(offered.digests)):
                sealed = (offered.folder / f"{index:06}").read_bytes()
                if seal is None:
                    seal = _that_opens(self._keys(machine), offered.height, sealed)
                yield seal.open(offered.height, index, sealed)

        def is_last_verified(stored: StoredHeader) -> bool:
            header = stored.header
            return header.height != offered.height or header.digest() == offered.app_hash

        try:
            header = restore_snapshot(
                self._store,
                TABLES,
                chunks(),
                self._chain_id,
                is_last_verified,
                machine.window_span_ms,
            )
            if header.height != offered.height or header.digest() != offered.app_hash:
                raise SnapshotRefused("it does not lead to the header that was verified")
        except SnapshotRefused as error:
            log.error("the snapshot of block %d is refused: %s", offered.height, error)
            return False
        finally:
            shutil.rmtree(offered.folder, ignore_errors=True)
        machine.open()
        machine.state.keep_entry("meta", ENGINE_HEIGHT, offered.height.to_bytes(8, "big"))
        machine.state.flush()
        self._store.settle()
        log.info("the ledger was taken up from the snapshot of block %d", offered.height)
        return True

    # Sealing

    def _key(self, machine: Machine) -> bytes:
        """Of the ledger as it stands (32 bytes)."""
        return self._network_key() if machine.sealed is None else machine.sealed.epoch.snapshots

    def _keys(self, machine: Machine) -> tuple[bytes, ...]:
        """Under which a snapshot may be that a node opens which does not know the ledger yet."""
        if machine.sealed is None:
            return (self._network_key(),)
        return tuple(epoch.snapshots for epoch in machine.sealed.ring.held())

    def _network_key(self) -> bytes:
        return keyed(self._secret, b"snapshot " + self._chain_id.encode(), 32)


class _Seal:
    """Of the chunks under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(keyed(key, b"snapshot", 32))

    def close(self, height: int, index: int, chunk: bytes) -> bytes:
        place = _place(height, index)
        nonce = keyed(self._key, b"snapshot nonce " + place + sha256(chunk).digest(), NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, chunk, place)

    def open(self, height: int, index: int, sealed: bytes) -> bytes:
        """Raises SnapshotRefused."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(height, index))
        except (InvalidTag, ValueError):
            raise SnapshotRefused(
                "a chunk is not sealed for this network, or under a later key epoch"
            ) from None


def _that_opens(keys: tuple[bytes, ...], height: int, first: bytes) -> _Seal:
    """The seal of the first chunk, under one of these keys; the last where none opens it."""
    seals = [_Seal(key) for key in keys]
    for seal in seals[:-1]:
        try:
            seal.open(height, 0, first)
        except SnapshotRefused:
            continue
        return seal
    return seals[-1]


def _place(height: int, index: int) -> bytes:
    return height.to_bytes(8, "big") + index.to_bytes(4, "big")
