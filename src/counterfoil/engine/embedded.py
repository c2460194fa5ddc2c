"""The embedded engine: puts transactions in order on one machine, signs the headers, and makes them durable.

A block is applied, checked, appended to the log with its header and synced, and only then are its transactions
acknowledged. While one block is applied, worker processes check the signatures of the next.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from counterfoil.engine.counts import Counts
from counterfoil.engine.decided import LOGGED_BLOCK, DecidedBlock, LoggedBlock, items_digest
from counterfoil.engine.incidents import report, told
from counterfoil.engine.items import Items, check, fill_in
from counterfoil.engine.pool import Pool, Waiting, admitted
from counterfoil.engine.port import (
    EngineStopped,
    Log,
    MovableClock,
    Sealer,
    first_answer,
    known_result,
    refused,
)
from counterfoil.engine.rates import Rates
from counterfoil.engine.replaying import Replaying
from counterfoil.engine.signature_pool import PendingChecks, SignaturePool
from counterfoil.engine.submission import Submission
from counterfoil.machine.failures import RulesFailed
from counterfoil.machine.genesis import GENESIS_HEIGHT
from counterfoil.machine.machine import Machine, Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.state.headers import Header, seal_message

log = logging.getLogger(__name__)

BLOCK_TRANSACTIONS_MAX = 2_000
BLOCK_BYTES_MAX = 3 * 1024 * 1024
GATHER_SECONDS = 0.002
"""How long a first transaction waits for company when nothing else is under way."""
FLUSH_BLOCKS = 10
FLUSH_CHANGES = 200_000
"""The record store is written after so many blocks or so many superseded versions, whichever comes first."""
RATE_PER_SECOND = 20_000
"""Units of work (see `rates`) that one submitter may ask for, on average, unless the node is told otherwise."""
IDLE_SECONDS = 0.25
"""How often an idle ledger looks whether a deadline has come."""


class _Batch(NamedTuple):
    """What the next block is made of. checked: those whose signatures the workers look at, each once."""

    items: list[Waiting]
    checked: list[Prepared]
    checks: PendingChecks


class EmbeddedEngine:
    """One ledger's engine. `clock` gives milliseconds since 1970 UTC; block time always rises.

    Everything that touches the machine happens under `lock`; readers take it too.
    """

    def __init__(
        self,
        machine: Machine,
        block_log: Log,
        sealer: Sealer,
        clock: Callable[[], int],
        signatures: SignaturePool,
        *,
        block_transactions: int = BLOCK_TRANSACTIONS_MAX,
        rates: Rates | None = None,
        scheduled: bool = True,
        items: Items | None = None,
        replaying: Replaying | None = None,
    ) -> None:
        self.machine = machine
        self.lock = threading.RLock()
        self.failure: BaseException | None = None
        self.counts = Counts()
        self._log = block_log
        self._sealer = sealer
        self._clock = clock
        self._signatures = signatures
        self._pool = Pool()
        self._rates = rates or Rates(RATE_PER_SECOND)
        self._block_transactions = block_transactions
        self._scheduled = scheduled
        self.between_blocks: Callable[[], None] = lambda: None
        """Called by the deciding thread, outside the lock: whatever the node has to say of itself."""
        self.items = items or Items(machine)
        self._replaying = replaying or Replaying(machine, self.items, signatures)
        self._blocks_unwritten = 0
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._cpu_seconds = 0.0

    @property
    def address(self) -> bytes:
        """Of the node's own key."""
        return self._sealer.address

    @property
    def waiting(self) -> int:
        """Transactions that wait for a block."""
        return len(self._pool)

    def cpu_seconds(self) -> float:
        """Processor time that the deciding thread has used so far, as of its last block."""
        return self._cpu_seconds

    # Opening

    def found(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Found the ledger and make the founding durable: the first blocks of the log.

        ValueError where its genesis file founds a network, whose headers no single key seals.
        """
        machine = self.machine
        if not machine.genesis.sealers:
            raise ValueError("the genesis file founds a network, which one machine alone cannot run")
        with self.lock:
            for height in range(GENESIS_HEIGHT, machine.founding_height + 1):
                header = machine.found(height)
                self.make_durable(
                    DecidedBlock(height, header.time_ms, self._sealer.address, (), b"", ()), header
                )
                machine.state.flush(levels=height == machine.founding_height)
                if progress is not None:
                    progress(height - GENESIS_HEIGHT + 1, machine.founding_height - GENESIS_HEIGHT + 1)

    def recover(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Replay the log's tail that the store has not seen, comparing each header. Returns how many blocks.

        The last header in the store must be sealed for this ledger: a seal is bound to the chain id, hence to every
        byte of the genesis file.
        """
        with self.lock:
            self._replaying.refuse_unsealed_end()
            first, last = self.machine.state.height + 1, self._log.last_height()
            if last < self.machine.state.height:
                raise InvariantViolation(
                    f"the block log ends at height {last}, before the record store's {self.machine.state.height}: "
                    "blocks are missing; restore the folder from a copy"
                )
            for height, payload in self._log.read_from(first):
                self.replay(LOGGED_BLOCK.trusted(payload))
                self._blocks_unwritten += 1
                self._write_store_now_and_then()
                if progress is not None:
                    progress(height - first + 1, last - first + 1)
            if last >= first:
                self.machine.state.flush()
            return max(0, last - first + 1)

    def replay(self, logged: LoggedBlock) -> Header:
        """Apply a decided block again, check every signature, and compare the header with the logged one."""
        return self._replaying.replay(logged)

    def execute(self, block: DecidedBlock) -> list[Outcome]:
        """Execute a block that this engine or another has decided, and check every signature in it."""
        return self._replaying.execute(block)

    def start(self) -> None:
        """Begin to take and decide transactions."""
        self._thread = threading.Thread(target=self._run, name="counterfoil-engine", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Decide what waits, write the record store, and stop."""
        self._stopping = True
        self._pool.close()
        if self._thread is not None:
            self._thread.join()
        with self.lock:
            if self.failure is None:
                self.machine.state.flush(levels=True)

    # Taking in

    def submit(self, raw: bytes, submitter: bytes = b"") -> Submission:
        """Take one transaction in."""
        return self.submit_many([raw], submitter)

    def submit_many(self, raws: Sequence[bytes], submitter: bytes = b"") -> Submission:
        """Take many transactions in, in their order. Each is answered once its block is durable.

        One that can be refused at once is answered at once, with height 0. Raises `Rejected` with POOL_IS_FULL where
        not all fit, with SUBMISSION_IS_TOO_FAST where the submitter owes for what was useless before.
        """
        if self.failure is not None or self._stopping:
            raise EngineStopped("the ledger does not take transactions any more") from self.failure
        submission = Submission(len(raws), submitter)
        prepared = map(self.machine.reader.prepare, raws)
        rest = admitted(submission, prepared, self._rates)
        if rest:
            self._pool.add(submission, rest)
        return submission

    # Deciding

    def _run(self) -> None:
        under_way: _Batch | None = None
        taken: list[Waiting] = []
        try:
            while True:
                wait_s = 0 if under_way else IDLE_SECONDS
                taken = self._pool.take(self._block_transactions, BLOCK_BYTES_MAX, wait_s)
                if taken and not under_way and len(taken) < self._block_transactions // 4:
                    taken += self._gather_more(taken)
                batch = self._batch(taken, under_way) if taken else None
                if under_way is not None:
                    self._decide(under_way)
                under_way = batch
                if under_way is None:
                    if self._stopping and not len(self._pool):
                        return
                    if self._scheduled:
                        self.decide_due()
                if not self._stopping:
                    self.between_blocks()
        except BaseException as error:
            self.failure = error
            report(log, logging.CRITICAL, "the engine stopped", error)
            self._give_up([*(under_way.items if under_way else []), *taken], error)

    def _batch(self, taken: list[Waiting], under_way: _Batch | None) -> _Batch | None:
        """What is left to decide of what was taken, its signatures handed to the workers; None where nothing is.

        No signature is checked twice: what was decided before has its answer, and equal bytes share theirs.
        """
        decided_first = under_way.items if under_way is not None else []
        checking = {item.prepared.raw: item.prepared for item in decided_first}
        before = len(checking)
        items, answered = [], []
        for item in taken:
            known = known_result(self, item.prepared)
            if known is None and self._rates.owes(item.submission.submitter):
                known = 0, refused(item.prepared, self._rates.too_fast(item.submission.submitter, 0))
            if known is not None:
                item.submission.answer(item.place, known)
                answered.append(item)
                continue
            twin = checking.setdefault(item.prepared.raw, item.prepared)
            items.append(item if twin is item.prepared else item._replace(prepared=twin))
        for submission in _submissions(answered):
            submission.announce()
        checked = list(checking.values())[before:]
        return _Batch(items, checked, check(self._signatures, checked)) if items else None

    def _gather_more(self, batch: list[Waiting]) -> list[Waiting]:
        threading.Event().wait(GATHER_SECONDS)
        size = sum(len(item.prepared.raw) for item in batch)
        return self._pool.take(self._block_transactions - len(batch), BLOCK_BYTES_MAX, 0, size)

    def _give_up(self, waiting: list[Waiting], error: BaseException) -> None:
        self._pool.close()
        while waiting:
            stopped = EngineStopped(f"the engine stopped: {told(error)}")
            for item in waiting:
                if not item.submission.done(item.place):
                    item.submission.answer(item.place, stopped)
            for submission in _submissions(waiting):
                submission.announce()
            waiting = self._pool.take(self._block_transactions, BLOCK_BYTES_MAX, 0)

    def _decide(self, batch: _Batch) -> None:
        fill_in(batch.checked, batch.checks.result())
        with self.lock:
            answered = self._apply(batch.items)
        self._rates.charge_useless((item.submission.submitter, outcome) for item, _, outcome in answered)
        for item, height, outcome in answered:
            item.submission.answer(item.place, (height, outcome))
        for submission in _submissions(batch.items):
            submission.announce()
        self._write_store_now_and_then()
        self._cpu_seconds = time.thread_time()

    def _apply(self, batch: list[Waiting]) -> list[tuple[Waiting, int, Outcome]]:
        answered: list[tuple[Waiting, int, Outcome]] = []
        while batch:
            try:
                outcomes, height = self._block([item.prepared for item in batch])
            except RulesFailed as failed:
                case = report(log, logging.ERROR, "the rules failed on a transaction", failed)
                bad = next(item for item in batch if item.prepared is failed.prepared)
                rejected = Rejected(MachineReject.RULES_FAILED, case=case)
                answered.append((bad, 0, refused(bad.prepared, rejected)))
                batch = [item for item in batch if item is not bad]
                continue
            answered += [
                (item, *first_answer(self.machine, item.prepared, outcome, height))
                for item, outcome in zip(batch, outcomes, strict=True)
            ]
            break
        return answered

    def move_clock(self, time_ms: int) -> None:
        """Move a sandbox's clock forward; what is due then happens in the next blocks."""
        if not isinstance(self._clock, MovableClock):
            raise TypeError("only a sandbox's clock is moved")
        with self.lock:
            self._clock.advance_to(time_ms)

    def decide_due(self) -> Header | None:
        """Make a block for deadlines and retries that are due, if there are any."""
        with self.lock:
            _, height = self._block([])
            self._write_store_now_and_then()
            return self.machine.last if height else None

    def _block(self, prepared: list[Prepared]) -> tuple[list[Outcome], int]:
        """Where anything fails but the rules on one transaction, what is in memory may be ahead of what lasts.

        Then nothing of it may be told, and no further block be made, whichever thread made this one.
        """
        try:
            return self._make_block(prepared)
        except RulesFailed:
            raise
        except BaseException as error:
            self.failure = self.failure or error
            raise

    def _make_block(self, prepared: list[Prepared]) -> tuple[list[Outcome], int]:
        machine = self.machine
        last = machine.last
        if last is None:
            raise EngineStopped("the ledger is not founded")
        if self.failure is not None:
            raise EngineStopped("the ledger makes no blocks any more") from self.failure
        height, time_ms = last.height + 1, max(last.time_ms + 1, self._clock())
        items = (self.bundle(prepared, time_ms),) if prepared else ()
        outcomes = machine.execute(height, time_ms, [prepared] if prepared else [], items_digest(items))
        if not machine.has_effect:
            machine.discard()
            return outcomes, 0
        self.conclude(time_ms, items)
        self.counts.note(outcomes)
        return outcomes, height

    def conclude(self, time_ms: int, items: tuple[bytes, ...]) -> None:
        """Commit the executed block and make it durable."""
        header = self.machine.commit()
        block = DecidedBlock(header.height, time_ms, self._sealer.address, (), b"", items)
        self.make_durable(block, header)
        self._blocks_unwritten += 1

    def _write_store_now_and_then(self) -> None:
        """Nobody waits for it: what was acknowledged is in the log."""
        state = self.machine.state
        with self.lock:
            if self._blocks_unwritten >= FLUSH_BLOCKS or state.unwritten_changes > FLUSH_CHANGES:
                try:
                    state.flush()
                except BaseException as error:
                    self.failure = self.failure or error
                    raise
                self._blocks_unwritten = 0

    def make_durable(self, block: DecidedBlock, header: Header) -> None:
        seal = self._sealer.sign(seal_message(self.machine.chain_id, header.digest()))
        self.machine.keep(header, seal)
        self._log.append(block.height, encode(LoggedBlock(block, header, seal)))
        self._log.sync()

    def bundle(self, prepared: Sequence[Prepared], time_ms: int) -> bytes:
        return self.items.bundle(self._sealer, [item.raw for item in prepared], time_ms)


def _submissions(items: Iterable[Waiting]) -> list[Submission]:
    """Each once, in order."""
    return list({id(item.submission): item.submission for item in items}.values())
