"""What a decided block carries, taken apart in one way by every engine: bundles, each signed by whoever gathered it.

A bundle without transactions is a *tick*: it lets happen what is due. On a sandbox ledger, whose time stands still, a
tick also moves the clock to the moment for which it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from counterfoil.engine.port import Sealer
from counterfoil.engine.signature_pool import PendingChecks, SignaturePool
from counterfoil.machine.machine import Machine
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import (
    BUNDLE_BYTES_MAX,
    BundleContent,
    Prepared,
    bundle_sign_prefix,
    encode_bundle,
    read_bundle,
)
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import verify

TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which no sandbox's clock is moved."""


class OpenedItem(NamedTuple):
    """One item taken apart. key: that signed it. prepared: its transactions, in the bundle's order."""

    content: BundleContent
    key: bytes
    prepared: list[Prepared]

    def in_force(self, time_ms: int) -> list[Prepared]:
        """What is executed of it in a block of that time: nothing, once the bundle has expired."""
        return self.prepared if self.content.expiry_ms > time_ms else []


class Items:
    """Makes and opens the items of one ledger."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._prefix = bundle_sign_prefix(machine.chain_id)
        self._window_ms = machine.parameters.id_window_ms

    def bundle(self, sealer: Sealer, raws: Sequence[bytes], time_ms: int, member: bytes = b"") -> bytes:
        """Gathered at a moment, after which it is good for as long as ids are remembered. Without `raws`: a tick.

        member: the party in whose name the node gathers, where it is no founding node.
        """
        gatherer = member or sealer.address
        content = encode(BundleContent(gatherer, time_ms + self._window_ms, 0, tuple(raws)))
        return encode_bundle(content, sealer.public_key, sealer.sign(self._prefix + content))

    def open(self, item: bytes) -> OpenedItem:
        """Raises `Rejected(BUNDLE_IS_MALFORMED)`; the gatherer's signature is checked, those inside are not."""
        if len(item) > BUNDLE_BYTES_MAX:
            raise _malformed("it is too large")
        bundle, content = read_bundle(item)
        if not verify(bundle.key, self._prefix + bundle.content, bundle.signature):
            raise _malformed("the gatherer's signature is wrong")
        prepare = self._machine.reader.prepare
        return OpenedItem(content, bundle.key, [prepare(raw) for raw in content.transactions])

    def block_time_ms(self, engine_time_ms: int, opened: Iterable[OpenedItem]) -> tuple[int, bool]:
        """(the block's time, whether a tick moves a sandbox's clock to it).

        Block time always rises. It is the engine's or, on a sandbox, what ticks say.
        """
        last = self._machine.last
        last_ms = last.time_ms if last is not None else 0
        if not self._machine.genesis.sandbox:
            return max(last_ms + 1, engine_time_ms), False
        moments = (item.content.expiry_ms - self._window_ms for item in opened if not item.prepared)
        moment = max((moment for moment in moments if moment <= TIME_MAX_MS), default=0)
        return max(last_ms + 1, moment), moment > last_ms


def check(signatures: SignaturePool, prepared: Sequence[Prepared]) -> PendingChecks:
    """Hand the signatures of transactions to the workers."""
    checks: list[Any] = []
    for item in prepared:
        checks += item.checks()
    return signatures.submit(checks)


def fill_in(prepared: Sequence[Prepared], answers: bytes) -> None:
    """Note at each transaction which of its signatures fit; `answers` in the order in which they were handed in."""
    at = 0
    for item in prepared:
        end = at + len(item.signatures)
        item.good = answers[at:end]
        at = end


def _malformed(detail: str) -> Rejected:
    return Rejected(MachineReject.BUNDLE_IS_MALFORMED, detail=detail)
