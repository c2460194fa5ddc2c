"""Encryption at rest: where the storage key comes from, and what a ledger folder records about it.

The record is a small text file, kept twice, one line for each fact, each line with its CRC-32, only ever added to:
the first says how the ledger is encrypted, each further one holds the random salt of one subkey, or says that the
storage key was changed, or that nothing is left under the one before. Salts are no secrets, but without them nothing
can be opened, hence the second copy. A storage key that was changed stands archived, sealed under the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import threading
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from itertools import chain
from pathlib import Path
from typing import NamedTuple, cast
from zlib import crc32

from counterfoil.storage import files
from counterfoil.storage.cipher import (
    ARCHIVE,
    KEY_SIZE,
    SALT_SIZE,
    AesGcm,
    Checksums,
    Cipher,
    Damaged,
    key_check,
    open_key,
    seal_key,
)
from counterfoil.storage.errors import (
    CorruptStorage,
    StorageError,
    StorageKeyRefused,
    WrongStorageKey,
    as_storage_error,
)

VARIABLE = "COUNTERFOIL_STORAGE_KEY"
ENCRYPTED = "aes-256-gcm"
OFF = "off"
FILE_NAMES = ("at-rest", "at-rest.copy")
Fact = dict[str, object]
_FORMAT = 1
_HEAD, _GENERATION, _IN_FORCE, _SUBKEY = "counterfoil at rest", "generation", "in force", "subkey"
_KINDS = (_HEAD, _GENERATION, _IN_FORCE, _SUBKEY)


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


def create_key_file(folder: Path, key_file: Path, key: bytes | None = None) -> bytes:
    """A new random key (or the given one) in a new file that only its owner may read; returns the key. An existing
    file is refused."""
    refuse_inside(folder, key_file)
    key = key or new_storage_key()
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


class Generation(NamedTuple):
    """One storage key, as it is recorded. key_file: where it was when it was taken, as a hint, or None.

    archived: the key before, sealed under this one; empty for the first.
    """

    number: int
    salt: bytes
    check: bytes
    key_file: Path | None = None
    archived: bytes = b""

    def is_of(self, storage_key: bytes | None) -> bool:
        return storage_key is not None and compare_digest(key_check(storage_key, self.salt), self.check)


class Subkey(NamedTuple):
    salt: bytes
    generation: int


class AtRest:
    """What a folder records about encryption.

    encryption: ENCRYPTED or OFF. generations: of storage keys, the newest last; none when encryption is off.
    subkeys: by epoch. in_force: the generation whose store is worked on; smaller than the newest while values are on
    their way.
    """

    def __init__(self, directory: Path, facts: Iterable[Fact]) -> None:
        self.directory = directory
        self.encryption = OFF
        self.generations: list[Generation] = []
        self.subkeys: dict[int, Subkey] = {}
        self.in_force = 1
        self._facts: dict[tuple[int, int], Fact] = {}
        self._lock = threading.RLock()
        for fact in facts:
            self._take(fact)

    @classmethod
    def create(cls, directory: Path, storage_key: bytes | None, key_file: Path | None = None) -> AtRest:
        """Record how a new ledger is encrypted: under a key, or not at all when there is None."""
        salt, check, hint = b"", b"", None
        if storage_key is not None:
            salt = secrets.token_bytes(SALT_SIZE)
            check = key_check(storage_key, salt)
            hint = None if key_file is None else key_file.absolute()
        described = _described(Generation(1, salt, check, hint))
        encryption = OFF if storage_key is None else ENCRYPTED
        made = cls(directory, [{_HEAD: _FORMAT, "encryption": encryption, **described}])
        for name in FILE_NAMES:
            try:
                files.write_new(directory / name, made._text())
            except OSError as error:
                raise as_storage_error(directory / name, error) from error
        return made

    @classmethod
    def load(cls, directory: Path, *, mend: bool = True) -> AtRest:
        """Read the record, each line from whichever copy holds it undamaged; a damaged copy is written anew.

        mend: to be left off by whoever does not hold the folder's lock; another may be writing.
        """
        copies = [_read(directory / name) for name in FILE_NAMES]
        facts = _merged(directory / FILE_NAMES[0], copies)
        if facts[0].get(_HEAD) != _FORMAT or facts[0].get("encryption") not in (ENCRYPTED, OFF):
            raise CorruptStorage(directory / FILE_NAMES[0], "it does not say how the ledger is encrypted")
        loaded = cls(directory, facts)
        whole = loaded._text()
        for name, copy in zip(FILE_NAMES, copies, strict=True):
            if mend and copy != whole:
                with contextlib.suppress(OSError):
                    files.replace(directory / name, whole)
        return loaded

    @property
    def key_file(self) -> Path | None:
        return self.generations[-1].key_file if self.generations else None

    @property
    def newest(self) -> int:
        return len(self.generations) or 1

    def storage_keys(self, storage_key: bytes | None) -> list[bytes]:
        """Every generation's storage key, opened one by the next; WrongStorageKey unless the newest one is given."""
        newest = self.generations[-1]
        if storage_key is None or not newest.is_of(storage_key):
            raise WrongStorageKey(self._wrong(storage_key))
        keys = [storage_key]
        for generation in reversed(self.generations[1:]):
            about = _about(generation.number - 1)
            try:
                keys.append(open_key(ARCHIVE, keys[-1], generation.salt, about, generation.archived))
            except Damaged:
                path = self.directory / FILE_NAMES[0]
                raise CorruptStorage(path, "an older storage key is not what was written") from None
        return keys[::-1]

    def cipher(self, storage_key: bytes | None) -> Cipher:
        """What seals under the newest storage key and opens what any of them sealed; WrongStorageKey for another."""
        if self.encryption == OFF:
            return Checksums()
        cipher = None
        for generation, key in zip(self.generations, self.storage_keys(storage_key), strict=True):
            cipher = AesGcm(key, generation.salt, _Subkeys(self, generation.number), cipher)
        return cast(Cipher, cipher)

    def store_cipher(self, storage_key: bytes | None, number: int) -> Cipher:
        """What seals and opens under one storage key alone; the newest one is to be given nevertheless."""
        if self.encryption == OFF:
            return Checksums()
        key = self.storage_keys(storage_key)[number - 1]
        return AesGcm(key, self.generations[number - 1].salt, _Subkeys(self, number))

    def change(self, storage_key: bytes, new_key: bytes, key_file: Path | None) -> None:
        """From now on the newest storage key is another one; the one before is archived under it."""
        self.storage_keys(storage_key)
        number, salt = self.newest + 1, secrets.token_bytes(SALT_SIZE)
        archived = seal_key(ARCHIVE, new_key, salt, _about(number - 1), storage_key)
        made = Generation(number, salt, key_check(new_key, salt), key_file, archived)
        with self._lock:
            self._record({_GENERATION: number, **_described(made), "key before": archived.hex()})

    def put_in_force(self) -> None:
        """The newest generation's store is the one that is worked on, and nothing is left under an older key."""
        with self._lock:
            self._record({_IN_FORCE: self.newest})

    def draw(self, generation: int) -> tuple[int, bytes]:
        """The epoch and salt of a generation's fresh subkey, on disk in both copies when this returns."""
        with self._lock:
            epoch, salt = len(self.subkeys) + 1, secrets.token_bytes(SALT_SIZE)
            self._record({_SUBKEY: epoch, "subkey salt": salt.hex(), "of": generation})
            return epoch, salt

    def write(self) -> None:
        """Both copies as the record is here, whatever a write that failed half way has left."""
        with self._lock:
            try:
                for name in FILE_NAMES:
                    files.replace(self.directory / name, self._text())
            except OSError as error:
                raise as_storage_error(self.directory / FILE_NAMES[0], error) from error

    def _record(self, fact: Fact) -> None:
        name = _name(fact)
        self._facts[name] = fact
        try:
            self.write()
        except StorageError:
            del self._facts[name]
            raise
        self._take(fact)

    def _take(self, fact: Fact) -> None:
        name = _name(fact)
        self._facts[name] = fact
        if _HEAD in fact:
            self.encryption = str(fact["encryption"])
            self.generations += [_generation(1, fact)] if self.encryption == ENCRYPTED else []
        elif _GENERATION in fact:
            self.generations.append(_generation(name[1], fact))
        elif _IN_FORCE in fact:
            self.in_force = name[1]
        else:
            self.subkeys[name[1]] = Subkey(bytes.fromhex(str(fact["subkey salt"])), int(str(fact["of"])))

    def _text(self) -> bytes:
        return b"".join(_line(self._facts[name]) for name in sorted(self._facts))

    def _wrong(self, storage_key: bytes | None) -> str:
        hint = f" (its key file then was {self.key_file})" if self.key_file else ""
        if any(generation.is_of(storage_key) for generation in self.generations):
            return (
                f"The storage key of the ledger in {self.directory} was changed; this is an older one. Name the"
                f" newest one{hint}."
            )
        return f"The storage key is not the one that the ledger in {self.directory} was made with{hint}."


