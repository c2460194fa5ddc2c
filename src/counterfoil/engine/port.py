"""The port that every engine has: what a node asks of whatever puts its transactions in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from counterfoil.engine.counts import Counts
from counterfoil.engine.submission import Submission
from counterfoil.machine.machine import Machine, Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.outcome import Rejected
from counterfoil.state.headers import Header
from counterfoil.state.receipts import TransactionResult

ENGINE_HEIGHT = b"engine height"
"""Key of the record store's meta entry with the last height of a consensus engine that it has seen (8 bytes), which
may be greater than the last header's: blocks without effect make none."""


class EngineStopped(Exception):
    """The engine no longer takes transactions: it was closed, or something of ours failed (see the cause)."""


class Log(Protocol):
    """What an engine asks of the block log. A block lies under its header's place in the history, from 1 on."""

    def append(self, height: int, payload: bytes) -> None: ...
    def sync(self) -> None: ...
    def last_height(self) -> int: ...
    def first_height(self) -> int:
        """Of the first block that is there: 1, unless the log was pruned or began with a snapshot; 0 when empty."""

    def read_from(self, height: int) -> Iterator[tuple[int, bytes]]: ...
    def close(self) -> None: ...


class Sealer(Protocol):
    """The node's own key: it signs the bundles that this node gathers and, where no others decide, headers."""

    @property
    def address(self) -> bytes: ...
    @property
    def public_key(self) -> bytes: ...
    def sign(self, message: bytes) -> bytes: ...


@runtime_checkable
class MovableClock(Protocol):
    """A sandbox's: it stands still until it is advanced."""

    def __call__(self) -> int: ...
    def advance_to(self, time_ms: int) -> None: ...


class Engine(Protocol):
    """Everything that touches the machine happens under `lock`; readers take it too, and see the last block alone."""

    machine: Machine
    failure: BaseException | None
    between_blocks: Callable[[], None]
    """Called now and then by a thread of the engine's, outside the lock: whatever the node has to say of itself."""
    counts: Counts

    @property
    def lock(self) -> AbstractContextManager[Any]: ...
    @property
    def address(self) -> bytes:
        """Of the node's own key."""

    @property
    def waiting(self) -> int:
        """Transactions that wait for a block."""

    def cpu_seconds(self) -> float:
        """Processor time that the deciding thread has used so far, as of its last block."""

    def submit(self, raw: bytes, submitter: bytes = b"") -> Submission:
        """Take one transaction in."""

    def submit_many(self, raws: Sequence[bytes], submitter: bytes = b"") -> Submission:
        """Take many transactions in, in their order. Each is answered once its block is final and durable.

        One that can be refused at once is answered at once, with height 0. Raises `Rejected` with POOL_IS_FULL where
        not all fit, with SUBMISSION_IS_TOO_FAST where the submitter owes for what was useless before, `EngineStopped`
        where none is taken any more.
        """

    def move_clock(self, time_ms: int) -> None:
        """Move a sandbox's clock forward; what is due then happens in the next blocks. Not under the lock."""

    def decide_due(self) -> Header | None:
        """Let a block be made for deadlines and retries that are due; None where there are none. Not under the lock."""

    def recover(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Go on where the open record store ends: replay what it has not seen. Returns how many blocks."""

    def start(self) -> None:
        """Begin to take and decide transactions."""

    def close(self) -> None:
        """Decide what waits, as far as this node can, write the record store, and stop."""


def refused(prepared: Prepared, reject: Rejected) -> Outcome:
    """The outcome of a transaction that is in no block."""
    return Outcome(TransactionResult(prepared.id, reject.number, ()), (reject,))


def first_answer(machine: Machine, prepared: Prepared, outcome: Outcome, height: int) -> tuple[int, Outcome]:
    """What is told of an outcome: of a repeated transaction, the first result of its id. Under the engine's lock."""
    repeated = outcome.result.number == MachineReject.TRANSACTION_IS_USED.number
    first = _first_result(machine, prepared) if repeated else None
    return first if first is not None else (height, outcome)


def known_result(engine: Engine, prepared: Prepared) -> tuple[int, Outcome] | None:
    """The first result of a transaction that was decided before, which needs no block and no check of its signatures.

    The lock is taken for those alone whose id was used.
    """
    if prepared.id not in engine.machine.window:
        return None
    with engine.lock:
        return _first_result(engine.machine, prepared)


def _first_result(machine: Machine, prepared: Prepared) -> tuple[int, Outcome] | None:
    if prepared.body is None:
        return None
    first = machine.first_result(prepared.body.expiry_ms, prepared.id)
    return (first[0], Outcome(first[1], ())) if first is not None else None
