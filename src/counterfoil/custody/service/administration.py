"""What administrators change: users, keys, the policy; with a second administrator's approval where there is one."""

from __future__ import annotations

from hashlib import sha256

from counterfoil.custody.key_store import NAME_PATTERN
from counterfoil.custody.service.approvals import Approvals, request_id
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.events import Closed, Intended, PolicyPut
from counterfoil.custody.service.logins import Logins, check_user_name
from counterfoil.custody.service.policy import SigningPolicy
from counterfoil.custody.service.protocol import AddKey, AddUser, Change, RemoveUser, SetPolicy
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.vault import Vault
from counterfoil.modules.custodians.interface import TrailEntry, UseKind
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected


class Administration:
    """Called under the service's lock."""

    def __init__(self, books: CustodianBooks, logins: Logins, vault: Vault, approvals: Approvals) -> None:
        self._books = books
        self._logins = logins
        self._vault = vault
        self._approvals = approvals

    def change(self, user: str, change: Change) -> object:
        """Checked before anybody is asked to approve it, and again when it is made."""
        books = self._books
        if user not in books.administrators():
            raise Rejected(CustodyRefusal.IS_NOT_AN_ADMINISTRATOR)
        self._check(change)
        approved_by = self._approvals.of_change(user, change)
        message = encode(change)
        policy = sha256(change.policy).digest() if isinstance(change, SetPolicy) else books.policy.digest
        entry = TrailEntry(
            books.clock(),
            UseKind.ADMINISTRATION,
            b"",
            sha256(message).digest(),
            policy,
            books.tag(user),
            tuple(books.tag(approver) for approver in approved_by),
        )
        books.write(Intended(entry, user, (), 0))
        answer = self._make(change)
        books.write(Closed(request_id(user, "", message)))
        return answer

    def _check(self, change: Change) -> None:
        books = self._books
        if isinstance(change, AddUser):
            check_user_name(change.user)
        elif isinstance(change, RemoveUser):
            if change.user not in books.users or books.users[change.user].removed:
                raise Rejected(CustodyRefusal.USER_NOT_FOUND)
        elif isinstance(change, AddKey):
            if NAME_PATTERN.fullmatch(change.key) is None or change.key in books.keys:
                raise Rejected(CustodyRefusal.NAME_CANNOT_BE_USED)
            if change.owner and (change.owner not in books.users or books.users[change.owner].removed):
                raise Rejected(CustodyRefusal.USER_NOT_FOUND)
        else:
            SigningPolicy(change.policy)

    def _make(self, change: Change) -> object:
        books = self._books
        if isinstance(change, AddUser):
            return self._logins.invite(change.user, change.administrator)
        if isinstance(change, RemoveUser):
            self._logins.remove(change.user)
            return None
        if isinstance(change, AddKey):
            key = self._vault.make(change.key, change.owner)
            books.write(key)
            return key.public_key
        books.write(PolicyPut(change.policy))
        return books.policy.digest
