"""A consensus of one, in this process: what is offered is proposed, judged and decided by the application itself."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.rpc import EngineRpc, EngineUnreachable
from tests.conformance.applications import BYTES_MAX, InProcess

BLOCK_MS = 500


class Instant(EngineRpc):
    """Stands in for the engine behind its RPC. `hold`: take offers in and decide nothing. `away`: answer nothing."""

    def __init__(self, application: InProcess) -> None:
        super().__init__(Path("/nowhere"))
        self.application = application
        self.height, _ = application.handshake()
        self.pool: list[bytes] = []
        self.offers: list[bytes] = []
        self.blocks: list[tuple[int, tuple[bytes, ...]]] = []
        self.hold = self.away = False
        self.time_ms = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        engine = application.node.engine
        assert isinstance(engine, CometBftEngine)
        self.engine = engine
        engine.rpc.offer = self.offer  # type: ignore[method-assign]
        engine._gathering._rpc = self
        engine._gathering.start()
        self._thread.start()

    @property
    def ledger(self) -> LedgerApplication:
        return self.engine.application

    def offer(self, item: bytes) -> tuple[int, str]:
        if self.away:
            raise EngineUnreachable("the engine is away")
        self.offers.append(item)
        answer = self.ledger.check_tx(abci.RequestCheckTx(tx=item))
        if answer.code == 0:
            with self._wake:
                if item not in self.pool:
                    self.pool.append(item)
                self._wake.notify_all()
        return answer.code, answer.log

    def let_go(self) -> None:
        """Decide what was held."""
        with self._wake:
            self.hold = False
            self._wake.notify_all()

    def decide(self) -> None:
        """One block of what waits."""
        height = self.height + 1
        last = self.ledger.machine.last
        assert last is not None
        time_ms = max(self.time_ms, last.time_ms + BLOCK_MS)
        block = self.application.propose(height, time_ms, list(self.pool), BYTES_MAX)
        assert self.application.judge(block)
        self.application.finalise(block)
        self.application.commit()
        self.height = height
        self.blocks.append((height, block.items))
        with self._wake:
            self.pool = [item for item in self.pool if item not in block.items]

    def close(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopping and (self.hold or not self.pool):
                    self._wake.wait(0.05)
                if self._stopping:
                    return
            before = list(self.pool)
            self.decide()
            if self.pool == before:
                time.sleep(0.01)
