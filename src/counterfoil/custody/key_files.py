"""Private keys in files: one key a file, encrypted under a passphrase, or by name without one.

A key file is JSON that a person can read but for the secret: format, version, name, algorithm, public key, address,
how the secret is protected, the secret. Under a passphrase the secret is encrypted with XChaCha20-Poly1305 (24 random
bytes of nonce) under a key made by Argon2id (RFC 9106; the passphrase as UTF-8 in Unicode form NFC), and everything
else in the file is its associated data, so that no line can be changed without being noticed. A file is written once,
readable by its owner only, and never overwritten. A secret in use lies in this process's memory.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from nacl import bindings, exceptions
from nacl.pwhash import argon2id

from counterfoil.custody.key_store import NAME_PATTERN, KeyDescription, KeyStoreError, check_name
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.signatures import SECRET_BYTES, SigningKey
from counterfoil.sealing.derivation import OPENING, info
from counterfoil.sealing.opening_keys import OpeningKey

FORMAT: Final = "counterfoil key"
VERSION: Final = 1
SUFFIX: Final = ".key.json"

PASSPHRASE_CHARACTERS_MIN: Final = 8
FILE_BYTES_MAX: Final = 1 << 16
"""A key file has about 700 bytes; whatever is larger is something else."""
ARGON2_MEMORY_BYTES_MAX: Final = 1 << 30
ARGON2_OPERATIONS_MAX: Final = 16
"""A file may not ask for more than this to be opened: a gigabyte and some seconds."""

_SALT_BYTES: Final = argon2id.SALTBYTES
_NONCE_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_CIPHER_KEY_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES


class KeyFileError(KeyStoreError):
    """A key file cannot be written or used; the message says why and what to do."""


class Unprotected:
    """Said in place of a passphrase: this key shall lie in its file in clear."""


UNPROTECTED: Final = Unprotected()


class ArgonCost(msgspec.Struct, frozen=True):
    """How dear one guess at the passphrase is: passes over the memory, and the memory in bytes."""

    operations: int
    memory_bytes: int


STANDARD_COST: Final = ArgonCost(argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)
"""3 passes over 256 MiB: a good half second."""


class _Passphrase(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="passphrase"
):
    derivation: str
    operations: int
    memory_bytes: int
    salt: str
    cipher: str
    nonce: str


class _NoProtection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="none"):
    pass


class _Container(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    name: str
    algorithm: str
    public_key: str
    address: str
    protection: _Passphrase | _NoProtection
    secret: str = ""


class FileKey:
    """A key whose secret came from a file: a `Signer`."""

    __slots__ = ("_key", "address", "name", "public_key")

    def __init__(self, name: str, key: SigningKey) -> None:
        self._key = key
        self.name = name
        self.public_key = key.public_key
        self.address = address_of(key.public_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def opening_key(self) -> OpeningKey:
        """What its holder's view keys and notes are sealed to; it follows from the signing key."""
        return OpeningKey(self._key.derived(info(OPENING)))

    def __repr__(self) -> str:
        return f"FileKey({self.name!r}, address={to_text(AddressKind.SIGNER, self.address)})"


class KeyFolder:
    """A folder of key files as a `KeyStore`.

    ask(name, new): the passphrase of a key, asked for when it is needed; `new` where it is being chosen.
    """

    def __init__(self, folder: Path, ask: Callable[[str, bool], str | Unprotected]) -> None:
        self._folder = folder
        self._ask = ask

    def entries(self) -> list[KeyDescription]:
        return list_keys(self._folder)

    def open(self, name: str) -> FileKey:
        described = next((key for key in self.entries() if key.name == name), None)
        if described is None:
            raise KeyFileError(
                f"There is no key {name!r} in {self._folder}; make one with: counterfoil keys new {name}"
            )
        if described.protection == "none" and not described.problem:
            return load_key(self._folder, name, UNPROTECTED)
        return load_key(self._folder, name, self._ask(name, False))

    def generate(self, name: str) -> FileKey:
        return self.keep(name, os.urandom(SECRET_BYTES))

    def keep(self, name: str, secret: bytes) -> FileKey:
        """A key whose secret (32 bytes) was made elsewhere: from words, or from what a person knows."""
        check_name(name)
        return new_key(self._folder, name, self._ask(name, True), secret=secret)

    def close(self) -> None:
        """Nothing is held open."""


def new_key(
    folder: Path,
    name: str,
    passphrase: str | Unprotected,
    *,
    secret: bytes | None = None,
    cost: ArgonCost = STANDARD_COST,
) -> FileKey:
    """Make a key and its file, `folder/name.key.json`. KeyStoreError where there is one already.

    secret: 32 bytes that were made elsewhere; random ones by default.
    """
    check_name(name)
    secret = os.urandom(SECRET_BYTES) if secret is None else secret
    key = SigningKey(secret)
    protection: _Passphrase | _NoProtection = _NoProtection()
    if isinstance(passphrase, str):
        protection = _Passphrase(
            derivation="argon2id",
            operations=cost.operations,
            memory_bytes=cost.memory_bytes,
            salt=os.urandom(_SALT_BYTES).hex(),
            cipher="xchacha20-poly1305",
            nonce=os.urandom(_NONCE_BYTES).hex(),
        )
    container = _Container(
        format=FORMAT,
        version=VERSION,
        name=name,
        algorithm="ed25519",
        public_key=key.public_key.hex(),
        address=to_text(AddressKind.SIGNER, address_of(key.public_key)),
        protection=protection,
    )
    if isinstance(protection, _Passphrase) and isinstance(passphrase, str):
        secret = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            secret,
            _associated_data(container),
            bytes.fromhex(protection.nonce),
            _cipher_key(_checked_passphrase(passphrase), protection),
        )
    container = msgspec.structs.replace(container, secret=secret.hex())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(_path_of(folder, name), json.dumps(msgspec.to_builtins(container), indent=2).encode() + b"\n")
    return FileKey(name, key)


