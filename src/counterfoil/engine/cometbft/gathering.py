"""Single transactions gathered into bundles, put before the network, and looked after until each has its answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.execution import Decided
from counterfoil.engine.cometbft.rpc import EngineRpc, EngineUnreachable
from counterfoil.engine.cometbft.seen import SeenItems
from counterfoil.engine.incidents import masked
from counterfoil.engine.items import Items, OpenedItem, check, fill_in
from counterfoil.engine.pool import Pool, Waiting
from counterfoil.engine.port import EngineStopped, Sealer, first_answer, refused
from counterfoil.engine.rates import REJECTED_UNITS, Rates
from counterfoil.engine.signature_pool import SignaturePool
from counterfoil.engine.signature_worker import REFUSED
from counterfoil.engine.submission import Submission
from counterfoil.machine.machine import Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared, read_bundle
from counterfoil.primitives.outcome import Rejected

log = logging.getLogger(__name__)

BUNDLE_TRANSACTIONS = 500
BUNDLE_BYTES = 1024 * 1024
"""A bundle is closed once it has so many; the engine handles and gossips each as one piece."""
GATHER_SECONDS = 0.02
"""How long a first transaction waits for company when nothing of this node is under way."""
GATHER_LONGER_SECONDS = 0.2
"""The same while bundles of this node wait for a block: what comes later could not be decided sooner."""
UNDER_WAY_TRANSACTIONS = 8_000
"""So many of this node's transactions may wait for a block; the rest wait in its own pool."""
RESEND_SECONDS = 10.0
"""A bundle that no block has taken for so long is looked at, and put before the network again."""
LOOK_SECONDS = 0.25


class _UnderWay:
    """A bundle that was put before the network, with those of its transactions that have no answer yet."""

    __slots__ = ("item", "left", "sent_at")

    def __init__(self, item: bytes, left: dict[bytes, Waiting], sent_at: float) -> None:
        self.item = item
        self.left = left
        self.sent_at = sent_at


