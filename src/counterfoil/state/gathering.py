"""Places of many members that join the lists together, packed and sorted as whole arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from counterfoil.primitives.outcome import ensure
from counterfoil.state.tables import LINK_END

_PLACE = 32
_KEY = 64
"""Room for a full key of a listed table and, in the last byte, its length."""


class GatheredPlaces:
    """Grows by 96 bytes a member, so that tens of millions fit into memory."""

    def __init__(self) -> None:
        self._places = bytearray()
        self._keys = bytearray()
        self._order: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._places) // _PLACE

    def add(self, place: bytes, full_key: bytes) -> None:
        ensure(len(full_key) < _KEY and self._order is None, "members are gathered before they are sorted")
        self._places += place
        self._keys += full_key.ljust(_KEY - 1, b"\0") + bytes([len(full_key)])

    def first_place(self) -> bytes:
        """The smallest place of all; the end of the list where there is none."""
        order = self._sorted()
        return self._place(int(order[0])) if len(order) else LINK_END

    def between(self, first: int, last: int) -> Iterator[tuple[bytes, bytes, bytes]]:
        """(place, full key, the place that follows it) of members number `first` to `last` − 1 in order of place."""
        order = self._sorted()
        for at in range(first, last):
            index = int(order[at])
            key = self._keys[index * _KEY : (index + 1) * _KEY]
            following = self._place(int(order[at + 1])) if at + 1 < len(order) else LINK_END
            place = self._place(index)
            ensure(place < following, "no two members have one place")
            yield place, bytes(key[: key[-1]]), following

    def _place(self, index: int) -> bytes:
        return bytes(self._places[index * _PLACE : (index + 1) * _PLACE])

    def _sorted(self) -> NDArray[np.int64]:
        if self._order is None:
            words = np.frombuffer(self._places, dtype=">u8").reshape(-1, _PLACE // 8)
            self._order = np.lexsort(tuple(words[:, column] for column in (3, 2, 1, 0)))
        return self._order
