from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from counterfoil.primitives.identifiers import (
    CFI_CATEGORIES,
    CFI_GROUPS,
    check_cfi,
    check_isin,
    check_lei,
    check_mic,
    is_cfi,
    is_isin,
    is_lei,
    is_mic,
    isin_check_digit,
    lei_check_digits,
)

GOOD = [
    (check_isin, is_isin, "US4592001014"),  # IBM
    (check_isin, is_isin, "US0378331005"),  # Apple
    (check_isin, is_isin, "AU0000XVGZA3"),  # the standard's own example, with letters in the middle
    (check_isin, is_isin, "CNE100001SR9"),
    (check_isin, is_isin, "JP3946600008"),
    (check_isin, is_isin, "XS0104440986"),
    (check_lei, is_lei, "5493001KJTIIGC8Y1R12"),
    (check_lei, is_lei, "08IRJODWFYBI7QWRGS31"),
    (check_lei, is_lei, "VGRQXHF3J8VDLUA7XE92"),
    (check_mic, is_mic, "XNYS"),
    (check_mic, is_mic, "360T"),
    (check_cfi, is_cfi, "ESVUFR"),
    (check_cfi, is_cfi, "DBFTFB"),
    (check_cfi, is_cfi, "CIOGEU"),
    (check_cfi, is_cfi, "RSSXXR"),
    (check_cfi, is_cfi, "ESXXXX"),
    (check_cfi, is_cfi, "MMXXXX"),
]

BAD = [
    (check_isin, is_isin, "US4592001015", "check digit: 5 where 4"),
    (check_isin, is_isin, "US4592001041", "check digit"),
    (check_isin, is_isin, "US459200101", "not an ISIN"),
    (check_isin, is_isin, "US45920010144", "not an ISIN"),
    (check_isin, is_isin, "us4592001014", "not an ISIN"),
    (check_isin, is_isin, "US4592001014\n", "not an ISIN"),
    (check_isin, is_isin, " US459200101", "not an ISIN"),
    (check_isin, is_isin, "1S4592001014", "not an ISIN"),
    (check_isin, is_isin, "US459200101A", "not an ISIN"),
    (check_isin, is_isin, "US459200101\uff14", "not an ISIN"),
    (check_isin, is_isin, "US45920010\u06614", "not an ISIN"),
    (check_isin, is_isin, "", "not an ISIN"),
    (check_lei, is_lei, "5493001KJTIIGC8Y1R13", "check digits: 13 where 12"),
    (check_lei, is_lei, "5493001KJTIIGC8Y1R1", "not an LEI"),
    (check_lei, is_lei, "5493001kjtiigc8y1r12", "not an LEI"),
    (check_lei, is_lei, "5493001KJTIIGC8Y1RAB", "not an LEI"),
    (check_mic, is_mic, "XNY", "not a MIC"),
    (check_mic, is_mic, "xnys", "not a MIC"),
    (check_mic, is_mic, "XNYSE", "not a MIC"),
    (check_cfi, is_cfi, "ESVUF", "not a CFI"),
    (check_cfi, is_cfi, "esvufr", "not a CFI"),
    (check_cfi, is_cfi, "ESVUF1", "not a CFI"),
    (check_cfi, is_cfi, "ESVUFÄ", "not a CFI"),
    (check_cfi, is_cfi, "XSVUFR", "no category X"),
    (check_cfi, is_cfi, "EXVUFR", "category E (equities) has no group X"),
    (check_cfi, is_cfi, "ESZUFR", "attribute 1 of group ES is one of E, N, R, V, X, not Z"),
    (check_cfi, is_cfi, "ESVUFZ", "attribute 4"),
    (check_cfi, is_cfi, "CHAAXX", "attribute 2 of group CH is one of X, not A"),
]


@pytest.mark.parametrize(("check", "holds", "code"), GOOD)
def test_right_codes_are_returned_unchanged(
    check: Callable[[str], str], holds: Callable[[str], bool], code: str
) -> None:
    assert check(code) == code
    assert holds(code)


@pytest.mark.parametrize(("check", "holds", "code", "message"), BAD)
def test_wrong_codes_are_refused_with_the_reason(
    check: Callable[[str], str], holds: Callable[[str], bool], code: str, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        check(code)
    assert str(caught.value).isascii()
    assert not holds(code)


def test_a_message_shows_only_the_beginning_of_a_long_input() -> None:
    with pytest.raises(ValueError, match="not an ISIN") as caught:
        check_isin("A" * 100_000)
    assert len(str(caught.value)) < 250


def test_check_digits_of_beginnings() -> None:
    assert isin_check_digit("US459200101") == "4"
    assert lei_check_digits("5493001KJTIIGC8Y1R") == "12"
    for beginning in ("US45920010", "us459200101", "US4592001014"):
        with pytest.raises(ValueError, match="beginning of an ISIN"):
            isin_check_digit(beginning)
    for beginning in ("5493001KJTIIGC8Y1", "5493001KJTIIGC8Y1r"):
        with pytest.raises(ValueError, match="beginning of an LEI"):
            lei_check_digits(beginning)


@pytest.mark.parametrize(("right", "alias"), [("97", "00"), ("98", "01"), ("02", "99")])
def test_an_lei_has_one_form_only(right: str, alias: str) -> None:
    """00, 01 and 99 leave the remainder 1 as well, and would be a second code for the same entity."""
    body = next(body for n in range(2_000) if lei_check_digits(body := f"549300{n:012d}") == right)
    assert is_lei(body + right)
    assert int("".join(str(int(c, 36)) for c in body + alias)) % 97 == 1
    assert not is_lei(body + alias)


def test_the_table_of_classifications_is_well_formed() -> None:
    assert len(CFI_CATEGORIES) == 14
    assert len(CFI_GROUPS) == 78
    assert list(CFI_GROUPS) == sorted(CFI_GROUPS)
    assert {group[0] for group in CFI_GROUPS} == set(CFI_CATEGORIES)
    for group, attributes in CFI_GROUPS.items():
        assert len(group) == 2
        assert len(attributes) == 4
        for letters in attributes:
            assert list(letters) == sorted(set(letters))
            assert all("A" <= letter <= "Z" for letter in letters)
            assert "X" not in letters
