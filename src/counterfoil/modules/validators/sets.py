"""Which validators are in force at which height, and how the engine learns of a change."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.records import (
    EFFECT_AFTER,
    SetEntry,
    ValidatorSet,
    height_key,
)
from counterfoil.modules.validators.rejects import ValidatorsReject
from counterfoil.primitives.outcome import Rejected
from counterfoil.verify.light.encoding import address_of_validator


class ValidatorUpdate(NamedTuple):
    """What the engine is told after a block. key: tagged. power: 0 for one that takes part no more."""

    key: bytes
    power: int


def set_at(books: ValidatorsBooks, height: int) -> tuple[SetEntry, ...]:
    """The validators of the block at a height, past or coming, by what is decided so far; none before any was."""
    found = books.sets.last(height_key(height))
    return found[1].entries if found is not None else ()


def present_entries(books: ValidatorsBooks) -> tuple[SetEntry, ...]:
    """Those that have power by the present records, as CometBFT orders them: by power, then by address."""
    found = [
        SetEntry(party, validator.key, validator.power)
        for party, validator in books.validators.scan()
        if validator.power
    ]
    return tuple(sorted(found, key=lambda entry: (-entry.power, address_of_validator(entry.key))))


def put_in_force(books: ValidatorsBooks, height: int) -> int:
    """Let the present records be the set from two heights later on; returns that height.

    Rejected NOBODY_WOULD_BE_LEFT where nobody has power: no engine goes on with an empty set.
    """
    from_height = height + EFFECT_AFTER
    entries = present_entries(books)
    if not entries:
        raise Rejected(ValidatorsReject.NOBODY_WOULD_BE_LEFT)
    if entries != set_at(books, from_height):
        books.sets.put(height_key(from_height), ValidatorSet(entries))
    return from_height


def updates_of(books: ValidatorsBooks, height: int) -> tuple[ValidatorUpdate, ...]:
    """What the block at a height changed, for the engine: the set two heights later against the one before it."""
    after = {entry.key: entry.power for entry in set_at(books, height + EFFECT_AFTER)}
    before = {entry.key: entry.power for entry in set_at(books, height + EFFECT_AFTER - 1)}
    if after == before:
        return ()
    changed = [ValidatorUpdate(key, power) for key, power in after.items() if before.get(key) != power]
    gone = [ValidatorUpdate(key, 0) for key in before if key not in after]
    return tuple(sorted(changed + gone, key=lambda update: address_of_validator(update.key)))
