"""The tree of view keys: a parent derives the keys of everything below it, nobody derives upwards or sideways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from counterfoil.primitives.codec import Record
from counterfoil.primitives.outcome import ensure
from counterfoil.sealing.derivation import CHILD, RECEIPTS, derive

NODE_BYTES = 20
TOP = b""
"""The node of the tree's top: it opens everything."""
WINDOW_BITS = 16
"""One receipt key serves 2^16 blocks, so that it never seals so much that nonces might meet."""
COUNTER_MAX = 2**63 - 1

Step = tuple[bytes, int]
"""A node (20 bytes) and the counter that is in force for it."""


class HandedKey(Record):
    """A view key as it is handed out: it holds from the end of block from_height on, until the node's next one does."""

    node: bytes
    from_height: int
    key: bytes


class ReceiptSecrets(NamedTuple):
    """aes: seals and opens. prf: gives nonces, salts and tags."""

    aes: bytes
    prf: bytes


class ViewKey(NamedTuple):
    """The key of one node of the tree (`TOP`, or 20 bytes): 32 bytes."""

    node: bytes
    key: bytes

    def child(self, node: bytes, counter: int) -> ViewKey:
        """The key of a node that hangs under this one, while `counter` is in force for it."""
        ensure(len(node) == NODE_BYTES and 0 <= counter <= COUNTER_MAX, "a node has 20 bytes and a counter")
        return ViewKey(node, derive(self.key, CHILD, node, counter.to_bytes(8, "big")))

    def below(self, path: Iterable[Step]) -> ViewKey:
        """The key at the end of a path of nodes, each under the one before it; this one for an empty path."""
        found = self
        for node, counter in path:
            found = found.child(node, counter)
        return found

    def receipts(self, height: int) -> ReceiptSecrets:
        """What seals the node's receipts in the window of blocks that `height` lies in."""
        window = height >> WINDOW_BITS
        made = derive(self.key, RECEIPTS, window.to_bytes(8, "big"), size=64)
        return ReceiptSecrets(made[:32], made[32:])
