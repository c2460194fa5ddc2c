"""Structures of any kind, filled with something."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")


Amount = Callable[[type, str], bool]


def filled(kind: type[T], amount: int, is_amount: Amount, **given: Any) -> T:
    """One of a kind: every amount (by kind and field) is `amount`, every other number 7, every identity its field's
    name. given: fields by name, at any depth."""
    hints = get_type_hints(kind).items()
    return kind(
        **{
            name: given.get(name, _something(kind, name, hint, amount, is_amount, given))
            for name, hint in hints
        }
    )


def _something(
    kind: type, name: str, hint: Any, amount: int, is_amount: Amount, given: dict[str, Any]
) -> Any:
    if get_origin(hint) is tuple:
        return ()
    if hint is int:
        return amount if is_amount(kind, name) else 7
    if hint is bytes:
        return name.encode().ljust(32, b"\0")
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return filled(hint, amount, is_amount, **given)
    if get_args(hint):
        return _something(kind, name, get_args(hint)[0], amount, is_amount, given)
    return hint()
