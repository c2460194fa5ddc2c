"""Live reads: what happened, block after block, as far as a viewer may see it at the moment of serving.

A stream is a position and nothing else: the node keeps no queue for anybody. Whoever reads slowly lags behind the
ledger and not in the node's memory, and whoever was cut off goes on from its last position.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import msgspec

from counterfoil.engine.incidents import told
from counterfoil.node.eyes import Eyes
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import header_at
from counterfoil.node.receipts_of import AnyFact, receipts_of_block
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.told import ToldBlock
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import Fact, encode

T = TypeVar("T")

ITEMS_MAX: Final = 500
"""Of one batch; the rest of a block comes with the next."""
BLOCKS_MAX: Final = 64
"""That one batch looks through, so that whoever begins long ago holds up nobody."""
BLOCKS_KEPT: Final = 32
"""Taken apart, for the other readers of the same blocks."""
RECEIPTS_AT_ONCE: Final = 64
"""That are looked through while the ledger is held still; then others have their turn."""
WHOLE_BLOCK: Final = 2**32 - 1
"""As place: after everything in the block."""


class Position(NamedTuple):
    """After the action at a place in block `height`: where a stream goes on."""

    height: int
    place: int = WHOLE_BLOCK


class StreamItem(msgspec.Struct, frozen=True):
    """One action. place: in its block. action: a transaction's id, or the own id of a deadline or retry.

    facts: those that the viewer may see, each once, in the order in which they came about.
    """

    height: int
    place: int
    time_ms: int
    action: bytes
    facts: tuple[AnyFact, ...]

    @property
    def position(self) -> Position:
        return Position(self.height, self.place)


STREAM_ITEMS = msgspec.msgpack.Decoder(tuple[StreamItem, ...])
"""Takes apart what a `Told` carries."""


class Batch(NamedTuple):
    """items: in order. reached: up to there everything was looked at. is_current: nothing more has happened yet."""

    items: tuple[StreamItem, ...]
    reached: Position
    is_current: bool


class Streams:
    """One node's live reads. Safe to use from several threads."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node
        self._blocks: OrderedDict[int, ToldBlock] = OrderedDict()
        self._taking = threading.Lock()

    def next(self, viewer: Viewer, after: Position, about: bytes = b"") -> Batch:
        """What a viewer may see after a position, as far as one batch goes. about: an identity (20 or 32 bytes) that
        alone is of interest; b"" for everything.

        What it rests on is in the log of reads when this returns. Refused MOMENT_IS_NOT_ON_RECORD for a position that
        the ledger has not reached.
        """
        node = self._node
        with node.engine.lock:
            if node.engine.failure is not None:
                raise Refused(NodeRefusal.NODE_STOPPED, cause=told(node.engine.failure))
            last = node.height
        if not 0 <= after.height <= last or not 0 <= after.place <= WHOLE_BLOCK:
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, height=after.height, last=last)
        items: list[StreamItem] = []
        reached = after
        first = after.height + (after.place == WHOLE_BLOCK)
        for height in range(first, min(last, first + BLOCKS_MAX - 1) + 1):
            since = after.place if height == after.height else -1
            for item in self._items(viewer, height, since, about):
                items.append(item)
                if len(items) == ITEMS_MAX:
                    break
            if len(items) == ITEMS_MAX:
                reached = items[-1].position
                break
            reached = Position(height)
        node.read_log.note(viewer, "watch", encode((after, reached, about)))
        return Batch(tuple(items), reached, reached == Position(last))

    def _items(self, viewer: Viewer, height: int, since: int, about: bytes) -> Iterator[StreamItem]:
        block = self._block(height)
        if block is None:
            return
        by_action: dict[int, tuple[bytes, list[Fact]]] = {}
        eyes = Eyes(self._node, viewer, block)
        later = [found for found in block.found if found.receipt.position > since]
        for at in range(0, len(later), RECEIPTS_AT_ONCE):
            with self._node.engine.lock:
                for found in later[at : at + RECEIPTS_AT_ONCE]:
                    _, told = by_action.setdefault(found.receipt.position, (found.receipt.action, []))
                    told += [fact for fact in eyes.seen(found, about) if fact not in told]
        for place, (action, told) in sorted(by_action.items()):
            if told:
                yield StreamItem(height, place, block.time_ms, action, tuple(told))

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
                if len(self._blocks) > BLOCKS_KEPT:
                    self._blocks.popitem(last=False)
            return found
