"""Letting go of what lies long back: the blocks of the log and the receipts beside them, below a height.

What stays for ever: every header, the changes of every block, every version of every record, and the first result of
every transaction. So whatever was on the ledger at any height can still be read and proven: values, absence, whole
registers. What goes: which transactions did it, and what each stakeholder was told of it, sealed or not. From then on
the folder cannot be replayed from its genesis, nor exported, nor its store made again from the log, nor copied for
everybody's continuity: another copy, or another node, must hold the whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from counterfoil.node.follower import open_follower
from counterfoil.node.ledger import open_ledger
from counterfoil.node.receipts_of import without_receipts
from counterfoil.state.port import WriteBatch
from counterfoil.state.state import RECEIPTS_FROM
from counterfoil.storage.block_log import BlockLog

KEPT_LEAST = 1_000
"""Blocks with an effect that are kept in any case: what a restart replays, and what is asked for most."""
BLOCKS_PER_WRITE = 200


class CannotPrune(ValueError):
    """What was asked for would take what must stay; the text says what may go."""


class Pruned(NamedTuple):
    """below: blocks below this height have no receipts here any more. blocks: whose receipts went now; of a follower,
    which keeps its owner's, 0. log_from: the first block that is still in the log, which goes by whole segments.
    segments: of the log that went now."""

    below: int
    blocks: int
    log_from: int
    segments: int


def prune_ledger(
    folder: Path,
    below: int,
    *,
    key_file: Path | None = None,
    kept_least: int = KEPT_LEAST,
    progress: Callable[[int, int], None] | None = None,
) -> Pruned:
    """Prune the folder of a ledger, or of a network's node, that is stopped. Begun again after a crash it goes on.

    Errors: CannotPrune, StorageError.
    """
    with open_ledger(folder, key_file=key_file, workers=0, scheduled=False, start=False) as node:
        machine, state = node.machine, node.state
        count = machine.history.size

        def height_of(number: int) -> int:
            return machine.header(number).header.height

        if count <= kept_least:
            raise CannotPrune(f"The ledger has {count} blocks; {kept_least} are kept in any case.")
        highest = height_of(count - kept_least)
        if not 0 < below <= highest:
            raise CannotPrune(
                f"Blocks below {highest} may go, not those below {below}: the last {kept_least} are kept."
            )
        first = bisect_left(range(count), state.receipts_from, key=height_of)
        end = bisect_left(range(count), below, key=height_of)
        store = node.store
        batch = _batch(store.height(), store.versions_end())
        batch.entries.append(("meta", RECEIPTS_FROM, max(below, state.receipts_from).to_bytes(8, "big")))
        pruned = 0
        for number in range(first, end):
            height = height_of(number)
            data = store.blob("receipts", height)
            if data is not None:
                batch.blobs.append(("receipts", height, without_receipts(data)))
                if node.machine.sealed is not None:
                    batch.blobs.append(("sealed", height, b""))
                pruned += 1
            if len(batch.blobs) >= BLOCKS_PER_WRITE:
                store.write(batch)
                batch = _batch(store.height(), store.versions_end())
            if progress is not None:
                progress(number - first + 1, end - first)
        store.write(batch)
        store.settle()
        log = node.log
        segments = log.prune(end + 1) if isinstance(log, BlockLog) else 0
        return Pruned(
            max(below, state.receipts_from), pruned, height_of(max(0, log.first_height() - 1)), segments
        )


def prune_follower(
    folder: Path, below: int, *, key_file: Path | None = None, kept_least: int = KEPT_LEAST
) -> Pruned:
    """Prune the folder of a follower that is stopped: of older blocks their headers stay, and all its owner's receipts.

    So every receipt that it keeps is still under a header that it has checked, and so is every proof that comes
    through it. Begun again after a crash it goes on. Errors: CannotPrune, StorageError.
    """
    with open_follower(folder, key_file=key_file) as follower:
        highest = follower.height + 1 - kept_least
        if highest <= 1:
            raise CannotPrune(
                f"The follower has {follower.height} blocks; {kept_least} are kept in any case."
            )
        if not 0 < below <= highest:
            raise CannotPrune(
                f"Blocks below {highest} may go, not those below {below}: the last {kept_least} are kept."
            )
        segments = follower.let_go(below)
        return Pruned(below, 0, follower.blocks_from, segments)


def _batch(height: int, versions_end: int) -> WriteBatch:
    batch = WriteBatch()
    batch.height, batch.first_version = height, versions_end
    return batch
