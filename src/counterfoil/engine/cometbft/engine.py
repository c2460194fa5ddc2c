"""The engine of a network's node: what the port asks, over CometBFT.

This process answers the engine's questions and gathers what its own clients send; the engine itself is a process of
its own. A transaction is acknowledged when its block is decided and applied here.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.books_lock import BooksLock
from counterfoil.engine.cometbft.execution import Decided
from counterfoil.engine.cometbft.gathering import Gathering
from counterfoil.engine.cometbft.process import EngineProcess
from counterfoil.engine.cometbft.rpc import EngineRpc
from counterfoil.engine.cometbft.seen import SeenItems
from counterfoil.engine.cometbft.server import AbciServer
from counterfoil.engine.cometbft.snapshots import Snapshots
from counterfoil.engine.counts import Counts
from counterfoil.engine.incidents import report
from counterfoil.engine.items import Items
from counterfoil.engine.pool import Pool, admitted
from counterfoil.engine.port import EngineStopped, Log, MovableClock, Sealer, known_result
from counterfoil.engine.rates import Rates
from counterfoil.engine.signature_pool import SignaturePool
from counterfoil.engine.submission import Submission
from counterfoil.machine.machine import Machine
from counterfoil.state.headers import Header

log = logging.getLogger(__name__)

RATE_PER_SECOND = 5_000
"""Units of work (see `rates`) that one submitter may ask of this node, and one gatherer of the network, on average,
unless the node is told otherwise: several times what a network of small machines decides."""
GATHERER_BURST_SECONDS = 2
"""A gatherer that has rested may bring so many seconds' worth at once: what its own clients burst with waits at its
node."""
TICK_SECONDS = 1.0
"""How often a node looks whether something is due, and how far nodes spread their ticks so that one is enough."""
DECIDED_SECONDS_MAX = 60.0
"""How long a tick may take to be decided before whoever waits for it is told."""
CLOSE_SECONDS = 5.0


class NextKey(Protocol):
    """A key that is to sign this node's votes instead of the one that does now."""

    def waiting(self) -> bytes | None:
        """The tagged public key; None where none waits."""
        ...

    def take(self) -> None:
        """Put it in the other's place, whole or not at all. Not while the engine runs."""
        ...


