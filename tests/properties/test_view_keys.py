"""Random trees of view keys through random histories: who opens what, told by paths and never by the derivation."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.sealing.epochs import Epoch
from counterfoil.sealing.receipts import ReceiptKeys, open_own, seal_receipts
from counterfoil.sealing.view_keys import Step, ViewKey

NODES = 7
DEPTH_MAX = 4


@dataclass
class Tree:
    """The model: who hangs under whom (−1: the top), each with its counter, in an epoch."""

    epoch: int = 1
    parent: dict[int, int] = field(default_factory=dict)
    counter: dict[int, int] = field(default_factory=dict)

    def path(self, node: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while node >= 0:
            steps.append((bytes([node]) * 20, self.counter[node]))
            node = self.parent[node]
        return tuple(reversed(steps))

    def may_hang(self, node: int, under: int) -> bool:
        if under >= 0 and under not in self.parent:
            return False
        above = len(self.path(under)) if under >= 0 else 0
        at = under
        while at >= 0:
            if at == node:
                return False
            at = self.parent[at]
        return above < DEPTH_MAX and not (node in self.parent.values() and above > 1)

    def copy(self) -> Tree:
        return Tree(self.epoch, dict(self.parent), dict(self.counter))


moves = st.lists(
    st.tuples(
        st.sampled_from(("hang", "move", "raise", "epoch")),
        st.integers(0, NODES - 1),
        st.integers(-1, NODES - 1),
    ),
    min_size=3,
    max_size=14,
)


def history(asked: list[tuple[str, int, int]]) -> list[Tree]:
    """The tree after each step: founded, moved with its counter raised, raised, or with a new root."""
    tree, seen = Tree(), []
    for what, node, under in asked:
        if what == "epoch":
            tree.epoch += 1
        elif what == "raise" and node in tree.parent:
            tree.counter[node] += 1
        elif what in ("hang", "move") and tree.may_hang(node, under):
            moved = node in tree.parent
            tree.parent[node] = under
            tree.counter[node] = tree.counter.get(node, -1) + 1 if moved else 0
        seen.append(tree.copy())
    return seen


def root_of(epoch: int) -> Epoch:
    return Epoch(epoch, bytes([epoch]) * 32)


Place = tuple[int, tuple[Step, ...]]
"""An epoch and a path: what decides a key."""


def all_keys(seen: list[Tree]) -> dict[Place, ViewKey]:
    return {
        (tree.epoch, tree.path(node)): root_of(tree.epoch).view.below(tree.path(node))
        for tree in seen
        for node in tree.parent
    }


@given(moves)
def test_a_key_is_its_epoch_and_path_and_nothing_else(asked: list[tuple[str, int, int]]) -> None:
    keys = all_keys(history(asked))
    assert len({key.key for key in keys.values()}) == len(keys)


@given(moves, st.data())
def test_whoever_holds_a_key_derives_what_is_below_and_nothing_else(
    asked: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """The holder tries every step that there ever was, in every order, on all that it has."""
    keys = all_keys(history(asked))
    if not keys:
        return
    held_at = data.draw(st.sampled_from(sorted(keys)))
    steps = sorted({step for _, path in keys for step in path})[:8]
    reached, frontier = {keys[held_at].key}, [keys[held_at]]
    for _ in range(DEPTH_MAX - len(held_at[1])):
        frontier = [key.child(*step) for key in frontier for step in steps]
        reached.update(key.key for key in frontier)
    for place, key in keys.items():
        below = place[0] == held_at[0] and place[1][: len(held_at[1])] == held_at[1]
        tried = all(step in steps for step in place[1][len(held_at[1]) :])
        assert (key.key in reached) == (below and tried)


@given(moves)
def test_a_move_shuts_the_old_parent_out_even_when_the_child_comes_back(
    asked: list[tuple[str, int, int]],
) -> None:
    seen = history(asked)
    for earlier, later in ((one, other) for at, one in enumerate(seen) for other in seen[at + 1 :]):
        for node in earlier.parent:
            moved = earlier.counter[node] != later.counter.get(node) or earlier.epoch != later.epoch
            if moved:
                place, now = (earlier.epoch, earlier.path(node)), (later.epoch, later.path(node))
                assert place != now


@given(moves, st.integers(0, 2**20))
def test_a_receipt_opens_for_its_node_and_those_above_in_the_same_state(
    asked: list[tuple[str, int, int]], height: int
) -> None:
    keys = all_keys(history(asked))
    places = sorted(keys)[:8]
    drafts = [(ReceiptKeys(keys[place], height), b"for %d" % index) for index, place in enumerate(places)]
    block = seal_receipts(height, drafts).receipts
    for holder in places:
        derived = [
            ReceiptKeys(keys[holder].below(place[1][len(holder[1]) :]), height)
            for place in places
            if place[1][: len(holder[1])] == holder[1]
        ]
        opened = {one.place for one in open_own(derived, height, block)}
        assert opened == {
            index
            for index, place in enumerate(places)
            if place[0] == holder[0] and place[1][: len(holder[1])] == holder[1]
        }
