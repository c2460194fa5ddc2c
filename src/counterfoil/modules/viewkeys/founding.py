"""The first epoch, and the nodes that hold its root from the founding on."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.modules.module import ActionContext
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.records import IN_FORCE, EpochInForce, Holder, KeyEpoch, epoch_key
from counterfoil.sealing.epochs import FIRST_EPOCH, Epoch


def found(
    books: ViewKeysBooks, context: ActionContext, epoch: Epoch, holders: Iterable[tuple[bytes, bytes]]
) -> None:
    """Put the first epoch in force. holders: (a node's address, its opening key)."""
    for address, opening_key in holders:
        books.holders.put(address, Holder(opening_key))
    first = KeyEpoch(epoch.commitment, epoch.bundle_key.public_key, b"", (), context.height, context.time_ms)
    books.epochs.put(epoch_key(FIRST_EPOCH), first)
    books.in_force.put(IN_FORCE, EpochInForce(FIRST_EPOCH))
