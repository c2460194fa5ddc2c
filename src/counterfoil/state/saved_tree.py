"""The tree as it is kept in the record store, so that it need not be built again from every record at start."""

from __future__ import annotations

from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state.port import RecordStore, WriteBatch
from counterfoil.state.tree import Tree

_CHUNK = 65_536
_LEVELS = b"levels"


def save_tree(batch: WriteBatch, tree: Tree, height: int) -> None:
    """Add the tree as of block `height`, whose top must have been asked for, to a batch."""
    for level, data in enumerate(tree.levels):
        for chunk, start in enumerate(range(0, len(data), _CHUNK)):
            batch.blobs.append(("tree", level << 40 | chunk, bytes(data[start : start + _CHUNK])))
    batch.entries.append(("meta", _LEVELS, height.to_bytes(8, "big") + tree.count.to_bytes(8, "big")))


def load_tree(store: RecordStore) -> tuple[Tree, int]:
    """(the tree as last saved, the height that it is of); an empty one of height 0 where none was."""
    tree = Tree()
    saved = store.entry("meta", _LEVELS)
    if saved is None:
        return tree, 0
    tree.grow(int.from_bytes(saved[8:], "big"))
    for level, data in enumerate(tree.levels):
        for chunk, start in enumerate(range(0, len(data), _CHUNK)):
            part = store.blob("tree", level << 40 | chunk)
            if part is None or len(part) != min(_CHUNK, len(data) - start):
                raise InvariantViolation(f"the record store lacks a part of the tree: level {level}, {chunk}")
            data[start : start + len(part)] = part
    return tree, int.from_bytes(saved[:8], "big")
