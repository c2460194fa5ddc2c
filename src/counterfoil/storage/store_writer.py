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
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.cipher import Handed
from counterfoil.storage.errors import StorageError, StorageFailed, StorageFull
from counterfoil.storage.lmdb_store import LmdbStore

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


class Written(msgspec.Struct, frozen=True, array_like=True):
    """problem: empty, or why nothing was written. full: whether it was for lack of room."""

    problem: str = ""
    full: bool = False


Request = Open | Part | End | Find
Answer = Written | list[bytes | None]
_REQUEST: Final = msgspec.msgpack.Decoder(Request)
WRITTEN: Final = msgspec.msgpack.Decoder(Written)
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


def serve(source: BinaryIO, sink: int) -> None:
    """Answer until the other side is gone. A batch that has not come in whole is forgotten."""
    store: LmdbStore | None = None
    batch = WriteBatch()
    while (payload := read_frame(source)) is not None:
        message = _REQUEST.decode(payload)
        answer: Answer = Written()
        try:
            if isinstance(message, Open):
                directory = Path(message.directory)
                hold_lock(directory)
                layouts = {number: TableLayout(*layout) for number, layout in message.layouts.items()}
                store = LmdbStore(directory, layouts, message.cipher.cipher(), map_size=message.map_size)
            elif isinstance(message, Part):
                for table, rows in message.rows.items():
                    batch.rows.setdefault(table, {}).update(rows)
                batch.versions += message.versions
                batch.blobs += message.blobs
                batch.entries += message.entries
                continue
            elif store is not None and isinstance(message, Find):
                answer = store.rows_of(message.table, message.keys)
            elif store is not None and isinstance(message, End):
                batch.height, batch.first_version = message.height, message.first_version
                whole, batch = batch, WriteBatch()
                store.take_up()  # the parent may have written small batches meanwhile
                store.write(whole)
        except (StorageError, OSError, ValueError, LookupError) as error:
            answer = Written(f"{type(error).__name__}: {error}", isinstance(error, StorageFull))
        data = memoryview(frame(answer))
        while data:
            data = data[os.write(sink, data) :]
    if store is not None:
        store.close()


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
