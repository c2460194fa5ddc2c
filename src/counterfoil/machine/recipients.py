"""The receipt keys of stakeholders, as the tree of view keys stands at the end of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from counterfoil.modules.holdings.records import RELATIONSHIPS
from counterfoil.modules.parties.records import PARTIES, Party
from counterfoil.modules.viewkeys.interface import ViewKeys
from counterfoil.modules.viewkeys.records import VIEW_NODES
from counterfoil.primitives.outcome import ensure
from counterfoil.sealing.epochs import Epoch
from counterfoil.sealing.receipts import ReceiptKeys
from counterfoil.sealing.view_keys import WINDOW_BITS
from counterfoil.state.books import Shelf

KEPT_MAX: Final = 100_000
"""Stakeholders whose keys stay in memory: some 200 MB when full. Beyond it all are derived anew as they come."""


class Recipients:
    """A cache that never shows: what it gives is what deriving everything anew for each block would give."""

    def __init__(self, viewkeys: ViewKeys) -> None:
        self._path_to = viewkeys.path_to
        self._keys: dict[bytes, ReceiptKeys] = {}
        self._depends: dict[bytes, tuple[bytes, ...]] = {}
        self._epoch: Epoch | None = None
        self._height = 0

    def begin(self, epoch: Epoch, height: int, shelves: Mapping[int, Shelf[Any]]) -> None:
        """Before the receipts of block `height` are sealed: `shelves` hold what it changed."""
        if epoch is not self._epoch or height >> WINDOW_BITS != self._height >> WINDOW_BITS:
            self._keys.clear()
            self._depends.clear()
        self._epoch, self._height = epoch, height
        for table, has_moved in _MOVES:
            shelf = shelves[table]
            for node, before in shelf.touched.items():
                if has_moved(before, shelf.live[node]):
                    self._forget(node)

    def keys(self, stakeholder: bytes) -> ReceiptKeys:
        """Of a party, a relationship or a signer's address (20 bytes)."""
        found = self._keys.get(stakeholder)
        return found if found is not None else self._derive(stakeholder)

    def _derive(self, stakeholder: bytes) -> ReceiptKeys:
        ensure(self._epoch is not None, "keys are asked for while a block is committed")
        if len(self._keys) >= KEPT_MAX:
            self._keys.clear()
            self._depends.clear()
        path = self._path_to(stakeholder)
        if self._epoch is not None:
            self._keys[stakeholder] = ReceiptKeys(self._epoch.view.below(path), self._height)
        self._depends[stakeholder] = tuple([node for node, _ in path])
        return self._keys[stakeholder]

    def _forget(self, node: bytes) -> None:
        """Forget the keys of a node and of everything that hangs under it."""
        for stakeholder in [one for one, path in self._depends.items() if node in path]:
            del self._keys[stakeholder], self._depends[stakeholder]


def _has_another_parent(before: Party | None, now: Party | None) -> bool:
    return (before.parent if before is not None else None) != (now.parent if now is not None else None)


def _differs(before: object, now: object) -> bool:
    return before != now


_MOVES: Final[tuple[tuple[int, Callable[[Any, Any], bool]], ...]] = (
    (PARTIES.number, _has_another_parent),
    (RELATIONSHIPS.number, _differs),
    (VIEW_NODES.number, _differs),
)
"""Tables whose records decide where a stakeholder hangs and under which counter, and when one of them does so anew."""
