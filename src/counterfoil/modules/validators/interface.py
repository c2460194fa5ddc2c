"""What the machine and other modules may ask about validators."""

from __future__ import annotations

from counterfoil.modules.module import ActionContext
from counterfoil.modules.validators import rules, sets
from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.possession import is_possessed, possession_bytes
from counterfoil.modules.validators.records import (
    EFFECT_AFTER,
    Misbehaviour,
    MisbehaviourKind,
    SetEntry,
)
from counterfoil.modules.validators.rejects import ValidatorsReject
from counterfoil.modules.validators.sets import ValidatorUpdate
from counterfoil.verify.light.encoding import address_of_validator

__all__ = [
    "Misbehaviour",
    "MisbehaviourKind",
    "SetEntry",
    "ValidatorUpdate",
    "Validators",
    "ValidatorsReject",
    "is_possessed",
    "possession_bytes",
]


class Validators:
    def __init__(self, books: ValidatorsBooks) -> None:
        self._books = books

    def at(self, height: int) -> tuple[SetEntry, ...]:
        """The validators of the block at a height, past or coming, by what is decided so far; () where there are none.

        In CometBFT's order: the greatest power first, then by address.
        """
        return sets.set_at(self._books, height)

    def updates(self, height: int) -> tuple[ValidatorUpdate, ...]:
        """What the block at a height changed, as the engine is told it; in force two heights later."""
        return sets.updates_of(self._books, height)

    def key_from(self, key: bytes) -> int | None:
        """The first height at which a tagged key is in force, whatever became of it since; None where it is unknown."""
        found = self._books.keys.find(address_of_validator(key))
        return found.height + EFFECT_AFTER if found is not None else None

    def report(self, found: Misbehaviour, context: ActionContext) -> None:
        """Put on record what the engine has proven of a validator, and suspend it by rule."""
        rules.record_misbehaviour(self._books, found, context)
