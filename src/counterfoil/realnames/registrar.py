"""The identity registrar: knows the key of the tags, attests persons on the ledger, and keeps nothing but a trail.

An agent tells it a client's number; the registrar makes the person's tag and the agent's own handle for the person,
puts an attestation on the ledger, and answers with the handle. The number is in its memory for that moment alone: it
is in no file, no log line and no error. What the agent gets says nothing about whether anybody else knows the person.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from counterfoil.custody.key_files import STANDARD_COST, ArgonCost
from counterfoil.custody.sealed_secrets import open_secret, seal_secret
from counterfoil.modules.identities.messages import AttestIdentity
from counterfoil.primitives.digests import keyed
from counterfoil.realnames.refusals import RegistrarRefusal, Turned
from counterfoil.realnames.tags import NumberIsMalformed, TagFunction, derive_secret, person_input
from counterfoil.realnames.trail import Trail, open_database, together

HANDLE_BYTES: Final = 32
SEED_BYTES: Final = 32
ASKED, ATTESTED, REFUSED, STARTED, KEY_ADDED = "asked", "attested", "refused", "started", "key added"
CASE_CHARACTERS_MAX: Final = 64
MINUTE_MS, DAY_MS = 60_000, 86_400_000

_SECRETS, _TRAIL = "registrar.secrets", "trail.sqlite"
_PURPOSE: Final = "identity registrar"
_INFO: Final = b"counterfoil identity tags"


class Limits(msgspec.Struct, frozen=True):
    """How often one agent may ask: what is attested and what is refused both count, and a restart forgets nothing."""

    per_minute: int = 30
    per_day: int = 2_000


class _Secrets(msgspec.Struct, frozen=True):
    """seeds: of the key versions, the oldest first. handles: what handles and the trail are keyed with."""

    seeds: tuple[bytes, ...]
    handles: bytes


class Attested(NamedTuple):
    """What an agent is told: the handle for this person, and the height of the attestation."""

    handle: bytes
    height: int


class Registrar:
    """Open for asking. Safe to use from several threads.

    attest(message) → height puts an attestation on the ledger; knows(tag) says whether the ledger has a tag; both may
    raise what the SDK raises.
    """

    def __init__(
        self,
        folder: Path,
        secrets: _Secrets,
        party: bytes,
        attest: Callable[[AttestIdentity], int],
        knows: Callable[[bytes], bool],
        clock: Callable[[], int],
        limits: Limits | None = None,
    ) -> None:
        self._functions = [TagFunction(derive_secret(seed, _INFO)) for seed in secrets.seeds]
        self._handles = secrets.handles
        self._party = party
        self._attest = attest
        self._knows = knows
        self._clock = clock
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._database = open_database(folder / _TRAIL)
        self.trail = Trail(self._database, _trail_key(secrets))
        self._note("registrar", STARTED, "", key_version=len(self._functions))

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: str,
        party: bytes,
        attest: Callable[[AttestIdentity], int],
        knows: Callable[[bytes], bool],
        clock: Callable[[], int],
        limits: Limits | None = None,
    ) -> Registrar:
        """KeyFileError where there is none, or the passphrase is another's."""
        return cls(folder, _load(folder, passphrase), party, attest, knows, clock, limits)

    def ask(self, agent: bytes, scheme: str, number: str, case: str) -> Attested:
        """The agent's handle for whoever has the number, attested on the ledger. Asking again changes nothing.

        case: the agent's own reference of its file, for the trail. Turned TOO_FAST, NUMBER_IS_MALFORMED or
        CASE_IS_MISSING; whatever the ledger refuses comes through as it is.
        """
        actor = agent.hex()
        self._take_a_turn(actor)
        if not 0 < len(case) <= CASE_CHARACTERS_MAX or not case.isprintable():
            self._note(actor, REFUSED, "", why=RegistrarRefusal.CASE_IS_MISSING.name)
            raise Turned(RegistrarRefusal.CASE_IS_MISSING)
        try:
            person = person_input(scheme, number)
        except NumberIsMalformed as error:
            self._note(actor, REFUSED, "", why=RegistrarRefusal.NUMBER_IS_MALFORMED.name, case=case)
            raise Turned(RegistrarRefusal.NUMBER_IS_MALFORMED, detail=str(error)) from None
        tags = [function.evaluate(person)[:32] for function in self._functions]
        subject = self._subject(tags[0])
        handle = keyed(self._handles, b"handle" + agent + person, HANDLE_BYTES)
        ask = AttestIdentity(self._party, len(tags), tags[-1], agent, handle, self._earlier(tags))
        try:
            height = self._attest(ask)
        except Exception as error:
            self._note(actor, REFUSED, subject, why=type(error).__name__, case=case)
            raise
        self._note(actor, ATTESTED, subject, case=case, height=height)
        return Attested(handle, height)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _take_a_turn(self, actor: str) -> None:
        """One question of an agent's, counted before anything else is done with it."""
        now_ms = self._clock()
        with self._lock, together(self._database):
            minute = self.trail.count_since(actor, ASKED, now_ms - MINUTE_MS)
            day = self.trail.count_since(actor, ASKED, now_ms - DAY_MS)
            if minute >= self._limits.per_minute or day >= self._limits.per_day:
                raise Turned(RegistrarRefusal.TOO_FAST)
            self.trail.append(now_ms, actor, ASKED)

    def _note(self, actor: str, action: str, subject: str, **detail: object) -> None:
        with self._lock, together(self._database):
            self.trail.append(self._clock(), actor, action, subject, **detail)

    def _subject(self, first_tag: bytes) -> str:
        return _subject(self._handles, first_tag)

    def _earlier(self, tags: list[bytes]) -> bytes:
        """The newest of a person's tags under earlier versions that the ledger knows, where it does not know the
        present one: so a person stays one when the key is replaced. The ledger is asked about all of them, whoever it
        is, for how often it was asked must not show in the time of the answer."""
        if len(tags) == 1:
            return b""
        known = [tag for tag in tags if self._knows(tag)]
        return b"" if not known or known[-1] == tags[-1] else known[-1]


