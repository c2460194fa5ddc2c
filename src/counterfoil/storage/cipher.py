"""Sealing of single values: AES-256-GCM under subkeys, or a CRC-32 when encryption is off.

A sealed value is epoch (4 bytes), counter (8 bytes), ciphertext, tag (16 bytes). Each process draws a fresh subkey
(an epoch) before it seals its first value and counts upwards from one, so that no nonce can meet two plaintexts
under one key, not even when an older copy of the folder is put back. A subkey belongs to the storage key that was
in force when it was drawn; a cipher of a newer storage key opens what older ones sealed.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Protocol
from zlib import crc32

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.primitives.hkdf import expand, extract

KEY_SIZE = 32
SALT_SIZE = 32
EPOCH_SIZE = 4
NONCE_SIZE = 12
SEAL_SIZE = NONCE_SIZE + 16
CHECKSUM_SIZE = 4

VALUES = b"counterfoil at rest: values"
TAGS = b"counterfoil at rest: tags of keys"
CHECK = b"counterfoil at rest: check of the key"
ARCHIVE = b"counterfoil at rest: the storage key before"
NEXT = b"counterfoil at rest: the storage key to come"


class Damaged(Exception):
    """A stored value that is not what was sealed for its place. Whoever knows the place says so to the outside."""


class Cipher(Protocol):
    """Seals and opens values. `associated` names the place a value belongs to; it is not stored with it.

    tag_key: what readable keys are tagged under; empty when encryption is off. overhead: how many bytes longer a
    sealed value is than its plaintext.
    """

    @property
    def tag_key(self) -> bytes: ...

    @property
    def overhead(self) -> int: ...

    @property
    def seal(self) -> Callable[[bytes, bytes], bytes]:
        """(associated, plaintext) -> stored value. Safe to call from several threads."""

    def open(self, associated: bytes, stored: bytes) -> bytes:
        """The plaintext, or Damaged."""

    def for_another(self) -> Handed:
        """What another process of ours needs to seal for the same ledger, under a subkey of its own."""


class Handed(msgspec.Struct, frozen=True, array_like=True):
    """A cipher on its way to another process. All are empty when encryption is off.

    epoch: of the subkey that the other process seals under. salts: of every subkey so far, its own too.
    """

    storage_key: bytes = b""
    ledger_salt: bytes = b""
    epoch: int = 0
    salts: dict[int, bytes] = {}

    def cipher(self) -> Cipher:
        if not self.storage_key:
            return Checksums()
        return AesGcm(self.storage_key, self.ledger_salt, _GivenSubkeys(self.epoch, self.salts))


class Subkeys(Protocol):
    """Where the salts of one storage key's subkeys are recorded."""

    @property
    def salts(self) -> dict[int, bytes]:
        """By epoch, of every subkey so far."""

    def draw(self) -> tuple[int, bytes]:
        """A new epoch and its random salt, durably recorded before it returns."""


class _GivenSubkeys:
    """Of a process that seals under the one subkey that was drawn for it."""

    def __init__(self, epoch: int, salts: dict[int, bytes]) -> None:
        self.salts = salts
        self._epoch = epoch

    def draw(self) -> tuple[int, bytes]:
        return self._epoch, self.salts[self._epoch]


def derive(storage_key: bytes, salt: bytes, purpose: bytes) -> bytes:
    """HKDF with SHA-256 (RFC 5869), one block: 32 bytes."""
    return expand(extract(salt, storage_key), purpose)


class Checksums:
    """Encryption off: a CRC-32 of place and value stands before the value. It finds accidents, not forgeries."""

    tag_key = b""
    overhead = CHECKSUM_SIZE

    @property
    def seal(self) -> Callable[[bytes, bytes], bytes]:
        return _checksummed

    def open(self, associated: bytes, stored: bytes) -> bytes:
        plain = stored[CHECKSUM_SIZE:]
        if stored[:CHECKSUM_SIZE] != crc32(plain, crc32(associated)).to_bytes(4, "big"):
            raise Damaged
        return plain

    def for_another(self) -> Handed:
        return Handed()


