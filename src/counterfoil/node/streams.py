"""Live reads: what happened, block after block, as far as a viewer may see it at the moment of serving.

A stream is a position, and the action in whose middle it is: the node keeps no queue for anybody. Whoever reads slowly
lags behind the ledger and not in the node's memory, and whoever was cut off goes on from its last position.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from counterfoil.engine.incidents import told
from counterfoil.node.eyes import Eyes
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import header_at
from counterfoil.node.receipts_of import AnyFact, Found, receipts_of_block
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.told import Measured, ToldBlock
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import Fact, encode

ITEMS_MAX: Final = 500
FACTS_MAX: Final = 1_000
"""Of one batch; the rest of a block comes with the next. An action that told more comes in parts of so many facts."""
BLOCKS_MAX: Final = 64
"""That one batch looks through, so that whoever begins long ago holds up nobody."""
BLOCKS_KEPT: Final = 32
FACTS_KEPT: Final = 200_000
"""Taken apart, for the other readers of the same blocks; the newest whatever its size."""
LOOKED_AT_ONCE: Final = 500
"""Facts that are looked at while the ledger is held still; then others have their turn."""
LOOKS_MAX: Final = 50
"""Of one batch, however little they found; then other requests have theirs."""
WHOLE_BLOCK: Final = 2**32 - 1
"""As place: after everything in the block."""


class Position(NamedTuple):
    """After the action at a place in block `height`: where a stream goes on."""

    height: int
    place: int = WHOLE_BLOCK


class StreamItem(msgspec.Struct, frozen=True):
    """One action, or a part of one that told much. place: in its block. action: a transaction's id, or the own id of a
    deadline or retry.

    facts: those that the viewer may see, as they came about, each as often as one receipt has it. part: from 0 on.
    has_more: the action's facts go on with the next item. measured: what their amounts count, where they do not say.
    """

    height: int
    place: int
    time_ms: int
    action: bytes
    facts: tuple[AnyFact, ...]
    part: int = 0
    has_more: bool = False
    measured: tuple[Measured, ...] = ()

    @property
    def position(self) -> Position:
        """Where a stream goes on after it. While there is more of its action, that is before the action: from there it
        is told from its beginning."""
        if not self.has_more:
            return Position(self.height, self.place)
        return Position(self.height, self.place - 1) if self.place else Position(self.height - 1)


STREAM_ITEMS = msgspec.msgpack.Decoder(tuple[StreamItem, ...])
"""Takes apart what a `Told` carries."""


class Batch(NamedTuple):
    """items: in order. reached: what happened up to there was told. is_current: nothing more has happened yet."""

    items: tuple[StreamItem, ...]
    reached: Position
    is_current: bool


class Cursor:
    """How far one reader is: after a position, and in the middle of the action that follows where it tells much.

    receipt, fact: of the block after the position, the next to be looked at (None: not begun). part, told, waiting: of
    the open action, how many parts were told, how often each fact was found, and the facts for the next part. here: how
    often each was found in the receipt that is looked at. looks: how often the ledger was held still for this batch.
    reached: the last position that may be told of: the end of a block, or an action of which something was told. How
    many actions of a block show nothing must not be told to whom they show nothing.
    """

    __slots__ = (
        "about",
        "fact",
        "here",
        "looks",
        "part",
        "position",
        "reached",
        "receipt",
        "told",
        "waiting",
    )

    def __init__(self, position: Position, about: bytes = b"") -> None:
        self.about = about
        self.position = self.reached = position
        self.receipt: int | None = None
        self.fact = self.part = self.looks = 0
        self.told: dict[Fact, int] = {}
        self.here: dict[Fact, int] = {}
        self.waiting: list[Fact] = []

    @property
    def height(self) -> int:
        """Of the block that is looked through next."""
        return self.position.height + (self.position.place == WHOLE_BLOCK)

    def reach(self, position: Position) -> None:
        """Be through with a block."""
        self.position = self.reached = position
        self.receipt = None

    def find(self, found: Found, facts: Iterable[Fact], block: ToldBlock) -> Iterator[StreamItem]:
        """Take in facts of a receipt; the parts that are full then. What several receipts of an action tell counts
        once, what one of them tells several times counts so often."""
        for fact in facts:
            count = self.here[fact] = self.here.get(fact, 0) + 1
            if count <= self.told.get(fact, 0):
                continue
            if len(self.waiting) == FACTS_MAX:
                yield self._item(found, block, has_more=True)
            self.told[fact] = count
            self.waiting.append(fact)

    def end(self, found: Found, block: ToldBlock) -> Iterator[StreamItem]:
        """Be through with the action of a receipt; what is left of it."""
        if self.waiting:
            yield self._item(found, block, has_more=False)
        self.position = Position(found.receipt.height, found.receipt.position)
        if self.part:
            self.reached = self.position
        self.part = 0
        self.told.clear()

    def _item(self, found: Found, block: ToldBlock, *, has_more: bool) -> StreamItem:
        told, self.waiting = tuple(self.waiting), []
        part, self.part = self.part, self.part + 1
        one = found.receipt
        measured = block.objects.measured(told)
        return StreamItem(one.height, one.position, block.time_ms, one.action, told, part, has_more, measured)


class Streams:
    """One node's live reads. Safe to use from several threads, a cursor from one."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node
        self._blocks: OrderedDict[int, ToldBlock] = OrderedDict()
        self._taking = threading.Lock()

    def next(self, viewer: Viewer, cursor: Cursor) -> Batch:
        """What a viewer may see after a cursor, as far as one batch goes; the cursor is there then.

        What it rests on is in the log of reads when this returns. Refused MOMENT_IS_NOT_ON_RECORD for a position that
        the ledger has not reached. After a refusal the cursor is of no use.
        """
        node, begin = self._node, cursor.position
        with node.engine.lock:
            if node.engine.failure is not None:
                raise Refused(NodeRefusal.NODE_STOPPED, cause=told(node.engine.failure))
            last = node.height
        if not 0 <= begin.height <= last or not 0 <= begin.place <= WHOLE_BLOCK:
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, height=begin.height, last=last)
        items: list[StreamItem] = []
        cursor.looks = 0
        for height in range(cursor.height, min(last, cursor.height + BLOCKS_MAX - 1) + 1):
            block = self._block(height)
            if block is not None and not self._looked_through(viewer, block, cursor, items):
                break
            cursor.reach(Position(height))
        node.read_log.note(viewer, "watch", encode((begin, cursor.position, cursor.about)))
        return Batch(tuple(items), cursor.reached, cursor.position == Position(last))

    def _looked_through(
        self, viewer: Viewer, block: ToldBlock, cursor: Cursor, items: list[StreamItem]
    ) -> bool:
        """Whether a block was, before the batch was full. Rights are asked for anew after every few facts."""
        if cursor.receipt is None:
            since = cursor.position.place if cursor.position.height == block.height else -1
            cursor.receipt = bisect_right(block.found, since, key=lambda found: found.receipt.position)
        while cursor.receipt < len(block.found):
            is_full = len(items) >= ITEMS_MAX or sum(len(item.facts) for item in items) >= FACTS_MAX
            if is_full or cursor.looks == LOOKS_MAX:
                return False
            cursor.looks += 1
            with self._node.engine.lock:
                items += _look(Eyes(self._node, viewer, block), block, cursor)
        return True

    def _block(self, height: int) -> ToldBlock | None:
        """A block's receipts taken apart; None where nothing was told in it."""
        with self._taking:
            found = self._blocks.get(height)
            if found is None:
                kept = receipts_of_block(self._node, height)
                if not kept:
                    return None
                time_ms = header_at(self._node, height).time_ms
                found = self._blocks[height] = ToldBlock(self._node, height, time_ms, kept)
                while len(self._blocks) > BLOCKS_KEPT or (
                    len(self._blocks) > 1 and self._kept() > FACTS_KEPT
                ):
                    self._blocks.popitem(last=False)
            return found

    def _kept(self) -> int:
        return sum(block.facts for block in self._blocks.values())


def _look(eyes: Eyes, block: ToldBlock, cursor: Cursor) -> Iterator[StreamItem]:
    """Look at the next few facts of a block; the items that are complete then. Use with the engine's lock held."""
    looked, receipt = 0, cursor.receipt or 0
    while looked < LOOKED_AT_ONCE and receipt < len(block.found):
        found = block.found[receipt]
        until = min(len(found.facts), cursor.fact + LOOKED_AT_ONCE - looked)
        yield from cursor.find(found, eyes.seen(found, cursor.about, cursor.fact, until), block)
        looked += 1 + until - cursor.fact
        cursor.fact = until
        if until == len(found.facts):
            cursor.fact, receipt = 0, receipt + 1
            cursor.here.clear()
            if receipt == len(block.found) or block.found[receipt].receipt.position != found.receipt.position:
                yield from cursor.end(found, block)
    cursor.receipt = receipt
