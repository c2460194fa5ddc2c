"""Reads about grants, as of now or of the end of any past block; and about recorded logs of reads."""

from __future__ import annotations

from counterfoil.modules.grants.records import GRANTS, READ_LOGS, VIEWS, Grant, ReadLog
from counterfoil.state.rows import parse
from counterfoil.state.state import State


def grants(state: State, height: int | None = None) -> list[tuple[bytes, Grant]]:
    """(id, grant) of every grant in force, in the order of ids. Of the past it reads all that ever outlived their
    block."""
    if height is None:
        found = [(key[40:], state.find(GRANTS, key[40:])) for key, _ in state.books.shelf(VIEWS).scan()]
    else:
        found = [(key, state.find_at(GRANTS, key, height)) for key in state.keys(GRANTS)]
    return sorted((key, grant) for key, grant in found if grant is not None)


def grants_ever(state: State) -> list[tuple[bytes, Grant, int]]:
    """(id, grant, block in which it ended, 0 while it is in force) of every grant that ever outlived its block, in the
    order of ids."""
    return [(key, grant, ended) for key in state.keys(GRANTS) for grant, ended in state.lives(GRANTS, key)]


def recorded_logs(state: State) -> list[tuple[bytes, bytes, ReadLog]]:
    """(party, node, record) of every node whose log of reads was recorded, as of the last time."""
    return [(key[:20], key[20:], record) for key, record in state.books.shelf(READ_LOGS).scan()]


def recordings(state: State, party: bytes, node: bytes) -> list[tuple[int, ReadLog]]:
    """(height, record) of each time that a node's log was recorded, the oldest first."""
    found = []
    for row in state.versions(READ_LOGS, party + node):
        parsed = parse(row)
        if parsed.alive:
            found.append((parsed.height, READ_LOGS.decoder.trusted(parsed.value)))
    return found[::-1]
