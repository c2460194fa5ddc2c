"""What is always true of the ledger's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.records import (
    EPOCH_IN_FORCE,
    GRANTS_MAX,
    HOLDERS,
    HOLDERS_MAX,
    IN_FORCE,
    KEY_EPOCHS,
    PROPOSED_EPOCHS,
    VIEW_GRANT_ENDS,
    VIEW_GRANTS,
    VIEW_GRANTS_OF,
    VIEW_NODES,
    epoch_key,
)
from counterfoil.modules.viewkeys.records import end_key as end_key_of
from counterfoil.modules.viewkeys.tree import with_those_above
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: ViewKeysBooks, changed: Changes) -> None:
    """Of what the block touched."""
    if any(changed.get(table.number) for table in (KEY_EPOCHS, EPOCH_IN_FORCE, PROPOSED_EPOCHS, HOLDERS)):
        for before, now in changed.get(KEY_EPOCHS.number, {}).values():
            ensure(before is None and now is not None, "an epoch is never changed")
        _check_epochs(books)
    running: dict[bytes, int] = {}
    for key, (before, now) in changed.get(VIEW_GRANTS.number, {}).items():
        running[key[:20]] = running.get(key[:20], 0) + (now is not None) - (before is not None)
        if now is not None:
            end = end_key_of(now.until_ms, key[:20], key[20:])
            ensure(books.grant_ends.find(end) is not None, "a grant has its end")
            _check_found_by_all_above(books, key)
    for key, (_, now) in changed.get(VIEW_GRANTS_OF.number, {}).items():
        ensure((now is not None) == _is_granted_below(books, key), "a grant is found by whoever is stopped")
    for key, (_, now) in changed.get(VIEW_GRANT_ENDS.number, {}).items():
        ensure((now is not None) == _ends_then(books, key), "an end belongs to a grant")
    for node, (before, now) in changed.get(VIEW_NODES.number, {}).items():
        ensure(now is not None, "a counter is never forgotten")
        old = (before.counter, before.grants) if before is not None else (0, 0)
        ensure(now.counter >= old[0], "a counter only rises")
        ensure(0 <= now.grants <= GRANTS_MAX, "a node has no more grants than the limit")
        ensure(now.grants - old[1] == running.pop(node, 0), "grants are counted as they come and go")
    ensure(not any(running.values()), "grants are counted as they come and go")


def check_all(books: ViewKeysBooks) -> None:
    """The same of everything that can be listed."""
    if books.in_force.find(IN_FORCE) is not None:
        _check_epochs(books)
    running: dict[bytes, int] = {}
    for key, _ in books.grant_ends.scan():
        ensure(_ends_then(books, key), "an end belongs to a grant")
        running[key[8:28]] = running.get(key[8:28], 0) + 1
        _check_found_by_all_above(books, key[8:])
    for key, _ in books.grants_of.scan():
        ensure(_is_granted_below(books, key), "a grant is found by whoever is stopped")
    for node, count in running.items():
        found = books.nodes.find(node)
        ensure(found is not None and found.grants == count, "grants are counted")


def _check_epochs(books: ViewKeysBooks) -> None:
    in_force = books.in_force.find(IN_FORCE)
    ensure(in_force is not None, "a ledger that has epochs has one in force")
    number = in_force.number if in_force is not None else 0
    ensure(books.epochs.find(epoch_key(number)) is not None, "the epoch in force is recorded")
    ensure(books.epochs.find(epoch_key(number + 1)) is None, "no epoch is recorded before it is in force")
    holders = tuple([address for address, _ in books.holders.scan()])
    ensure(0 < len(holders) <= HOLDERS_MAX, "the root is held by somebody, and by no more than the limit")
    waiting = list(books.proposed.scan())
    ensure(len(waiting) <= 1, "one epoch waits at a time")
    for key, proposed in waiting:
        ensure(key == epoch_key(number + 1), "the epoch that waits is the next")
        ensure(
            tuple([one.holder for one in proposed.wrappings]) == holders,
            "an epoch that waits is wrapped for those who hold the root, and for nobody else",
        )
        ensure(
            all(node in holders for node in proposed.confirmed) and len(proposed.confirmed) < len(holders),
            "an epoch waits for a holder's word",
        )


def _check_found_by_all_above(books: ViewKeysBooks, key: bytes) -> None:
    """key: of a grant, the node (20) and the grantee (20)."""
    for upper in with_those_above(books, key[20:]):
        ensure(books.grants_of.find(upper + key) is not None, "a grant is found by whoever is stopped")


def _is_granted_below(books: ViewKeysBooks, key: bytes) -> bool:
    upper, grantee = key[:20], key[40:]
    below = upper == grantee or books.parties.is_above(upper, grantee)
    return below and books.grants.find(key[20:]) is not None


def _ends_then(books: ViewKeysBooks, key: bytes) -> bool:
    granted = books.grants.find(key[8:])
    return granted is not None and granted.until_ms == int.from_bytes(key[:8], "big")
