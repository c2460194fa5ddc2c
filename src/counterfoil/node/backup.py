"""A copy of a node's folder, made while the node runs, and a folder made from one.

What lies in the folder is copied as it lies there: encrypted where that is, so that making a copy needs no key, and
whoever has the copy and not the storage key can read nothing. The order makes a whole of it, as after a power cut: the
record store (one view of it, by LMDB itself) first, the log that leads beyond it next, then of a network's node the
engine, which stands still for as long as it takes to link its files; what names keys and salts comes last. A restored
folder is opened, its log's tail replayed, and its root computed again before anybody may rely on it.

    backup.json      what it is, how far it had come at least, every file with its size and SHA-256
    files/           the folder
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import lmdb
import msgspec

from counterfoil.engine.cometbft.process import PID_NAME as ENGINE_PID_NAME
from counterfoil.node.network.settings import ENGINE_FOLDER, FOLLOWER_FILE, NODE_FILE
from counterfoil.storage import files
from counterfoil.storage.at_rest import FILE_NAMES as AT_REST_NAMES
from counterfoil.storage.errors import FolderRefused
from counterfoil.storage.folder import LOG_NAME, STORE_NAME, is_ledger_folder, is_taken
from counterfoil.storage.folder_lock import LOCK_NAME

MANIFEST_NAME = "backup.json"
FILES_NAME = "files"
FORMAT = 1
STORE_FILE = "data.mdb"
ENGINE_DATA = Path(ENGINE_FOLDER) / "data"
STILL_SECONDS_MAX = 20
"""After so long a stopped engine goes on by itself, whatever became of whoever stopped it."""
_CHUNK = 1 << 20
_MAP_SIZE = 1 << 40
_LEFT_OUT = (LOCK_NAME, ENGINE_PID_NAME, "socket", "engine.log", "node.log", "snapshots")
"""What another run makes anew, or nobody needs."""
_IMMUTABLE = (".ldb", ".sst")
"""Files of the engine's stores that are never changed once they are written."""


class BackupFailed(Exception):
    """A copy that could not be made, or is not what it should be; the text says why and what to do."""


class CopiedFile(msgspec.Struct, frozen=True):
    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kind: "embedded", "network" or "follower". height, application_hash: of the last block when the copy was begun,
    which it holds, and perhaps some more. made_at_ms: since 1970 UTC."""

    format: int
    kind: str
    chain_id: str
    height: int
    application_hash: str
    made_at_ms: int
    files: tuple[CopiedFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files)


class Known(msgspec.Struct, frozen=True):
    """What is known of the ledger when a copy is begun."""

    chain_id: str
    height: int
    application_hash: bytes


def kind_of(folder: Path) -> str:
    """FolderRefused where the folder is none of ours."""
    if not is_ledger_folder(folder):
        raise FolderRefused(f"There is no ledger in {folder}.")
    if (folder / FOLLOWER_FILE).exists():
        return "follower"
    return "network" if (folder / NODE_FILE).exists() else "embedded"


def back_up(
    folder: Path, target: Path, known: Known, progress: Callable[[str], None] = lambda name: None
) -> Manifest:
    """Copy a folder, whose node may be running, to a new folder; whole or not at all.

    known: as the node says before it begins. Errors: BackupFailed, FolderRefused.
    """
    folder, target = folder.absolute(), target.absolute()
    kind = kind_of(folder)
    if target.exists():
        raise BackupFailed(f"There is something at {target} already; name a new folder.")
    if folder in target.parents:
        raise BackupFailed(f"{target} lies in the folder itself; a copy belongs on another disk.")
    building = target.with_name(f".{target.name}.being-made-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        (building / FILES_NAME).mkdir(parents=True, mode=0o700)
        _copy_all(folder, building / FILES_NAME, kind, progress)
        manifest = Manifest(
            FORMAT,
            kind,
            known.chain_id,
            known.height,
            known.application_hash.hex(),
            time.time_ns() // 1_000_000,
            tuple(_described(building / FILES_NAME)),
        )
        files.write_new(
            building / MANIFEST_NAME, msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        )
        os.rename(building, target)
        files.sync_directory(target.parent)
    except (OSError, lmdb.Error) as error:
        raise BackupFailed(f"The copy could not be made: {error}.") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return manifest


def read_manifest(backup: Path) -> Manifest:
    """Errors: BackupFailed."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST_NAME).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupFailed(f"{backup} is no backup: {error.strerror or error}.") from None
    except msgspec.MsgspecError as error:
        raise BackupFailed(f"{backup} is no backup: {error}.") from None
    if manifest.format != FORMAT:
        raise BackupFailed(f"{backup} is of format {manifest.format}; this program reads format {FORMAT}.")
    return manifest


