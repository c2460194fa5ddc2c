"""The machine's order: inside a block, and for whoever puts a block together under a limit of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.machine.transactions import Prepared
from counterfoil.primitives.codec import Message

Urgent = frozenset[type[Message]]


def is_urgent(prepared: Prepared, urgent: Urgent) -> bool:
    """Whether a transaction stops or frees business: its first message says so."""
    return prepared.body is not None and type(prepared.body.messages[0]) in urgent


def in_order(flat: Sequence[Prepared], urgent: Urgent) -> Sequence[int]:
    """The places of a block's transactions as they are executed: the urgent ones first, then as bundled."""
    first = [index for index, prepared in enumerate(flat) if is_urgent(prepared, urgent)]
    if not first:
        return range(len(flat))
    ahead = frozenset(first)
    return [*first, *(index for index in range(len(flat)) if index not in ahead)]


def chosen(
    bundles: Sequence[Sequence[Prepared]], sizes: Sequence[int], bytes_max: int, urgent: Urgent
) -> list[int]:
    """The places of the bundles that a block of `bytes_max` bytes takes, in its order.

    sizes: of each in bytes, with whatever the engine adds. Those with an urgent transaction come first, then as they
    came; one that no longer fits is passed over, so that the oldest waits for no younger one.
    """
    ahead = [any(is_urgent(prepared, urgent) for prepared in bundle) for bundle in bundles]
    places = sorted(range(len(bundles)), key=lambda place: not ahead[place])
    taken: list[int] = []
    room = bytes_max
    for place in places:
        if sizes[place] <= room:
            room -= sizes[place]
            taken.append(place)
    return taken
