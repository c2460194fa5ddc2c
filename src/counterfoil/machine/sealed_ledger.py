"""What the machine does with the roots that its node holds: opens bundles, salts, seals receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.machine.receipts import BlockReceipts, ReceiptBook, sealed
from counterfoil.machine.recipients import Recipients
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import BundleContent
from counterfoil.modules.viewkeys.interface import ViewKeys
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.bundles import STAND_IN, open_transactions, place_of_bundle
from counterfoil.sealing.epochs import FIRST_EPOCH, Epoch
from counterfoil.sealing.ring import KeyRing
from counterfoil.state.books import Shelf

NOT_SEALED = 0
"""As the epoch of a bundle: its transactions lie open."""


class SealedLedger:
    """Of one ledger that is sealed. `id_window_ms`: so long a bundle of the last epoch is still opened."""

    def __init__(self, ring: KeyRing, viewkeys: ViewKeys, chain_id: str, id_window_ms: int) -> None:
        self.ring = ring
        self._viewkeys = viewkeys
        self._chain_id = chain_id
        self._id_window_ms = id_window_ms
        self._recipients = Recipients(viewkeys)

    @property
    def epoch(self) -> Epoch:
        """The one in force for the next block; RootIsMissing where this node does not hold its root."""
        return self.ring.require(self._viewkeys.epoch_in_force or FIRST_EPOCH)

    def take_up_roots(self) -> None:
        """Look for every root that the ledger has recorded and the node does not hold yet: the newest is wrapped for
        it, or came with its invitation; each other lies in the archive of the one after it."""
        for number in range(self._viewkeys.epoch_in_force, 0, -1):
            recorded = self._viewkeys.epoch(number)
            if self.ring.find(number) is not None or recorded is None:
                continue
            following = self._viewkeys.epoch(number + 1)
            if following is not None and self.ring.learn_archived(
                number, following.archived, recorded.commitment
            ):
                continue
            if any(
                self.ring.learn_wrapped(number, wrapped, recorded.commitment)
                for wrapped in self._wrapped(number)
            ):
                continue
            self.ring.learn_given(number, recorded.commitment)

    def open(self, content: BundleContent) -> tuple[bytes, ...]:
        """The transactions of a bundle whose outside was checked, under whichever epoch of this ledger it names.

        Rejected BUNDLE_CANNOT_BE_OPENED, at the same cost whatever is wrong with it. RootIsMissing where this
        node was not given the root.
        """
        number = content.key_epoch
        epoch = self.ring.find(number)
        if epoch is None and self._viewkeys.epoch(number) is not None:
            self.ring.require(number)
        place = place_of_bundle(self._chain_id, content.gatherer, content.expiry_ms, number)
        sealed_part = content.transactions[0] if len(content.transactions) == 1 else b""
        key = STAND_IN if epoch is None else epoch.bundle_key
        found = open_transactions(key, place, sealed_part)
        if found is None or epoch is None:
            raise Rejected(MachineReject.BUNDLE_CANNOT_BE_OPENED, gatherer=content.gatherer)
        return found

    def seal(
        self,
        book: ReceiptBook,
        epoch: Epoch,
        height: int,
        salt_key: bytes,
        shelves: Mapping[int, Shelf[Any]],
    ) -> BlockReceipts:
        """Of a block that is being committed. epoch: in force for it; `shelves` hold what it changed."""
        self._recipients.begin(epoch, height, shelves)
        return sealed(book, salt_key, self._recipients, height)

    def serves(self, number: int, time_ms: int) -> bool:
        """Whether bundles of an epoch count in a block of `time_ms`: of the one in force, and of the one before for as
        long as ids that were used before the change are remembered."""
        in_force = self._viewkeys.epoch_in_force
        if number == in_force:
            return True
        begun = self._viewkeys.epoch(in_force)
        return number == in_force - 1 and begun is not None and time_ms <= begun.from_ms + self._id_window_ms

    def _wrapped(self, number: int) -> list[bytes]:
        """What was wrapped for this node of an epoch's root: with the epoch, or when the node was admitted."""
        recorded, holder = self._viewkeys.epoch(number), self._viewkeys.holder(self.ring.node)
        found = (
            []
            if recorded is None
            else [one.wrapped for one in recorded.wrappings if one.holder == self.ring.node]
        )
        if holder is not None and holder.epoch == number:
            found.append(holder.wrapped)
        return found