def put_back(
    backup: Path, folder: Path, manifest: Manifest, progress: Callable[[str], None] = lambda name: None
) -> None:
    """The files of a backup in a new folder, each compared with its digest. Errors: BackupFailed.

    `node.restoring` makes it one that may be started.
    """
    if is_taken(folder):
        raise BackupFailed(f"There is something in {folder} already; a ledger is restored into a new folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in manifest.files:
        source, place = backup / FILES_NAME / file.path, folder / file.path
        if place.resolve().parent != (folder.resolve() / file.path).parent or ".." in Path(file.path).parts:
            raise BackupFailed(f"{backup} names a file outside of it: {file.path}.")
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            found = _copied(source, place)
        except OSError as error:
            raise BackupFailed(f"{file.path} cannot be restored: {error.strerror or error}.") from None
        if found != (file.size, file.sha256):
            raise BackupFailed(f"{source} is not what was copied; take another backup.")
        progress(file.path)
    for name in (LOG_NAME, STORE_NAME):
        if manifest.kind != "follower" or name == LOG_NAME:
            (folder / name).mkdir(exist_ok=True, mode=0o700)


# ---- copying ----


def _copy_all(folder: Path, target: Path, kind: str, progress: Callable[[str], None]) -> None:
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    folders = [path for path in folders if path.name not in (*_LEFT_OUT, ENGINE_FOLDER)]
    folders.sort(key=lambda path: not (path / STORE_FILE).exists())
    for path in folders:  # stores first: every log leads beyond what is in them
        copy = _copy_store if (path / STORE_FILE).exists() else _copy_tree
        copy(path, target / path.name)
        progress(path.name)
    if kind == "network":
        _copy_engine(folder, target)
        progress(ENGINE_FOLDER)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in (*_LEFT_OUT, *AT_REST_NAMES):
            _copied(path, target / path.name)
    for name in AT_REST_NAMES:  # salts of whatever was written so far
        _copied(folder / name, target / name)


def _copy_store(store: Path, target: Path) -> None:
    """One view of the store, while others write to it."""
    target.mkdir(mode=0o700)
    environment = lmdb.open(str(store), readonly=True, map_size=_MAP_SIZE, max_dbs=64, create=False)
    try:
        environment.copy(str(target))
    finally:
        environment.close()


def _copy_tree(source: Path, target: Path) -> None:
    target.mkdir(parents=True, mode=0o700, exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            _copy_tree(path, target / path.name)
        elif path.is_file():
            _copied(path, target / path.name)


def _copy_engine(folder: Path, target: Path) -> None:
    """Its configuration and keys, and its data as after a kill at one instant."""
    _copy_tree(folder / ENGINE_FOLDER / "config", target / ENGINE_FOLDER / "config")
    linked = folder / f".backup-{os.getpid()}"
    shutil.rmtree(linked, ignore_errors=True)
    try:
        with _standing_still(folder):
            _link_tree(folder / ENGINE_DATA, linked)
        _copy_tree(linked, target / ENGINE_DATA)
    finally:
        shutil.rmtree(linked, ignore_errors=True)


def _link_tree(source: Path, target: Path) -> None:
    """Files that never change are linked, the others copied: fast enough for nobody to notice."""
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            _link_tree(path, target / path.name)
        elif path.suffix in _IMMUTABLE:
            os.link(path, target / path.name)
        elif path.is_file() and path.name != "LOCK":
            shutil.copyfile(path, target / path.name)


@contextmanager
def _standing_still(folder: Path) -> Iterator[None]:
    """The engine of a folder stopped for a moment, where it runs."""
    pid = _engine_pid(folder)
    if pid is None:
        yield
        return
    guard = subprocess.Popen(
        ["sh", "-c", f"sleep {STILL_SECONDS_MAX}; kill -CONT {pid}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        os.killpg(guard.pid, signal.SIGKILL)
        guard.wait()


def _engine_pid(folder: Path) -> int | None:
    """Of the engine that runs on the folder; None where none does."""
    try:
        pid = int((folder / ENGINE_PID_NAME).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return pid
    return pid if os.fsencode(folder / ENGINE_FOLDER) in line else None


def _copied(source: Path, target: Path) -> tuple[int, str]:
    """Copy one file as far as it goes now, durably; size and digest of what was copied."""
    digest, size = sha256(), 0
    with (
        source.open("rb") as reading,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing,
    ):
        left = os.fstat(reading.fileno()).st_size
        while left and (data := reading.read(min(_CHUNK, left))):
            writing.write(data)
            digest.update(data)
            size += len(data)
            left -= len(data)
        writing.flush()
        files.sync(writing.fileno())
    shutil.copymode(source, target)
    return size, digest.hexdigest()


def _described(folder: Path) -> Iterator[CopiedFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = sha256()
            with path.open("rb") as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
            yield CopiedFile(str(path.relative_to(folder)), path.stat().st_size, digest.hexdigest())
