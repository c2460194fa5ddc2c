"""The authenticated tree: 16-ary over dense slots, one flat array of 32-byte digests a level.

A change costs one leaf digest and a hash of 512 bytes a level; nothing is ever rebalanced. The same shape, built at
once over a list of leaves, commits to a block's changes and to its receipts.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from counterfoil.primitives.digests import EMPTY
from counterfoil.primitives.outcome import ensure
from counterfoil.state.leaves import ARITY, DIGEST, GROUP, NODE_TAGS, levels_over, root_digest

Slots = NDArray[np.int64]


class Tree:
    """A growing tree over slots 0 … count − 1; unused places hold 32 zero bytes."""

    def __init__(self) -> None:
        self.count = 0
        self.levels: list[bytearray] = [bytearray()]
        self._dirty: set[int] = set()

    def grow(self, count: int) -> None:
        """Make room for slots up to `count` − 1; new ones are empty until they are set."""
        ensure(count >= self.count, "a tree never shrinks")
        self.count = count
        if count == 0:
            return
        width = -(-count // ARITY) * ARITY
        level = 0
        while True:
            if level == len(self.levels):
                self.levels.append(bytearray())
            missing = width * DIGEST - len(self.levels[level])
            if missing > 0:
                self.levels[level].extend(bytes(missing))
            if level > 0 and width == 1:
                break
            groups = width // ARITY
            width = groups if groups == 1 else -(-groups // ARITY) * ARITY
            level += 1

    def leaf(self, slot: int) -> bytes:
        return bytes(self.levels[0][slot * DIGEST : slot * DIGEST + DIGEST])

    def set_leaf(self, slot: int, digest: bytes) -> None:
        self.levels[0][slot * DIGEST : slot * DIGEST + DIGEST] = digest
        self._dirty.add(slot >> 4)

    def set_leaves(self, slots: Slots, leaves: bytes) -> bytes:
        """Set many leaves, given end to end, each slot once; returns what was there before."""
        view = np.frombuffer(self.levels[0], dtype=np.uint8).reshape(-1, DIGEST)
        before = view[slots].tobytes()
        view[slots] = np.frombuffer(leaves, dtype=np.uint8).reshape(-1, DIGEST)
        self._dirty.update(np.unique(slots >> 4).tolist())
        return before

    def top(self) -> bytes:
        """Hash what changed since the last call and return the digest of the top node."""
        if self.count == 0:
            return EMPTY
        levels = self.levels
        dirty: Iterable[int] = self._dirty
        for level in range(1, levels_over(self.count) + 1):
            below, here, tag = levels[level - 1], levels[level], NODE_TAGS[level]
            above: set[int] = set()
            for group in dirty:  # any order: each group is hashed on its own
                start = group * GROUP
                here[group * DIGEST : group * DIGEST + DIGEST] = sha256(
                    tag + below[start : start + GROUP]
                ).digest()
                above.add(group >> 4)
            dirty = above
        self._dirty = set()
        return bytes(levels[levels_over(self.count)][:DIGEST])

    def path(self, slot: int) -> tuple[bytes, ...]:
        """For each level from the leaves up, the whole group of 16 siblings (512 bytes) that holds the slot."""
        ensure(slot < self.count and not self._dirty, "a path is taken from a tree whose top is known")
        groups = []
        for level in range(levels_over(self.count)):
            slot >>= 4
            groups.append(bytes(self.levels[level][slot * GROUP : slot * GROUP + GROUP]))
        return tuple(groups)


def tree_over(leaves: bytes) -> Tree:
    """The tree over a finished list of leaves, given end to end."""
    tree = Tree()
    tree.grow(len(leaves) // DIGEST)
    tree.levels[0][: len(leaves)] = leaves
    tree._dirty = set(range(-(-len(leaves) // GROUP)))
    return tree


def list_root(leaves: bytes) -> bytes:
    """The root over a finished list, given end to end: count and top, without a free list."""
    return root_digest(len(leaves) // DIGEST, 0, tree_over(leaves).top())
