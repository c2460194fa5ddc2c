"""Reads about grants of view keys, as of now or of the end of any past block."""

from __future__ import annotations

from counterfoil.modules.viewkeys.records import VIEW_GRANT_ENDS, VIEW_GRANTS, ViewGrant
from counterfoil.state.state import State


def grants_of(state: State, grantee: bytes) -> list[tuple[bytes, ViewGrant]]:
    """(node, grant) of every grant that runs for a party, in the order of their ends."""
    found = []
    for key, _ in state.books.shelf(VIEW_GRANT_ENDS).scan():
        node, whose = key[8:28], key[28:]
        grant = state.find(VIEW_GRANTS, node + grantee) if whose == grantee else None
        if grant is not None:
            found.append((node, grant))
    return found


def grants(state: State, height: int | None = None) -> list[tuple[bytes, bytes, ViewGrant]]:
    """(node, grantee, grant) of every grant that runs, in the order of nodes and grantees."""
    if height is None:
        keys = sorted(key[8:] for key, _ in state.books.shelf(VIEW_GRANT_ENDS).scan())
        found = [(key, state.find(VIEW_GRANTS, key)) for key in keys]
    else:
        found = [(key, state.find_at(VIEW_GRANTS, key, height)) for key in state.keys(VIEW_GRANTS)]
    return [(key[:20], key[20:], grant) for key, grant in found if grant is not None]


def grants_ever(state: State) -> list[tuple[bytes, bytes, ViewGrant, int]]:
    """(node, grantee, grant, block in which it ended, 0 while it runs) of every grant that ever outlived its block.

    In the order of nodes and grantees, the newest first."""
    return [
        (key[:20], key[20:], grant, ended)
        for key in state.keys(VIEW_GRANTS)
        for grant, ended in state.lives(VIEW_GRANTS, key)
    ]