def load_key(folder: Path, name: str, passphrase: str | Unprotected) -> FileKey:
    """The key of that name. KeyFileError where it is missing, damaged, readable by others, or not so protected."""
    path = _path_of(folder, name)
    container = _read(path)
    protection = container.protection
    stored = bytes.fromhex(container.secret)
    if isinstance(protection, _NoProtection):
        if isinstance(passphrase, str):
            raise KeyFileError(f"{path} has no passphrase; ask for it as unprotected if that is meant.")
        secret = stored
    else:
        if not isinstance(passphrase, str):
            raise KeyFileError(f"{path} is protected by a passphrase, and none was given.")
        secret = _decrypt(path, container, protection, stored, passphrase)
    if len(secret) != SECRET_BYTES:
        raise KeyFileError(f"{path} is damaged: its secret has {len(secret)} bytes, not {SECRET_BYTES}.")
    key = SigningKey(secret)
    if key.public_key.hex() != container.public_key:
        raise KeyFileError(f"{path} is damaged: its secret belongs to another public key.")
    return FileKey(container.name, key)


def list_keys(folder: Path) -> list[KeyDescription]:
    """The keys of a folder by name; a file that cannot be used is listed with its problem. No secret is opened."""
    if not folder.is_dir():
        return []
    described = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        try:
            container = _read(path)
        except KeyFileError as error:
            described.append(KeyDescription(name, b"", str(path), "", str(error)))
            continue
        protection = "passphrase" if isinstance(container.protection, _Passphrase) else "none"
        described.append(KeyDescription(name, bytes.fromhex(container.public_key), str(path), protection))
    return described


def _path_of(folder: Path, name: str) -> Path:
    if NAME_PATTERN.fullmatch(name) is None:
        raise KeyFileError(f"There is no key {name!r}: that is not the name of one.")
    return folder / f"{name}{SUFFIX}"


def _write_once(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists and is never overwritten; choose another name.") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> _Container:
    """The container, with everything checked that can be checked without the secret."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyFileError(f"{path} can be used by others on this machine; chmod 600 it first.")
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise KeyFileError(f"There is no key file {path}; `keys list` shows those there are.") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        if len(data) > FILE_BYTES_MAX:
            raise ValueError("it is too large")
        container = msgspec.json.decode(data, type=_Container)
        _check_form(container, path.name.removesuffix(SUFFIX))
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"{path} is not a key file that can be used: {error}.") from None
    return container


def _check_form(container: _Container, name: str) -> None:
    if container.format != FORMAT or container.version != VERSION:
        raise ValueError(
            f"it is {container.format!r} version {container.version}, not {FORMAT!r} version {VERSION}"
        )
    if container.algorithm != "ed25519":
        raise ValueError(f"its algorithm {container.algorithm!r} is not known")
    if container.name != name:
        raise ValueError(f"it belongs to the name {container.name!r}; files are not renamed")
    if container.address != to_text(AddressKind.SIGNER, address_of(bytes.fromhex(container.public_key))):
        raise ValueError("its address is not that of its public key")
    bytes.fromhex(container.secret)
    protection = container.protection
    if isinstance(protection, _Passphrase):
        if protection.derivation != "argon2id" or protection.cipher != "xchacha20-poly1305":
            raise ValueError("its protection is not known")
        if len(bytes.fromhex(protection.salt)) != _SALT_BYTES:
            raise ValueError(f"its salt is not {_SALT_BYTES} bytes")
        if len(bytes.fromhex(protection.nonce)) != _NONCE_BYTES:
            raise ValueError(f"its nonce is not {_NONCE_BYTES} bytes")
        if not argon2id.MEMLIMIT_MIN <= protection.memory_bytes <= ARGON2_MEMORY_BYTES_MAX:
            raise ValueError("opening it would take too much or too little memory")
        if not argon2id.OPSLIMIT_MIN <= protection.operations <= ARGON2_OPERATIONS_MAX:
            raise ValueError("opening it would take too much or too little time")


def _decrypt(
    path: Path, container: _Container, protection: _Passphrase, stored: bytes, passphrase: str
) -> bytes:
    cipher_key = _cipher_key(_normal(passphrase), protection)
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            stored, _associated_data(container), bytes.fromhex(protection.nonce), cipher_key
        )
    except (exceptions.CryptoError, ValueError, TypeError):
        raise KeyFileError(f"The passphrase does not open {path}, or the file was changed.") from None


def _associated_data(container: _Container) -> bytes:
    """Everything in the file but the secret, in one form."""
    fields: dict[str, Any] = msgspec.to_builtins(container)
    del fields["secret"]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _cipher_key(passphrase: bytes, protection: _Passphrase) -> bytes:
    return argon2id.kdf(
        _CIPHER_KEY_BYTES,
        passphrase,
        bytes.fromhex(protection.salt),
        opslimit=protection.operations,
        memlimit=protection.memory_bytes,
    )


def _checked_passphrase(passphrase: str) -> bytes:
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise KeyFileError(f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters.")
    return _normal(passphrase)


def _normal(passphrase: str) -> bytes:
    return unicodedata.normalize("NFC", passphrase).encode()
