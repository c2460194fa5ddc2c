from __future__ import annotations

import pytest

from counterfoil.primitives.amounts import (
    Money,
    Price,
    Quantity,
    divide_down,
    divide_half_even,
    divide_up,
    split_by_weight,
)
from counterfoil.primitives.codec import AMOUNT_MAX, Decoder, Malformed, Record, encode
from counterfoil.primitives.outcome import InvariantViolation


class Line(Record, frozen=True):
    quantity: Quantity
    money: Money
    price: Price


@pytest.mark.parametrize(
    ("numerator", "denominator", "down", "up", "half_even"),
    [
        (0, 1, 0, 0, 0),
        (6, 3, 2, 2, 2),
        (7, 3, 2, 3, 2),
        (8, 3, 2, 3, 3),
        (1, 2, 0, 1, 0),
        (3, 2, 1, 2, 2),
        (5, 2, 2, 3, 2),
        (7, 2, 3, 4, 4),
        (AMOUNT_MAX * AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX),
        (1, AMOUNT_MAX, 0, 1, 0),
    ],
)
def test_named_roundings(numerator: int, denominator: int, down: int, up: int, half_even: int) -> None:
    assert divide_down(numerator, denominator) == down
    assert divide_up(numerator, denominator) == up
    assert divide_half_even(numerator, denominator) == half_even
    assert type(divide_half_even(numerator, denominator)) is int


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (1, 0), (1, -2)])
def test_roundings_take_no_negatives_and_no_zero(numerator: int, denominator: int) -> None:
    for divide in (divide_down, divide_up, divide_half_even):
        with pytest.raises(InvariantViolation):
            divide(numerator, denominator)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, (1, 1), (5, 5)),
        (10, (1, 1, 1), (4, 3, 3)),
        (11, (1, 1, 1), (4, 4, 3)),
        (1, (0, 0, 7), (0, 0, 1)),
        (100, (1, 2, 3), (17, 33, 50)),
        (0, (3, 4), (0, 0)),
        (5, (9,), (5,)),
        (3, (1, 0, 1), (2, 0, 1)),
    ],
)
def test_a_split_gives_what_is_left_over_to_the_largest_remainders(
    total: int, weights: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    assert split_by_weight(total, weights) == parts


@pytest.mark.parametrize(("total", "weights"), [(-1, (1,)), (1, ()), (1, (0, 0)), (1, (3, -1))])
def test_splits_that_make_no_sense(total: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(InvariantViolation):
        split_by_weight(total, weights)


@pytest.mark.parametrize("amount", [-1, AMOUNT_MAX + 1])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_amount_out_of_range_is_malformed(amount: int, position: int) -> None:
    amounts = [1, 1, 1]
    assert Decoder(Line).exact(encode(amounts)) == Line(Quantity(1), Money(1), Price(1))
    amounts[position] = AMOUNT_MAX
    Decoder(Line).exact(encode(amounts))
    amounts[position] = amount
    with pytest.raises(Malformed):
        Decoder(Line).exact(encode(amounts))
