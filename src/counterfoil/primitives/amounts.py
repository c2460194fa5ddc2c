"""Quantities, money and prices: integers with a scale, distinct to the type checker, plain at run time.

A `Quantity` counts units of an instrument's scale, `Money` counts units of a settlement asset's scale, a `Price`
counts units of a scale that always stands beside it. Adding one to another does not type-check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import ensure

if TYPE_CHECKING:

    class Quantity(int):
        def __add__(self, other: Quantity) -> Quantity: ...  # type: ignore[override]
        def __sub__(self, other: Quantity) -> Quantity: ...  # type: ignore[override]

    class Money(int):
        def __add__(self, other: Money) -> Money: ...  # type: ignore[override]
        def __sub__(self, other: Money) -> Money: ...  # type: ignore[override]

    class Price(int):
        def __add__(self, other: Price) -> Price: ...  # type: ignore[override]
        def __sub__(self, other: Price) -> Price: ...  # type: ignore[override]

else:
    Quantity = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]
    Money = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]
    Price = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]


def divide_down(numerator: int, denominator: int) -> int:
    """Integer division that rounds toward zero; both operands non-negative, the residue is the caller's to own."""
    ensure(numerator >= 0 and denominator > 0, "divide_down takes 0 or more over 1 or more")
    return numerator // denominator


def divide_up(numerator: int, denominator: int) -> int:
    """Integer division that rounds away from zero; both operands non-negative."""
    ensure(numerator >= 0 and denominator > 0, "divide_up takes 0 or more over 1 or more")
    return -(-numerator // denominator)


def divide_half_even(numerator: int, denominator: int) -> int:
    """Integer division to the nearest, ties to even (IEEE 754 roundTiesToEven on exact integers)."""
    ensure(numerator >= 0 and denominator > 0, "divide_half_even takes 0 or more over 1 or more")
    quotient, remainder = divmod(numerator, denominator)
    doubled = 2 * remainder
    return quotient + (doubled > denominator or (doubled == denominator and quotient % 2 == 1))


def split_by_weight(total: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """Split `total` in proportion to `weights`; the parts always sum to `total`.

    Largest remainder (Hamilton): every part is rounded down, the units left over go to the largest remainders,
    ties to the earlier position.
    """
    sum_of_weights = sum(weights)
    ensure(total >= 0 and sum_of_weights > 0 and min(weights) >= 0, "weights are 0 or more and not all 0")
    parts = [total * weight // sum_of_weights for weight in weights]
    left_over = total - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % sum_of_weights), i))
    for position in by_remainder[:left_over]:
        parts[position] += 1
    return tuple(parts)
