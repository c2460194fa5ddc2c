"""A connection to whichever node of a network answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from counterfoil.node import reads
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_ledger import Nothing
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.streams import Batch, Position
from counterfoil.primitives.codec import encode
from counterfoil.sdk.connections import TIMEOUT_SECONDS, Address, SocketConnection, Viewing, watched
from counterfoil.sdk.errors import LedgerError, NodeUnreachable

T = TypeVar("T")

ROUNDS = 4
"""How often every node is tried before the last error is told."""
PAUSE_SECONDS = 0.5
CATCH_UP_SECONDS = 30.0
"""How long a node is given to come as far as the one before it had come."""
_GONE = (NodeRefusal.NODE_STOPPED.number, NodeRefusal.TOO_MANY_CLIENTS.number)


class FailoverConnection:
    """To one of several nodes of the same ledger; when it is lost, to the next. Safe to use from several threads.

    A request is repeated at the next node: a transaction that was decided already gets its first result there. What was
    acknowledged once is seen from then on: a node that is behind is waited for.
    """

    def __init__(self, addresses: Sequence[Address], *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        if not addresses:
            raise ValueError("a connection needs a node's address")
        self._addresses = list(addresses)
        self._timeout_seconds = timeout_seconds
        self._lock = threading.RLock()
        self._at = 0
        self._connection: SocketConnection | None = None
        self._viewing: Viewing | None = None
        self._height = 0
        self._chain_id, self._sandbox = self._repeated(lambda one: (one.chain_id, one.sandbox))

    @property
    def address(self) -> Address:
        """Of the node that is asked now."""
        return self._addresses[self._at]

    @property
    def chain_id(self) -> str:
        return self._chain_id

    @property
    def sandbox(self) -> bool:
        return self._sandbox

    def show(self, viewing: Viewing) -> None:
        with self._lock:
            self._repeated(lambda one: one.show(viewing))
            self._viewing = viewing

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        answers = self._repeated(lambda one: one.submit(transactions))
        self._height = max([self._height, *(answer.height for answer in answers)])
        return answers

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        return self._repeated(lambda one: one.wait(transaction, wait_ms))

    def read(self, name: str, params: bytes) -> bytes:
        return self._repeated(lambda one: one.read(name, params))

    def try_out(self, transaction: bytes) -> Answered:
        return self._repeated(lambda one: one.try_out(transaction))

    def advance_clock(self, time_ms: int) -> int:
        return self._repeated(lambda one: one.advance_clock(time_ms))

    def watch(self, after: Position | None, about: bytes, follow: bool) -> Iterator[Batch]:
        """On a connection of its own; when its node is lost, from the last position on at another."""
        for batch in watched(lambda: self._repeated(_another), after, about, follow):
            self._height = max(self._height, batch.reached.height)
            yield batch

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _repeated(self, work: Callable[[SocketConnection], T]) -> T:
        last: Exception | None = None
        with self._lock:
            for attempt in range(ROUNDS * len(self._addresses)):
                try:
                    return work(self._connected())
                except NodeUnreachable as error:
                    last = error
                except LedgerError as error:
                    if error.number not in _GONE:
                        raise
                    last = error
                self.close()
                self._at = (self._at + 1) % len(self._addresses)
                if attempt % len(self._addresses) == len(self._addresses) - 1:
                    time.sleep(PAUSE_SECONDS)
        raise NodeUnreachable(f"none of {len(self._addresses)} nodes answers: {last}") from last

    def _connected(self) -> SocketConnection:
        if self._connection is not None:
            return self._connection
        made = SocketConnection(self.address, attempts=1, timeout_seconds=self._timeout_seconds)
        try:
            self._refuse_another(made)
            self._let_catch_up(made)
            if self._viewing is not None:
                made.show(self._viewing)
        except BaseException:
            made.close()
            raise
        self._connection = made
        return made

    def _refuse_another(self, made: SocketConnection) -> None:
        known = getattr(self, "_chain_id", made.chain_id)
        if made.chain_id != known:
            raise NodeUnreachable(f"the node at {self.address} serves another ledger, {made.chain_id}")

    def _let_catch_up(self, made: SocketConnection) -> None:
        give_up = time.monotonic() + CATCH_UP_SECONDS
        while self._height:
            answer = reads.status.decode_answer(made.read(reads.status.name, encode(Nothing())))
            if answer.moment.height >= self._height:
                return
            if time.monotonic() > give_up:
                raise NodeUnreachable(f"the node at {self.address} is behind the one that was asked before")
            time.sleep(PAUSE_SECONDS / 5)


def _another(connection: SocketConnection) -> SocketConnection:
    """A second connection to a node that still answers."""
    connection.read(reads.status.name, encode(Nothing()))
    return connection.another()
