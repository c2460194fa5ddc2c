"""What the machine, the policy and other modules may ask about the ledger's keys."""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.modules.module import ActionContext
from counterfoil.modules.viewkeys import stopping, tree
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.records import (
    IN_FORCE,
    Holder,
    KeyEpoch,
    ProposedEpoch,
    ViewGrant,
    epoch_key,
)

__all__ = ["Holder", "KeyEpoch", "ProposedEpoch", "ViewGrant", "ViewKeys"]


class ViewKeys:
    """Asked by others, and told what ends somebody's right to a key."""

    def __init__(self, books: ViewKeysBooks) -> None:
        self._books = books

    # Epochs

    @property
    def epoch_in_force(self) -> int:
        """The number of the epoch in force for the next block; 0 on a ledger that is not sealed."""
        found = self._books.in_force.find(IN_FORCE)
        return found.number if found is not None else 0

    def epoch(self, number: int) -> KeyEpoch | None:
        return self._books.epochs.find(epoch_key(number))

    def proposed(self) -> tuple[int, ProposedEpoch] | None:
        """(number, epoch) of the one that waits for its holders."""
        found = self._books.proposed.first()
        return (int.from_bytes(found[0], "big"), found[1]) if found is not None else None

    def holder(self, node: bytes) -> Holder | None:
        return self._books.holders.find(node)

    def holders(self) -> Iterator[tuple[bytes, Holder]]:
        """(address, holder) in the order of addresses."""
        return self._books.holders.scan()

    # The tree

    def path_to(self, node: bytes) -> tuple[tuple[bytes, int], ...]:
        """The steps from the top of the tree to a node (20 bytes), each with its counter, as of now."""
        return tree.path_to(self._books, node)

    # What ends a right

    def stop(self, context: ActionContext, party: bytes) -> None:
        """A party was stopped, and everybody below it; see `stopping.stop`."""
        stopping.stop(self._books, context, party)

    def raise_key(self, context: ActionContext, node: bytes) -> None:
        """Somebody is no longer a side of a relationship: its key is another one from this block on."""
        stopping.raise_if_sealed(self._books, context, node)

    # Who may be handed what

    def opening_key(self, party: bytes) -> bytes | None:
        """The public key to which a party has its view keys and notes sealed."""
        found = self._books.opening_keys.find(party)
        return found.opening_key if found is not None else None

    def concerned(self, node: bytes, grant: ViewGrant) -> tuple[bytes, ...]:
        """Parties whose business a granted key opens: holder, joint holders, keeper; whatever the grant's purpose."""
        return tree.shown_by(self._books, grant.by, node)[1].concerned

    def grant(self, node: bytes, grantee: bytes) -> ViewGrant | None:
        """A grant that runs."""
        return self._books.grants.find(node + grantee)
