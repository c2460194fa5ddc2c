"""What happens to parties by block time alone: applications lapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.records import Party
from counterfoil.modules.parties.rules_admission import end_application


def lapse_applications(
    books: PartiesBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """The oldest first, in the order of their moments and then of their identifiers."""
    due: list[bytes] = []
    for key, _ in books.applications.scan():
        if len(due) >= limit or int.from_bytes(key[:8], "big") > block.time_ms:
            break
        due.append(key[8:])
    for party_id in due:
        yield _lapse(books, party_id)


def _lapse(books: PartiesBooks, party_id: bytes) -> Callable[[ActionContext], None]:
    def act(context: ActionContext) -> None:
        end_application(books, context, party_id, cast(Party, books.parties.find(party_id)), "")

    return act
