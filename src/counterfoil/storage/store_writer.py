"""The process that writes the record store, and reads many rows of it while its parent reads as many others.

Batches and questions come in by standard input, answers leave by standard output.

A frame is its length (eight bytes, big-endian) and one message. First comes how to open the store, answered when it is
open; then parts of a batch and the end of it, answered when the batch is on disk, or with what went wrong. The process
holds a lock of its own in the store's directory: it may outlive a killed parent for as long as it takes to finish a
batch that has come in whole, and whoever opens the store next waits for that.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.cipher import Handed
from counterfoil.storage.errors import StorageError, StorageFailed, StorageFull
from counterfoil.storage.lmdb_store import LmdbStore, Place

LENGTH: Final = struct.Struct(">Q")
LOCK_NAME: Final = "writer"
ORPHAN_SECONDS_MAX: Final = 120.0
"""So long a batch of an orphaned writer is waited for: the largest ones take a few seconds."""


class Open(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """layouts: by table number, how many leading bytes are clear, and the sizes of the other components."""

    directory: str
    layouts: dict[int, tuple[int, tuple[int, ...]]]
    map_size: int
    cipher: Handed


class Part(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Something of a batch, in the form of `WriteBatch`."""

    rows: dict[int, dict[bytes, bytes | None]] = {}
    versions: list[bytes] = []
    blobs: list[tuple[str, int, bytes]] = []
    entries: list[tuple[str, bytes, bytes | None]] = []


class End(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The batch is whole."""

    height: int
    first_version: int


class Find(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Many rows of one table; answered with `list[bytes | None]` in their order, or with a problem."""

    table: int
    keys: list[bytes]


class Copy(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """From now on keep a second store in another directory, which every batch is written to as well; it is filled from
    the first a piece at a time. Answered when it is open."""

    directory: str
    cipher: Handed


class CopyPiece(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Take over the next piece; answered with `Copied`."""


class Copied(msgspec.Struct, frozen=True, array_like=True):
    """done: the second store holds what the first does. problem, full: as of `Written`; the second store is lost."""

    done: bool = False
    problem: str = ""
    full: bool = False


class Written(msgspec.Struct, frozen=True, array_like=True):
    """problem: empty, or why nothing was written. full: whether it was for lack of room."""

    problem: str = ""
    full: bool = False


Request = Open | Part | End | Find | Copy | CopyPiece
Answer = Written | Copied | list[bytes | None]
_REQUEST: Final = msgspec.msgpack.Decoder(Request)
WRITTEN: Final = msgspec.msgpack.Decoder(Written)
COPIED: Final = msgspec.msgpack.Decoder(Copied)
FOUND: Final = msgspec.msgpack.Decoder(list[bytes | None])
_encode: Final = msgspec.msgpack.Encoder().encode


def frame(message: Request | Answer) -> bytes:
    payload = _encode(message)
    return LENGTH.pack(len(payload)) + payload


def read_frame(source: BinaryIO) -> bytes | None:
    """The next message's bytes, or None where the other side is gone."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    payload = source.read(size)
    return payload if len(payload) == size else None


def hold_lock(directory: Path) -> int:
    """Take the writer's lock, after waiting for whoever has it; the descriptor that holds it.

    StorageFailed where it is not given up in time.
    """
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + ORPHAN_SECONDS_MAX
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except (BlockingIOError, PermissionError):
            if time.monotonic() > give_up:
                os.close(descriptor)
                raise StorageFailed(directory, "another process still writes to it; end that one") from None
            time.sleep(0.005)


class Second:
    """The store that is being filled from the first. A problem with it is no problem of the first."""

    def __init__(self, store: LmdbStore) -> None:
        self._store = store
        self._place: Place | None = (0, b"")
        self._lost: Copied | None = None

    def follow(self, batch: WriteBatch) -> None:
        with self._losing():
            if self._place is None:
                self._store.write(batch)
            else:
                self._store.follow(batch)

    def piece(self, first: LmdbStore) -> Copied:
        with self._losing():
            if self._place is not None:
                self._place = self._store.fill(first, self._place)
                if self._place is None:
                    self._store.complete(first)
        return self._lost or Copied(done=self._place is None)

    def close(self) -> None:
        self._store.close()

    @contextmanager
    def _losing(self) -> Iterator[None]:
        if self._lost is None:
            try:
                yield
            except (StorageError, OSError, ValueError, LookupError) as error:
                self._lost = Copied(False, _told(error), isinstance(error, StorageFull))


class Service:
    """Answers requests."""

    def __init__(self) -> None:
        self._store: LmdbStore | None = None
        self._layouts: dict[int, TableLayout] = {}
        self._map_size = 0
        self._second: Second | None = None
        self._batch = WriteBatch()

    def answer(self, message: Request) -> Answer | None:
        """None where nothing is answered."""
        if isinstance(message, Part):
            self._gather(message)
            return None
        try:
            if isinstance(message, Open):
                self._layouts = {number: TableLayout(*layout) for number, layout in message.layouts.items()}
                self._map_size = message.map_size
                hold_lock(Path(message.directory))
                self._store = self._opened(message.directory, message.cipher)
            elif self._store is None:
                raise ValueError("no store is open")
            elif isinstance(message, Find):
                return self._store.rows_of(message.table, message.keys)
            elif isinstance(message, End):
                self._write(self._store, message)
            elif isinstance(message, Copy):
                self._second = Second(self._opened(message.directory, message.cipher))
            elif self._second is not None:
                return self._second.piece(self._store)
        except (StorageError, OSError, ValueError, LookupError) as error:
            return Written(_told(error), isinstance(error, StorageFull))
        return Written()

    def close(self) -> None:
        for store in (self._store, self._second):
            if store is not None:
                store.close()

    def _opened(self, directory: str, cipher: Handed) -> LmdbStore:
        return LmdbStore(Path(directory), self._layouts, cipher.cipher(), map_size=self._map_size)

    def _gather(self, part: Part) -> None:
        for table, rows in part.rows.items():
            self._batch.rows.setdefault(table, {}).update(rows)
        self._batch.versions += part.versions
        self._batch.blobs += part.blobs
        self._batch.entries += part.entries

    def _write(self, store: LmdbStore, end: End) -> None:
        batch, self._batch = self._batch, WriteBatch()
        batch.height, batch.first_version = end.height, end.first_version
        store.take_up()  # the parent may have written small batches meanwhile
        store.write(batch)
        if self._second is not None:
            self._second.follow(batch)


def serve(source: BinaryIO, sink: int) -> None:
    """Answer until the other side is gone. A batch that has not come in whole is forgotten."""
    service = Service()
    while (payload := read_frame(source)) is not None:
        answer = service.answer(_REQUEST.decode(payload))
        data = memoryview(b"" if answer is None else frame(answer))
        while data:
            data = data[os.write(sink, data) :]
    service.close()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not print into the answers
    try:
        serve(source, sink)
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main()