class Gathering:
    """Of one node. `clock`: milliseconds since 1970 UTC, as the node sees it. `member`: in whose name it gathers."""

    def __init__(
        self,
        application: LedgerApplication,
        pool: Pool,
        rates: Rates,
        items: Items,
        seen: SeenItems,
        signatures: SignaturePool,
        sealer: Sealer,
        member: bytes,
        rpc: EngineRpc,
        clock: Callable[[], int],
    ) -> None:
        self._member = member
        self._application = application
        self._machine = application.machine
        self._pool = pool
        self._rates = rates
        self._items = items
        self._seen = seen
        self._signatures = signatures
        self._sealer = sealer
        self._rpc = rpc
        self._clock = clock
        self._guard = threading.Condition()
        self._telling = threading.Lock()
        self._under_way: list[_UnderWay] = []
        self._waiting: dict[bytes, list[Waiting]] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="counterfoil-gathering", daemon=True)

    @property
    def count(self) -> int:
        """Transactions that were put before the network and have no answer yet."""
        return sum(len(bundle.left) for bundle in self._under_way)

    def start(self) -> None:
        self._thread.start()

    def close(self, patience_seconds: float) -> None:
        """Put before the network what waits, and give what is under way a moment to be decided."""
        self._stopping = True
        self._pool.close()
        if self._thread.is_alive():
            self._thread.join(patience_seconds)
        give_up = time.monotonic() + patience_seconds
        with self._guard:
            while self._under_way and time.monotonic() < give_up:
                self._guard.wait(0.1)
        self.give_up(EngineStopped("the node was closed before the transaction was decided; send it again"))

    def give_up(self, error: BaseException) -> None:
        """Nothing of this node's will be decided that it could still tell of."""
        self._stopping = True
        self._pool.close()
        with self._guard:
            waiting = [one for listed in self._waiting.values() for one in listed]
            self._waiting.clear()
            self._under_way.clear()
            self._guard.notify_all()
        waiting += self._pool.take(1 << 30, 1 << 60, 0)
        stopped = EngineStopped(f"the engine stopped: {error}")
        self._tell([(one, stopped) for one in waiting])

    def _tell(self, answers: Sequence[tuple[Waiting, tuple[int, Outcome] | BaseException]]) -> None:
        """Answer whoever has no answer yet."""
        told: dict[int, Submission] = {}
        with self._telling:
            for one, answer in answers:
                if not one.submission.done(one.place):
                    one.submission.answer(one.place, answer)
                    told[id(one.submission)] = one.submission
        for submission in told.values():
            submission.announce()

    def _tell_refused(self, waiting: Sequence[Waiting], reject: Rejected) -> None:
        self._tell([(one, (0, refused(one.prepared, reject))) for one in waiting])

    # Gathering

    def _run(self) -> None:
        while True:
            batch = self._pool.take(BUNDLE_TRANSACTIONS, BUNDLE_BYTES, LOOK_SECONDS)
            if not batch:
                if self._stopping:
                    return
                self._look_after()
                continue
            batch += self._company(batch)
            good = self._with_good_signatures(self._of_those_who_owe_nothing(batch))
            if good:
                self._put_before_the_network(good)

    def _company(self, batch: list[Waiting]) -> list[Waiting]:
        """What comes while the first ones wait; nothing waits for a bundle that is full."""
        patience = GATHER_LONGER_SECONDS if self._under_way else GATHER_SECONDS
        give_up = time.monotonic() + patience
        more: list[Waiting] = []
        size = sum(len(item.prepared.raw) for item in batch)
        while not self._stopping and len(batch) + len(more) < BUNDLE_TRANSACTIONS and size < BUNDLE_BYTES:
            left = give_up - time.monotonic()
            if left <= 0:
                break
            found = self._pool.take(BUNDLE_TRANSACTIONS - len(batch) - len(more), BUNDLE_BYTES, left, size)
            if not found and len(self._pool):
                break  # the next one does not fit any more
            more += found
            size += sum(len(item.prepared.raw) for item in found)
        return more

    def _of_those_who_owe_nothing(self, batch: list[Waiting]) -> list[Waiting]:
        """Without what came from submitters of whose earlier transactions too many turned out to be useless."""
        owing = {one for one in {item.submission.submitter for item in batch} if self._rates.owes(one)}
        if not owing:
            return batch
        for one in owing:
            self._tell_refused(
                [item for item in batch if item.submission.submitter == one], self._rates.too_fast(one, 0)
            )
        return [item for item in batch if item.submission.submitter not in owing]

    def _with_good_signatures(self, batch: list[Waiting]) -> list[Waiting]:
        """A transaction with a bad signature never leaves this node: it is refused here, and its sender told."""
        prepared = [item.prepared for item in batch]
        fill_in(prepared, check(self._signatures, prepared).result())
        good = []
        for item in batch:
            answers = item.prepared.good or b""
            if REFUSED in answers:
                key = item.prepared.signatures[answers.index(REFUSED)].key
                self._rates.charge(item.submission.submitter, REJECTED_UNITS)
                self._tell_refused([item], Rejected(MachineReject.SIGNATURE_IS_WRONG, key=key))
            else:
                good.append(item)
        return good

    def _put_before_the_network(self, batch: Sequence[Waiting]) -> None:
        prepared = [item.prepared for item in batch]
        item = self._bundle([one.raw for one in prepared], self._clock())
        _, content = read_bundle(item)
        self._seen.note(item, OpenedItem(content, self._sealer.public_key, prepared))
        bundle = _UnderWay(item, {one.prepared.id: one for one in batch}, time.monotonic())
        with self._guard:
            for one in batch:
                self._waiting.setdefault(one.prepared.id, []).append(one)
            self._under_way.append(bundle)
        if self._offered(item) == MachineReject.GATHERER_IS_NO_MEMBER.number:
            self._refuse(bundle, Rejected(MachineReject.GATHERER_IS_NO_MEMBER, gatherer=self._sealer.address))
        while self.count > UNDER_WAY_TRANSACTIONS and not self._stopping:
            with self._guard:
                self._guard.wait(LOOK_SECONDS)
            self._look_after()

    def offer_tick(self, time_ms: int) -> None:
        """Let happen what is due at a moment."""
        self._offered(self._bundle([], time_ms))

    def _bundle(self, raws: Sequence[bytes], time_ms: int) -> bytes:
        return self._items.bundle(self._sealer, raws, time_ms, self._member)

    def _offered(self, item: bytes) -> int:
        """0 where it is taken; else why not, as a reject's number or -1."""
        try:
            code, why = self._rpc.offer(item)
        except EngineUnreachable as error:
            log.warning("%s", error)
            return -1
        if code:
            log.warning("the engine did not take a bundle: %s", masked(why))
        return code

    def _refuse(self, bundle: _UnderWay, reject: Rejected) -> None:
        """What this node will not bring before the network in any case."""
        with self._guard:
            waiting = list(bundle.left.values())
            for one in waiting:
                self._drop(one)
            if bundle in self._under_way:
                self._under_way.remove(bundle)
            self._guard.notify_all()
        self._tell_refused(waiting, reject)

    # Looking after

    def note_decided(self, decided: Decided) -> None:
        """Answer whoever waits for what was decided, whoever gathered it."""
        if not self._waiting:
            return
        height = decided.height if decided.header is not None else 0
        answers = []
        with self._guard:
            for prepared, outcome in zip(decided.transactions, decided.outcomes, strict=True):
                listed = self._waiting.pop(prepared.id, None)
                if listed is not None:
                    answers.append((listed, prepared, outcome))
            if answers:
                done = {prepared.id for _, prepared, _ in answers}
                for bundle in self._under_way:
                    for identity in [one for one in bundle.left if one in done]:
                        del bundle.left[identity]
                self._under_way = [bundle for bundle in self._under_way if bundle.left]
                self._guard.notify_all()
        if not answers:
            return
        with self._application.lock.inside():
            found = [
                (listed, first_answer(self._machine, prepared, outcome, height))
                for listed, prepared, outcome in answers
            ]
        told = [(one, answer) for listed, answer in found for one in listed]
        self._rates.charge_useless((one.submission.submitter, outcome) for one, (_, outcome) in told)
        self._tell(told)

    def _look_after(self) -> None:
        """Bundles that no block takes: what has expired, or breaks our rules, is given up, the rest sent again."""
        now = time.monotonic()
        with self._guard:
            late = [bundle for bundle in self._under_way if now - bundle.sent_at > RESEND_SECONDS]
        for bundle in late:
            bundle.sent_at = now
            self._give_up_expired(bundle)
            if not bundle.left:
                continue
            failing = self._failing(bundle)
            if failing is None:
                self._offered(bundle.item)
                continue
            with self._guard:
                self._under_way.remove(bundle)
                rest = [one for one in bundle.left.values() if one.prepared is not failing]
                for one in bundle.left.values():
                    self._drop(one)
            failed = [one for one in bundle.left.values() if one.prepared is failing]
            self._tell_refused(failed, Rejected(MachineReject.RULES_FAILED))
            if rest:
                self._put_before_the_network(rest)

    def _give_up_expired(self, bundle: _UnderWay) -> None:
        last = self._machine.last
        now_ms = last.time_ms if last is not None else 0
        expired = [one for one in bundle.left.values() if _expiry(one.prepared) <= now_ms]
        if not expired:
            return
        with self._guard:
            for one in expired:
                bundle.left.pop(one.prepared.id, None)
                self._drop(one)
            if not bundle.left and bundle in self._under_way:
                self._under_way.remove(bundle)
            self._guard.notify_all()
        self._tell_refused(expired, Rejected(MachineReject.TRANSACTION_HAS_EXPIRED, block_time_ms=now_ms))

    def _drop(self, waiting: Waiting) -> None:
        listed = self._waiting.get(waiting.prepared.id)
        if listed is not None and waiting in listed:
            listed.remove(waiting)
            if not listed:
                del self._waiting[waiting.prepared.id]

    def _failing(self, bundle: _UnderWay) -> Prepared | None:
        application = self._application
        transactions = [one.prepared for one in bundle.left.values()]
        with application.lock.inside():
            last = self._machine.last
            if last is None:
                return None
            time_ms = max(last.time_ms + 1, 0 if self._machine.genesis.sandbox else self._clock())
            return application.execution.failing(application.next_height, time_ms, transactions)


def _expiry(prepared: Prepared) -> int:
    return prepared.body.expiry_ms if prepared.body is not None else 0
