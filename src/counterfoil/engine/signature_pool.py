"""Signatures checked on all cores, by worker processes, while the machine applies the block before.

Processes, since libsodium's calls are too short for threads: beside a busy interpreter the lock changes hands at every
call. The workers are started as commands of their own, not by `multiprocessing`, so that a script that opens a ledger
needs no `if __name__ == "__main__"`.

The answers never depend on the pool: a worker that dies or hangs is replaced, its checks are run again elsewhere, and
in this process when nothing else is left. Where there are no pipes to wait on (Windows) everything runs in this
process.
"""

from __future__ import annotations

import logging
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from counterfoil.engine.signature_worker import (
    ANSWER,
    CHECK_LENGTHS,
    REFUSED,
    REQUEST,
    check_packed,
    pack_check,
)

if sys.platform != "win32":
    import fcntl

__all__ = ["PendingChecks", "SignaturePool", "pack_check", "usable_processors"]

Check = tuple[bytes, bytes, bytes]
"""Tagged key, message, signature."""

CHECKS_IN_CHUNK_MIN: Final = 8
"""Half a millisecond of work: below it a second worker costs more than it saves."""
CHECKS_IN_CHUNK_MAX: Final = 2_048
"""A tenth of a second of work: a lost worker loses no more, and late chunks go to whoever is ahead."""
OUTSTANDING_BYTES_MAX: Final = 256 << 20
"""Packed checks that may wait for answers at once; beyond it `submit` waits."""
PIPE_BYTES: Final = 1 << 20
"""What Linux lets anybody ask for: about 2,000 checks can be handed over without waiting for the worker."""
STALL_SECONDS: Final = 30.0
"""A worker that owes an answer and has given none for this long is taken for hung: a chunk takes a fraction of it."""
RESTARTS_MAX: Final = 16
"""Over the life of a pool. A machine that keeps killing workers gets its checks done in this process."""
RUNS_LOST_MAX: Final = 2
"""A chunk at whose head two workers were lost is not given to a third."""
_WAIT_SLICE_SECONDS: Final = 0.05

_COMMAND: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from counterfoil.engine.signature_worker import main; main(int(sys.argv[1]))"
)

_log = logging.getLogger(__name__)


class _Chunk:
    """A run of a batch's checks, kept until it is answered so that it can be run again."""

    __slots__ = ("answer", "count", "owner", "packed", "runs_lost", "stop_at_refusal")

    def __init__(self, packed: bytes, count: int, stop_at_refusal: bool) -> None:
        self.packed = packed
        self.count = count
        self.stop_at_refusal = stop_at_refusal
        self.owner: _Worker | None = None
        self.runs_lost = 0
        self.answer: bytes | None = None

    def run_here(self) -> None:
        packed = self.packed
        if self.answer is None:
            self.take(check_packed(packed, self.count, self.stop_at_refusal))

    def take(self, answer: bytes) -> None:
        self.answer = answer
        self.owner = None
        self.packed = b""


class _Lost(Exception):
    """A worker died, hung, or answered something else than it was asked."""


