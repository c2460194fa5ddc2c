"""What the custodian knows, made from its journal and kept up with it: no fact is here that is not there."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from counterfoil.custody.key_files import STANDARD_COST, ArgonCost
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.service.events import (
    EVENT,
    Answered,
    Asked,
    Carried,
    Closed,
    Decided,
    Event,
    Founded,
    Intended,
    KeyPut,
    LoginNoted,
    PolicyPut,
    Recorded,
    Signed,
    Spending,
    UserPut,
)
from counterfoil.custody.service.journal import NAME, Journal
from counterfoil.custody.service.policy import SigningPolicy, Spent
from counterfoil.modules.custodians.interface import FIRST_HEAD, TrailEntry, UseKind, next_head
from counterfoil.primitives.digests import TRAIL_USER, keyed
from counterfoil.storage.errors import FolderInUse
from counterfoil.storage.folder_lock import FolderLock

DAY_MS: Final = 86_400_000
_USES: Final = (UseKind.TRANSACTION, UseKind.READING, UseKind.PUBLICATION, UseKind.OPENING)
"""What keys are used for: each is answered, and not twice."""
TAG_BYTES: Final = 16
TAG_KEY_BYTES: Final = 32
RENEWED_RECORDS_MIN: Final = 100_000
"""A journal of fewer records, 30 MB or less, is read in seconds and stays as it is."""
NO_POLICY: Final = b'{"rules": []}'

Clock = Callable[[], int]


def system_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class OpenRequest:
    """A request that waits, and what was decided about it so far."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.approved_by: list[str] = []
        self.refused = False


