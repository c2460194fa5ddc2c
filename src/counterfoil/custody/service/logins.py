"""Who somebody is: a password (Argon2id) and a one-time code (TOTP, RFC 6238), then a token for a while.

Failures are counted by name, whether or not there is such a user, and each failure takes as long as a success: neither
the answer nor its time tells which names exist. A code serves once. After `FAILURES_MAX` failures in a row the name
rests, each time twice as long; what rests is noted in the journal, so that a restart does not end it.
The package `pyotp` is needed, and imported only here: pip install 'counterfoil[custodian]'.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections import OrderedDict
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, NamedTuple

from nacl import exceptions
from nacl.pwhash import argon2id

from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.key_store import NAME_PATTERN, KeyStoreError
from counterfoil.custody.known_secrets import new_salt
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.events import LoginNoted, UserPut
from counterfoil.custody.service.protocol import TOKEN_BYTES
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.primitives.outcome import Rejected

LOGIN_COST: Final = ArgonCost(3, 64 << 20)
"""3 passes over 64 MiB, 0.1 s: here attempts are counted, and many users log in."""
PASSWORD_CHARACTERS_MIN: Final = 12
FAILURES_MAX: Final = 5
REST_MS: Final = 60_000
REST_MS_MAX: Final = 3_600_000
STEP_SECONDS: Final = 30
STEPS_ASIDE: Final = 1
"""A code of the step before or after is good too: clocks differ."""
ENROLMENT_MS: Final = 7 * 86_400_000
IDLE_MS: Final = 15 * 60_000
SESSION_MS: Final = 12 * 3_600_000
SESSIONS_MAX: Final = 10_000
NAMES_REMEMBERED_MAX: Final = 10_000
_ISSUER: Final = "Counterfoil custodian"
_CODE: Final = re.compile(r"[0-9]{6}")


class _Session(NamedTuple):
    user: str
    begun_ms: int
    used_ms: int


class Logins:
    """Users' logins over the custodian's books. `books_lock` is held only while the books are touched."""

    def __init__(
        self, books: CustodianBooks, books_lock: threading.RLock, *, cost: ArgonCost = LOGIN_COST
    ) -> None:
        self._books = books
        self._books_lock = books_lock
        self._cost = cost
        self._one_time = one_time_library()
        self._hashing = threading.Lock()
        self._sessions: dict[bytes, _Session] = {}
        self._strangers: OrderedDict[bytes, LoginNoted] = OrderedDict()
        self._decoy = self._hash(os.urandom(16).hex())

    # ---- enrolment ----

    def invite(self, name: str, administrator: bool) -> str:
        """A code with which the user chooses a password within a week. What it had before no longer serves."""
        check_user_name(name)
        code = new_salt()
        with self._books_lock:
            until_ms = self._books.clock() + ENROLMENT_MS
            self._books.write(
                UserPut(name, administrator, enrolment=_code_digest(code), enrolment_until_ms=until_ms)
            )
            self._books.write(LoginNoted(name, 0, 0, 0))
        self.end_of(name)
        return code

    def enrol(self, name: str, code: str, password: str) -> str:
        """Returns the otpauth:// address of the one-time codes; it is shown once."""
        check_new_password(password)
        self._refuse_resting(name)
        hashed = self._hash(password)
        with self._books_lock:
            user = self._books.users.get(name)
            good = (
                user is not None
                and user.enrolment
                and not user.removed
                and self._books.clock() < user.enrolment_until_ms
                and compare_digest(user.enrolment, _code_digest(code))
            )
            if user is None or not good:
                self._fail(name)
                raise Rejected(CustodyRefusal.ENROLMENT_FAILED)
            secret = self._one_time.random_base32()
            self._books.write(UserPut(name, user.administrator, hashed, secret))
        return str(self._one_time.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER))

    def remove(self, name: str) -> None:
        """The user's logins end, and it cannot log in again."""
        with self._books_lock:
            user = self._books.users[name]
            self._books.write(UserPut(name, user.administrator, removed=True))
        self.end_of(name)

    # ---- login ----

    def log_in(self, name: str, password: str, code: str) -> bytes:
        """A token of 32 random bytes. Refused LOGIN_FAILED or LOGIN_RESTS."""
        self._refuse_resting(name)
        with self._books_lock:
            user = self._books.users.get(name)
        known = user is not None and bool(user.password) and not user.removed
        hashed = user.password if user is not None and known else self._decoy
        fits = self._fits(hashed, password)
        with self._books_lock:
            self._refuse_resting(name)
            noted = self._noted(name)
            step = self._step_of(user, code, noted.step) if user is not None and known else 0
            if not (fits and known and step and self._books.users.get(name) == user):
                self._fail(name)
                raise Rejected(CustodyRefusal.LOGIN_FAILED)
            self._books.write(LoginNoted(name, 0, 0, step))
            token, now = os.urandom(TOKEN_BYTES), self._books.clock()
            self._forget_sessions(now)
            self._sessions[sha256(token).digest()] = _Session(name, now, now)
        return token

    def user_of(self, token: bytes) -> str:
        """Whose login this is, which has been used now. Refused LOGIN_IS_NEEDED where there is none any more."""
        with self._books_lock:
            now, key = self._books.clock(), sha256(token).digest()
            session = self._sessions.get(key)
            user = self._books.users.get(session.user) if session is not None else None
            if (
                session is None
                or user is None
                or user.removed
                or now - session.used_ms > IDLE_MS
                or now - session.begun_ms > SESSION_MS
            ):
                self._sessions.pop(key, None)
                raise Rejected(CustodyRefusal.LOGIN_IS_NEEDED)
            self._sessions[key] = session._replace(used_ms=now)
            return session.user

    def log_out(self, token: bytes) -> None:
        with self._books_lock:
            self._sessions.pop(sha256(token).digest(), None)

    def end_of(self, name: str) -> None:
        """Every login of a user ends."""
        with self._books_lock:
            for key in [key for key, session in self._sessions.items() if session.user == name]:
                del self._sessions[key]

    # ---- counting ----

    def _noted(self, name: str) -> LoginNoted:
        if name in self._books.users:
            return self._books.logins.get(name, LoginNoted(name, 0, 0, 0))
        return self._strangers.get(_remembered_as(name), LoginNoted(name, 0, 0, 0))

    def _refuse_resting(self, name: str) -> None:
        with self._books_lock:
            left_ms = self._noted(name).rests_until_ms - self._books.clock()
        if left_ms > 0:
            raise Rejected(CustodyRefusal.LOGIN_RESTS, seconds=left_ms // 1_000 + 1)

    def _fail(self, name: str) -> None:
        noted = self._noted(name)
        failures = noted.failures + 1
        rests_until_ms = 0
        if failures >= FAILURES_MAX:
            doubled = REST_MS << min(failures - FAILURES_MAX, 16)
            rests_until_ms = self._books.clock() + min(doubled, REST_MS_MAX)
        failed = LoginNoted(name, failures, rests_until_ms, noted.step)
        if name in self._books.users:
            self._books.write(failed)
            return
        self._strangers[_remembered_as(name)] = failed
        self._strangers.move_to_end(_remembered_as(name))
        while len(self._strangers) > NAMES_REMEMBERED_MAX:
            self._strangers.popitem(last=False)

    def _forget_sessions(self, now: int) -> None:
        for key in [key for key, session in self._sessions.items() if now - session.used_ms > IDLE_MS]:
            del self._sessions[key]
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used_ms)]

    # ---- secrets ----

    def _step_of(self, user: UserPut, code: str, used: int) -> int:
        """The step whose code this is, later than the last one that was used; 0 where it is none."""
        if _CODE.fullmatch(code) is None:
            return 0
        totp = self._one_time.TOTP(user.one_time_secret, interval=STEP_SECONDS)
        now = self._books.clock() // 1_000 // STEP_SECONDS
        found = 0
        for step in range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1):
            if compare_digest(str(totp.generate_otp(step)), code) and step > used:
                found = step
        return found

    def _hash(self, password: str) -> str:
        with self._hashing:
            hashed = argon2id.str(
                _normal(password), opslimit=self._cost.operations, memlimit=self._cost.memory_bytes
            )
        return hashed.decode("ascii")

    def _fits(self, hashed: str, password: str) -> bool:
        with self._hashing:
            try:
                return bool(argon2id.verify(hashed.encode("ascii"), _normal(password)))
            except exceptions.InvalidkeyError:
                return False


def check_user_name(name: str) -> None:
    """Refused NAME_CANNOT_BE_USED."""
    if NAME_PATTERN.fullmatch(name) is None:
        raise Rejected(CustodyRefusal.NAME_CANNOT_BE_USED)


def check_new_password(password: str) -> None:
    """Refused PASSWORD_IS_TOO_SHORT."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise Rejected(CustodyRefusal.PASSWORD_IS_TOO_SHORT)


def _remembered_as(name: str) -> bytes:
    """A name of any length takes the same room."""
    return sha256(name.encode("utf-8", "surrogatepass")).digest()


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()


def _code_digest(code: str) -> bytes:
    return sha256(code.strip().lower().encode()).digest()


def one_time_library() -> Any:
    """`pyotp`; KeyStoreError says how to install it."""
    try:
        import pyotp
    except ImportError:
        raise KeyStoreError(
            "A custodian's logins need one more package: pip install 'counterfoil[custodian]'"
        ) from None
    return pyotp