class _Subkeys:
    """Of one generation."""

    def __init__(self, at_rest: AtRest, generation: int) -> None:
        self._at_rest = at_rest
        self._generation = generation

    @property
    def salts(self) -> dict[int, bytes]:
        generation = self._generation
        return {
            epoch: subkey.salt
            for epoch, subkey in self._at_rest.subkeys.items()
            if subkey.generation == generation
        }

    def draw(self) -> tuple[int, bytes]:
        return self._at_rest.draw(self._generation)


def _about(generation: int) -> bytes:
    return b"storage key %d" % generation


def _described(generation: Generation) -> Fact:
    return {
        "salt": generation.salt.hex(),
        "check": generation.check.hex(),
        "key file": None if generation.key_file is None else str(generation.key_file),
    }


def _generation(number: int, fact: Fact) -> Generation:
    return Generation(
        number,
        bytes.fromhex(str(fact["salt"])),
        bytes.fromhex(str(fact["check"])),
        Path(str(fact["key file"])) if fact.get("key file") else None,
        bytes.fromhex(str(fact.get("key before", ""))),
    )


def _name(fact: Fact) -> tuple[int, int]:
    """What a fact is about, in the order in which facts stand in the record."""
    kind = next(kind for kind, word in enumerate(_KINDS) if word in fact)
    return kind, int(str(fact[_KINDS[kind]])) if kind else 0


