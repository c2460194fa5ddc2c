"""A ledger's folder: what lies where in it, who may work on it, and how it comes to be.

    FORMAT                  which layout this is
    at-rest, at-rest.copy   how the ledger is encrypted, salts of subkeys (never the key)
    lock                    held by the one process that works on the ledger; holds its number
    log/                    the block log: the truth
    store/                  the record store: may be deleted, and is then made again from the log; `store-2` and so on
                            after a change of the storage key
    storage-key.next        a storage key that is to be taken, sealed under the one in use (`key_change`)

Whoever makes a ledger adds its own files (the genesis, a configuration) while the folder is being made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from counterfoil.state.port import TableLayout
from counterfoil.storage import files
from counterfoil.storage.at_rest import (
    ENCRYPTED,
    FILE_NAMES,
    VARIABLE,
    AtRest,
    create_key_file,
    find_storage_key,
    refuse_inside,
)
from counterfoil.storage.block_log import SEGMENT_SIZE, BlockLog
from counterfoil.storage.cipher import Checksums, Cipher, Damaged
from counterfoil.storage.errors import (
    CorruptStorage,
    FolderRefused,
    StorageError,
    StorageKeyRefused,
    as_storage_error,
)
from counterfoil.storage.fault_points import (
    AFTER_FOLDER_RENAME,
    BEFORE_FOLDER_RENAME,
    INSIDE_FOLDER_CREATION,
    reached,
)
from counterfoil.storage.folder_lock import LOCK_NAME, FolderLock
from counterfoil.storage.lmdb_store import LmdbStore
from counterfoil.storage.store_writer import hold_lock
from counterfoil.storage.write_behind import WriteBehind

FORMAT_NAME = "FORMAT"
FORMAT_TEXT = b"counterfoil ledger folder, format 1\n"
LOG_NAME = "log"
STORE_NAME = "store"


class LedgerFolder:
    """An open folder, locked for this process until `close`. Made by `create_folder`, opened by `open_folder`.

    logs: those that are open and encrypted. kept: purposes of sealed small files, by name. Both, and the storage key,
    are there for a change of that key.
    """

    def __init__(self, path: Path, lock: FolderLock, at_rest: AtRest, storage_key: bytes | None) -> None:
        self.path = path
        self.encryption = at_rest.encryption
        self._lock = lock
        self.at_rest = at_rest
        self.logs: list[BlockLog] = []
        self.kept: dict[str, bytes] = {}
        self.take_key(storage_key)

    def take_key(self, storage_key: bytes | None) -> None:
        """The newest storage key; WrongStorageKey unless it is. What is sealed from now on is sealed under it."""
        self._cipher = self.at_rest.cipher(storage_key)
        self.storage_key = storage_key

    @property
    def cipher(self) -> Cipher:
        """Seals and opens whatever else the ledger keeps in its folder."""
        return self._cipher

    @property
    def log_path(self) -> Path:
        return self.path / LOG_NAME

    @property
    def store_path(self) -> Path:
        return self.path / store_name(self.at_rest.in_force)

    def open_log(
        self, name: str = LOG_NAME, *, clear: bool = False, segment_size: int = SEGMENT_SIZE
    ) -> BlockLog:
        """Look at its `torn_tail` and tell the operator what was cut off. name: of its folder inside this one.

        clear: what comes is sealed already, and lies with checksums alone.
        """
        cipher = Checksums() if clear else self._cipher
        log = BlockLog(self._made(self.path / name), cipher, segment_size=segment_size)
        if not clear:
            self.logs.append(log)
        return log

    def open_store(self, layouts: Mapping[int, TableLayout]) -> WriteBehind:
        """After waiting for what a killed process may have left to be written."""
        self.remove_other_stores()
        directory = self._made(self.store_path)
        os.close(hold_lock(directory))
        cipher = self.at_rest.store_cipher(self.storage_key, self.at_rest.in_force)
        return WriteBehind(LmdbStore(directory, layouts, cipher), layouts, cipher)

    def discard_store(self) -> None:
        """Delete the record store, which must not be open; the next one begins empty."""
        shutil.rmtree(self.store_path, ignore_errors=True)

    def remove_other_stores(self) -> None:
        """What a change of the storage key left behind, or did not finish."""
        for directory in self.path.glob(f"{STORE_NAME}*"):
            if directory != self.store_path:
                shutil.rmtree(directory, ignore_errors=True)

    def keep(self, name: str, purpose: bytes, plain: bytes) -> None:
        """A small file of this name, sealed."""
        files.replace(self.path / name, self._cipher.seal(purpose, plain))
        self.kept[name] = purpose

    def read_kept(self, name: str, purpose: bytes) -> bytes | None:
        """What `keep` was given; None where the file is missing or damaged."""
        try:
            plain = self._cipher.open(purpose, (self.path / name).read_bytes())
        except (Damaged, FileNotFoundError):
            return None
        self.kept[name] = purpose
        return plain

    def close(self) -> None:
        """Let other processes in. Close the log and the store first."""
        self._lock.release()

    def __enter__(self) -> LedgerFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _made(self, path: Path) -> Path:
        if not path.is_dir():
            try:
                path.mkdir(mode=0o700)
                files.sync_directory(self.path)
            except OSError as error:
                raise as_storage_error(path, error) from error
        return path


def is_taken(path: Path) -> bool:
    """Whether there is something already where a new folder is to be; an empty one is nothing."""
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def create_folder(
    path: Path,
    *,
    encrypted: bool = True,
    key_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    fill: Callable[[LedgerFolder], None] = lambda folder: None,
) -> None:
    """Make a ledger folder whole or not at all: it is built beside its place and moved there when it is durable.

    The storage key comes from the environment or from `key_file`, which is made when it does not exist; with
    `encrypted=False` there is none. `fill` adds what belongs to the ledger from its first moment, such as the
    genesis, and closes whatever it opens. Raises FolderRefused when something is at `path` already.
    """
    path = path.absolute()
    if is_taken(path):
        raise FolderRefused(f"There is something in {path} already; a ledger needs a new or an empty folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        building = path.with_name(f".{path.name}.being-made-{os.getpid()}")
        building.mkdir(mode=0o700)
    except OSError as error:
        raise as_storage_error(path, error) from error
    try:
        lock = FolderLock(building)
        try:
            _build(
                path,
                building,
                lock,
                _key_for_new(path, key_file, environment) if encrypted else None,
                key_file,
                fill,
            )
        finally:
            lock.release()
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        raise as_storage_error(path, error) from error
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def open_folder(
    path: Path, *, key_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> LedgerFolder:
    """Open and lock a ledger folder. Without `key_file` the one named at creation is used, if it is there.

    Raises FolderInUse (naming the process), FolderRefused, StorageKeyRefused, WrongStorageKey, CorruptStorage.
    """
    path = path.absolute()
    text = _format_of(path)
    if text != FORMAT_TEXT:
        if not text.startswith(FORMAT_TEXT[:25]):
            raise CorruptStorage(path / FORMAT_NAME, "it does not name a ledger folder's format")
        raise FolderRefused(
            f"{path} was made by another version of this program: {text.decode(errors='replace')}"
        )
    lock = FolderLock(path)
    try:
        at_rest = AtRest.load(path)
        return LedgerFolder(path, lock, at_rest, key_of(at_rest, key_file, environment))
    except BaseException:
        lock.release()
        raise


def is_ledger_folder(path: Path) -> bool:
    return (path / FORMAT_NAME).is_file()


def encryption_of(path: Path) -> str:
    """How a ledger folder is encrypted, in words, without a key and without the lock."""
    at_rest = AtRest.load(path, mend=False)
    if at_rest.newest == 1:
        return at_rest.encryption
    moving = "" if at_rest.in_force == at_rest.newest else ", to which values are still moving"
    return f"{at_rest.encryption}, storage key {at_rest.newest}{moving}"


def key_of(
    at_rest: AtRest, key_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> bytes | None:
    """The storage key of a folder, from where it is looked for; None where the folder is kept in clear."""
    if at_rest.encryption != ENCRYPTED:
        return None
    hint = at_rest.key_file
    known = key_file if key_file is not None else hint if hint is not None and hint.exists() else None
    try:
        return find_storage_key(at_rest.directory, known, environment)
    except StorageKeyRefused as refusal:
        if known is None and hint is not None:
            raise StorageKeyRefused(f"{refusal} At its creation the key file was {hint}.") from None
        raise


def store_directory(path: Path) -> Path:
    """Where the record store lies, if it does, in a folder or in a copy of any part of one."""
    described = any((path / name).exists() for name in FILE_NAMES)
    return path / store_name(AtRest.load(path, mend=False).in_force if described else 1)


def store_name(generation: int) -> str:
    """Of the record store under a generation's storage key, inside the folder."""
    return STORE_NAME if generation == 1 else f"{STORE_NAME}-{generation}"


