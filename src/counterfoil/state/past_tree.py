"""The authenticated tree as it was a few blocks ago, since a proof is made against a header that is already signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from counterfoil.primitives.digests import EMPTY
from counterfoil.primitives.outcome import ensure
from counterfoil.state.leaves import ARITY, DIGEST, levels_over, node_digest
from counterfoil.state.tree import Slots, Tree


class NotHeld(LookupError):
    """What is asked for lies further back than this node holds."""


class Overwritten(NamedTuple):
    """Before one block: the height, how many slots there were, and the leaves that the block then wrote over.

    changed, freed: slots, and their leaves end to end. Where a slot is among both, what was there first is freed's.
    """

    height: int
    slot_count: int
    changed: tuple[Slots, bytes]
    freed: tuple[Slots, bytes]

    def leaves(self) -> dict[int, bytes]:
        """By slot, of those that there were."""
        found: dict[int, bytes] = {}
        for slots, leaves in (self.changed, self.freed):
            for index, slot in enumerate(slots.tolist()):
                if slot < self.slot_count:
                    found[slot] = leaves[index * DIGEST : index * DIGEST + DIGEST]
        return found


class PastTree:
    """A view on a tree: its first `count` slots, with the given leaves in place of today's."""

    def __init__(self, tree: Tree, count: int, leaves: dict[int, bytes]) -> None:
        self.count = count
        self._tree = tree
        self._then: list[dict[int, bytes]] = [leaves]
        self.levels = levels_over(count)
        if leaves or count < tree.count:
            self._hash_what_differs(leaves)

    def digest(self, level: int, index: int) -> bytes:
        """The digest at a place of a level (0 = leaves); zero bytes beyond the last slot."""
        if index << 4 * level >= self.count:
            return EMPTY
        if level < len(self._then):
            then = self._then[level].get(index)
            if then is not None:
                return then
        return bytes(self._tree.levels[level][index * 32 : index * 32 + 32])

    def top(self) -> bytes:
        return self.digest(self.levels, 0) if self.count else EMPTY

    def siblings(self, slots: Iterable[int]) -> bytes:
        """The digests that lead from the leaves at `slots` to the top and cannot be computed from them.

        Level by level from the leaves, groups of 16 in order, places in order; places beyond the last slot are known
        to be empty and are left out.
        """
        known = sorted(dict.fromkeys(slots))
        ensure(
            not known or (known[0] >= 0 and known[-1] < self.count), "a path leads from a slot that is there"
        )
        parts: list[bytes] = []
        for level in range(self.levels if known else 0):
            above = list(dict.fromkeys(index >> 4 for index in known))
            there = dict.fromkeys(known)
            width = -(-self.count >> 4 * level)
            for group in above:
                for index in range(group * ARITY, min(group * ARITY + ARITY, width)):
                    if index not in there:
                        parts.append(self.digest(level, index))
            known = above
        return b"".join(parts)

    def _hash_what_differs(self, leaves: dict[int, bytes]) -> None:
        """Nodes over changed leaves, and over the edge beyond which there was nothing yet."""
        edge = max(self.count - 1, 0)
        dirty = sorted({edge, *(slot for slot in leaves if slot < self.count)})
        for level in range(1, self.levels + 1):
            dirty = list(dict.fromkeys(index >> 4 for index in dirty))
            here: dict[int, bytes] = {}
            for index in dirty:
                children = range(index * ARITY, index * ARITY + ARITY)
                here[index] = node_digest(
                    level, b"".join([self.digest(level - 1, child) for child in children])
                )
            self._then.append(here)
