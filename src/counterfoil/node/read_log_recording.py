"""Recording on the ledger how far this node's log of reads is: with each day that closes, and after so many entries."""

from __future__ import annotations

import logging
import os
import threading
from types import TracebackType
from typing import Final

from counterfoil.engine.incidents import report
from counterfoil.engine.port import EngineStopped
from counterfoil.machine.transactions import (
    NONCE_BYTES,
    Body,
    Mode,
    Signature,
    Transaction,
    sign_prefix,
)
from counterfoil.modules.grants.messages import RecordReadLog
from counterfoil.modules.markets import queries as markets
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import now_ms
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected

log = logging.getLogger(__name__)

ENTRIES_UNRECORDED_MAX: Final = 1_000
"""After so many entries the log is recorded again, whatever the day."""
LOOK_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0


class Recorder:
    """Signs with the node's own key, for the member whose node it is: its key is a user of that member, with a mandate
    for this message alone. A context manager; while it is open it looks now and then whether it is time."""

    def __init__(self, node: LedgerNode, party: bytes) -> None:
        self._node = node
        self._party = party
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterfoil-read-log", daemon=True)
        self._refused = ""
        self._days: tuple[tuple[str, int, bool], ...] = ()

    def is_due(self) -> bool:
        """Whether the log has grown, and by much, or some market's business day has turned since it was recorded (or
        since the node was started)."""
        node = self._node
        head = node.read_log.head
        with node.engine.lock:
            record = node.machine.wired.grants.read_log(self._party, node.sealer.address)
            recorded = record.entries if record is not None else 0
            days_turned = self._business_days() != self._days
        return head.entries - recorded >= (1 if days_turned else ENTRIES_UNRECORDED_MAX)

    def record(self) -> int:
        """Record how far the log is; the block in which that was done, 0 where the ledger refused."""
        node = self._node
        head = node.read_log.head
        message = RecordReadLog(self._party, node.sealer.address, head.entries, head.digest)
        with node.engine.lock:
            days = self._business_days()
            expiry_ms = now_ms(node) + node.machine.parameters.id_window_ms // 2
        body = Body(
            expiry_ms, os.urandom(NONCE_BYTES), (node.sealer.address,), Mode.ALL_OR_NOTHING, (message,)
        )
        raw = encode(body)
        signed = node.sealer.sign(sign_prefix(node.chain_id) + raw)
        transaction = encode(Transaction(raw, (Signature(0, node.sealer.public_key, signed),)))
        height, outcome = node.engine.submit(transaction, node.sealer.address).result(ANSWER_SECONDS)
        self._say(outcome.rejects[0].code.name if outcome.rejects else "")
        if outcome.rejects:
            return 0
        self._days = days
        return height

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _business_days(self) -> tuple[tuple[str, int, bool], ...]:
        """(market, business date, whether it is open) of every market."""
        state = self._node.state
        found = ((code, markets.market(state, code)) for code in markets.market_codes(state))
        return tuple(
            (code, one.business_date, one.status.name == "OPEN") for code, one in found if one is not None
        )

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                if self.is_due():
                    self.record()
            except (EngineStopped, Rejected, TimeoutError) as error:
                self._say(type(error).__name__)
            except Exception as error:
                report(log, logging.ERROR, "recording how far the log of reads is failed", error)

    def _say(self, refusal: str) -> None:
        """Once for each reason why it cannot be recorded."""
        if refusal and refusal != self._refused:
            log.warning("how far the log of reads is cannot be recorded on the ledger: %s", refusal)
        self._refused = refusal
