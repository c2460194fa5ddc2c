"""Nodes as a follower asks them: a connection whose errors are those that the follower's own door tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from counterfoil.node.protocol import Answered
from counterfoil.node.refusals import NodeRefusal, PassedOn, Refused
from counterfoil.sdk.connections import Connection
from counterfoil.sdk.errors import LedgerError, NodeUnreachable

T = TypeVar("T")


class Relay:
    """Asks through a connection that is made at the first question, and made again where that failed.

    Safe to use from several threads where the connection is.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        return self._passed_on(lambda one: one.submit(transactions))

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        return self._passed_on(lambda one: one.wait(transaction, wait_ms))

    def read(self, name: str, params: bytes) -> bytes:
        return self._passed_on(lambda one: one.read(name, params))

    def try_out(self, transaction: bytes) -> Answered:
        return self._passed_on(lambda one: one.try_out(transaction))

    def advance_clock(self, time_ms: int) -> int:
        return self._passed_on(lambda one: one.advance_clock(time_ms))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _passed_on(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return work(self._connection)
        except LedgerError as error:
            raise PassedOn(error.problem) from None
        except NodeUnreachable as error:
            raise Refused(NodeRefusal.NODES_ARE_AWAY, cause=error) from None