def create(folder: Path, passphrase: str, *, cost: ArgonCost = STANDARD_COST) -> bytes:
    """Make a registrar's folder with version 1 of its key; returns the public key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = _Secrets((os.urandom(SEED_BYTES),), os.urandom(SEED_BYTES))
    seal_secret(folder / _SECRETS, _PURPOSE, msgspec.msgpack.encode(secrets), passphrase, cost=cost)
    return _public_key(secrets)


def add_key(folder: Path, passphrase: str, *, cost: ArgonCost = STANDARD_COST) -> tuple[int, bytes]:
    """Draw the next version of the key; returns its number and public key. The earlier ones are kept: without them
    nobody who was attested under them would be known again. It is used from the next start on, and only after a
    regulator has put it in force."""
    before = _load(folder, passphrase)
    secrets = _Secrets((*before.seeds, os.urandom(SEED_BYTES)), before.handles)
    seal_secret(
        folder / _SECRETS,
        _PURPOSE,
        msgspec.msgpack.encode(secrets),
        passphrase,
        replace=True,
        cost=cost,
    )
    database = open_database(folder / _TRAIL)
    trail = Trail(database, _trail_key(secrets))
    with together(database):
        trail.append(0, "registrar", KEY_ADDED, key_version=len(secrets.seeds))
    database.close()
    return len(secrets.seeds), _public_key(secrets)


def public_keys(folder: Path, passphrase: str) -> tuple[bytes, ...]:
    """Of every version, the oldest first."""
    return tuple(
        TagFunction(derive_secret(seed, _INFO)).public_key for seed in _load(folder, passphrase).seeds
    )


def check_trail(folder: Path, passphrase: str, count: int = 0, head: bytes = b"") -> tuple[int, bytes]:
    """See `Trail.check`."""
    secrets = _load(folder, passphrase)
    database: sqlite3.Connection = open_database(folder / _TRAIL)
    try:
        return Trail(database, _trail_key(secrets)).check(count, head)
    finally:
        database.close()


def asked_about(folder: Path, passphrase: str, scheme: str, number: str) -> list[dict[str, object]]:
    """Who has asked about a person, when and for what case: what the person itself may demand to know.

    NumberIsMalformed where the number is none. It can be asked while the registrar is running.
    """
    secrets = _load(folder, passphrase)
    first = TagFunction(derive_secret(secrets.seeds[0], _INFO))
    subject = _subject(secrets.handles, first.tag(scheme, number))
    database = open_database(folder / _TRAIL)
    try:
        return [
            {"time_ms": one.time_ms, "agent": one.actor, "action": one.action, **one.detail}
            for one in Trail(database, _trail_key(secrets)).entries(subject)
        ]
    finally:
        database.close()


def _subject(handles: bytes, first_tag: bytes) -> str:
    """What stands in the trail for a person: nobody without the key finds it from the ledger's tag."""
    return keyed(handles, b"subject" + first_tag, 16).hex()


def _trail_key(secrets: _Secrets) -> bytes:
    return keyed(secrets.handles, b"trail", 32)


def _load(folder: Path, passphrase: str) -> _Secrets:
    return msgspec.msgpack.decode(open_secret(folder / _SECRETS, _PURPOSE, passphrase), type=_Secrets)


def _public_key(secrets: _Secrets) -> bytes:
    return TagFunction(derive_secret(secrets.seeds[-1], _INFO)).public_key
