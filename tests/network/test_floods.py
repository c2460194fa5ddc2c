"""A member floods one node with what passes the first check: what the others' clients still get through.

Everything runs on one machine. On hosts of their own the honest nodes would pay for what is gossiped and executed, and
not for what the flooded one refuses; so that one, before the flood already, and the flood itself run with low priority.
Run by `make chaos` alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.rpc import EngineRefused, EngineUnreachable
from counterfoil.node.ledger import open_ledger
from counterfoil.sdk import Connection, LedgerError, NodeUnreachable
from counterfoil.sdk.client import Client
from counterfoil.sdk.draft import Draft
from tests.network.nets import Net, deal, need_engine, running, signed_deals

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(900),
]
FLOODED = "validator-4"
ROUNDS = 3
PHASE_SECONDS = 4.0
AT_ONCE = 50
HONEST_AT_ONCE = 250
DRAFTS = 40_000
JUNK = 3_000
HONEST_LEAST = 0.8
CONNECTIONS = 3
LOW_PRIORITY = 10


def with_low_priority() -> None:
    """The thread that calls, and what it starts."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


class Flood:
    """Threads that send until they are stopped, and count what became of it."""

    def __init__(self, a_second: float, *senders: Callable[[int], str]) -> None:
        self.told: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._pause = 1 / a_second
        self._senders = senders
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Flood:
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._run, args=(one,), daemon=True) for one in self._senders
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, send: Callable[[int], str]) -> None:
        with_low_priority()
        number, due = 0, time.monotonic()
        while not self._stopping.is_set():
            try:
                self.told[send(number)] += 1
            except (EngineRefused, EngineUnreachable, LedgerError, NodeUnreachable) as error:
                self.told[f"{send.__name__}: {type(error).__name__}"] += 1
            number, due = number + 1, due + self._pause
            self._stopping.wait(max(0.0, due - time.monotonic()))


def useless(net: Net, count: int) -> list[Draft]:
    """Correctly signed by both brokers, each another transaction, and all but the first of a reference in use."""
    a, b = net.client("broker-a"), net.client("broker-b")
    keys, message = (*a.keys, *b.keys), deal(net, "useless")
    return [a.draft(message, signers=[key.address for key in keys]).sign(*keys) for _ in range(count)]


def bundles_of_one(net: Net, drafts: list[Draft]) -> list[bytes]:
    """Made by the flooded node's own key, as its member could beside the program."""
    net.down(FLOODED)
    with open_ledger(net.path(FLOODED), workers=0, start=False) as node:
        engine = node.engine
        assert isinstance(engine, CometBftEngine)
        assert node.machine.last is not None
        now = node.machine.last.time_ms
        made = [engine.items.bundle(node.sealer, [draft.transaction], now) for draft in drafts]
    with ThreadPoolExecutor(1, initializer=with_low_priority) as low:
        low.submit(net.up, FLOODED).result()
    return made


class Honest:
    """One member's traffic at an honest node, as fast as it is answered."""

    def __init__(self, client: Client, drafts: list[Draft]) -> None:
        self._client = client
        self._drafts = drafts

    def a_second(self) -> float:
        began, done = time.monotonic(), 0
        while (took := time.monotonic() - began) < PHASE_SECONDS:
            part, self._drafts = self._drafts[:HONEST_AT_ONCE], self._drafts[HONEST_AT_ONCE:]
            assert part, "there are drafts enough"
            assert {result.number for result in self._client.submit_many(part)} == {0}
            done += len(part)
        return done / took


@pytest.mark.parametrize("a_second", [40, 1_000])
def test_useless_transactions_that_are_well_signed_leave_the_others_their_rate(
    tmp_path: Path, a_second: int
) -> None:
    """A thousand sendings a second are more than a node takes: it is flooded as fast as it answers."""
    need_engine()
    net = Net(tmp_path / "n", 4, snapshot_interval=0)
    with running(net):
        net.seeded()
        drafts = useless(net, 2 * JUNK)
        bundles = bundles_of_one(net, drafts[JUNK:])
        honest = Honest(net.client("broker-a", "validator-1"), signed_deals(net, "honest", DRAFTS))
        connections = [net.connect(FLOODED) for _ in range(CONNECTIONS)]
        rpc = net.control.rpc(FLOODED)

        def through(connection: Connection) -> Callable[[int], str]:
            def transactions(number: int) -> str:
                first = number * AT_ONCE % JUNK
                connection.submit([draft.transaction for draft in drafts[first : first + AT_ONCE]])
                return f"times {AT_ONCE} transactions answered"

            return transactions

        def bundle(number: int) -> str:
            code, _ = rpc.offer(bundles[number % JUNK])
            return f"bundles, code {code}"

        honest.a_second()  # to get going
        quiet, during = [], []
        flood = Flood(a_second, *map(through, connections), bundle)
        for _ in range(ROUNDS):
            quiet.append(honest.a_second())
            with flood:
                time.sleep(1)
                during.append(honest.a_second())
        net.agreed()
        told = ", ".join(f"{count} {what}" for what, count in sorted(flood.told.items()))
        kept = median(during) / median(quiet)
        print(f"  did: up to {a_second} sendings of each kind a second at {FLOODED}: {told}")
        print(
            f"  checked: honest transactions a second, by turns without and with the flood: {listed(quiet)} and"
            f" {listed(during)} = {kept:.0%} kept; asked for: {HONEST_LEAST:.0%}"
        )
        assert flood.told.total() > 5 * ROUNDS * PHASE_SECONDS, "the flood came"
        assert kept >= HONEST_LEAST


def listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)
