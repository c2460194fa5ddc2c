"""The tree step by step, at once, and as it was, against a slow one."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.primitives.digests import EMPTY
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state.leaves import levels_over, node_digest
from counterfoil.state.past_tree import PastTree
from counterfoil.state.port import WriteBatch
from counterfoil.state.saved_tree import load_tree, save_tree
from counterfoil.state.tree import Tree, list_root, tree_over
from counterfoil.storage.memory_store import MemoryStore
from counterfoil.verify.tree_paths import top_of
from tests.model import tree_model

COUNTS = st.one_of(st.integers(0, 40), st.sampled_from((255, 256, 257, 270, 4095, 4096, 4097)))


def _leaf(slot: int, version: int = 0) -> bytes:
    return sha256(slot.to_bytes(4, "big") + bytes([version])).digest()


@pytest.mark.parametrize(
    ("count", "levels"), [(0, 0), (1, 1), (2, 1), (16, 1), (17, 2), (256, 2), (257, 3), (4096, 3), (4097, 4)]
)
def test_levels(count: int, levels: int) -> None:
    assert levels_over(count) == levels


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 255, 256, 257, 4097])
def test_a_tree_built_at_once_is_the_slow_one(count: int) -> None:
    leaves = [_leaf(slot) for slot in range(count)]
    assert tree_over(b"".join(leaves)).top() == tree_model.top(leaves)
    assert list_root(b"".join(leaves)) == tree_model.root(leaves)


@given(st.lists(st.tuples(COUNTS, st.lists(st.integers(0, 4096), max_size=5)), max_size=6))
def test_a_tree_grown_in_steps_is_one_built_at_once(steps: list[tuple[int, list[int]]]) -> None:
    tree, leaves = Tree(), list[bytes]()
    for version, (count, changed) in enumerate(steps):
        tree.grow(max(count, len(leaves)))
        for slot in range(len(leaves), count):
            leaves.append(_leaf(slot))
            tree.set_leaf(slot, leaves[slot])
        for slot in changed:
            if slot < len(leaves):
                leaves[slot] = _leaf(slot, version + 1)
                tree.set_leaf(slot, leaves[slot])
        assert tree.top() == tree_model.top(leaves)


@given(
    st.sampled_from((1, 2, 16, 17, 256, 257, 300)),
    st.integers(0, 300),
    st.lists(st.integers(0, 299), max_size=5),
    st.data(),
)
def test_a_past_tree_and_its_ways(count: int, grown: int, changed: list[int], data: st.DataObject) -> None:
    before = [_leaf(slot) for slot in range(count)]
    tree = tree_over(b"".join(before))
    tree.top()
    tree.grow(count + grown)
    for slot in range(count, count + grown):
        tree.set_leaf(slot, _leaf(slot))
    overwritten = {slot: before[slot] for slot in changed if slot < count}
    for slot in overwritten:
        tree.set_leaf(slot, _leaf(slot, 9))
    now = [tree.leaf(slot) for slot in range(count + grown)]
    tree.top()
    for view, leaves in (
        (PastTree(tree, count, overwritten), before),
        (PastTree(tree, count + grown, {}), now),
    ):
        assert view.top() == tree_model.top(leaves)
        shown = data.draw(st.lists(st.integers(0, len(leaves) - 1), min_size=1, max_size=6))
        known = {slot: leaves[slot] for slot in shown}
        assert top_of(len(leaves), known, view.siblings(shown)) == view.top()


def test_a_path_holds_whole_groups() -> None:
    leaves = [_leaf(slot) for slot in range(300)]
    tree = tree_over(b"".join(leaves))
    tree.top()
    first, second, third = tree.path(299)
    assert first == b"".join(leaves[288:]) + bytes(4 * 32)
    assert node_digest(1, first) == second[2 * 32 : 3 * 32]
    assert node_digest(2, second) == third[32:64]
    assert node_digest(3, third) == tree.top()


def test_what_a_tree_refuses() -> None:
    tree = tree_over(_leaf(0) + _leaf(1))
    with pytest.raises(InvariantViolation, match="top is known"):
        tree.path(0)
    tree.top()
    with pytest.raises(InvariantViolation, match="never shrinks"):
        tree.grow(1)
    with pytest.raises(InvariantViolation, match="a slot that is there"):
        PastTree(tree, 2, {}).siblings([2])
    assert Tree().top() == EMPTY


def test_a_saved_tree_comes_back_and_a_missing_part_is_named() -> None:
    leaves = [_leaf(slot) for slot in range(5000)]
    tree = tree_over(b"".join(leaves))
    top = tree.top()
    store = MemoryStore({})
    assert load_tree(store)[1] == 0
    batch = WriteBatch()
    save_tree(batch, tree, 7)
    store.write(batch)
    again, height = load_tree(store)
    again.set_leaf(0, leaves[0])
    assert (again.top(), height) == (top, 7)
    batch = WriteBatch()
    batch.blobs = [("tree", 1, b"cut off")]
    store.write(batch)
    with pytest.raises(InvariantViolation, match="lacks a part of the tree: level 0, 1"):
        load_tree(store)
