"""Blocks under consensus: proposed, judged before the vote, and finalised, each executed once where all goes well.

A proposal that was executed stays on the books until its block is decided. Whoever reads meanwhile has it set aside,
and it is brought back unchanged when the same block is decided; another one takes its place otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from counterfoil.engine.cometbft.seen import SeenItems
from counterfoil.engine.decided import items_digest
from counterfoil.engine.incidents import report, told
from counterfoil.engine.items import Items, OpenedItem
from counterfoil.machine.executed import SetAside
from counterfoil.machine.failures import ProgramIsOutdated, RulesFailed
from counterfoil.machine.feed_items import ExtendedCommit, is_feed_item
from counterfoil.machine.machine import Machine, Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Prepared
from counterfoil.modules.validators.interface import Misbehaviour
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.state.headers import Header
from counterfoil.state.port import StoreFailed

log = logging.getLogger(__name__)

FAILED_KEPT = 10_000
"""Digests of items on which our rules failed: they are in no proposal of this node again."""
ITEM_OVERHEAD_BYTES = 6
"""Of each item in the engine's block: a tag and a length."""
OURS = (StoreFailed, ProgramIsOutdated, MemoryError)
"""Failures that say nothing about the block: this node cannot go on, others may."""


class Reported(NamedTuple):
    """What the engine tells with a block: validators that misbehaved, and its CommitInfo of the block before."""

    misbehaviour: tuple[Misbehaviour, ...] = ()
    last_commit: bytes = b""


class Decided(NamedTuple):
    """A block that was finalised. header: None where it had no effect. outcomes: of `transactions`, in their order.

    gatherers: who brought each of them.
    """

    height: int
    time_ms: int
    header: Header | None
    transactions: list[Prepared]
    outcomes: list[Outcome]
    gatherers: list[bytes]


class _Executed(NamedTuple):
    key: bytes
    time_ms: int
    moves_clock: bool
    transactions: list[Prepared]
    outcomes: list[Outcome]
    gatherers: list[bytes]