class CustodianBooks:
    """`write` makes an event durable, then takes it in. Not safe for threads: the service has one lock for all."""

    def __init__(self, journal: Journal, lock: FolderLock, clock: Clock) -> None:
        self._journal = journal
        self._lock = lock
        self.clock = clock
        self.founded = Founded("", b"")
        self.users: dict[str, UserPut] = {}
        self.logins: dict[str, LoginNoted] = {}
        self.keys: dict[str, KeyPut] = {}
        self.policy = SigningPolicy(NO_POLICY)
        self.requests: dict[bytes, OpenRequest] = {}
        self.unrecorded: deque[TrailEntry] = deque()
        self.entries = 0
        self.recorded = Recorded(0, FIRST_HEAD)
        self.unanswered: dict[int, TrailEntry] = {}
        self.signed: dict[tuple[bytes, bytes, str], tuple[int, int]] = {}
        self._spent: dict[tuple[str, str], Spent] = {}
        self._day = 0

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: str,
        chain_id: str,
        *,
        cost: ArgonCost = STANDARD_COST,
        clock: Clock = system_clock_ms,
    ) -> CustodianBooks:
        """A new custodian in a new or empty folder, for the ledger with this chain id."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            books = cls(Journal.create(folder / NAME, passphrase, cost), lock, clock)
        except BaseException:
            lock.release()
            raise
        books.write(Founded(chain_id, os.urandom(TAG_KEY_BYTES)))
        return books

    @classmethod
    def open(cls, folder: Path, passphrase: str, *, clock: Clock = system_clock_ms) -> CustodianBooks:
        if not folder.is_dir():
            raise KeyStoreError(
                f"There is no custodian's store in {folder}; make one with: counterfoil custodian init"
            )
        lock = _locked(folder)
        try:
            books = cls(Journal.open(folder / NAME, passphrase), lock, clock)
            for record in books._journal.records():
                books._take_in(EVENT.decode(record))
        except msgspec.MsgspecError:
            lock.release()
            raise KeyStoreError(
                f"The custodian's store in {folder} was written by another version."
            ) from None
        except BaseException:
            lock.release()
            raise
        return books

    def write(self, event: Event, *, durable: bool = True) -> None:
        self._journal.append(msgspec.msgpack.encode(event), durable=durable)
        self._take_in(event)

    def close(self) -> None:
        self._journal.close()
        self._lock.release()

    def renew(self) -> bool:
        """Shorten the journal to what still counts, where it has grown and the ledger has all of the trail.

        False where there is nothing to gain, or an entry that the ledger lacks.
        """
        if self._journal.count < RENEWED_RECORDS_MIN or self.unrecorded or self.unanswered:
            return False
        self.forget_expired()
        self._turn_day()
        kept: list[Event] = [self.founded, *self.users.values(), *self.logins.values(), *self.keys.values()]
        kept.append(PolicyPut(self.policy.document))
        for waiting in self.requests.values():
            kept.append(waiting.asked)
            identity = waiting.asked.request
            kept += [Decided(identity, user, True) for user in waiting.approved_by]
            kept += [Decided(identity, "", False)] if waiting.refused else []
        kept.append(
            Carried(
                self.entries,
                self.recorded.head,
                self._day,
                tuple(Spending(*key, *spent) for key, spent in self._spent.items()),
                tuple(Signed(*subject, *answer) for subject, answer in self.signed.items()),
            )
        )
        self._journal.renew(msgspec.msgpack.encode(event) for event in kept)
        return True

    # ---- questions ----

    def tag(self, user: str) -> bytes:
        """A user's name in the trail: 16 bytes that only the custodian can tell."""
        return keyed(self.founded.tag_key, TRAIL_USER + user.encode(), TAG_BYTES)

    def spent_by(self, user: str) -> dict[str, Spent]:
        """By rule: what the user's signatures of today, by UTC, took of it."""
        self._turn_day()
        return {rule: spent for (who, rule), spent in self._spent.items() if who == user}

    def administrators(self) -> list[str]:
        """Those who can log in, by name."""
        return sorted(
            user.name
            for user in self.users.values()
            if user.administrator and user.password and not user.removed
        )

    def forget_expired(self) -> None:
        """Requests and answers that can have no effect any more."""
        now = self.clock()
        for key in [key for key, open_ in self.requests.items() if open_.asked.expires_ms <= now]:
            del self.requests[key]
        for subject in [subject for subject, (_, expires_ms) in self.signed.items() if expires_ms <= now]:
            del self.signed[subject]

    # ---- events ----

    def _take_in(self, event: Event) -> None:
        match event:
            case Founded():
                self.founded = event
            case UserPut():
                self.users[event.name] = event
            case LoginNoted():
                self.logins[event.user] = event
            case KeyPut():
                self.keys[event.name] = event
            case PolicyPut():
                self.policy = SigningPolicy(event.document)
            case Asked():
                self.requests[event.request] = OpenRequest(event)
            case Decided():
                self._decide(event)
            case Intended():
                self._intend(event)
            case Answered():
                self.unanswered.pop(event.number, None)
            case Carried():
                self._carry(event)
            case Closed():
                self.requests.pop(event.request, None)
            case Recorded():
                for _ in range(event.entries - self.recorded.entries):
                    self.unrecorded.popleft()
                self.recorded = event

    def _carry(self, event: Carried) -> None:
        self.entries = event.entries
        self.recorded = Recorded(event.entries, event.head)
        self._turn_day()
        if event.day == self._day:
            self._spent = {(one.user, one.rule): Spent(one.quantity, one.amount) for one in event.spent}
        self.signed = {(one.key, one.subject, one.user): (one.number, one.expires_ms) for one in event.signed}

    def _decide(self, event: Decided) -> None:
        waiting = self.requests.get(event.request)
        if waiting is None:
            return
        if event.approved:
            waiting.approved_by.append(event.user)
        else:
            waiting.refused = True

    def _intend(self, event: Intended) -> None:
        entry = event.entry
        self.entries += 1
        self.unrecorded.append(entry)
        if entry.kind in _USES:
            self.unanswered[self.entries] = entry
            self.signed[entry.key, entry.subject, event.user] = (self.entries, event.expires_ms)
        self._turn_day()
        if entry.time_ms // DAY_MS == self._day:
            for charge in event.charges:
                before = self._spent.get((event.user, charge.rule), Spent())
                self._spent[event.user, charge.rule] = Spent(
                    before.quantity + charge.quantity, before.amount + charge.amount
                )

    def _turn_day(self) -> None:
        day = self.clock() // DAY_MS
        if day != self._day:
            self._day = day
            self._spent.clear()

    def head_after(self, entries: int) -> bytes | None:
        """The head of the trail after so many entries; None where they are not known here any more, or not yet."""
        ahead = entries - self.recorded.entries
        if not 0 <= ahead <= len(self.unrecorded):
            return None
        return next_head(self.recorded.head, list(self.unrecorded)[:ahead])


def _locked(folder: Path) -> FolderLock:
    try:
        return FolderLock(folder)
    except FolderInUse:
        raise KeyStoreError(
            f"The custodian in {folder} is running already; one process at a time uses its store."
        ) from None
