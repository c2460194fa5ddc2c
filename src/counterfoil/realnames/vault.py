"""The store of personal data of an agent: encrypted off the ledger, a hash on it, erased when law and orders allow it.

Each record lies in a blob under a key of its own (AES-256-GCM). The key lies, wrapped under the vault's key, in the
register, an SQLite file beside the blobs' store and never in it: destroying it erases every copy of the blob, wherever
backups are. Copies of the register itself die with the vault's key, which is replaced after erasures (`rotate`). The
hash on the ledger is over a secret salt that lies in the blob, so that after the erasure it says nothing and opens
nothing, and the ledger stays as it is.

Nothing is left halfway: a row says what is being done before it is done, and opening the vault finishes it or takes it
back. Every step, reading too, is an entry of the trail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.custody.key_files import STANDARD_COST, ArgonCost, KeyFileError
from counterfoil.custody.sealed_secrets import open_secret, seal_secret
from counterfoil.primitives.digests import EVIDENCE, digest
from counterfoil.realnames.blobs import BLOB_BYTES_MAX, BlobError, Blobs
from counterfoil.realnames.retention import EXAMPLE, Classes, RetentionClass, due_ms, read_classes
from counterfoil.realnames.trail import Trail, open_database, together
from counterfoil.storage import fault_points, files
from counterfoil.storage.errors import FolderInUse
from counterfoil.storage.folder_lock import FolderLock

RECORD_BYTES: Final = 16
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PAGE_BYTES: Final = 4_096
"""Blobs are as long as a whole number of these, so that their lengths say little."""
POINTER_BYTES: Final = 256
"""Of what is sealed of a pointer, padded: the ledger sees pointers of one length."""
CONTENT_BYTES_MAX: Final = BLOB_BYTES_MAX - 2 * PAGE_BYTES
REASON_CHARACTERS_MAX: Final = 200

WRITING, LIVE, ERASING, ERASED = "writing", "live", "erasing", "erased"

_SECRETS, _REGISTER, _SETTINGS, CLASSES_NAME = (
    "vault.secrets",
    "register.sqlite",
    "vault.json",
    "retention.json",
)
_PURPOSE: Final = "personal data"
_FORM: Final = b"counterfoil personal data 1"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS records (
    record BLOB PRIMARY KEY,
    party BLOB NOT NULL,
    class TEXT NOT NULL,
    state TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    evidence BLOB NOT NULL,
    wrapped BLOB,
    stored_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    requested_ms INTEGER,
    erased_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS holds (
    record BLOB NOT NULL,
    reference TEXT NOT NULL,
    reason TEXT NOT NULL,
    placed_ms INTEGER NOT NULL,
    PRIMARY KEY (record, reference)
) STRICT;
"""


class VaultError(Exception):
    """What was asked of the vault cannot be done; the message says why, and never holds personal data."""


class _Settings(msgspec.Struct, frozen=True):
    url: str
    agent: bytes


class _Secrets(msgspec.Struct, frozen=True):
    """wrapping: the vault's keys by number, the present one and, while it is replaced, the one before."""

    wrapping: dict[int, bytes]
    pointers: bytes
    trail: bytes


class _Inside(msgspec.Struct, frozen=True, array_like=True):
    """What is encrypted, before padding."""

    salt: bytes
    content_type: str
    content: bytes


class Stored(NamedTuple):
    """evidence_hash, pointer: for the ledger, with the verification. record: 16 bytes."""

    record: bytes
    evidence_hash: bytes
    pointer: bytes


class Row(NamedTuple):
    """A record without its content. due_ms: when its period is over, None while nobody can say; holds: references of
    the orders that stand against its erasure; requested_ms: when somebody asked for it."""

    record: bytes
    party: bytes
    class_name: str
    state: str
    evidence_hash: bytes
    stored_ms: int
    ended_ms: int | None
    due_ms: int | None
    holds: tuple[str, ...]
    requested_ms: int | None
    erased_ms: int | None