class Execution:
    """One machine's blocks. Everything here is called under the engine's own lock."""

    def __init__(self, machine: Machine, items: Items, seen: SeenItems) -> None:
        self._machine = machine
        self._items = items
        self._seen = seen
        self._executed: _Executed | None = None
        self._aside: SetAside | None = None
        self._failed: dict[bytes, None] = {}

    def clear_books(self) -> None:
        """Let the books be those of the last block: an executed proposal is set aside."""
        if self._executed is not None and self._aside is None:
            self._aside = self._machine.set_aside()

    def forget_proposal(self) -> None:
        if self._executed is not None and self._aside is None:
            self._machine.discard()
        self._executed = self._aside = None

    # Proposing

    def propose(
        self,
        height: int,
        time_ms: int,
        items: Sequence[bytes],
        bytes_max: int,
        reported: Reported,
        commit: ExtendedCommit,
    ) -> list[bytes]:
        """The items to propose: what the validators observed, then those that fit and that the rules accept, what is
        urgent first. commit: of the block before, with the extensions of its votes."""
        first = self._feed_item(height, bytes_max, reported, commit)
        bytes_max -= sum(len(item) + ITEM_OVERHEAD_BYTES for item in first)
        welcome: list[bytes] = []
        bundles: list[list[Prepared]] = []
        earliest_ms, _ = self._items.block_time_ms(time_ms, ())
        for item in items:
            try:
                opened = self._seen.note(item)
            except Rejected:
                continue
            expired = opened.content.expiry_ms <= earliest_ms
            if expired or self._is_welcome(item, opened):  # an expired one leaves the pool with the block
                welcome.append(item)
                bundles.append(opened.prepared)
        sizes = [len(item) + ITEM_OVERHEAD_BYTES for item in welcome]
        chosen = [welcome[place] for place in self._machine.chosen(bundles, sizes, bytes_max)]
        items = [*first, *self._without_failing(height, time_ms, chosen, reported, first)]
        self._execute(height, time_ms, items, reported)
        return items

    def _feed_item(
        self, height: int, bytes_max: int, reported: Reported, commit: ExtendedCommit
    ) -> list[bytes]:
        """One item or none. Where it would be refused, or our rules fail on it, the block goes without it."""
        item = self._machine.feed_item(height, commit)
        if not item or len(item) + ITEM_OVERHEAD_BYTES > bytes_max:
            return []
        why = self.judge(height, 0, [item], reported)
        if why:
            log.error("what validators observed is left out of block %d: %s", height, why)
        return [] if why else [item]

    def _is_welcome(self, item: bytes, opened: OpenedItem) -> bool:
        return sha256(item).digest() not in self._failed and self._machine.may_gather(
            opened.content.gatherer, opened.key
        )

    def _without_failing(
        self, height: int, time_ms: int, items: list[bytes], reported: Reported, first: list[bytes]
    ) -> list[bytes]:
        """The items without those on which our rules fail, found by name or, failing that, by halves.

        first: what is in the block before them, whatever becomes of them.
        """
        while True:
            try:
                self._execute(height, time_ms, [*first, *items], reported)
                return items
            except OURS:
                raise
            except RulesFailed as failed:
                report(log, logging.ERROR, "the rules failed on a transaction", failed)
                bad = self._item_with(items, failed.prepared)
                self._note_failed(bad)
                items = [item for item in items if item is not bad]
            except Exception as error:
                if not items:
                    report(log, logging.CRITICAL, "no block can be made, not even an empty one", error)
                    raise
                if len(items) == 1:
                    report(log, logging.ERROR, "the rules failed on an item", error)
                    self._note_failed(items[0])
                    return []
                half = len(items) // 2
                one = self._without_failing(height, time_ms, items[:half], reported, first)
                rest = self._without_failing(height, time_ms, items[half:], reported, first)
                if len(one) + len(rest) == len(items):
                    return one  # they fail only together
                items = [*one, *rest]

    def _item_with(self, items: Sequence[bytes], prepared: Prepared) -> bytes:
        for item in items:
            if any(one is prepared for one in self._seen.note(item).prepared):
                return item
        raise InvariantViolation("the rules failed on a transaction that is in no item")

    def _note_failed(self, item: bytes) -> None:
        if len(self._failed) == FAILED_KEPT:
            del self._failed[next(iter(self._failed))]
        self._failed[sha256(item).digest()] = None

    # Judging and finalising

    def judge(self, height: int, time_ms: int, items: Sequence[bytes], reported: Reported) -> str:
        """Why a proposed block is refused, or "" where it is accepted: it depends on the block and the books alone."""
        try:
            self._execute(height, time_ms, items, reported)
        except OURS:
            raise
        except Exception as error:
            return told(error)
        return ""

    def finalise(self, height: int, time_ms: int, items: Sequence[bytes], reported: Reported) -> Decided:
        """Execute (or take up) a decided block and commit it; one without effect leaves no trace.

        Whatever fails here is this node's fault, since others accepted the block.
        """
        self._execute(height, time_ms, items, reported)
        executed = self._executed
        if executed is None:
            raise InvariantViolation("no block was executed")
        if self._aside is not None:
            self._machine.bring_back(self._aside)
        self._executed = self._aside = None
        header = None
        if self._machine.has_effect or executed.moves_clock:
            header = self._machine.commit()
            self._machine.keep(header, b"")
        else:
            self._machine.discard()
        self._seen.forget(items)
        return Decided(
            height, executed.time_ms, header, executed.transactions, executed.outcomes, executed.gatherers
        )

    def is_due(self, height: int, time_ms: int) -> bool:
        """Whether an empty block of that time would change anything. Leaves the books as they are."""
        self.clear_books()
        machine = self._machine
        try:
            machine.execute(height, time_ms, [], items_digest(()))
            return machine.has_effect
        finally:
            machine.discard()

    def failing(self, height: int, time_ms: int, transactions: Sequence[Prepared]) -> Prepared | None:
        """The first of these transactions on which our rules fail. Leaves the books as they are."""
        self.clear_books()
        machine = self._machine
        try:
            machine.execute(height, time_ms, [transactions], items_digest(()))
        except RulesFailed as failed:
            return failed.prepared
        finally:
            machine.discard()
        return None

    def _execute(self, height: int, engine_time_ms: int, items: Sequence[bytes], reported: Reported) -> None:
        """Have this block executed, on the books or set aside."""
        digest = items_digest(items)
        key = sha256(
            height.to_bytes(8, "big") + engine_time_ms.to_bytes(8, "big") + digest + encode(reported)
        ).digest()
        if self._executed is not None and self._executed.key == key:
            return
        self.forget_proposal()
        machine = self._machine
        feed_item = items[0] if items and is_feed_item(items[0]) else b""
        opened = self._seen.opened(items[1:] if feed_item else items)
        time_ms, moves_clock = self._items.block_time_ms(engine_time_ms, opened)
        for item in opened:
            content = item.content
            if content.expiry_ms > time_ms and not machine.may_gather(content.gatherer, item.key):
                raise Rejected(MachineReject.GATHERER_IS_NO_MEMBER, gatherer=content.gatherer)
        bundles = [self._items.in_force(item, time_ms) for item in opened]
        try:
            outcomes = machine.execute(
                height, time_ms, bundles, digest, reported.misbehaviour, feed_item, reported.last_commit
            )
        except BaseException:
            machine.discard()
            raise
        transactions = [prepared for bundle in bundles for prepared in bundle]
        gatherers = [
            item.content.gatherer for item, bundle in zip(opened, bundles, strict=True) for _ in bundle
        ]
        self._executed = _Executed(key, time_ms, moves_clock, transactions, outcomes, gatherers)
