"""What the machine and its reads may ask of the consortium."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.modules.consortium import deciding
from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.rejects import ConsortiumReject

__all__ = ["Consortium", "ConsortiumReject"]


class Consortium:
    """Read-only: the consortium changes by its own motions alone."""

    def __init__(self, books: ConsortiumBooks) -> None:
        self._books = books

    def members(self) -> dict[bytes, int]:
        """Weight by party, in the order of parties."""
        return deciding.members(self._books)

    def approving(self, motion_id: bytes) -> tuple[bytes, ...]:
        """The members whose approval of a motion counts now."""
        return deciding.approving(self._books, motion_id)

    def is_carried(self, message_tags: Iterable[int], in_favour: Iterable[bytes]) -> bool:
        """Whether these members are enough for each of the messages."""
        return deciding.is_carried(self._books, message_tags, in_favour)

    def indispensable(self, message_tag: int) -> tuple[bytes, ...]:
        """The members without whom a message cannot be carried even if all others approve it."""
        return deciding.indispensable(self._books, message_tag)