class Vault:
    """One vault, open in one process. Close it, or use it as a context manager."""

    def __init__(self, folder: Path, passphrase: str, clock: Callable[[], int]) -> None:
        """KeyFileError or BlobError where it cannot be opened. What a crash left halfway is finished first."""
        self._folder = folder
        try:
            self._lock = FolderLock(folder)
        except FolderInUse:
            raise VaultError(f"The store in {folder} is open in another process.") from None
        try:
            self._secrets = msgspec.msgpack.decode(
                open_secret(folder / _SECRETS, _PURPOSE, passphrase), type=_Secrets
            )
            settings = msgspec.json.decode((folder / _SETTINGS).read_bytes(), type=_Settings)
            self._classes = read_classes(folder / CLASSES_NAME)
            self._agent = settings.agent
            self._blobs = Blobs(settings.url)
            self._clock = clock
            self._register = open_database(folder / _REGISTER)
            self._register.executescript(_TABLES)
            self.trail = Trail(self._register, self._secrets.trail)
            self._repair(passphrase)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        self._register.close()
        self._lock.release()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- in and out ----

    def put(self, content: bytes, content_type: str, party: bytes, class_name: str, actor: str) -> Stored:
        """Store what shows who a party is. VaultError where the class is unknown, or it is too large."""
        self._class(class_name)
        if len(content) > CONTENT_BYTES_MAX:
            raise VaultError(f"A record has at most {CONTENT_BYTES_MAX:,} bytes.")
        record, salt, key = os.urandom(RECORD_BYTES), os.urandom(SALT_BYTES), os.urandom(KEY_BYTES)
        evidence = digest(EVIDENCE, salt, content_type.encode(), content)
        path = os.urandom(RECORD_BYTES).hex()
        blob = _sealed(key, self._bound(record), msgspec.msgpack.encode(_Inside(salt, content_type, content)))
        with together(self._register):
            self._register.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
                (
                    record,
                    party,
                    class_name,
                    WRITING,
                    path,
                    evidence,
                    self._wrapped(record, key),
                    self._clock(),
                ),
            )
            self._note(actor, "storing", record, class_name=class_name)
        fault_points.reached(fault_points.VAULT_ROW_WRITTEN)
        self._blobs.put(path, blob)
        fault_points.reached(fault_points.VAULT_BLOB_WRITTEN)
        with together(self._register):
            self._set(record, state=LIVE)
            self._note(actor, "stored", record)
        return Stored(record, evidence, self._pointer(path))

    def get(self, record: bytes, actor: str, purpose: str) -> tuple[str, bytes]:
        """(content type, content). purpose: why it is looked at, for the trail. VaultError where it is not there."""
        self._require_reason(purpose)
        row = self._row(record)
        self._require_not_erased(row)
        with together(self._register):
            self._note(actor, "read", record, purpose=purpose)
        inside = self._open(record, row)
        return inside.content_type, inside.content

    def follow(self, pointer: bytes) -> str:
        """The blob that a pointer of the ledger names, as URL. VaultError where it is none of this vault's."""
        try:
            plain = AESGCM(self._secrets.pointers).decrypt(
                pointer[:NONCE_BYTES], pointer[NONCE_BYTES:], _FORM
            )
        except (InvalidTag, ValueError):
            raise VaultError("The pointer was not sealed by this vault.") from None
        return plain.rstrip(b"\0").decode()

    def rows(self, party: bytes = b"") -> list[Row]:
        """Of one party or of all, the oldest first."""
        found = self._register.execute(
            "SELECT record FROM records WHERE ? = x'' OR party = ? ORDER BY stored_ms, record", (party, party)
        )
        return [self._described(record) for (record,) in found.fetchall()]

    # ---- what holds data, and what lets them go ----

    def end_relationship(self, party: bytes, ended_ms: int, actor: str) -> int:
        """State when the relationship with a party has ended; returns how many records begin to count from then."""
        with together(self._register):
            changed = self._register.execute(
                "UPDATE records SET ended_ms = ? WHERE party = ? AND state = ?", (ended_ms, party, LIVE)
            ).rowcount
            self._note(actor, "relationship ended", party, ended_ms=ended_ms)
        return changed

    def hold(self, record: bytes, reference: str, reason: str, actor: str) -> None:
        """An order (a court's, a supervisor's) that the record must not go, whatever its class says."""
        self._require_reason(reference)
        self._require_reason(reason)
        if self._row(record)["state"] != LIVE:
            raise VaultError("The record is being erased, or was.")
        with together(self._register):
            placed = self._register.execute(
                "INSERT OR IGNORE INTO holds VALUES (?, ?, ?, ?)", (record, reference, reason, self._clock())
            ).rowcount
            if not placed:
                raise VaultError(f"The order {reference!r} stands against the record already.")
            self._note(actor, "held", record, reference=reference, reason=reason)

    def release(self, record: bytes, reference: str, actor: str) -> None:
        """An order no longer stands."""
        with together(self._register):
            lifted = self._register.execute(
                "DELETE FROM holds WHERE record = ? AND reference = ?", (record, reference)
            ).rowcount
            if not lifted:
                raise VaultError(f"No order {reference!r} stands against the record.")
            self._note(actor, "released", record, reference=reference)

    def request_erasure(self, record: bytes, reason: str, actor: str) -> Row:
        """Somebody asks that a record goes. It goes now, or as soon as its period is over and no order holds it."""
        self._require_reason(reason)
        if self._row(record)["state"] != LIVE:
            raise VaultError("The record is being erased, or was.")
        with together(self._register):
            self._set(record, requested_ms=self._clock())
            self._note(actor, "erasure requested", record, reason=reason)
        self.sweep(actor)
        return self._described(record)

    def sweep(self, actor: str) -> list[bytes]:
        """Erase whatever may and shall go now; returns the records. To be run every day."""
        gone = []
        for row in self.rows():
            if row.state == LIVE and self._shall_go(row):
                with together(self._register):
                    self._set(row.record, state=ERASING)
                    self._note(actor, "erasing", row.record)
                fault_points.reached(fault_points.VAULT_ERASURE_BEGUN)
            elif row.state != ERASING:
                continue
            self._erase(row.record, actor)
            gone.append(row.record)
        return gone

    def _shall_go(self, row: Row) -> bool:
        kept = self._class(row.class_name)
        wanted = kept.automatic or row.requested_ms is not None
        return wanted and not row.holds and row.due_ms is not None and row.due_ms <= self._clock()

    def _erase(self, record: bytes, actor: str) -> None:
        """First the key, which nothing brings back; then the blob, which nobody can open any more."""
        path = self._row(record)["path"]
        with together(self._register):
            self._set(record, wrapped=None)
            self._note(actor, "key destroyed", record)
        fault_points.reached(fault_points.VAULT_KEY_DESTROYED)
        self._blobs.delete(path)
        fault_points.reached(fault_points.VAULT_BLOB_DELETED)
        with together(self._register):
            self._set(record, state=ERASED, erased_ms=self._clock())
            self._note(actor, "erased", record)

    # ---- keys ----

    def rotate(self, passphrase: str, actor: str, *, cost: ArgonCost = STANDARD_COST) -> int:
        """Replace the vault's key: every record's key is wrapped anew, and the old key is gone.

        After that no older copy of the register opens anything: what was erased before is erased there too. Returns
        how many keys were wrapped.
        """
        number = max(self._secrets.wrapping) + 1
        self._keep_secrets({**self._secrets.wrapping, number: os.urandom(KEY_BYTES)}, passphrase, cost)
        fault_points.reached(fault_points.VAULT_KEY_DRAWN)
        return self._rewrap(passphrase, actor, cost)

    def _rewrap(self, passphrase: str, actor: str, cost: ArgonCost) -> int:
        number = max(self._secrets.wrapping)
        with together(self._register):
            found = self._register.execute("SELECT record, wrapped FROM records WHERE wrapped IS NOT NULL")
            keys = [(record, self._unwrapped(record, wrapped)) for record, wrapped in found.fetchall()]
            for record, key in keys:
                self._set(record, wrapped=self._wrapped(record, key))
            self._note(actor, "key replaced", b"", number=number)
        fault_points.reached(fault_points.VAULT_KEYS_WRAPPED)
        self._keep_secrets({number: self._secrets.wrapping[number]}, passphrase, cost)
        return len(keys)

    def _keep_secrets(self, wrapping: dict[int, bytes], passphrase: str, cost: ArgonCost) -> None:
        secrets = msgspec.structs.replace(self._secrets, wrapping=wrapping)
        encoded = msgspec.msgpack.encode(secrets)
        open_secret(self._folder / _SECRETS, _PURPOSE, passphrase)
        seal_secret(self._folder / _SECRETS, _PURPOSE, encoded, passphrase, replace=True, cost=cost)
        self._secrets = secrets

    # ---- after a crash ----

    def _repair(self, passphrase: str) -> None:
        """Finish what was begun: a record whose blob is whole is stored, another was never there; an erasure goes on.

        Where the blobs' store cannot be reached, that waits for the next time.
        """
        rows = self._register.execute(
            "SELECT record, path, state FROM records WHERE state IN (?, ?)", (WRITING, ERASING)
        ).fetchall()
        for record, path, state in rows:
            try:
                self._finish(record, path, state)
            except BlobError:
                continue
        if len(self._secrets.wrapping) > 1:
            self._rewrap(passphrase, "repair", STANDARD_COST)

    def _finish(self, record: bytes, path: str, state: str) -> None:
        if state == ERASING:
            self._erase(record, "repair")
        elif self._is_whole(record):
            with together(self._register):
                self._set(record, state=LIVE)
                self._note("repair", "stored", record)
        else:
            self._blobs.delete(path)
            with together(self._register):
                self._register.execute("DELETE FROM records WHERE record = ?", (record,))
                self._note("repair", "storing given up", record)

    def _is_whole(self, record: bytes) -> bool:
        try:
            self._open(record, self._row(record))
        except VaultError:
            return False
        return True

    def check(self) -> list[str]:
        """What is wrong: blobs that are missing, damaged or nobody's, and erased ones that are still there."""
        problems = []
        known = {}
        for row in self.rows():
            path = self._row(row.record)["path"]
            known[path] = row
            if row.state == LIVE and not self._is_whole(row.record):
                problems.append(f"record {row.record.hex()}: its blob {path} is missing or damaged")
        for path in self._blobs.paths():
            if path not in known:
                problems.append(f"blob {path} belongs to no record")
            elif known[path].state == ERASED:
                problems.append(f"blob {path} of an erased record is still there")
        self.trail.check()
        return problems

    # ---- rows ----

    def _row(self, record: bytes) -> dict[str, Any]:
        found = self._register.execute("SELECT * FROM records WHERE record = ?", (record,))
        row = found.fetchone()
        if row is None:
            raise VaultError("There is no such record.")
        return dict(zip((column[0] for column in found.description), row, strict=True))

    def _described(self, record: bytes) -> Row:
        row = self._row(record)
        holds = self._register.execute(
            "SELECT reference FROM holds WHERE record = ? ORDER BY reference", (record,)
        ).fetchall()
        due = due_ms(self._class(row["class"]), row["stored_ms"], row["ended_ms"])
        return Row(
            record,
            row["party"],
            row["class"],
            row["state"],
            row["evidence"],
            row["stored_ms"],
            row["ended_ms"],
            due,
            tuple(reference for (reference,) in holds),
            row["requested_ms"],
            row["erased_ms"],
        )

    def _set(self, record: bytes, **values: object) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        self._register.execute(f"UPDATE records SET {columns} WHERE record = ?", (*values.values(), record))

    def _note(self, actor: str, action: str, subject: bytes, **detail: object) -> None:
        self.trail.append(self._clock(), actor, action, subject.hex(), **detail)

    def _class(self, name: str) -> RetentionClass:
        found = self._classes.get(name)
        if found is None:
            raise VaultError(f"There is no retention class {name!r}; there are {', '.join(self._classes)}.")
        return found

    @staticmethod
    def _require_not_erased(row: dict[str, Any]) -> None:
        if row["wrapped"] is None or row["state"] in (ERASING, ERASED):
            raise VaultError("The record was erased.")

    @staticmethod
    def _require_reason(text: str) -> None:
        if not 0 < len(text) <= REASON_CHARACTERS_MAX or not text.isprintable():
            raise VaultError(f"State a reason or reference of 1 to {REASON_CHARACTERS_MAX} characters.")

    # ---- sealing ----

    def _bound(self, record: bytes) -> bytes:
        """What a record's ciphertexts are bound to: no blob and no key can take another's place."""
        return _FORM + self._agent + record

    def _wrapped(self, record: bytes, key: bytes) -> bytes:
        number = max(self._secrets.wrapping)
        head = number.to_bytes(4, "big") + os.urandom(NONCE_BYTES)
        wrapping = AESGCM(self._secrets.wrapping[number])
        return head + wrapping.encrypt(head[4:], key, self._bound(record) + head[:4])

    def _unwrapped(self, record: bytes, wrapped: bytes) -> bytes:
        number, nonce, sealed = int.from_bytes(wrapped[:4], "big"), wrapped[4:16], wrapped[16:]
        try:
            wrapping = AESGCM(self._secrets.wrapping[number])
            return wrapping.decrypt(nonce, sealed, self._bound(record) + wrapped[:4])
        except (InvalidTag, KeyError):
            raise VaultError(f"The key of record {record.hex()} does not open.") from None

    def _open(self, record: bytes, row: dict[str, Any]) -> _Inside:
        self._require_not_erased(row)
        blob = self._blobs.get(row["path"])
        if blob is None:
            raise VaultError(f"The blob of record {record.hex()} is not in its store.")
        key = self._unwrapped(record, row["wrapped"])
        try:
            plain = AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], self._bound(record))
            size = int.from_bytes(plain[:8], "big")
            inside = msgspec.msgpack.decode(plain[8 : 8 + size], type=_Inside)
        except (InvalidTag, msgspec.MsgspecError, ValueError):
            raise VaultError(f"The blob of record {record.hex()} is damaged.") from None
        if digest(EVIDENCE, inside.salt, inside.content_type.encode(), inside.content) != row["evidence"]:
            raise VaultError(f"Record {record.hex()} is not what its hash says.")
        return inside

    def _pointer(self, path: str) -> bytes:
        """Where the blob lies, sealed for this vault alone; all pointers have one length."""
        plain = f"{self._blobs.url.rstrip('/')}/{path}".encode()
        if len(plain) > POINTER_BYTES:
            raise VaultError(f"The store's URL is too long: with the blob's name it has {len(plain)} bytes.")
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._secrets.pointers).encrypt(nonce, plain.ljust(POINTER_BYTES, b"\0"), _FORM)


