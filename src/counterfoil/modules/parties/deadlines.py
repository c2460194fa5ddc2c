"""What happens to parties by block time alone: applications lapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from counterfoil.modules.module import ActionContext, BlockContext, expired
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.records import Party
from counterfoil.modules.parties.rules_admission import end_application


def lapse_applications(
    books: PartiesBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """The oldest first, in the order of their moments and then of their identifiers."""
    for party_id in expired(books.applications, block, limit):
        yield _lapse(books, party_id)


def _lapse(books: PartiesBooks, party_id: bytes) -> Callable[[ActionContext], None]:
    def act(context: ActionContext) -> None:
        end_application(books, context, party_id, cast(Party, books.parties.find(party_id)), "")

    return act
