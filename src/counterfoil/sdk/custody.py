"""Clients whose keys are in custody; and the custodian's own way to the ledger, where it records its trail.

session = CustodianSession(CustodianAddress(Path("custody/socket")))
session.log_in("ann", password, code)
client = Client(connection, CustodyStore(session).open("savings"), party=party)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from counterfoil.custody.service.client import (
    CustodianAddress,
    CustodianSession,
    CustodyKey,
    CustodyRefused,
    CustodyStore,
)
from counterfoil.custody.service.trail import RecorderFailed
from counterfoil.custody.signers import Signer
from counterfoil.modules.custodians.interface import TrailEntry
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.sdk.client import Client
from counterfoil.sdk.connections import Connection
from counterfoil.sdk.errors import LedgerError, NodeUnreachable, NotVisible

__all__ = [
    "CustodianAddress",
    "CustodianSession",
    "CustodyKey",
    "CustodyRefused",
    "CustodyStore",
    "LedgerMachines",
    "LedgerTrail",
    "RecorderFailed",
]

T = TypeVar("T")


class LedgerTrail:
    """A `Recorder` over a connection that is made when it is needed, and again after it failed.

    party: the custodian's public name or id. key: speaks for it, as its own signer or as a user with a mandate for
    `RecordTrail`.
    """

    def __init__(self, connect: Callable[[], Connection], key: Signer, party: bytes | str) -> None:
        self._connect = connect
        self._key = key
        self._party = party
        self._client: Client | None = None

    def read(self) -> tuple[int, bytes]:
        try:
            client = self._connected()
            found = client.custody_trail(client.party)
        except (LedgerError, NodeUnreachable) as error:
            raise self._failed(error) from error
        return found.entries, found.head

    def record(self, after: int, head: bytes, entries: Sequence[TrailEntry]) -> None:
        try:
            client = self._connected()
            client.send(RecordTrail(client.party, after, head, tuple(entries)))
        except (LedgerError, NodeUnreachable) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(self._connect(), self._key, party=self._party)
        return self._client

    def _failed(self, error: Exception) -> RecorderFailed:
        self.close()
        return RecorderFailed(error.name if isinstance(error, LedgerError) else "NODE_UNREACHABLE")


class LedgerMachines:
    """Which machines may knock at a custodian's door: those whose certificates are in force on its ledger.

    Both questions are public. Safe for threads; LedgerError or NodeUnreachable where the ledger cannot be asked.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._client: Client | None = None

    def authorities(self) -> tuple[bytes, ...]:
        found = self._asked(lambda client: client.authorities())
        return tuple(one.certificate for one in found if not one.withdrawn_ms)

    def admits(self, fingerprint: bytes) -> bool:
        try:
            line = self._asked(lambda client: client.certificate(fingerprint))
        except NotVisible:
            return False
        return line.status == "IN_FORCE"

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _asked(self, question: Callable[[Client], T]) -> T:
        with self._lock:
            try:
                if self._client is None:
                    self._client = Client(self._connect())
                return question(self._client)
            except NodeUnreachable:
                self._forget()
                raise

    def _forget(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
