"""The custodian's store: one file that is appended to (or written anew as a whole), each record encrypted in its place.

The file begins with how its key is made from the passphrase (Argon2id); then come records: length (4 bytes) with its
CRC-32 (4), nonce (24), ciphertext with its tag (XChaCha20-Poly1305; the head of the file and the record's number are
associated data). So no record can be changed, moved or taken out of the middle. What can be cut off is the end, and
that the ledger's copy of the trail finds out. A record is durable when `append` returns.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
from nacl import bindings, exceptions
from nacl.pwhash import argon2id

from counterfoil.custody.key_files import (
    ARGON2_MEMORY_BYTES_MAX,
    ARGON2_OPERATIONS_MAX,
    PASSPHRASE_CHARACTERS_MIN,
    STANDARD_COST,
    ArgonCost,
)
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.storage import files

NAME: Final = "journal"
FORMAT: Final = "counterfoil custodian"
VERSION: Final = 1
RECORD_BYTES_MAX: Final = 8 << 20

_LENGTH_BYTES: Final = 4
_HEAD_BYTES: Final = 8
_NONCE_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES


class _Head(msgspec.Struct, frozen=True, array_like=True):
    format: str
    version: int
    salt: bytes
    operations: int
    memory_bytes: int


class Journal:
    """Open for appending by one process: who opens it holds the folder's lock."""

    def __init__(self, path: Path, head: bytes, key: bytes) -> None:
        self._path = path
        self._head = head
        self._key = key
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._size = _LENGTH_BYTES + len(head)
        self._count = 0

    @classmethod
    def create(cls, path: Path, passphrase: str, cost: ArgonCost = STANDARD_COST) -> Journal:
        if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
            raise KeyStoreError(f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters.")
        salt = os.urandom(argon2id.SALTBYTES)
        head = _Head(FORMAT, VERSION, salt, cost.operations, cost.memory_bytes)
        encoded = msgspec.msgpack.encode(head)
        try:
            files.write_new(path, len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded)
        except FileExistsError:
            raise KeyStoreError(f"There is a custodian's store in {path.parent} already.") from None
        except OSError as error:
            raise KeyStoreError(f"{path} cannot be written: {error.strerror}.") from None
        return cls(path, encoded, _key(passphrase, head))

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Journal:
        """KeyStoreError where there is none. Read it with `records`, which tests the passphrase, before appending."""
        encoded, head = _read_head(path)
        return cls(path, encoded, _key(passphrase, head))

    def records(self) -> Iterator[bytes]:
        """Every record from the first on; afterwards records can be appended.

        What a power failure left of the last one is cut off: it was never durable, so nothing has followed from it.
        """
        end = os.fstat(self._descriptor).st_size
        while self._size < end:
            found = self._next(end)
            if found is None:
                files.truncate(self._descriptor, self._size)
                files.sync(self._descriptor)
                return
            record, size = found
            self._count += 1
            self._size += size
            yield record

    def append(self, record: bytes, *, durable: bool = True) -> None:
        """Returns when the record is on the device; with durable=False it may be lost in a power failure."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            record, self._associated(), nonce, self._key
        )
        data = _record_head(len(sealed)) + sealed
        try:
            if files.write_at(self._descriptor, [data], self._size) != len(data):
                raise OSError("the disk is full")
            if durable:
                files.sync(self._descriptor)
        except OSError as error:
            files.truncate(self._descriptor, self._size)
            raise KeyStoreError(f"{self._path} cannot be written: {error}.") from None
        self._size += len(data)
        self._count += 1

    @property
    def count(self) -> int:
        """How many records it has."""
        return self._count

    def renew(self, records: Iterable[bytes]) -> None:
        """Have these records in place of all that there are: wholly, or not at all when that fails."""
        beside = self._path.with_name(self._path.name + ".new")
        beside.unlink(missing_ok=True)
        try:
            files.write_new(beside, len(self._head).to_bytes(_LENGTH_BYTES, "big") + self._head)
            fresh = Journal(beside, self._head, self._key)
            for record in records:
                fresh.append(record, durable=False)
            files.sync(fresh._descriptor)
            os.replace(beside, self._path)
            files.sync_directory(self._path.parent)
        except OSError as error:
            raise KeyStoreError(f"{self._path} cannot be written anew: {error.strerror}.") from None
        os.close(self._descriptor)
        self._descriptor, self._size, self._count = fresh._descriptor, fresh._size, fresh._count

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _next(self, end: int) -> tuple[bytes, int] | None:
        """(record, its size in the file); None for a torn end. KeyStoreError for damage anywhere else."""
        head = files.read_at(self._descriptor, _HEAD_BYTES, self._size)
        length = int.from_bytes(head[:_LENGTH_BYTES], "big")
        if len(head) < _HEAD_BYTES:
            return None
        if head != _record_head(length) or not _NONCE_BYTES + _TAG_BYTES <= length <= RECORD_BYTES_MAX:
            if any(files.read_at(self._descriptor, end - self._size, self._size)):
                raise self._damaged()
            return None  # the file had grown, and nothing was written into it yet
        size = _HEAD_BYTES + length
        if self._size + size > end:
            return None
        sealed = files.read_at(self._descriptor, length, self._size + _HEAD_BYTES)
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            record = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                ciphertext, self._associated(), nonce, self._key
            )
        except exceptions.CryptoError:
            if not self._count:
                raise KeyStoreError(
                    f"The passphrase does not open the custodian's store {self._path}, or it was changed."
                ) from None
            if self._size + size == end:
                return None
            raise self._damaged() from None
        return record, size

    def _associated(self) -> bytes:
        return self._head + self._count.to_bytes(8, "big")

    def _damaged(self) -> KeyStoreError:
        return KeyStoreError(
            f"{self._path} is damaged in record {self._count + 1}, at byte {self._size}; restore a copy, and let the"
            " ledger's copy of the trail show whether it is the latest."
        )


def _record_head(length: int) -> bytes:
    written = length.to_bytes(_LENGTH_BYTES, "big")
    return written + crc32(written).to_bytes(_HEAD_BYTES - _LENGTH_BYTES, "big")


def _read_head(path: Path) -> tuple[bytes, _Head]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
            encoded = file.read(length) if length < 1 << 10 else b""
    except FileNotFoundError:
        raise KeyStoreError(
            f"There is no custodian's store in {path.parent}; make one with: counterfoil custodian init"
        ) from None
    except OSError as error:
        raise KeyStoreError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        head = msgspec.msgpack.decode(encoded, type=_Head)
    except (msgspec.MsgspecError, ValueError):
        raise KeyStoreError(f"{path} is not a custodian's store.") from None
    if (
        head.format != FORMAT
        or head.version != VERSION
        or len(head.salt) != argon2id.SALTBYTES
        or not argon2id.MEMLIMIT_MIN <= head.memory_bytes <= ARGON2_MEMORY_BYTES_MAX
        or not argon2id.OPSLIMIT_MIN <= head.operations <= ARGON2_OPERATIONS_MAX
    ):
        raise KeyStoreError(f"{path} is not a custodian's store that this program can open.")
    return encoded, head


def _key(passphrase: str, head: _Head) -> bytes:
    return argon2id.kdf(
        _KEY_BYTES, passphrase.encode(), head.salt, opslimit=head.operations, memlimit=head.memory_bytes
    )
