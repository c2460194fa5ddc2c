"""Delivery versus payment on the embedded ledger: rate, latency, memory, disk, and where the time goes.

Each DVP moves four holdings; the trade and both instructions are born and end in the block; receipts go to all
stakeholders; state root, header and history every block; durable before it is acknowledged. Accounts, deals and
signatures are made before the clock starts.
"""

from __future__ import annotations

import gc
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from bench.ledger import BROKERS, SECURITIES, Deal, DealMaker, deals, key, new_ledger, opened, signed
from bench.machine import folder_bytes, percentile
from counterfoil.engine.decided import DecidedBlock, items_digest
from counterfoil.engine.items import check, fill_in
from counterfoil.engine.submission import Submission
from counterfoil.machine.transactions import Mode
from counterfoil.node.ledger import LedgerNode

FEED = 2_000
"""Transactions handed in at once; the feeder keeps the pool filled with a few such parts."""
LIST = 100
RULES = "rules, receipts, invariants"
COMMIT = "commit: rows, leaves, tree, header"
SAMPLE_SECONDS = 0.001


@dataclass
class Measured:
    """One run. Rates are in DVP a second; latencies from handing in to the durable acknowledgement of the last of those
    that were handed in together."""

    name: str
    count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    block_cpu_us: float
    disk_per_dvp: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