def _checksummed(associated: bytes, plain: bytes) -> bytes:
    return crc32(plain, crc32(associated)).to_bytes(4, "big") + plain


class AesGcm:
    """Encryption under a storage key. `ledger_salt` is drawn once for each storage key.

    older: of the storage key before, for opening what that one sealed.
    """

    overhead = SEAL_SIZE

    def __init__(
        self, storage_key: bytes, ledger_salt: bytes, subkeys: Subkeys, older: AesGcm | None = None
    ) -> None:
        if len(storage_key) != KEY_SIZE:
            raise ValueError(f"a storage key has {KEY_SIZE} bytes, not {len(storage_key)}")
        self.tag_key = derive(storage_key, ledger_salt, TAGS)
        self._ledger_salt = ledger_salt
        self.seal: Callable[[bytes, bytes], bytes] = self._draw_and_seal
        self._storage_key = storage_key
        self._subkeys = subkeys
        self._older = older
        self._openers: dict[bytes, Callable[[bytes, bytes, bytes], bytes]] = {}
        self._sealing: Callable[[bytes, bytes], bytes] | None = None
        self._drawing = threading.Lock()

    def open(self, associated: bytes, stored: bytes) -> bytes:
        opener = self._openers.get(stored[:EPOCH_SIZE])
        if opener is None:
            opener = self._opener(stored[:EPOCH_SIZE])
        try:
            return opener(stored[:NONCE_SIZE], stored[NONCE_SIZE:], associated)
        except (InvalidTag, ValueError):
            raise Damaged from None

    def for_another(self) -> Handed:
        """This cipher draws its own subkey first: the other one must open what either of them seals."""
        self._draw()
        epoch, _ = self._subkeys.draw()
        return Handed(self._storage_key, self._ledger_salt, epoch, dict(self._subkeys.salts))

    def is_newest(self, stored: bytes) -> bool:
        """Whether a sealed value is under this storage key, not under an older one."""
        return int.from_bytes(stored[:EPOCH_SIZE], "big") in self._subkeys.salts

    def _opener(self, epoch: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
        salt = self._subkeys.salts.get(int.from_bytes(epoch, "big"))
        if salt is None or len(epoch) != EPOCH_SIZE:
            if self._older is None:
                raise Damaged
            return self._older._opener(epoch)
        opener = AESGCM(derive(self._storage_key, salt, VALUES)).decrypt
        self._openers[epoch] = opener
        return opener

    def _draw_and_seal(self, associated: bytes, plain: bytes) -> bytes:
        return self._draw()(associated, plain)

    def _draw(self) -> Callable[[bytes, bytes], bytes]:
        with self._drawing:
            if self._sealing is None:
                epoch, salt = self._subkeys.draw()
                self._sealing = _sealing(epoch, derive(self._storage_key, salt, VALUES))
                self.seal = self._sealing
            return self._sealing


def _sealing(epoch: int, subkey: bytes) -> Callable[[bytes, bytes], bytes]:
    encrypt = AESGCM(subkey).encrypt
    above = epoch << 64
    following = count(1).__next__

    def seal(associated: bytes, plain: bytes) -> bytes:
        nonce = (above | following()).to_bytes(NONCE_SIZE, "big")
        return nonce + encrypt(nonce, plain, associated)

    return seal


def key_check(storage_key: bytes, ledger_salt: bytes) -> bytes:
    """What tells the right storage key from a wrong one without telling anything else: 16 bytes."""
    return sha256(derive(storage_key, ledger_salt, CHECK)).digest()[:16]


def seal_key(purpose: bytes, under: bytes, salt: bytes, about: bytes, data: bytes) -> bytes:
    """A storage key on its way, sealed under another one for a purpose; nonce, ciphertext, tag."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    return nonce + AESGCM(derive(under, salt, purpose)).encrypt(nonce, data, about)


def open_key(purpose: bytes, under: bytes, salt: bytes, about: bytes, sealed: bytes) -> bytes:
    """What `seal_key` was given, or Damaged."""
    try:
        return AESGCM(derive(under, salt, purpose)).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], about)
    except (InvalidTag, ValueError):
        raise Damaged from None
