"""Where a log of reads lies: volumes of bounded size, named by their first entry, on disk or in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from counterfoil.storage import files
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.errors import as_storage_error
from counterfoil.storage.folder import LedgerFolder
from counterfoil.storage.memory_log import MemoryLog

FOLDER_NAME = "reads"


class Volume(Protocol):
    """What one volume must do; a block log does it."""

    def append(self, height: int, payload: bytes) -> None: ...
    def sync(self) -> None: ...
    def read_from(self, height: int) -> Iterator[tuple[int, bytes]]: ...
    def close(self) -> None: ...


class Volumes(Protocol):
    """All volumes of one log. Numbers are those of their first entries."""

    @property
    def newest(self) -> Volume:
        """The one that is written to; there must be one."""

    def numbers(self) -> list[int]:
        """Of all that are there, ascending."""

    def begin(self, number: int) -> None:
        """Close the newest and begin another."""

    def read(self, number: int, first: int) -> Iterator[tuple[int, bytes]]:
        """(entry's number, payload) of one volume from an entry on."""

    def closed(self) -> Iterator[BlockLog]:
        """Every one on disk but the newest, opened for as long as it is looked at."""

    def drop(self, number: int) -> None: ...
    def close(self) -> None: ...


class FolderVolumes:
    """In the ledger's folder, sealed as everything in it: `reads/000000000001/`, each a log of records.

    A volume's log tells the remains of an interrupted write, which nobody was shown anything of, from damage.
    """

    def __init__(self, folder: LedgerFolder) -> None:
        self._path = folder.path / FOLDER_NAME
        self._folder = folder
        self._open: tuple[int, BlockLog] | None = None
        numbers = self.numbers()
        if numbers:
            self._open = numbers[-1], self._log(numbers[-1])

    @property
    def newest(self) -> BlockLog:
        if self._open is None:
            raise ValueError("there is no volume, or it is closed")
        return self._open[1]

    def numbers(self) -> list[int]:
        found = self._path.iterdir() if self._path.is_dir() else ()
        return sorted(int(path.name) for path in found if path.name.isdigit())

    def begin(self, number: int) -> None:
        try:
            for path in (self._path, self._path / f"{number:012}"):
                if not path.is_dir():
                    path.mkdir(mode=0o700)
                    files.sync_directory(path.parent)
        except OSError as error:
            raise as_storage_error(self._path, error) from error
        opened = number, self._log(number)
        self.close()
        self._open = opened

    def read(self, number: int, first: int) -> Iterator[tuple[int, bytes]]:
        """A volume that is written to is read as it is open; others are opened for it."""
        opened = self._open
        if opened is not None and opened[0] == number:
            yield from opened[1].read_from(first)
            return
        log = self._log(number)
        try:
            yield from log.read_from(first)
        finally:
            log.close()

    def closed(self) -> Iterator[BlockLog]:
        for number in self.numbers()[:-1]:
            log = self._log(number)
            try:
                yield log
            finally:
                log.close()

    def drop(self, number: int) -> None:
        shutil.rmtree(self._path / f"{number:012}", ignore_errors=True)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _log(self, number: int) -> BlockLog:
        path: Path = self._path / f"{number:012}"
        return BlockLog(path, self._folder.cipher)


class MemoryVolumes:
    """For scratch ledgers; nothing of it outlives the process."""

    def __init__(self) -> None:
        self._logs: dict[int, MemoryLog] = {}

    @property
    def newest(self) -> MemoryLog:
        return self._logs[max(self._logs)]

    def numbers(self) -> list[int]:
        return sorted(self._logs)

    def begin(self, number: int) -> None:
        self._logs[number] = MemoryLog()

    def read(self, number: int, first: int) -> Iterator[tuple[int, bytes]]:
        yield from self._logs[number].read_from(first)

    def closed(self) -> Iterator[BlockLog]:
        """None is on disk."""
        return iter(())

    def drop(self, number: int) -> None:
        del self._logs[number]

    def close(self) -> None:
        """Nothing to let go."""
