"""Rows: what a version carries, and how far the ladder reaches."""

from __future__ import annotations

import pytest

from counterfoil.state.rows import next_row, parse, value_of

SALT = b"s" * 16


def test_a_first_row_has_no_past() -> None:
    row = next_row(None, 99, 1, 5, 7, SALT, b"value")
    assert parse(row) == (1, 5, 7, 0, 1, SALT, (), b"value")
    assert value_of(row) == b"value"


def test_a_row_names_the_change_before_it_in_the_same_life() -> None:
    first = next_row(None, 0, 1, 5, 7, SALT, b"one")
    second = next_row(first, 3, 1, 5, 9, SALT, b"two")
    ended = next_row(second, 4, 0, 2**64 - 1, 12, SALT, b"")
    again = next_row(ended, 8, 1, 6, 20, SALT, b"three")
    assert [parse(row).previous for row in (first, second, ended, again)] == [0, 7, 9, 0]
    assert [parse(row).number for row in (first, second, ended, again)] == [1, 2, 3, 4]
    assert [value_of(row) for row in (second, ended, again)] == [b"two", b"", b"three"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 15, 16, 17, 100])
def test_rung_k_leads_to_the_last_version_that_2_to_the_k_divides(count: int) -> None:
    row = next_row(None, 0, 1, 0, 1, SALT, b"v")
    for number in range(2, count + 1):
        row = next_row(row, 1000 + number - 1, 1, 0, number, SALT, b"v")
    rungs = []
    step = 1
    while step < count:
        last = (count - 1) // step * step
        rungs.append((last, 1000 + last))
        step *= 2
    assert list(parse(row).ladder) == rungs
