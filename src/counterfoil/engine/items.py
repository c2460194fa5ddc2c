"""What a decided block carries, taken apart in one way by every engine: bundles, each signed by whoever gathered it.

A bundle without transactions is a *tick*: it lets happen what is due. On a sandbox ledger, whose time stands still, a
tick also moves the clock to the moment for which it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from counterfoil.engine.port import Sealer
from counterfoil.engine.signature_pool import PendingChecks, SignaturePool
from counterfoil.machine.machine import Machine
from counterfoil.machine.sealed_ledger import NOT_SEALED
from counterfoil.machine.transactions import BundleContent, Prepared, encode_bundle
from counterfoil.primitives.codec import encode
from counterfoil.sealing.bundles import place_of_bundle
from counterfoil.sealing.envelopes import seal_transactions

TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which no sandbox's clock is moved."""

SealTransactions = Callable[[bytes, tuple[bytes, ...], Sequence[bytes]], bytes]
"""(bundle key, place, transactions) → the sealed part of a bundle."""

Admit = Callable[[BundleContent], None]
"""Asked of a bundle whose gatherer's signature is right, before it is opened; it may raise Rejected."""


class OpenedItem(NamedTuple):
    """One item taken apart. key: that signed it. prepared: its transactions, in the bundle's order."""

    content: BundleContent
    key: bytes
    prepared: list[Prepared]


class Items:
    """Makes and opens the items of one ledger."""

    def __init__(self, machine: Machine, seal: SealTransactions = seal_transactions) -> None:
        self._machine = machine
        self._seal = seal
        self._window_ms = machine.parameters.id_window_ms

    def bundle(self, sealer: Sealer, raws: Sequence[bytes], time_ms: int, member: bytes = b"") -> bytes:
        """Gathered at a moment, after which it is good for as long as ids are remembered. Without `raws`: a tick.

        Its transactions are sealed to the epoch in force, where the ledger is sealed. member: the party in whose name
        the node gathers, where it is no founding node.
        """
        machine, gatherer = self._machine, member or sealer.address
        inside, expiry_ms, number = tuple(raws), time_ms + self._window_ms, NOT_SEALED
        if machine.sealed is not None:
            epoch = machine.sealed.epoch
            number = epoch.number
            place = place_of_bundle(machine.chain_id, gatherer, expiry_ms, number)
            inside = (self._seal(epoch.bundle_key.public_key, place, inside),)
        content = encode(BundleContent(gatherer, expiry_ms, number, inside))
        return encode_bundle(content, sealer.public_key, sealer.sign(machine.bundles.prefix + content))

    def open(self, item: bytes, admit: Admit = lambda _content: None) -> OpenedItem:
        """Raises `Rejected` with BUNDLE_IS_MALFORMED or BUNDLE_CANNOT_BE_OPENED; the gatherer's signature is checked,
        those inside are not. admit: is asked in between."""
        return OpenedItem(*self._machine.bundles.open(item, admit))

    def in_force(self, opened: OpenedItem, time_ms: int) -> list[Prepared]:
        """What is executed of an item in a block of that time: nothing, once its bundle or its epoch has passed."""
        return opened.prepared if self._machine.bundles.serves(opened.content, time_ms) else []

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
