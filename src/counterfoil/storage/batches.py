"""What every store asks of a batch before it writes it."""

from __future__ import annotations

from counterfoil.state.port import WriteBatch


def check_order(batch: WriteBatch, height: int, versions_end: int) -> None:
    """ValueError unless the batch goes on where a store of this height and history ends."""
    if batch.height < height:
        raise ValueError(f"the store is at height {height}; a batch of height {batch.height} would go back")
    if batch.versions and batch.first_version != versions_end:
        raise ValueError(f"the history goes on at {versions_end}, not at {batch.first_version}")
