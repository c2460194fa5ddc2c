"""Secrets that are no signing keys of the ledger, in files of their own: an authority's key, a registrar's, a vault's.

A file holds its format, a purpose, how its key is made from the passphrase (Argon2id, RFC 9106), and the secret under
XChaCha20-Poly1305; all that is readable is its associated data, so that no file can be passed off for another purpose.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

import msgspec
from nacl import bindings, exceptions
from nacl.pwhash import argon2id

from counterfoil.custody.key_files import (
    ARGON2_MEMORY_BYTES_MAX,
    ARGON2_OPERATIONS_MAX,
    PASSPHRASE_CHARACTERS_MIN,
    STANDARD_COST,
    ArgonCost,
    KeyFileError,
)
from counterfoil.storage import files

FORMAT: Final = "counterfoil secret"
VERSION: Final = 1
FILE_BYTES_MAX: Final = 1 << 20

_NONCE_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_KEY_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES


class _Head(msgspec.Struct, frozen=True, array_like=True):
    format: str
    version: int
    purpose: str
    operations: int
    memory_bytes: int
    salt: bytes
    nonce: bytes


class _File(msgspec.Struct, frozen=True, array_like=True):
    head: msgspec.Raw
    sealed: bytes


def seal_secret(
    path: Path,
    purpose: str,
    secret: bytes,
    passphrase: str,
    *,
    replace: bool = False,
    cost: ArgonCost = STANDARD_COST,
) -> None:
    """Write a secret, readable by its owner only. KeyFileError where there is one already and `replace` was not said.

    A replacement is whole or not at all, whenever the machine stops.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise KeyFileError(f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters.")
    head = _Head(
        FORMAT,
        VERSION,
        purpose,
        cost.operations,
        cost.memory_bytes,
        os.urandom(argon2id.SALTBYTES),
        os.urandom(_NONCE_BYTES),
    )
    encoded = msgspec.msgpack.encode(head)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        secret, encoded, head.nonce, _key(passphrase, head)
    )
    data = msgspec.msgpack.encode(_File(msgspec.Raw(encoded), sealed))
    try:
        if replace:
            files.replace(path, data)
        else:
            files.write_new(path, data)
    except FileExistsError:
        raise KeyFileError(f"{path} exists and is never overwritten.") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}.") from None


def open_secret(path: Path, purpose: str, passphrase: str) -> bytes:
    """The secret of a file. KeyFileError where it is missing, damaged, readable by others, or of another purpose."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} can be used by others on this machine; chmod 600 it first.")
        with path.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        raise KeyFileError(f"There is no {path}.") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        file = msgspec.msgpack.decode(data, type=_File)
        head = msgspec.msgpack.decode(bytes(file.head), type=_Head)
    except (msgspec.MsgspecError, ValueError):
        raise KeyFileError(f"{path} is damaged, or no file of this program.") from None
    if (head.format, head.version, head.purpose) != (FORMAT, VERSION, purpose):
        raise KeyFileError(f"{path} holds {head.purpose!r}, and {purpose!r} is wanted.")
    if (
        not 0 < head.operations <= ARGON2_OPERATIONS_MAX
        or not 0 < head.memory_bytes <= ARGON2_MEMORY_BYTES_MAX
    ):
        raise KeyFileError(f"{path} would cost too much to open.")
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            file.sealed, bytes(file.head), head.nonce, _key(passphrase, head)
        )
    except (exceptions.CryptoError, ValueError, TypeError):
        raise KeyFileError(f"The passphrase does not open {path}, or the file was changed.") from None


def _key(passphrase: str, head: _Head) -> bytes:
    normal = unicodedata.normalize("NFC", passphrase).encode()
    return argon2id.kdf(_KEY_BYTES, normal, head.salt, opslimit=head.operations, memlimit=head.memory_bytes)
