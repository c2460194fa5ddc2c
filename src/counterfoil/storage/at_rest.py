"""Encryption at rest: where the storage key comes from, and what a ledger folder records about it.

The record is a small text file, kept twice, one line for each fact, each line with its CRC-32: the
first says how the ledger is encrypted, each further one holds the random salt of one subkey. Salts are no secrets,
but without them nothing can be opened, hence the second copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from zlib import crc32

from counterfoil.storage import files
from counterfoil.storage.cipher import KEY_SIZE, SALT_SIZE, AesGcm, Checksums, Cipher, key_check
from counterfoil.storage.errors import (
    CorruptStorage,
    StorageKeyRefused,
    WrongStorageKey,
    as_storage_error,
)

VARIABLE = "COUNTERFOIL_STORAGE_KEY"
ENCRYPTED = "aes-256-gcm"
OFF = "off"
FILE_NAMES = ("at-rest", "at-rest.copy")
_FORMAT = 1


def new_storage_key() -> bytes:
    return secrets.token_bytes(KEY_SIZE)


def find_storage_key(
    folder: Path, key_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> bytes:
    """The storage key from the environment variable or from the key file; both only if they agree.

    Raises StorageKeyRefused with what to do when there is none, or when the file lies inside `folder`.
    """
    text = (os.environ if environment is None else environment).get(VARIABLE)
    from_environment = None if text is None else _key_from(text, f"the environment variable {VARIABLE}")
    if key_file is None:
        if from_environment is None:
            raise StorageKeyRefused(
                "A ledger is encrypted at rest unless that was switched off by name when it was made. Name its key"
                f" file, or set {VARIABLE} to the 64 hex digits of its storage key."
            )
        return from_environment
    if from_environment is not None and not key_file.exists():
        refuse_inside(folder, key_file)
        return from_environment
    from_file = read_key_file(folder, key_file)
    if from_environment is not None and not compare_digest(from_environment, from_file):
        raise StorageKeyRefused(
            f"{VARIABLE} and the key file {key_file} hold different keys; take one of them away."
        )
    return from_file


def read_key_file(folder: Path, key_file: Path) -> bytes:
    """The 32 bytes that a key file holds as 64 hex digits."""
    refuse_inside(folder, key_file)
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
        text = key_file.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        raise StorageKeyRefused(f"There is no key file {key_file}.") from None
    except OSError as error:
        raise StorageKeyRefused(f"The key file {key_file} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise StorageKeyRefused(f"Others may read the key file {key_file}; run: chmod 600 {key_file}")
    return _key_from(text, f"the key file {key_file}")


def create_key_file(folder: Path, key_file: Path) -> bytes:
    """A new random key in a new file that only its owner may read; returns the key. An existing file is refused."""
    refuse_inside(folder, key_file)
    key = new_storage_key()
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_new(key_file, key.hex().encode() + b"\n")
    except FileExistsError:
        raise StorageKeyRefused(f"There is a file {key_file} already; a key is never overwritten.") from None
    except OSError as error:
        raise as_storage_error(key_file, error) from error
    return key


def refuse_inside(folder: Path, key_file: Path) -> None:
    """A key beside what it locks protects nothing: whoever takes the folder takes both. Links are followed."""
    inside = folder.resolve()
    for place in (key_file.resolve(), key_file.parent.resolve() / key_file.name):
        if place == inside or inside in place.parents:
            raise StorageKeyRefused(
                f"The key file {key_file} lies inside the ledger's folder {folder}; keep it elsewhere, so that"
                " whoever takes the folder does not take the key with it."
            )


def _key_from(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise StorageKeyRefused(f"A storage key is {2 * KEY_SIZE} hex digits; {source} holds something else.")
    return key


@dataclass
class AtRest:
    """What a folder records about encryption. It is the cipher's store of subkey salts.

    encryption: ENCRYPTED or OFF. key_file: where the key was at creation, as a hint, or None.
    """

    directory: Path
    encryption: str
    key_file: Path | None = None
    ledger_salt: bytes = b""
    check: bytes = b""
    salts: dict[int, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def create(cls, directory: Path, storage_key: bytes | None, key_file: Path | None = None) -> AtRest:
        """Record how a new ledger is encrypted: under a key, or not at all when there is None."""
        made = cls(directory, OFF)
        if storage_key is not None:
            salt = secrets.token_bytes(SALT_SIZE)
            hint = None if key_file is None else key_file.absolute()
            made = cls(directory, ENCRYPTED, hint, salt, key_check(storage_key, salt))
        for name in FILE_NAMES:
            try:
                files.write_new(directory / name, made._text())
            except OSError as error:
                raise as_storage_error(directory / name, error) from error
        return made

    @classmethod
    def load(cls, directory: Path) -> AtRest:
        """Read the record, each line from whichever copy holds it undamaged; a damaged copy is written anew."""
        copies = [_read(directory / name) for name in FILE_NAMES]
        head, salts = _merged(directory / FILE_NAMES[0], copies)
        if head.get("counterfoil at rest") != _FORMAT or head.get("encryption") not in (ENCRYPTED, OFF):
            raise CorruptStorage(directory / FILE_NAMES[0], "it does not say how the ledger is encrypted")
        loaded = cls(
            directory,
            str(head["encryption"]),
            Path(str(head["key file"])) if head.get("key file") else None,
            bytes.fromhex(str(head["salt"])),
            bytes.fromhex(str(head["check"])),
            salts,
        )
        whole = loaded._text()
        for name, copy in zip(FILE_NAMES, copies, strict=True):
            if copy != whole:
                with contextlib.suppress(OSError):
                    _replace(directory / name, whole)
        return loaded

    def cipher(self, storage_key: bytes | None) -> Cipher:
        """What seals and opens the ledger's values; WrongStorageKey unless the key is the ledger's own."""
        if self.encryption == OFF:
            return Checksums()
        if storage_key is None or not compare_digest(key_check(storage_key, self.ledger_salt), self.check):
            raise WrongStorageKey(
                f"The storage key is not the one that the ledger in {self.directory} was made with"
                f"{f' (its key file then was {self.key_file})' if self.key_file else ''}."
            )
        return AesGcm(storage_key, self.ledger_salt, self)

    def draw(self) -> tuple[int, bytes]:
        """A fresh subkey's epoch and salt, on disk in both copies when this returns."""
        with self._lock:
            epoch, salt = len(self.salts) + 1, secrets.token_bytes(SALT_SIZE)
            self.salts[epoch] = salt
            try:
                for name in FILE_NAMES:
                    _replace(self.directory / name, self._text())
            except OSError as error:
                del self.salts[epoch]
                raise as_storage_error(self.directory / FILE_NAMES[0], error) from error
            return epoch, salt

    def _text(self) -> bytes:
        head: dict[str, object] = {
            "counterfoil at rest": _FORMAT,
            "encryption": self.encryption,
            "salt": self.ledger_salt.hex(),
            "check": self.check.hex(),
            "key file": None if self.key_file is None else str(self.key_file),
        }
        lines = [_line(head)]
        for epoch in range(1, len(self.salts) + 1):
            lines.append(_line({"subkey": epoch, "subkey salt": self.salts[epoch].hex()}))
        return b"".join(lines)


