"""What is always true of validators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.records import (
    HEIGHT_MAX,
    VALIDATOR_SETS,
    VALIDATORS,
    ValidatorStatus,
)
from counterfoil.modules.validators.sets import present_entries, set_at
from counterfoil.primitives.outcome import ensure
from counterfoil.verify.light.encoding import address_of_validator

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: ValidatorsBooks, changed: Changes) -> None:
    """The latest set is what the records say; power goes with status; keys belong to whoever they were entered for."""
    if VALIDATORS.number in changed or VALIDATOR_SETS.number in changed:
        check_all(books)


def check_all(books: ValidatorsBooks) -> None:
    """The same of all validators and all sets: there are few."""
    ensure(set_at(books, HEIGHT_MAX) == present_entries(books), "the latest set is that of the records")
    for party, validator in books.validators.scan():
        ensure(
            (validator.power > 0) == (validator.status is ValidatorStatus.ACTIVE), "power goes with status"
        )
        key = books.keys.find(address_of_validator(validator.key))
        ensure(key is not None and key.party == party, "a validator's key is entered as its own")
    for _, one in books.sets.scan():
        ensure(one.entries, "no set is without validators")
        ensure(all(entry.power > 0 for entry in one.entries), "whoever is in a set has power")
        keys = [entry.key for entry in one.entries]
        ensure(len(frozenset(keys)) == len(keys), "no key stands in a set twice")
