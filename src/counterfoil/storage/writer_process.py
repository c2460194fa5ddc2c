"""The other side of the process that writes the record store: starting it, asking it, ending it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

import msgspec

from counterfoil.state.port import TableLayout, WriteBatch
from counterfoil.storage.cipher import Cipher
from counterfoil.storage.errors import StorageFailed, StorageFull
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.store_writer import (
    COPIED,
    FOUND,
    WRITTEN,
    Copy,
    CopyPiece,
    End,
    Find,
    Open,
    Part,
    Request,
    frame,
    read_frame,
)

if sys.platform == "linux":
    import fcntl

PART_ITEMS: Final = 20_000
PIPE_BYTES: Final = 1 << 20
STOP_SECONDS: Final = 120.0

_COMMAND: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from counterfoil.storage.store_writer import main; main()"
)
T = TypeVar("T")


class Writer:
    """The other process. One batch at a time is handed over to it."""

    def __init__(self, store: LmdbStore, layouts: Mapping[int, TableLayout], cipher: Cipher) -> None:
        self._file = store.file
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *sys.path],
            bufsize=1 << 16,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the writing process has no pipes")
        self._requests = self._process.stdin.fileno()
        self._answers = cast(BinaryIO, self._process.stdout)
        if sys.platform == "linux":
            fcntl.fcntl(self._requests, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        known = {number: (layout.clear, layout.sizes) for number, layout in layouts.items()}
        self._send(Open(str(store.file.parent), known, store.map_size, cipher.for_another()))
        self.written()

    def hand_over(self, batch: WriteBatch) -> None:
        """It is written when `written` returns."""
        for table, rows in batch.rows.items():
            for part in _parts(rows.items()):
                self._send(Part(rows={table: dict(part)}))
        for versions in _parts(batch.versions):
            self._send(Part(versions=versions))
        for blob in batch.blobs:
            self._send(Part(blobs=[blob]))
        for entries in _parts(batch.entries):
            self._send(Part(entries=entries))
        self._send(End(batch.height, batch.first_version))

    def find(self, table: int, keys: list[bytes]) -> Callable[[], list[bytes | None] | None]:
        """Ask for rows; what is returned gives them, or None where they cannot be read there."""
        self._send(Find(table, keys))

        def answer() -> list[bytes | None] | None:
            payload = read_frame(self._answers)
            if payload is None:
                raise StorageFailed(self._file, "the process that writes it has ended")
            try:
                return FOUND.decode(payload)
            except msgspec.ValidationError:
                return None

        return answer

    def written(self) -> None:
        """Wait for the answer to what was sent last."""
        payload = read_frame(self._answers)
        if payload is None:
            raise StorageFailed(self._file, "the process that writes it has ended")
        answer = WRITTEN.decode(payload)
        if answer.full:
            raise StorageFull(self._file)
        if answer.problem:
            raise StorageFailed(self._file, answer.problem)

    def begin_copy(self, directory: Path, cipher: Cipher) -> None:
        """From now on every batch is written to a second store too, which `copy_piece` fills from the first."""
        self._send(Copy(str(directory), cipher.for_another()))
        self.written()

    def copy_piece(self) -> bool:
        """Whether the second store is complete."""
        self._send(CopyPiece())
        payload = read_frame(self._answers)
        if payload is None:
            raise StorageFailed(self._file, "the process that writes it has ended")
        answer = COPIED.decode(payload)
        if answer.full:
            raise StorageFull(self._file)
        if answer.problem:
            raise StorageFailed(self._file, answer.problem)
        return answer.done

    def stop(self) -> None:
        """Let it end; it has nothing left to do."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Request) -> None:
        left = memoryview(frame(message))
        try:
            while left:
                left = left[os.write(self._requests, left) :]
        except OSError as error:
            raise StorageFailed(
                self._file, f"the process that writes it is gone ({error.strerror})"
            ) from None


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    """Runs of up to `PART_ITEMS`."""
    source = iter(items)
    while part := list(islice(source, PART_ITEMS)):
        yield part
