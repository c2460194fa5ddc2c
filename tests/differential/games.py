"""A recorded market game: the blocks of one ledger, to be applied elsewhere and compared."""

from __future__ import annotations

import functools
from typing import Any

from counterfoil.engine.decided import LoggedBlock
from counterfoil.node.ledger import LedgerNode
from tests.model.playing import Play


@functools.cache
def played(game: int = 7, steps: int = 160) -> Play:
    """The same game in every test and every process: messages of all kinds, good and bad, over some days."""
    play = Play()
    for step in range(steps):
        play.step(f"{game}/{step}")
        if step % 40 == 39:
            play.turn_the_day()
    play.finish()
    return play


def blocks_of(play: Play) -> list[LoggedBlock]:
    return list(play.twin.node.blocks())


def said_by(node: LedgerNode) -> dict[str, Any]:
    """What a ledger says of itself, now and as of some past heights."""
    machine, state = node.machine, node.state
    heights = sorted({1, node.height // 3, node.height // 2, node.height - 1, node.height})
    return {
        "header": machine.last,
        "tree": [bytes(level) for level in state.tree.levels],
        "free": list(state.free),
        "window": sorted(machine.window._expiry.items()),
        "results": [machine.block_results(height) for height in range(1, node.height + 1)],
        "stored": [machine.header(number) for number in range(machine.history.size)],
        "live": {
            number: {key: state.find(table, key) for key in state.keys(table)}
            for number, table in state.tables.items()
        },
        "past": {
            (height, number): {key: state.find_at(table, key, height) for key in state.keys(table)}
            for height in heights
            for number, table in state.tables.items()
        },
    }


def state_roots(node: LedgerNode) -> list[tuple[bytes, bytes]]:
    headers = [node.machine.header(number).header for number in range(node.machine.history.size)]
    return [(header.state_root, header.changes_root) for header in headers]
