"""Four eyes: what waits for other users, who may decide about it, and what it would do, in words."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from counterfoil.custody.service.books import CustodianBooks, OpenRequest
from counterfoil.custody.service.events import Asked, Decided
from counterfoil.custody.service.policy import Allowed
from counterfoil.custody.service.protocol import CHANGE, AddKey, AddUser, Change, RemoveUser, RequestLine
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.subjects import SubjectReader
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected

OPEN_REQUESTS_MAX: Final = 100
"""Of one user."""
CHANGE_MS: Final = 7 * 86_400_000
REQUEST_MS: Final = 3_600_000
"""So long a request waits for approval, and the same bytes are answered again without another entry."""
REQUEST_BYTES: Final = 16


class Approvals:
    """Called under the service's lock."""

    def __init__(self, books: CustodianBooks, reader: SubjectReader) -> None:
        self._books = books
        self._reader = reader

    def of_signature(self, user: str, key: str, message: bytes, allowed: Allowed) -> tuple[str, ...]:
        """Who approved it, as many as the policy wants. Refused APPROVAL_IS_MISSING until then, with the request."""
        if not allowed.approvals:
            return ()
        expires_ms = self._books.clock() + REQUEST_MS
        asked = Asked(request_id(user, key, message), user, key, message, expires_ms)
        return self._of(asked, allowed.approvals, allowed.approvers)

    def of_change(self, user: str, change: Change) -> tuple[str, ...]:
        """One other administrator, where there is one."""
        others = frozenset(name for name in self._books.administrators() if name != user)
        if not others:
            return ()
        message = encode(change)
        expires_ms = self._books.clock() + CHANGE_MS
        return self._of(Asked(request_id(user, "", message), user, "", message, expires_ms), 1, others)

    def decide(self, user: str, request: bytes, approve: bool) -> None:
        """Approve a request, or refuse it for good; each approver once."""
        self._books.forget_expired()
        waiting = self._books.requests.get(request)
        if waiting is None or waiting.refused:
            raise Rejected(CustodyRefusal.REQUEST_NOT_FOUND)
        if user == waiting.asked.user and approve:
            raise Rejected(CustodyRefusal.APPROVER_IS_THE_REQUESTER)
        if user != waiting.asked.user and user not in self._conditions(waiting)[1]:
            raise Rejected(CustodyRefusal.REQUEST_NOT_FOUND)
        if not approve or user not in waiting.approved_by:
            self._books.write(Decided(request, user, approve))

    def lines(self, user: str) -> tuple[RequestLine, ...]:
        """Open requests that the user made or may approve, the first to expire first."""
        self._books.forget_expired()
        found = []
        for waiting in self._books.requests.values():
            needed, approvers = self._conditions(waiting)
            asked = waiting.asked
            if waiting.refused or user not in (asked.user, *approvers):
                continue
            approved = self._counting(waiting, approvers)
            found.append(
                RequestLine(
                    asked.request,
                    asked.user,
                    asked.key,
                    *self._contents(asked),
                    asked.expires_ms,
                    approved,
                    max(0, needed - len(approved)),
                )
            )
        return tuple(sorted(found, key=lambda line: (line.expires_ms, line.request)))

    def _of(self, asked: Asked, needed: int, approvers: frozenset[str]) -> tuple[str, ...]:
        books = self._books
        waiting = books.requests.get(asked.request)
        if waiting is None:
            mine = sum(1 for one in books.requests.values() if one.asked.user == asked.user)
            if mine >= OPEN_REQUESTS_MAX:
                raise Rejected(CustodyRefusal.TOO_MANY_OPEN_REQUESTS)
            books.write(asked)
            waiting = books.requests[asked.request]
        if waiting.refused:
            raise Rejected(CustodyRefusal.REQUEST_WAS_REFUSED)
        approved = self._counting(waiting, approvers)
        if len(approved) < needed:
            missing = needed - len(approved)
            raise Rejected(CustodyRefusal.APPROVAL_IS_MISSING, request=asked.request, missing=missing)
        return approved

    def _counting(self, waiting: OpenRequest, approvers: frozenset[str]) -> tuple[str, ...]:
        """Approvals of users who may still give them."""
        users = self._books.users
        return tuple(
            name
            for name in waiting.approved_by
            if name in approvers and name != waiting.asked.user and not users[name].removed
        )

    def _conditions(self, waiting: OpenRequest) -> tuple[int, frozenset[str]]:
        """How many must approve and who may, as of now; nobody where the policy allows it no more."""
        asked, books = waiting.asked, self._books
        if not asked.key:
            return 1, frozenset(name for name in books.administrators() if name != asked.user)
        key, subject = books.keys.get(asked.key), self._reader.read(asked.message)
        if key is None or subject is None:
            return 0, frozenset()
        try:
            allowed = books.policy.decide(asked.user, asked.key, key.owner, subject, {})
        except Rejected:
            return 0, frozenset()
        return allowed.approvals, allowed.approvers - {asked.user}

    def _contents(self, asked: Asked) -> tuple[str, tuple[bytes, ...]]:
        """(in words, messages) of a request's line."""
        if not asked.key:
            return words_of_change(CHANGE.trusted(asked.message)), ()
        subject = self._reader.read(asked.message)
        if subject is None:
            return "", ()
        return subject.words, tuple(encode(message) for message in subject.messages)


def words_of_change(change: Change) -> str:
    """For the administrator who is to approve it."""
    if isinstance(change, AddUser):
        return f"Enrol {change.user} as {'an administrator' if change.administrator else 'a user'}"
    if isinstance(change, RemoveUser):
        return f"Remove {change.user}"
    if isinstance(change, AddKey):
        return f"Make the key {change.key}{f' of {change.owner}' if change.owner else ''}"
    digest, text = sha256(change.policy).hexdigest(), change.policy.decode(errors="replace")
    return f"Put a policy in force, SHA-256 {digest}: {text}"


def request_id(user: str, key: str, message: bytes) -> bytes:
    """The same for the same user, key and bytes: 16 bytes."""
    return sha256(f"{user}\n{key}\n".encode() + message).digest()[:REQUEST_BYTES]
