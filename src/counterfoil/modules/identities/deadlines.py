"""What happens to real names by block time alone: attestations that nobody used lapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.checks import forget_lapse
from counterfoil.modules.identities.facts import AttestationLapsed
from counterfoil.modules.identities.records import Attestation
from counterfoil.modules.module import ActionContext, BlockContext


def lapse_attestations(
    books: IdentitiesBooks, block: BlockContext, limit: int
) -> Iterator[Callable[[ActionContext], None]]:
    """The oldest first, in the order of their moments."""
    due: list[bytes] = []
    for key, _ in books.lapses.scan():
        if len(due) >= limit or int.from_bytes(key[:8], "big") > block.time_ms:
            break
        due.append(key[8:])
    for at in due:
        yield _lapse(books, at)


def _lapse(books: IdentitiesBooks, at: bytes) -> Callable[[ActionContext], None]:
    def act(context: ActionContext) -> None:
        attestation = cast(Attestation, books.attestations.find(at))
        forget_lapse(books, at, attestation)
        books.attestations.delete(at)
        context.tell(AttestationLapsed(at[:20], at[20:]), at[:20], attestation.registrar)

    return act
