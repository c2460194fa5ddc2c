"""Applying decided blocks again, whichever engine decided them, and comparing where they lead."""

from __future__ import annotations

from counterfoil.engine.decided import DecidedBlock, LoggedBlock, items_digest
from counterfoil.engine.items import Items, check, fill_in
from counterfoil.engine.signature_pool import SignaturePool
from counterfoil.machine.feed_items import FeedItemIsInvalid
from counterfoil.machine.machine import Machine, Outcome
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import Header, seal_message


class Replaying:
    """Replays blocks on one machine. `consensus_from`: the first height that a consensus engine decided, 0 for none.

    From there on headers have no seal, since the commit of the block after signs them; nor have those before it where
    the ledger was founded as a network, and its genesis names no sealers.
    """

    def __init__(
        self, machine: Machine, items: Items, signatures: SignaturePool, consensus_from: int = 0
    ) -> None:
        self._machine = machine
        self._items = items
        self._signatures = signatures
        self.consensus_from = consensus_from

    def replay(self, logged: LoggedBlock) -> Header:
        """Apply a block on record, every signature checked. InvariantViolation where it leads to another header."""
        header = self.apply(logged.block)
        if header != logged.header:
            raise InvariantViolation(
                f"block {logged.block.height} leads to another header than the one on record: the data or the rules "
                "differ"
            )
        if not self._is_vouched_for(header, logged.seal):
            raise InvariantViolation(
                f"the seal of block {header.height} is not by a sealer that the genesis names"
            )
        self._machine.keep(header, logged.seal)
        return header

    def apply(self, block: DecidedBlock) -> Header:
        """Execute and commit a decided block that had an effect."""
        if block.height <= self._machine.founding_height:
            return self._machine.found(block.height)
        try:
            self.execute(block)
        except FeedItemIsInvalid as error:
            raise InvariantViolation(
                f"block {block.height} was changed since it was decided: {error}"
            ) from None
        return self._machine.commit()

    def execute(self, block: DecidedBlock) -> list[Outcome]:
        """Execute a decided block, every signature in it checked. Raises what `Machine.execute` does."""
        opened = [self._items.open(item) for item in block.bundles]
        bundles = [self._items.in_force(item, block.time_ms) for item in opened]
        flat = [prepared for bundle in bundles for prepared in bundle]
        fill_in(flat, check(self._signatures, flat).result())
        return self._machine.execute(
            block.height,
            block.time_ms,
            bundles,
            items_digest(block.items),
            block.misbehaviour,
            block.feed_item,
            block.last_commit,
        )

    def refuse_unsealed_end(self) -> None:
        """InvariantViolation unless the store's last header is sealed for this ledger.

        A seal is bound to the chain id, hence to every byte of the genesis file.
        """
        newest = self._machine.last
        if newest is not None and not self._is_vouched_for(newest, self._machine.header(newest.number).seal):
            raise InvariantViolation(
                f"block {newest.height} of the record store is not sealed for the ledger of the genesis file: one of "
                "the two was changed, or is another ledger's; take it from a copy"
            )

    def _is_vouched_for(self, header: Header, seal: bytes) -> bool:
        sealers = self._machine.genesis.sealers
        if self.consensus_from and (header.height >= self.consensus_from or not sealers):
            return not seal
        message = seal_message(self._machine.chain_id, header.digest())
        return any(verify(bytes.fromhex(key), message, seal) for key in sealers)
