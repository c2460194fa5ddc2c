"""Everything that somebody could put into a message's fields and still have it decoded: one field changed at a time."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

BYTES = (
    b"",
    b"x",
    bytes(19),
    bytes(20),
    b"\xff" * 20,
    bytes(21),
    bytes(32),
    b"\xff" * 32,
    b"x" * 33,
    bytes(4_000),
)
INTEGERS = (
    0,
    1,
    -1,
    2**31,
    2**32,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
    -(2**63),
    99_991_231,
    20_240_230,
)
TEXTS = (
    "",
    " ",
    "x",
    "\0",
    "\x85",
    "é",
    "\u202e",
    "\ud7ff",
    "\U0010ffff",
    "٣٣٣٣",
    "²²²²",
    "XTST",
    "USD",
    "XX" * 18,
    "x" * 4_000,
)
LONG = 1_100
"""More than the longest list that any message may carry."""


def mutants(value: Any) -> Iterator[tuple[str, Any]]:
    """(which field, the struct with another value there), for a message or record and all that is inside it."""
    for name, kind in _fields(type(value)):
        for path, changed in _changes(kind, getattr(value, name)):
            yield f"{name}{path}", replace(value, **{name: changed})


def mutant(value: Any, chance: Random) -> Any:
    """One of them, by chance; the value itself where its field has no other."""
    name, kind = chance.choice(_fields(type(value)))
    found = [changed for _, changed in _changes(kind, getattr(value, name))]
    return replace(value, **{name: chance.choice(found)}) if found else value


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((name, hints[name]) for name in kind.__struct_fields__)


def _changes(kind: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Other values of a declared type than the one that is there."""
    for path, other in _values(kind, value):
        if other is not value and (type(other) is not type(value) or other != value):
            yield path, other


def _values(kind: Any, value: Any) -> Iterator[tuple[str, Any]]:
    kind = getattr(kind, "__supertype__", kind)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            if option is type(None):
                yield "", None
            else:
                yield from _values(option, value)
    elif origin is tuple:
        yield from _tuples(typing.get_args(kind), value or ())
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        for member in kind:
            yield "", member
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if isinstance(value, kind):
            for path, changed in mutants(value):
                yield f".{path}", changed
    elif kind is bytes:
        for other in BYTES:
            yield "", other
        if value:
            yield "", value[:-1]
            yield "", value + b"\0"
            yield "", bytes((value[0] ^ 1,)) + value[1:]
    elif kind is bool:
        yield "", not value
    elif kind is int:
        for number in INTEGERS:
            yield "", number
        if isinstance(value, int) and -(2**63) < value < 2**64 - 1:
            yield "", value + 1
            yield "", value - 1
    elif kind is str:
        for text in TEXTS:
            yield "", text
        if value:
            yield "", value + "x"
            yield "", value[:-1]
    else:
        raise TypeError(f"no values of {kind} are known")


def _tuples(kinds: tuple[Any, ...], value: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        inner = kinds[0]
        yield "", ()
        some = value or tuple(_some(inner))
        yield "", some
        yield "", some + some
        yield "", some[::-1]
        yield "", (some * LONG)[:LONG]
        for other in _values(inner, some[0] if some else None):
            yield "[0]" + other[0], (other[1], *some[1:])
    elif len(value) == len(kinds):
        for at, inner in enumerate(kinds):
            for path, other in _values(inner, value[at]):
                yield f"[{at}]{path}", (*value[:at], other, *value[at + 1 :])


def _some(kind: Any) -> Iterator[Any]:
    """One value of a type, where that is simple to find."""
    if typing.get_origin(kind) is tuple:
        return
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        yield next(iter(kind))
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        values = []
        for _, inner in _fields(kind):
            values.append(next(_some(inner), None))
        if None not in values:
            yield kind(*values)
    else:
        yield from {bytes: (bytes(20),), int: (1,), str: ("x",), bool: (True,)}.get(kind, ())