def _line(fact: dict[str, object]) -> bytes:
    text = json.dumps(fact, separators=(",", ":")).encode()
    return b"%s %08x\n" % (text, crc32(text))


def _fact(line: bytes) -> dict[str, object] | None:
    text, _, checksum = line.rpartition(b" ")
    if checksum != b"%08x" % crc32(text):
        return None
    fact: dict[str, object] = json.loads(text)
    return fact


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise as_storage_error(path, error) from error


def _merged(path: Path, copies: list[bytes]) -> tuple[dict[str, object], dict[int, bytes]]:
    """(the first line's facts, salts by epoch) of both copies together."""
    facts: dict[int, dict[str, object]] = {}
    complete = []
    for copy in copies:
        lines = copy.split(b"\n")[:-1]
        complete.append(len(lines))
        for fact in filter(None, map(_fact, lines)):
            number = int(str(fact.get("subkey", 0)))
            if facts.setdefault(number, fact) != fact:
                raise CorruptStorage(path, "its two copies do not belong together", line=number + 1)
    if not any(complete):
        raise CorruptStorage(path, "both copies are missing or empty")
    for number in range(max(min(complete), len(facts))):
        if number not in facts:
            raise CorruptStorage(path, "a line is damaged in both copies", line=number + 1)
    head = facts.pop(0)
    return head, {epoch: bytes.fromhex(str(fact["subkey salt"])) for epoch, fact in sorted(facts.items())}


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    files.write_new(beside, data)
    os.replace(beside, path)
    files.sync_directory(path.parent)
