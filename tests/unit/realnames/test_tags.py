"""From a number to a tag: the same person however it is written, and nothing of the number in what is said."""

from __future__ import annotations

import pytest

from counterfoil.realnames.tags import NumberIsMalformed, TagFunction, derive_secret, person_input

FUNCTION = TagFunction(derive_secret(bytes(32), b"a test"))


@pytest.mark.parametrize(
    "written", ["800101145566", "800101-14-5566", " 800101 14 5566 ", "800101.14/5566", "800101\t145566"]
)
def test_one_person_however_the_number_is_written(written: str) -> None:
    assert FUNCTION.tag("MY-NRIC", written) == FUNCTION.tag("MY-NRIC", "800101145566")


def test_small_letters_are_capitals() -> None:
    assert FUNCTION.tag("GB-NINO", "qq123456c") == FUNCTION.tag("GB-NINO", "QQ 12 34 56 C")


def test_another_scheme_number_or_key_is_another_person() -> None:
    other = TagFunction(derive_secret(b"\1" * 32, b"a test"))
    tags = {
        FUNCTION.tag("MY-NRIC", "800101145566"),
        FUNCTION.tag("MY-NRIC", "800101145567"),
        FUNCTION.tag("SG-NRIC", "800101145566"),
        other.tag("MY-NRIC", "800101145566"),
    }
    assert len(tags) == 4
    assert all(len(tag) == 32 for tag in tags)


def test_no_two_persons_have_one_input() -> None:
    assert person_input("MY-N", "1234") != person_input("MY-N1", "234 ".replace(" ", "5"))
    assert b"\0" in person_input("MY-N", "1234")


@pytest.mark.parametrize(
    ("scheme", "number"),
    [
        ("", "12345"),
        ("MY", "12345"),
        ("my-nric", "12345"),
        ("MY-", "12345"),
        ("MYS-NRIC", "12345"),
        ("MY-NRIC\0", "12345"),
        ("MY-" + "X" * 17, "12345"),
        ("MY-NRIC", "123"),
        ("MY-NRIC", "1" * 41),
        ("MY-NRIC", "12345\0"),
        ("MY-NRIC", "１２３４５"),
        ("MY-NRIC", "١٢٣٤٥"),
        ("MY-NRIC", "12_345"),
        ("MY-NRIC", ""),
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(scheme: str, number: str) -> None:
    with pytest.raises(NumberIsMalformed) as caught:
        FUNCTION.tag(scheme, number)
    assert not number or number not in str(caught.value)
