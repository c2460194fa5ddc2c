"""Whoever is stopped, or no longer a side, holds keys that open nothing of what comes from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.records import IN_FORCE, StoppedParty
from counterfoil.modules.viewkeys.tree import raise_key


def raise_if_sealed(books: ViewKeysBooks, context: ActionContext, node: bytes) -> None:
    """`raise_key`, where there are keys at all."""
    if books.in_force.find(IN_FORCE) is not None:
        raise_key(books, context, node)


def stop(books: ViewKeysBooks, context: ActionContext, party: bytes) -> None:
    """A party was stopped, and with it everybody below: from this block on its own node's key is another one, hence all
    that hang under it are. What they were granted hangs elsewhere, and is raised at the end of the block.
    """
    raise_if_sealed(books, context, party)
    if books.grants_of.first(party) is not None:
        books.stopped.put(party, StoppedParty(b""))


def raise_for_stopped(
    books: ViewKeysBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """Raise the keys that stopped parties, and those below them, were granted: at most `limit` in a block.

    What is left over is raised at the end of the next.
    """
    for party, stopped in list(books.stopped.scan()):
        granted = dict.fromkeys(key[20:40] for key, _ in books.grants_of.scan(party))
        waiting = [node for node in granted if node > stopped.after] or [b""]
        for number, node in enumerate(waiting[:limit], start=1):
            yield partial(_raise_granted, books, party, node, number == len(waiting))
        limit -= min(limit, len(waiting))
        if not limit:
            return


def _raise_granted(
    books: ViewKeysBooks, party: bytes, node: bytes, last: bool, context: ActionContext
) -> None:
    """node: b"" where the grants that were left have ended meanwhile; their keys were raised by that."""
    if node:
        raise_key(books, context, node)
    if last:
        books.stopped.delete(party)
    else:
        books.stopped.put(party, StoppedParty(node))
