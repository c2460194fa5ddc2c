"""Books that are wrong are found: each invariant on records that no message could have made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from counterfoil.modules.identities import invariants
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.records import (
    ATTESTATION_LAPSES,
    ATTESTATIONS,
    PERSON_PARTIES,
    TAGS,
    VERIFICATIONS,
    AttestationLapse,
    PersonParty,
)
from counterfoil.primitives.outcome import InvariantViolation
from tests.unit.identities.world import BROKER, CLIENT, OTHER_CLIENT, World, handle, tag

USED, UNUSED = BROKER + handle("a", "ann"), BROKER + handle("a", "ben")


def shelf_of(world: World, table: object) -> object:
    return world.machine.state.books.shelf(table)  # type: ignore[arg-type]


def spoil(world: World, books: IdentitiesBooks, case: str) -> None:
    verification = books.verifications.find(CLIENT)
    assert verification is not None
    used, unused = books.attestations.find(USED), books.attestations.find(UNUSED)
    assert used is not None
    assert unused is not None
    lapse = unused.lapses_ms.to_bytes(8, "big") + UNUSED
    wrong: dict[str, Callable[[], None]] = {
        "a verification is gone": lambda: books.verifications.delete(CLIENT),
        "of nobody": lambda: books.verifications.put(bytes(20), verification),
        "of another person": lambda: books.verifications.put(CLIENT, replace(verification, person=bytes(20))),
        "never held": lambda: books.verifications.put(CLIENT, replace(verification, expires_ms=1)),
        "withdrawn before": lambda: books.verifications.put(CLIENT, replace(verification, withdrawn_ms=1)),
        "a link is gone": lambda: books.person_parties.delete(verification.person + CLIENT),
        "a link too many": lambda: books.person_parties.put(
            verification.person + OTHER_CLIENT, PersonParty(BROKER)
        ),
        "used and lapsing": lambda: books.attestations.put(USED, replace(used, lapses_ms=5)),
        "neither": lambda: books.attestations.put(UNUSED, replace(unused, lapses_ms=0)),
        "a lapse is gone": lambda: books.lapses.delete(lapse),
        "a lapse too many": lambda: books.lapses.put(bytes(8) + UNUSED, AttestationLapse()),
        "a tag is gone": lambda: books.tags.delete(tag("ann")),
        "another's tag": lambda: books.tags.put(
            tag("ann"),
            replace(books.tags.find(tag("ann")), person=bytes(20)),  # type: ignore[type-var]
        ),
    }
    wrong[case]()


CASES = [
    *("a verification is gone", "of nobody", "of another person", "never held", "withdrawn before"),
    *("a link is gone", "a link too many", "used and lapsing", "neither", "a lapse is gone"),
    *("a lapse too many", "a tag is gone", "another's tag"),
]
TABLES = (VERIFICATIONS, PERSON_PARTIES, ATTESTATIONS, ATTESTATION_LAPSES, TAGS)


@pytest.mark.parametrize("case", CASES)
def test_wrong_books_are_found(case: str) -> None:
    world = World()
    wired = world.machine.wired
    books = next(books for _, books in wired.modules if isinstance(books, IdentitiesBooks))
    before = {table.number: dict(shelf_of(world, table).live) for table in TABLES}  # type: ignore[attr-defined]
    spoil(world, books, case)
    changed = {
        table.number: {
            key: (before[table.number].get(key), now)
            for key, now in shelf_of(world, table).live.items()  # type: ignore[attr-defined]
            if before[table.number].get(key) != now
        }
        for table in TABLES
    }
    assert any(changed.values())
    with pytest.raises(InvariantViolation):
        invariants.check(books, changed)


def test_the_full_check_goes_over_what_lapses() -> None:
    world = World()
    books = next(books for _, books in world.machine.wired.modules if isinstance(books, IdentitiesBooks))
    invariants.check_all(books)
    spoil(world, books, "a lapse too many")
    books.attestations.delete(UNUSED)
    with pytest.raises(InvariantViolation):
        invariants.check_all(books)
