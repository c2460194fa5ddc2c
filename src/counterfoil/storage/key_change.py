"""Changing a folder's storage key while the ledger is at work.

Whoever knows the storage key asks for the change by leaving the next key in the folder, sealed under the one in use;
whoever works on the ledger takes it. From that moment on the folder opens with the next key alone, and the one before
stands archived, sealed under it. What lies under the older key then moves, a piece at a time:

- what is appended to a log begins a segment under the next key; closed segments are replaced by ones sealed anew;
- sealed small files are replaced;
- a second record store is filled from the first, and written to as the first is, until both hold the same. Then it is
  the one that is worked on, and the first is deleted: no page of it, not even a free one, keeps what the older key
  opens.

A crash leaves the folder before the change or under the next key, with whatever was not finished begun anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from hmac import compare_digest
from pathlib import Path

from counterfoil.storage import files
from counterfoil.storage.at_rest import OFF, AtRest
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.cipher import KEY_SIZE, NEXT, AesGcm, Damaged, open_key, seal_key
from counterfoil.storage.errors import CorruptStorage, StorageError, StorageKeyRefused, as_storage_error
from counterfoil.storage.fault_points import (
    AFTER_KEY_CHANGE,
    AFTER_KEY_IN_FORCE,
    BEFORE_KEY_CHANGE,
    BEFORE_KEY_IN_FORCE,
    reached,
)
from counterfoil.storage.folder import LedgerFolder, store_name
from counterfoil.storage.write_behind import WriteBehind

REQUEST_NAME = "storage-key.next"


def ask_for_change(path: Path, storage_key: bytes, next_key: bytes, key_file: Path | None) -> int:
    """Leave a storage key for whoever works on a ledger folder to take; the number that it will have.

    key_file: where the key is found from then on, as a hint. StorageKeyRefused where the ledger is not encrypted,
    where a change is under way, or for a key that was in use before; WrongStorageKey.
    """
    at_rest = AtRest.load(path, mend=False)
    _refuse(at_rest, storage_key, next_key)
    text = {"key": next_key.hex(), "key file": None if key_file is None else str(key_file.absolute())}
    newest = at_rest.generations[-1]
    sealed = seal_key(NEXT, storage_key, newest.salt, _about(at_rest), json.dumps(text).encode())
    try:
        files.replace(path / REQUEST_NAME, sealed)
    except OSError as error:
        raise as_storage_error(path / REQUEST_NAME, error) from error
    return newest.number + 1


def older_key(path: Path, storage_key: bytes, number: int) -> bytes:
    """A storage key that was in use before, for a backup of that time; StorageKeyRefused where there was none."""
    at_rest = AtRest.load(path, mend=False)
    if at_rest.encryption == OFF or not 1 <= number < at_rest.newest:
        raise StorageKeyRefused(f"{path} had no storage key {number} before the one in use.")
    return at_rest.storage_keys(storage_key)[number - 1]


class KeyChanges:
    """Taking the storage keys that are asked for, in the process that has the folder and its record store open.

    others: gives logs in the folder that nobody writes to, opened one by one.
    """

    def __init__(
        self, folder: LedgerFolder, store: WriteBehind, others: Callable[[], Iterable[BlockLog]] = tuple
    ) -> None:
        self._folder = folder
        self._store = store
        self._others = others

    @property
    def is_unfinished(self) -> bool:
        """Whether anything may still lie under an older key."""
        at_rest = self._folder.at_rest
        return at_rest.in_force < at_rest.newest

    def take_wish(self) -> bool:
        """Take the key that was asked for, if there is one; whether there was.

        StorageKeyRefused for a wish that is none, which is removed.
        """
        path, at_rest = self._folder.path / REQUEST_NAME, self._folder.at_rest
        if self.is_unfinished or at_rest.encryption == OFF or not path.exists():
            return False
        try:
            next_key, key_file = self._wish(path)
            _refuse(at_rest, self._key(), next_key)
        except (Damaged, StorageKeyRefused):
            _remove(path)
            raise StorageKeyRefused(
                f"{path} held no new storage key sealed under the one in use; it was removed."
            ) from None
        reached(BEFORE_KEY_CHANGE)
        at_rest.change(self._key(), next_key, key_file)
        reached(AFTER_KEY_CHANGE)
        self._folder.take_key(next_key)
        _remove(path)
        return True

    def pieces(self) -> Iterator[None]:
        """Move what lies under an older key, a piece between two turns. StorageError where that fails; it may be tried
        anew, and the ledger goes on meanwhile."""
        if not self.is_unfinished:
            return
        self._folder.at_rest.write()
        _remove(self._folder.path / REQUEST_NAME)
        for log in self._folder.logs:
            log.change_cipher(self._folder.cipher)
        for name, purpose in list(self._folder.kept.items()):
            plain = self._folder.read_kept(name, purpose)
            if plain is None:
                raise CorruptStorage(self._folder.path / name, "it is not what was written")
            self._folder.keep(name, purpose, plain)
        yield
        cipher = self._folder.cipher
        if isinstance(cipher, AesGcm):
            for log in self._folder.logs:
                for _ in log.reseal(cipher.is_newest):
                    yield
            for log in self._others():
                log.change_cipher(cipher)
                for _ in log.reseal(cipher.is_newest):
                    yield
        yield from self._move_store()

    def _move_store(self) -> Iterator[None]:
        at_rest, before = self._folder.at_rest, self._folder.store_path
        beside = self._folder.path / store_name(at_rest.newest)
        cipher = at_rest.store_cipher(self._folder.storage_key, at_rest.newest)
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(mode=0o700)
            files.sync_directory(self._folder.path)
        except OSError as error:
            raise as_storage_error(beside, error) from error
        try:
            self._store.begin_copy(beside, cipher)
            while not self._store.copy_piece():
                yield
        except StorageError:
            self._store.give_up_copy()
            shutil.rmtree(beside, ignore_errors=True)
            raise
        reached(BEFORE_KEY_IN_FORCE)
        try:
            at_rest.put_in_force()
        except StorageError:
            self._store.give_up_copy()  # but one copy of the record may name it already
            raise
        reached(AFTER_KEY_IN_FORCE)
        self._store.move(beside, cipher)
        shutil.rmtree(before, ignore_errors=True)

    def _wish(self, path: Path) -> tuple[bytes, Path | None]:
        at_rest = self._folder.at_rest
        salt = at_rest.generations[-1].salt
        try:
            found = json.loads(open_key(NEXT, self._key(), salt, _about(at_rest), path.read_bytes()))
            return bytes.fromhex(found["key"]), Path(found["key file"]) if found["key file"] else None
        except (ValueError, KeyError, TypeError):
            raise Damaged from None

    def _key(self) -> bytes:
        return self._folder.storage_key or b""


def _refuse(at_rest: AtRest, storage_key: bytes, next_key: bytes) -> None:
    if at_rest.encryption == OFF:
        raise StorageKeyRefused(f"The ledger in {at_rest.directory} is kept in clear; it has no storage key.")
    if at_rest.in_force < at_rest.newest:
        raise StorageKeyRefused(
            f"The ledger in {at_rest.directory} is still moving to storage key {at_rest.newest}; wait for that."
        )
    if len(next_key) != KEY_SIZE or any(
        compare_digest(next_key, key) for key in at_rest.storage_keys(storage_key)
    ):
        raise StorageKeyRefused("A storage key is taken once; make a new one.")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        files.sync_directory(path.parent)
    except OSError as error:
        raise as_storage_error(path, error) from error


def _about(at_rest: AtRest) -> bytes:
    return b"after storage key %d" % at_rest.newest