class _Worker:
    """One worker process and its two pipes. What it owes is answered in the order it was asked."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _COMMAND, str(os.getpid()), *sys.path]
        self.process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise OSError("the worker has no pipes")
        self._requests = self.process.stdin.fileno()
        self.answers = self.process.stdout.fileno()
        self.owed: deque[_Chunk] = deque()
        self.owed_checks = 0
        self.owed_bytes = 0
        self._received = bytearray()
        self._waiting_since = 0.0
        os.set_blocking(self._requests, False)
        os.set_blocking(self.answers, False)
        _enlarge_pipe(self._requests)

    def send(self, chunk: _Chunk) -> None:
        """Hand a chunk over; waits only while the pipe is full, which a worker empties at once."""
        if not self.owed:
            self._waiting_since = time.monotonic()
        self.owed.append(chunk)
        self.owed_checks += chunk.count
        self.owed_bytes += len(chunk.packed)
        chunk.owner = self
        self._write(REQUEST.pack(len(chunk.packed), chunk.count, chunk.stop_at_refusal))
        self._write(chunk.packed)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._requests, left) :]
            except BlockingIOError:
                writable = select.poll()
                writable.register(self._requests, select.POLLOUT)
                if not writable.poll(STALL_SECONDS * 1_000):
                    raise _Lost("it takes no more requests") from None
            except OSError as error:
                raise _Lost(f"its pipe is closed: {error.strerror}") from None

    def collect(self) -> None:
        """Take whatever answers have arrived, without waiting."""
        arrived = self._received
        try:
            while data := os.read(self.answers, 1 << 16):
                arrived += data
        except BlockingIOError:
            pass
        except OSError as error:
            raise _Lost(f"its pipe is broken: {error.strerror}") from None
        else:
            raise _Lost("it ended")
        while len(arrived) >= ANSWER.size:
            (count,) = ANSWER.unpack_from(arrived)
            if not self.owed or count != self.owed[0].count:
                raise _Lost("it answered what it was not asked")
            end = ANSWER.size + count
            if len(arrived) < end:
                break
            chunk = self.owed.popleft()
            self.owed_checks -= count
            self.owed_bytes -= len(chunk.packed)
            chunk.take(bytes(arrived[ANSWER.size : end]))
            del arrived[:end]
            self._waiting_since = time.monotonic()
        if self.owed and time.monotonic() - self._waiting_since > STALL_SECONDS:
            raise _Lost(f"it gave no answer for {STALL_SECONDS:g} seconds")

    def stop(self, patience_seconds: float) -> list[_Chunk]:
        """Close the pipes, which ends a worker at once; one that stays is killed. Gives back what it still owed."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for chunk in self.owed:
            chunk.owner = None
        return list(self.owed)


class PendingChecks:
    """A batch that was handed in; its answers come in the order of its checks."""

    def __init__(self, pool: SignaturePool, chunks: list[_Chunk]) -> None:
        self._pool = pool
        self._chunks = chunks

    def done(self) -> bool:
        """Whether `result` would answer without waiting for a worker. Never waits itself."""
        self._pool._collect()
        return not self._is_owed()

    def result(self) -> bytes:
        """One byte for each check, in order: 1 accepted, 0 refused. Waits for the workers."""
        while not self.done():
            self._pool._wait()
        for chunk in self._chunks:
            chunk.run_here()
        return b"".join([chunk.answer or b"" for chunk in self._chunks])

    def all_accepted(self) -> bool:
        return REFUSED not in self.result()

    def first_refused(self) -> int | None:
        """The position of the first bad signature, or None. With `stop_at_refusal` too it is one that was checked."""
        position = self.result().find(REFUSED)
        return None if position < 0 else position

    def _is_owed(self) -> bool:
        return any(chunk.owner is not None for chunk in self._chunks)