class CometBftEngine:
    """One node's engine. `clock` gives milliseconds since 1970 UTC; a sandbox's is moved with each block's time."""

    def __init__(
        self,
        machine: Machine,
        genesis_digest: bytes,
        block_log: Log,
        sealer: Sealer,
        clock: Callable[[], int],
        signatures: SignaturePool,
        snapshots: Snapshots,
        rpc: EngineRpc,
        address: Path | int,
        *,
        items: Items | None = None,
        member: bytes = b"",
        process: EngineProcess | None = None,
        next_key: NextKey | None = None,
        retain_blocks: int = 0,
        rate_per_second: int = RATE_PER_SECOND,
        scheduled: bool = True,
    ) -> None:
        """address: where the engine finds this application. member: the party in whose name this node gathers, where
        it is no founding node. process: the engine, where this node starts it itself. next_key: where its signing key
        is changed."""
        self.machine = machine
        self.failure: BaseException | None = None
        self.counts = Counts()
        self.between_blocks: Callable[[], None] = lambda: None
        """Called by the ticking thread, outside the lock: whatever the node has to say of itself."""
        self.items = items or Items(machine)
        self._seen = SeenItems(self.items, signatures)
        self.application = LedgerApplication(
            machine,
            genesis_digest,
            block_log,
            self._seen,
            self.items,
            snapshots,
            retain_blocks=retain_blocks,
            rates=Rates(rate_per_second, burst_seconds=GATHERER_BURST_SECONDS),
            clock=clock,
        )
        self.application.on_decided = self._note_decided
        self.rpc = rpc
        self._address = address
        self._server: AbciServer | None = None
        self._process = process
        self._next_key = next_key
        self._sealer = sealer
        self._clock = clock
        self._pool = Pool()
        self._rates = Rates(rate_per_second)
        self._scheduled = scheduled
        self._gathering = Gathering(
            self.application,
            self._pool,
            self._rates,
            self.items,
            self._seen,
            signatures,
            sealer,
            member,
            rpc,
            clock,
        )
        self._decided = threading.Condition()
        self._stopping = threading.Event()
        self._engine_ended = threading.Event()
        self._process_guard = threading.Lock()
        self._ticking = threading.Thread(target=self._tick, name="counterfoil-ticking", daemon=True)

    @property
    def lock(self) -> BooksLock:
        return self.application.lock

    @property
    def address(self) -> bytes:
        return self._sealer.address

    @property
    def waiting(self) -> int:
        return len(self._pool) + self._gathering.count

    def cpu_seconds(self) -> float:
        return self.application.cpu_seconds()

    # Life

    def recover(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Begin where the record store ends; the engine replays the rest when it connects."""
        with self.lock.inside():
            self.application.take_up()
        return 0

    def start(self) -> None:
        """Let the engine connect, and take transactions."""
        self._server = AbciServer(self.application, self._address, self._fail)
        self._server.start()
        if self._next_key is not None and self._is_key_in_force():
            self._next_key.take()
        self._start_process()
        self._gathering.start()
        if self._scheduled:
            self._ticking.start()

    def close(self) -> None:
        self._stopping.set()
        if self.failure is None:
            self._gathering.close(CLOSE_SECONDS if self._server is not None else 0.0)
        with self._process_guard:
            if self._process is not None:
                self._process.stop()
        self._engine_ended.set()
        if self._server is not None:
            self._server.close()
        with self.lock.inside():
            self.application.execution.forget_proposal()
            if self.failure is None:
                self.application.write(levels=True)
        self.application.snapshots.finish()
        self.rpc.close()

    def _start_process(self) -> None:
        if self._process is not None:
            self._process.start(lambda why: self._fail(EngineStopped(why)))

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self._gathering.give_up(error)
        with self._decided:
            self._decided.notify_all()

    # Taking in

    def submit(self, raw: bytes, submitter: bytes = b"") -> Submission:
        return self.submit_many([raw], submitter)

    def submit_many(self, raws: Sequence[bytes], submitter: bytes = b"") -> Submission:
        if self.failure is not None or self._stopping.is_set():
            raise EngineStopped("the node does not take transactions any more") from self.failure
        submission = Submission(len(raws), submitter)
        rest = []
        for item in admitted(submission, map(self.machine.reader.prepare, raws), self._rates):
            known = known_result(self, item.prepared)
            if known is not None:  # it takes no room in a bundle
                submission.answer(item.place, known)
            else:
                rest.append(item)
        if rest:
            self._pool.add(submission, rest)
        return submission

    def _note_decided(self, decided: Decided) -> None:
        if decided.header is not None and isinstance(self._clock, MovableClock):
            self._clock.advance_to(decided.header.time_ms)
        self.counts.note(decided.outcomes)
        self._gathering.note_decided(decided)
        with self._decided:
            self._decided.notify_all()

    # Deadlines, and a sandbox's clock

    def decide_due(self) -> Header | None:
        if not self._is_due():
            return None
        before = self.machine.last
        self._gathering.offer_tick(self._moment())
        self._wait_until(lambda last: last is not before, "a tick")
        return self.machine.last

    def move_clock(self, time_ms: int) -> None:
        if not isinstance(self._clock, MovableClock):
            raise TypeError("only a sandbox's clock is moved")
        last = self.machine.last
        if last is not None and last.time_ms < time_ms:
            self._gathering.offer_tick(time_ms)
            self._wait_until(lambda last: last.time_ms >= time_ms, "the move of the clock")

    def _wait_until(self, reached: Callable[[Header], bool], what: str) -> None:
        give_up = time.monotonic() + DECIDED_SECONDS_MAX
        with self._decided:
            while self.machine.last is None or not reached(self.machine.last):
                left = give_up - time.monotonic()
                if self.failure is not None or self._stopping.is_set():
                    raise EngineStopped("the node was stopped") from self.failure
                if left <= 0:
                    raise EngineStopped(f"the network did not decide {what} within {DECIDED_SECONDS_MAX:g} s")
                self._decided.wait(left)

    def _moment(self) -> int:
        """Block time as it would be now."""
        last = self.machine.last
        least = last.time_ms + 1 if last is not None else 0
        return least if self.machine.genesis.sandbox else max(least, self._clock())

    def _is_idle(self) -> bool:
        return self.failure is None and self.application.idle_seconds > TICK_SECONDS

    def _is_due(self) -> bool:
        with self.lock.inside():
            if self.machine.last is None:
                return False
            return self.application.execution.is_due(self.application.next_height, self._moment())

    def _tick(self) -> None:
        """Some node lets happen what is due, on a network that has nothing else to do: blocks do it by themselves.

        Its signing key is changed here too. The engine ends with the thread that started it, which may be this one.
        """
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self.between_blocks()
                self._change_key()
                if self._is_idle() and self._is_due():
                    self._stopping.wait(random.uniform(0, TICK_SECONDS))
                    if self._is_idle() and self._is_due():
                        self._gathering.offer_tick(self._moment())
            except Exception as error:
                report(log, logging.ERROR, "what is due could not be looked for", error)
                self._fail(error)
                return
        self._engine_ended.wait()

    # The key that signs votes

    def _is_key_in_force(self) -> bool:
        """Whether a key waits that the ledger has for the coming block.

        The key before it signs up to the block before, and is in no set from then on: with it this node's engine signs
        nothing more, so that at no height both are used.
        """
        key = self._next_key.waiting() if self._next_key is not None else None
        if key is None:
            return False
        with self.lock:
            from_height = self.machine.consensus_key_from(key)
        return from_height is not None and self.application.height + 1 >= from_height

    def _change_key(self) -> None:
        """The engine reads its key when it starts. What it noted as signed stays, and holds for the new key too."""
        if self._next_key is None or self._process is None or not self._is_key_in_force():
            return
        with self._process_guard:
            if self._stopping.is_set():
                return
            self._process.stop()
            try:
                self._next_key.take()
                self._start_process()
            except Exception as error:
                self._fail(error)
                raise
        log.info("the node signs with its new consensus key from block %d on", self.application.height + 1)
