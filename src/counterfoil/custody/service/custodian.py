"""The custodian: what its users may ask, decided by the policy, and each signature in the trail before it leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.service.administration import Administration
from counterfoil.custody.service.approvals import REQUEST_MS, Approvals
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.events import Answered, Intended, KeyPut
from counterfoil.custody.service.logins import LOGIN_COST, Logins
from counterfoil.custody.service.policy import Allowed, Charge
from counterfoil.custody.service.protocol import Change, KeyLine, Open, RequestLine
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.subjects import Subject, SubjectReader, opening_request
from counterfoil.custody.service.trail import Recorder, Trail
from counterfoil.custody.service.vault import ServiceKey, Vault
from counterfoil.modules.custodians.interface import TrailEntry, UseKind
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.storage.fault_points import (
    AFTER_ANSWER,
    AFTER_INTENT,
    AFTER_SIGNING,
    BEFORE_ANSWER,
    BEFORE_INTENT,
    reached,
)

T = TypeVar("T")

SERVICE_KEY: Final = "custodian"
"""The name of the key with which the custodian signs its trail; no rule lets anybody use it."""
REQUESTS_A_MINUTE_MAX: Final = 600
"""Of one user: a busy desk; a program that runs wild is slowed."""
UNRECORDED_MAX: Final = 1_000
"""Entries that may wait for the ledger; beyond that nothing is signed until it has them."""
MINUTE_MS: Final = 60_000


class Custodian:
    """Safe for threads: one signature after the other, under one lock."""

    def __init__(
        self,
        books: CustodianBooks,
        vault: Vault,
        recorder: Recorder,
        *,
        login_cost: ArgonCost = LOGIN_COST,
    ) -> None:
        self._books = books
        self._vault = vault
        self._lock = threading.RLock()
        self._reader = SubjectReader(books.founded.chain_id)
        self._trail = Trail(books, recorder)
        self._asked: dict[str, tuple[int, int]] = {}
        self.logins = Logins(books, self._lock, cost=login_cost)
        self._approvals = Approvals(books, self._reader)
        self._administration = Administration(books, self.logins, vault, self._approvals)

    @property
    def chain_id(self) -> str:
        return self._books.founded.chain_id

    # ---- beginning, and going on ----

    def repair(self) -> None:
        """After a start: what was intended and not answered is said to be in doubt, before anything else is signed."""
        with self._lock:
            books = self._books
            for number, entry in sorted(books.unanswered.items()):
                doubt = TrailEntry(
                    books.clock(), UseKind.INTERRUPTED, entry.key, entry.subject, entry.policy, entry.user
                )
                books.write(Intended(doubt, "", (), 0))
                books.write(Answered(number))

    def record(self) -> None:
        """Let the ledger have the whole trail. Refused where it cannot be."""
        with self._lock:
            self._trail.record()

    def tidy(self) -> None:
        """Record the trail, then shorten a journal that has grown long. Refused as `record`."""
        with self._lock:
            self._trail.record()
            self._books.renew()

    # ---- what users ask ----

    def keys(self, user: str) -> tuple[KeyLine, ...]:
        with self._lock:
            usable = [key for key in self._books.keys.values() if self._may_use(user, key)]
            return tuple(
                KeyLine(key.name, key.public_key) for key in sorted(usable, key=lambda key: key.name)
            )

    def sign(self, user: str, name: str, message: bytes) -> tuple[bytes, int]:
        """(the signature, the number of its entry in the trail). Tell `answered` when it is on its way."""
        with self._lock:
            key = self._usable(user, name)
            subject = self._reader.read(message)
            if subject is None or subject.kind is UseKind.OPENING:
                raise Rejected(CustodyRefusal.IS_NOT_SIGNED_HERE)
            return self._used(user, key, subject, message, lambda: self._vault.sign(key, message))

    def open(self, user: str, ask: Open) -> tuple[bytes | None, int]:
        """(the plaintext, or None where it does not open; its entry in the trail), as `sign`: by the policy, with the
        approvals that it wants, and in the trail before it leaves. The opening key itself never does."""
        with self._lock:
            key, message = self._usable(user, ask.key), opening_request(ask)
            subject = self._reader.read(message)
            if subject is None:
                raise Rejected(CustodyRefusal.IS_NOT_SIGNED_HERE)
            return self._used(
                user,
                key,
                subject,
                message,
                lambda: self._vault.opening_key(key).open(ask.purpose, ask.parts, ask.sealed),
            )

    def opening_key(self, user: str, name: str) -> bytes:
        """The public half, which is no secret: for whoever may use the key."""
        with self._lock:
            return self._vault.opening_key(self._usable(user, name)).public_key

    def _usable(self, user: str, name: str) -> KeyPut:
        """A key that the user may use for something. Refused KEY_NOT_FOUND, of any other as of none. Under the lock."""
        self._count(user)
        self._books.forget_expired()
        key = self._books.keys.get(name)
        if key is None or not self._may_use(user, key):
            raise Rejected(CustodyRefusal.KEY_NOT_FOUND)
        return key

    def _used(
        self, user: str, key: KeyPut, subject: Subject, message: bytes, use: Callable[[], T]
    ) -> tuple[T, int]:
        """(what the use of the key gives, the number of its entry in the trail). Under the lock."""
        books, name = self._books, key.name
        self._trail.agree()
        again = books.signed.get((address_of(key.public_key), subject.digest, user))
        spent = books.spent_by(user) if again is None else {}
        allowed = books.policy.decide(user, name, key.owner, subject, spent)
        if again is None:
            approved_by = self._approvals.of_signature(user, name, message, allowed)
            number = self._intend(user, key, subject, allowed.charges, approved_by)
        else:
            number = again[0]
        made = use()
        reached(AFTER_SIGNING)
        if self._must_stand_first(allowed, number):
            self._trail.record()
        reached(BEFORE_ANSWER)
        return made, number

    def answered(self, number: int) -> None:
        """The signature of this entry has been handed on."""
        reached(AFTER_ANSWER)
        with self._lock:
            if number in self._books.unanswered:
                self._books.write(Answered(number), durable=False)

    def requests(self, user: str) -> tuple[RequestLine, ...]:
        with self._lock:
            return self._approvals.lines(user)

    def decide(self, user: str, request: bytes, approve: bool) -> None:
        with self._lock:
            self._count(user)
            self._approvals.decide(user, request, approve)

    def change(self, user: str, change: Change) -> object:
        """What administrators ask for; answered as the protocol says."""
        with self._lock:
            self._count(user)
            return self._administration.change(user, change)

    # ---- inside ----

    def _may_use(self, user: str, key: KeyPut) -> bool:
        return key.name != SERVICE_KEY and self._books.policy.may_use(user, key.name, key.owner)

    def _intend(
        self,
        user: str,
        key: KeyPut,
        subject: Subject,
        charges: tuple[Charge, ...],
        approved_by: tuple[str, ...],
    ) -> int:
        """Durable when this returns: whatever happens now, the use of the key will be on the ledger."""
        books = self._books
        if len(books.unrecorded) >= UNRECORDED_MAX:
            self._trail.record()
        now = books.clock()
        entry = TrailEntry(
            now,
            subject.kind,
            address_of(key.public_key),
            subject.digest,
            books.policy.digest,
            books.tag(user),
            tuple(books.tag(approver) for approver in approved_by),
        )
        reached(BEFORE_INTENT)
        books.write(Intended(entry, user, charges, now + REQUEST_MS))
        reached(AFTER_INTENT)
        return books.entries

    def _must_stand_first(self, allowed: Allowed, number: int) -> bool:
        return allowed.record_first and number > self._books.recorded.entries

    def _count(self, user: str) -> None:
        minute = self._books.clock() // MINUTE_MS
        begun, count = self._asked.get(user, (minute, 0))
        count = count + 1 if begun == minute else 1
        self._asked[user] = (minute, count)
        if count > REQUESTS_A_MINUTE_MAX:
            raise Rejected(CustodyRefusal.REQUESTS_ARE_TOO_FAST)


def service_key(books: CustodianBooks, vault: Vault) -> ServiceKey:
    """The custodian's own key, made when it is first asked for."""
    key = books.keys.get(SERVICE_KEY)
    if key is None:
        key = vault.make(SERVICE_KEY, "")
        books.write(key)
    return ServiceKey(vault, key)
