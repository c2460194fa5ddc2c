"""Properties of amounts, of the canonical encoding and of digests."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.primitives.amounts import divide_down, divide_half_even, divide_up, split_by_weight
from counterfoil.primitives.codec import AMOUNT_MAX, Decoder, Malformed, Message, Record, encode
from counterfoil.primitives.digests import OBJECT, TRANSACTION, digest


class Inner(Record, frozen=True):
    number: int
    texts: tuple[str, ...] = ()


class Outer(Message, frozen=True, tag=321):
    name: str
    data: bytes
    inner: Inner
    flag: bool = False
    note: bytes | None = None


DECODER = Decoder(Outer)
numbers = st.integers(-(2**63), 2**64 - 1)
texts = st.text(max_size=40)
outers = st.builds(
    Outer,
    name=texts,
    data=st.binary(max_size=300),
    inner=st.builds(Inner, number=numbers, texts=st.lists(texts, max_size=20).map(tuple)),
    flag=st.booleans(),
    note=st.none() | st.binary(max_size=5),
)
amounts = st.integers(0, AMOUNT_MAX)
part_lists = st.lists(st.binary(max_size=6), max_size=4)


@given(st.integers(0, AMOUNT_MAX**2), st.integers(1, AMOUNT_MAX))
def test_roundings_are_the_exact_quotient_rounded(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_down(numerator, denominator) == exact // 1
    assert divide_up(numerator, denominator) == -(-exact // 1)
    assert divide_half_even(numerator, denominator) == round(exact)


@given(st.integers(0, 500), st.integers(1, 20))
def test_ties_go_to_the_even_neighbour(half: int, denominator: int) -> None:
    assert divide_half_even((2 * half + 1) * denominator, 2 * denominator) == round(Fraction(2 * half + 1, 2))


@given(amounts, st.lists(amounts, min_size=1, max_size=12).filter(any))
def test_a_split_sums_exactly_and_is_fair(total: int, weights: list[int]) -> None:
    parts = split_by_weight(total, tuple(weights))
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        if weight == 0:
            assert part == 0
    for (weight, part), (next_weight, next_part) in pairwise(sorted(zip(weights, parts, strict=True))):
        assert weight == next_weight or part <= next_part


@given(outers)
def test_encoding_both_ways(value: Outer) -> None:
    assert DECODER.exact(encode(value)) == value
    assert DECODER.trusted(encode(value)) == value


@given(outers, outers)
def test_encoding_is_unique(one: Outer, other: Outer) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(outers, st.data())
def test_changed_bytes_are_another_value_or_malformed(value: Outer, data: st.DataObject) -> None:
    written = bytearray(encode(value))
    position = data.draw(st.integers(0, len(written) - 1))
    written[position] ^= data.draw(st.integers(1, 255))
    try:
        read = DECODER.exact(bytes(written))
    except Malformed:
        return
    assert read != value
    assert encode(read) == bytes(written)


@given(outers, st.integers(0, 400), st.binary(min_size=1, max_size=9))
def test_what_is_cut_off_or_put_behind_is_malformed(value: Outer, cut: int, more: bytes) -> None:
    written = encode(value)
    for changed in (written[: min(cut, len(written) - 1)], written + more):
        with pytest.raises(Malformed):
            DECODER.exact(changed)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        value = DECODER.exact(data)
    except Malformed:
        return
    assert encode(value) == data


@given(part_lists, part_lists)
def test_lists_of_parts_have_their_own_digests(one: list[bytes], other: list[bytes]) -> None:
    assert (digest(OBJECT, *one) == digest(OBJECT, *other)) == (one == other)
    assert digest(OBJECT, *one) != digest(TRANSACTION, *one)