class Bench:
    """A ledger of so many accounts in a temporary folder, with its market open. sealed: as ledgers are unless they say
    otherwise; what that costs is measured by itself (`bench.sealing`)."""

    def __init__(self, accounts: int, *, encrypted: bool = True, sealed: bool = False) -> None:
        self.accounts = accounts
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-bench-", dir="/var/tmp"))
        started = time.perf_counter()
        new_ledger(self.folder / "ledger", accounts, encrypted=encrypted, sealed=sealed)
        self.founding_seconds = time.perf_counter() - started
        self.founding_bytes = folder_bytes(self.folder)
        self.node = opened(self.folder / "ledger")
        self._seed = 0

    def close(self) -> None:
        self.node.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def two_signatures(self, count: int) -> list[bytes]:
        self._seed += 1
        return DealMaker.on(self.node).all_transactions(deals(count, self.accounts, self._seed))

    def one_signature(self, count: int) -> list[bytes]:
        """Both accounts are of one broker, whose signature is enough."""
        self._seed += 1
        step = BROKERS * SECURITIES
        made = []
        for deal in deals(count, self.accounts, self._seed):
            buyer = (
                deal.seller + step * (1 + deal.buyer % max(1, self.accounts // step - 1))
            ) % self.accounts
            made.append(deal._replace(buyer=buyer))
        return DealMaker.on(self.node).all_transactions(made)

    def lists(self, count: int) -> list[bytes]:
        """Lists of 100 deals between two brokers, each on its own, under one signature a side."""
        self._seed += 1
        per_broker = self.accounts // BROKERS
        raws = []
        maker = DealMaker.on(self.node)
        keys = [key(f"broker {number}") for number in range(BROKERS)]
        for at, first in enumerate(deals(count // LIST, self.accounts, self._seed)):
            one, other = first.seller % BROKERS, first.buyer % BROKERS
            part = []
            for number in range(LIST):
                seller = one + BROKERS * ((first.seller + number) % per_broker)
                buyer = other + BROKERS * ((first.buyer // BROKERS + number) % per_broker)
                buyer = _same_security(seller, buyer, per_broker)
                quantity = 1 + number
                part.append(
                    Deal(
                        seller,
                        buyer,
                        seller % SECURITIES,
                        quantity,
                        quantity * 7,
                        f"L{self._seed}-{at}-{number}",
                    )
                )
            messages = tuple(maker.message(deal) for deal in part)
            raws.append(
                signed(
                    self.node.chain_id,
                    messages,
                    (keys[one], keys[other]),
                    maker.expiry_ms,
                    Mode.EACH_ON_ITS_OWN,
                )
            )
        return raws

    def run(self, name: str, raws: Sequence[bytes], per_transaction: int = 1, pace: float = 0.0) -> Measured:
        """Feed everything in and wait until the last is acknowledged; `pace`: DVP a second, 0 for as fast as it goes."""
        engine = self.node.engine
        feed = max(1, FEED // per_transaction) if not pace else max(1, int(pace / per_transaction / 50))
        before = folder_bytes(self.folder)
        handed: list[Submission] = []
        done: list[float] = []
        gc.collect()
        cpu_before = engine.cpu_seconds()
        started = time.perf_counter()
        for at in range(0, len(raws), feed):
            if pace:
                ahead = started + at * per_transaction / pace - time.perf_counter()
                if ahead > 0:
                    time.sleep(ahead)
            while engine.waiting > 4 * feed:
                time.sleep(0.002)
            now = time.perf_counter()
            part = engine.submit_many(raws[at : at + feed])
            part.call_when_done(lambda now=now: done.append(time.perf_counter() - now))
            handed.append(part)
        results = [result for part in handed for result in part.results()]
        seconds = time.perf_counter() - started
        numbers = Counter(number.number for _, outcome in results for number in outcome.result.messages)
        count = len(raws) * per_transaction
        if numbers != {0: count}:
            raise RuntimeError(f"{name}: not every DVP settled: {dict(numbers)}")
        latencies = sorted(done)
        with engine.lock:
            self.node.state.flush()
        return Measured(
            name,
            count,
            seconds,
            percentile(latencies, 0.5) * 1000,
            percentile(latencies, 0.99) * 1000,
            (engine.cpu_seconds() - cpu_before) / count * 1e6,
            (folder_bytes(self.folder) - before) / count,
        )


def _same_security(seller: int, buyer: int, per_broker: int) -> int:
    """Another account of the buyer's broker that holds what the seller's account holds, or the nearest that may."""
    for _ in range(SECURITIES):
        if buyer % SECURITIES == seller % SECURITIES and buyer != seller:
            return buyer
        buyer = (buyer + BROKERS) % (per_broker * BROKERS)
    raise RuntimeError(
        "brokers and securities do not fit together: no account of this broker holds the security"
    )


class Split(NamedTuple):
    """Microseconds of the deciding process a DVP: by stage, and within each stage by the file that was executing."""

    stages: dict[str, float]
    files: dict[str, list[tuple[str, float]]]

    def largest(self, count: int) -> list[tuple[float, str, str]]:
        """What would be next: (us, stage, file) of the files in which most time is spent."""
        found = [(us, stage, file) for stage, files in self.files.items() for file, us in files]
        return sorted(found, reverse=True)[:count]


class _Sampler:
    """Notes every millisecond of processor time which of our files the main thread is in, and at which stage."""

    def __init__(self) -> None:
        self.stage = ""
        self.samples: Counter[tuple[str, str]] = Counter()

    def _note(self, _number: int, frame: FrameType | None) -> None:
        while frame is not None and "counterfoil" not in frame.f_code.co_filename:
            frame = frame.f_back
        file = frame.f_code.co_filename.rpartition("counterfoil/")[2] if frame is not None else "elsewhere"
        self.samples[self.stage, file] += 1

    def __enter__(self) -> _Sampler:
        self._before = signal.signal(signal.SIGPROF, self._note)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)


def stages(node: LedgerNode, raws: Sequence[bytes], block: int = 2_000) -> Split:
    """Everything in one thread, signatures checked beforehand; called by the main thread."""
    engine, machine = node.engine, node.machine
    spent: dict[str, float] = {}

    def note(stage: str, since: float) -> float:
        now = time.thread_time()
        spent[stage] = spent.get(stage, 0.0) + now - since
        return now

    with engine.lock, _Sampler() as sampler:
        for at in range(0, len(raws), block):
            part = raws[at : at + block]
            sampler.stage = "take apart"
            now = time.thread_time()
            prepared = [machine.reader.prepare(raw) for raw in part]
            now = note("take apart", now)
            sampler.stage = "hand over signatures"
            checks = check(node.signatures, prepared)
            now = note("hand over signatures", now)
            answers = checks.result()
            sampler.stage = "bundle"
            now = time.thread_time()
            fill_in(prepared, answers)
            last = machine.last
            if last is None:
                raise RuntimeError("the ledger is not founded")
            height, time_ms = last.height + 1, max(last.time_ms + 1, node.clock())
            items = (engine.bundle(prepared, time_ms),)
            digest = items_digest(items)
            now = note("bundle", now)
            sampler.stage = RULES
            machine.execute(height, time_ms, [prepared], digest)
            now = note(RULES, now)
            sampler.stage = COMMIT
            header = machine.commit()
            now = note(COMMIT, now)
            sampler.stage = "log"
            engine.make_durable(DecidedBlock(height, time_ms, engine.address, (), b"", items), header)
            now = note("log", now)
            sampler.stage = "record store"
            if (at // block) % 10 == 9:
                machine.state.flush()
            note("record store", now)
    by_stage = {stage: seconds / len(raws) * 1e6 for stage, seconds in spent.items()}
    files: dict[str, list[tuple[str, float]]] = {}
    totals = Counter(dict.fromkeys(by_stage, 0))
    for (stage, _), count in sampler.samples.items():
        totals[stage] += count
    for (stage, file), count in sampler.samples.most_common():
        files.setdefault(stage, []).append((file, by_stage[stage] * count / totals[stage]))
    return Split(by_stage, files)