def _build(
    path: Path,
    building: Path,
    lock: FolderLock,
    storage_key: bytes | None,
    key_file: Path | None,
    fill: Callable[[LedgerFolder], None],
) -> None:
    files.write_new(building / FORMAT_NAME, FORMAT_TEXT)
    at_rest = AtRest.create(building, storage_key, key_file)
    for name in (LOG_NAME, STORE_NAME):
        (building / name).mkdir(mode=0o700)
    reached(INSIDE_FOLDER_CREATION)
    fill(LedgerFolder(building, lock, at_rest, storage_key))
    _sync_tree(building)
    reached(BEFORE_FOLDER_RENAME)
    os.rename(building, path)
    files.sync_directory(path.parent)
    reached(AFTER_FOLDER_RENAME)


def _key_for_new(path: Path, key_file: Path | None, environment: Mapping[str, str] | None) -> bytes:
    if key_file is not None:
        refuse_inside(path, key_file)
        if not key_file.exists() and VARIABLE not in (os.environ if environment is None else environment):
            return create_key_file(path, key_file)
    return find_storage_key(path, key_file, environment)


def _format_of(path: Path) -> bytes:
    try:
        return (path / FORMAT_NAME).read_bytes()
    except FileNotFoundError:
        raise FolderRefused(f"There is no ledger in {path}; make one with: counterfoil init {path}") from None
    except OSError as error:
        raise as_storage_error(path / FORMAT_NAME, error) from error


def _remove_leftovers(path: Path) -> None:
    """Half-made folders of processes that ended while they made this ledger."""
    for leftover in path.parent.glob(f".{path.name}.being-made-*"):
        try:
            lock = FolderLock(leftover)
        except StorageError:
            continue
        shutil.rmtree(leftover, ignore_errors=True)
        lock.release()


def _sync_tree(path: Path) -> None:
    for directory, _, names in os.walk(path):
        for name in names:
            if name == LOCK_NAME:
                continue  # it need not last, and closing it a second time would give up the lock
            descriptor = os.open(Path(directory) / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                files.sync(descriptor)
            finally:
                os.close(descriptor)
        files.sync_directory(Path(directory))
