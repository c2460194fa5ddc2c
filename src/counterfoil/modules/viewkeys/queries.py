"""Reads about roots and view keys, as of now."""

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