def _sealed(key: bytes, bound: bytes, plain: bytes) -> bytes:
    """Padded to whole pages before it is encrypted, the nonce in front."""
    sized = len(plain).to_bytes(8, "big") + plain
    overhead = NONCE_BYTES + 16
    padded = sized.ljust(-(-(len(sized) + overhead) // PAGE_BYTES) * PAGE_BYTES - overhead, b"\0")
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, padded, bound)


def create_vault(
    folder: Path,
    url: str,
    agent: bytes,
    passphrase: str,
    *,
    classes: Classes | None = None,
    cost: ArgonCost = STANDARD_COST,
) -> None:
    """Make a vault of an agent (party id). KeyFileError where the folder has one, or the store cannot be opened."""
    Blobs(url)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = _Secrets({1: os.urandom(KEY_BYTES)}, os.urandom(KEY_BYTES), os.urandom(KEY_BYTES))
    seal_secret(folder / _SECRETS, _PURPOSE, msgspec.msgpack.encode(secrets), passphrase, cost=cost)
    files.write_new(folder / _SETTINGS, msgspec.json.encode(_Settings(url, agent)))
    text = msgspec.json.format(msgspec.json.encode(classes or EXAMPLE), indent=2) + b"\n"
    files.write_new(folder / CLASSES_NAME, text)


def open_vault(folder: Path, passphrase: str, clock: Callable[[], int]) -> Vault:
    """KeyFileError where there is none."""
    if not (folder / _SECRETS).exists():
        raise KeyFileError(
            f"There is no store of personal data in {folder}; make one with: counterfoil vault init"
        )
    return Vault(folder, passphrase, clock)
