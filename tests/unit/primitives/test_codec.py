from __future__ import annotations

from enum import IntEnum

import pytest

from counterfoil.primitives.codec import Decoder, Fact, Malformed, Message, Record, decode_exact, encode


class Colour(IntEnum):
    RED = 1
    BLUE = 2


class Point(Record, frozen=True):
    x: int
    y: int = 0


class Leaf(Record, frozen=True):
    name: str
    data: bytes
    colour: Colour
    points: tuple[Point, ...] = ()
    note: str | None = None


class Move(Message, frozen=True, tag=7):
    to: Point


class Stay(Message, frozen=True, tag=8):
    pass


class Moved(Fact, frozen=True, tag=57):
    at: Point


LEAF = Leaf("né", b"\x00\xff", Colour.BLUE, (Point(1), Point(2**63 - 1, -1)), None)


def test_known_bytes() -> None:
    assert encode(Point(1, 2)).hex() == "920102"
    assert encode(Move(Point(1, 2))).hex() == "9207920102"
    assert encode(Moved(Point(1))).hex() == "9239920100"
    assert encode(LEAF).hex() == "95a36ec3a9c40200ff0292920100" + "92cf7fffffffffffffffff" + "c0"


@pytest.mark.parametrize(
    ("value", "kind"), [(LEAF, Leaf), (Move(Point(3)), Move), (Stay(), Stay), (Point(0), Point)]
)
def test_both_ways(value: object, kind: type[object]) -> None:
    assert decode_exact(encode(value), kind) == value
    assert Decoder(kind).trusted(encode(value)) == value


def test_a_union_is_told_apart_by_its_tag() -> None:
    decoder = Decoder(Move | Stay)
    assert decoder.exact(encode(Stay())) == Stay()
    assert decoder.exact(encode(Move(Point(5)))) == Move(Point(5))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("9201", "cut off"),
        ("92010203", "bytes after the end"),
        ("93010203", "one field too many"),
        ("9101", "a default that is not written out"),
        ("92cc0102", "an integer longer than it must be"),
        ("92d00102", "a signed form of a positive integer"),
        ("dc00020102", "an array head longer than it must be"),
        ("92cb3ff000000000000002", "a float"),
        ("92c30102", "a boolean for an integer"),
        ("9201c0", "nothing for an integer"),
        ("82a17801a17902", "a map"),
        ("c1", "a byte that msgpack never uses"),
    ],
)
def test_any_other_bytes_for_the_same_point_are_refused(data: str, why: str) -> None:
    with pytest.raises(Malformed):
        Decoder(Point).exact(bytes.fromhex(data))
        pytest.fail(why)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("a36ec3a9", "a36ec328", "no UTF-8"),
        ("a36ec3a9", "d9036ec3a9", "a text head longer than it must be"),
        ("c40200ff", "c5000200ff", "a bytes head longer than it must be"),
        ("ff0292", "ff0392", "a number that is no member"),
    ],
)
def test_heads_and_members(old: str, new: str, why: str) -> None:
    written = encode(LEAF).hex()
    changed = bytes.fromhex(written[: written.rindex(old)] + new + written[written.rindex(old) + len(old) :])
    with pytest.raises(Malformed):
        Decoder(Leaf).exact(changed)
        pytest.fail(why)


def test_deep_nesting_is_malformed_and_no_crash() -> None:
    with pytest.raises(Malformed):
        Decoder(Leaf).exact(b"\x91" * 100_000)
    with pytest.raises(Malformed):
        Decoder(Leaf).exact(b"\x95\xa0\xc4\x00\x01" + b"\xdd\xff\xff\xff\xff")


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Point(1).x = 2  # type: ignore[misc]