class SignaturePool:
    """Worker processes that check signatures. Batches may overlap: hand in the next before asking for the last.

    `workers`: their number; None for one on each processor that this process may use, 0 for none (everything in this
    process, when a result is asked for). Calls from several threads are safe. Close it, or use it as a context
    manager; workers also end by themselves when this process is gone.
    """

    def __init__(self, workers: int | None = None) -> None:
        wanted = usable_processors() if workers is None else workers
        if not hasattr(select, "poll"):
            wanted = 0
        self._lock = threading.RLock()
        self._closed = False
        self._restarts = 0
        self._workers: list[_Worker] = []
        for _ in range(wanted):
            self._start_worker()

    @property
    def process_ids(self) -> list[int]:
        """Of the workers there are now; empty where everything runs in this process."""
        return [worker.process.pid for worker in self._workers]

    def submit(self, checks: Sequence[Check], *, stop_at_refusal: bool = False) -> PendingChecks:
        """Hand in (tagged key, message, signature) triples. Does not wait for their answers.

        `stop_at_refusal`: each worker gives its chunk up at the first bad signature and the rest of the chunk counts
        as refused; for admission, where one bad signature condemns the bundle.
        """
        lengths = CHECK_LENGTHS.pack
        try:
            parts = [
                part
                for key, message, signature in checks
                for part in (lengths(len(key), len(signature), len(message)), key, signature, message)
            ]
        except struct.error:  # a key or signature too long to be one
            return self.submit_packed(
                [pack_check(*check) for check in checks], stop_at_refusal=stop_at_refusal
            )
        return self._submit(parts, 4, stop_at_refusal)

    def submit_packed(self, checks: Sequence[bytes], *, stop_at_refusal: bool = False) -> PendingChecks:
        """`submit` for checks that `pack_check` packed earlier, say when their transaction came in."""
        return self._submit(checks, 1, stop_at_refusal)

    def _submit(self, parts: Sequence[bytes], parts_per_check: int, stop_at_refusal: bool) -> PendingChecks:
        count = len(parts) // parts_per_check
        chunks = []
        with self._lock:
            if self._closed:
                raise ValueError("The signature pool is closed.")
            self._collect()
            size = _chunk_size(count, len(self._workers))
            for start in range(0, count, size):
                end = min(start + size, count)
                packed = b"".join(parts[start * parts_per_check : end * parts_per_check])
                chunk = _Chunk(packed, end - start, stop_at_refusal)
                chunks.append(chunk)
                self._hand_over(chunk)
        while sum(worker.owed_bytes for worker in self._workers) > OUTSTANDING_BYTES_MAX:
            self._wait()
            self._collect()
        return PendingChecks(self, chunks)

    def close(self) -> None:
        """End the workers. What they still owed is checked by this process if it is asked for."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, []
            for worker in workers:
                worker.stop(patience_seconds=1.0)

    def __enter__(self) -> SignaturePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_worker(self) -> None:
        try:
            self._workers.append(_Worker())
        except OSError as error:
            _log.warning("A signature worker could not be started (%s); going on without it.", error)

    def _hand_over(self, chunk: _Chunk) -> None:
        """Give a chunk to the worker that owes least; without one it stays for this process to run."""
        if self._workers and chunk.runs_lost < RUNS_LOST_MAX:
            worker = min(self._workers, key=lambda one: one.owed_checks)
            try:
                worker.send(chunk)
            except _Lost as reason:
                self._replace(worker, reason)

    def _replace(self, worker: _Worker, reason: _Lost) -> None:
        """Take leave of a lost worker, start another, and hand over again what the lost one owed.

        Handing over can lose the next worker, so that one may be met here that was taken leave of meanwhile.
        """
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        worker.process.kill()
        owed = worker.stop(patience_seconds=1.0)
        if owed:
            owed[0].runs_lost += 1
        _log.warning(
            "Signature worker %d was lost (%s); %d chunks are run again.",
            worker.process.pid,
            reason,
            len(owed),
        )
        if self._restarts < RESTARTS_MAX:
            self._restarts += 1
            self._start_worker()
        for chunk in owed:
            self._hand_over(chunk)

    def _collect(self) -> None:
        """Take in what has been answered, and notice who was lost. Never waits."""
        with self._lock:
            for worker in list(self._workers):
                try:
                    worker.collect()
                except _Lost as reason:
                    self._replace(worker, reason)

    def _wait(self) -> None:
        """Until some worker answers or ends, or a moment has passed, since another thread may take the answer."""
        with self._lock:
            answers = [worker.answers for worker in self._workers if worker.owed]
        readable = select.poll()
        for descriptor in answers:
            readable.register(descriptor, select.POLLIN)
        readable.poll(_WAIT_SLICE_SECONDS * 1_000)


def usable_processors() -> int:
    """Processors that this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _chunk_size(count: int, workers: int) -> int:
    """Even chunks, one for each worker, but neither tiny nor huge."""
    chunks = max(1, min(workers, count // CHECKS_IN_CHUNK_MIN))
    return min(max(1, -(-count // chunks)), CHECKS_IN_CHUNK_MAX)


def _enlarge_pipe(descriptor: int) -> None:
    if sys.platform == "linux":
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            _log.debug("The system keeps pipes small; handing over checks may wait a little more often.")