def _line(fact: Fact) -> bytes:
    text = json.dumps(fact, separators=(",", ":")).encode()
    return b"%s %08x\n" % (text, crc32(text))


def _fact(line: bytes) -> Fact | None:
    text, _, checksum = line.rpartition(b" ")
    if checksum != b"%08x" % crc32(text):
        return None
    fact: Fact = json.loads(text)
    return fact


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise as_storage_error(path, error) from error


def _merged(path: Path, copies: list[bytes]) -> list[Fact]:
    """The facts of both copies together, the head first, in their order."""
    merged: dict[tuple[int, int], Fact] = {}
    lines = [copy.split(b"\n")[:-1] for copy in copies]
    if not any(lines):
        raise CorruptStorage(path, "both copies are missing or empty")
    for fact in filter(None, map(_fact, chain(*lines))):
        if merged.setdefault(_name(fact), fact) != fact:
            raise CorruptStorage(path, "its two copies do not belong together")
    subkeys = sum(_KINDS[kind] == _SUBKEY for kind, _ in merged)
    wanted = [(0, 0), *((_KINDS.index(_SUBKEY), epoch) for epoch in range(1, subkeys + 1))]
    if any(name not in merged for name in wanted) or len(merged) < min(map(len, lines)):
        damaged = next((number for number, line in enumerate(lines[0], 1) if _fact(line) is None), 1)
        raise CorruptStorage(path, "a line is damaged in both copies", line=damaged)
    return [merged[name] for name in sorted(merged)]
