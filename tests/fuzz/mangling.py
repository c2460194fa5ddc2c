"""Bytes made from good ones by damage: what a broken sender, a broken line or an enemy would send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec

TELLING = tuple(
    bytes.fromhex(code)
    for code in (
        *(["00", "7f", "80", "8f", "90", "9f", "a0", "bf", "c0", "c1", "c2", "c3", "e0", "ff"]),
        *(["c400", "c4ff", "c5ffff", "c6ffffffff", "c6ffffffff00", "c7ff05", "c8ffff05", "c9ffffffff05"]),
        *(["ca00000000", "cb0000000000000000", "cb7ff8000000000000", "cc00", "ccff", "cd0000", "ce00000000"]),
        *(
            [
                "cf0000000000000000",
                "cfffffffffffffffff",
                "d000",
                "d080",
                "d10000",
                "d200000000",
                "d30000000000000000",
            ]
        ),
        *(["d38000000000000000", "d3ffffffffffffffff", "d4ff00", "d6ff00000000", "d7ff0000000000000000"]),
        *(
            [
                "d900",
                "d9ff",
                "daffff",
                "dbffffffff",
                "dc0000",
                "dcffff",
                "ddffffffff",
                "de0000",
                "deffff",
                "dfffffffff",
            ]
        ),
    )
)
"""Beginnings of every kind of msgpack value, with lengths that lie and numbers in longer forms than they need."""


def mangled(good: Sequence[bytes], chance: Random) -> bytes:
    """One of the good ones, damaged in one to four places; seldom something made up altogether."""
    if chance.random() < 0.03:
        return made_up(chance)
    data = bytearray(chance.choice(good))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        damage = chance.choice(_DAMAGES)
        damage(data, chance, good)
    return bytes(data)


def made_up(chance: Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(300))
    if kind == 1:
        return b"".join(chance.choice(TELLING) for _ in range(chance.randrange(40)))
    if kind == 2:
        return bytes((chance.choice((0x91, 0x92, 0x81, 0xDC)),)) * chance.randrange(20_000)
    return bytes((chance.randrange(256),)) * chance.choice((0, 1, 31, 1_000, 100_000))


def _flip(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _step(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    if data:
        at = chance.randrange(len(data))
        data[at] = (data[at] + chance.choice((-1, 1))) % 256


def _insert(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(TELLING)


def _put(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    piece = chance.choice(TELLING)
    data[at : at + len(piece)] = piece


def _cut(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 2, 4, 20, len(data)))]


def _repeat(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    piece = data[at : at + chance.choice((1, 20, 33, 200))]
    data[at:at] = piece * chance.choice((1, 1, 2, 100))


def _splice(data: bytearray, chance: Random, good: Sequence[bytes]) -> None:
    other = chance.choice(good)
    at, start = chance.randrange(len(data) + 1), chance.randrange(len(other) + 1)
    size = chance.choice((1, 8, 20, 32, 64, 300))
    data[at : at + size] = other[start : start + size]


def _extend(data: bytearray, chance: Random, _good: Sequence[bytes]) -> None:
    data += chance.choice((b"\0", b"\xc0", chance.randbytes(30)))


_DAMAGES = (_flip, _set, _step, _insert, _put, _cut, _repeat, _splice, _extend)


@contextmanager
def refused(*promised: type[Exception]) -> Iterator[list[str]]:
    """What came of it: "taken", or "refused" where the door says so in its own way."""
    answer = ["taken"]
    try:
        yield answer
    except promised:
        answer[0] = "refused"


def mangled_json(good: bytes, chance: Random) -> bytes:
    """A JSON file with other values at some places."""
    content = msgspec.json.decode(good)
    for _ in range(chance.choice((1, 1, 2, 3))):
        content = _changed(content, chance)
    try:
        return msgspec.json.format(msgspec.json.encode(content), indent=chance.choice((1, 2))) + b"\n"
    except (OverflowError, RecursionError):
        return good


_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 0.5, -1.5e300),
    *("", "x", "00", "0x", "zz", "é", "\u202e", "x" * 5_000, [], {}, [[]], {"": {}}, [None], ["regulator"]),
)


def _changed(value: Any, chance: Random) -> Any:
    """The value with one place inside it changed."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        turn = chance.random()
        if turn < 0.05:
            return {key: inner for key, inner in value.items() if key != name}
        if turn < 0.1:
            return {**value, "extra": chance.choice(_VALUES)}
        return {**value, name: _changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at, turn = chance.randrange(len(value)), chance.random()
        if turn < 0.1:
            return value[:at] + value[at + 1 :]
        if turn < 0.2:
            return [*value, value[at]]
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    if isinstance(value, str) and value and chance.random() < 0.6:
        return mangled([value.encode()], chance).decode("utf-8", "replace")
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.4:
        return value + chance.choice((-1, 1, 1_000))
    return chance.choice(_VALUES)
