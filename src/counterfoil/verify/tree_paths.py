"""From shown leaves and their siblings to the top of a 16-ary tree."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.primitives.digests import EMPTY
from counterfoil.state.leaves import ARITY, DIGEST, levels_over, node_digest
from counterfoil.verify.refusal import demand


def top_of(count: int, leaves: Mapping[int, bytes], siblings: bytes) -> bytes:
    """The top over `count` leaves of which some are known; `siblings` are the others that it takes, in order.

    Level by level from the leaves, groups of 16 in order, places in order; places beyond the last leaf are empty and
    are not among the siblings. Raises `ProofRefused` where there are more or fewer siblings than it takes.
    """
    demand(
        leaves and all(0 <= place < count for place in leaves), "a leaf is shown at a place that is not there"
    )
    known, width, at = dict(sorted(leaves.items())), count, 0
    for level in range(1, levels_over(count) + 1):
        above: dict[int, bytes] = {}
        for group in dict.fromkeys(place // ARITY for place in known):
            children: list[bytes] = []
            for place in range(group * ARITY, (group + 1) * ARITY):
                child = known.get(place)
                if child is None and place < width:
                    child = siblings[at : at + DIGEST]
                    at += DIGEST
                children.append(EMPTY if child is None else child)
            demand(at <= len(siblings), "digests are missing on the way to a root")
            above[group] = node_digest(level, b"".join(children))
        known, width = above, -(-width // ARITY)
    demand(at == len(siblings), "there are more digests than the way to a root takes")
    return known[0]
