"""Properties of the codes and texts that people read and type."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterfoil.primitives import bech32m
from counterfoil.primitives.addresses import (
    AddressKind,
    address_of,
    address_of_policy,
    from_text,
    parse_text,
    policy_bytes,
    to_text,
)
from counterfoil.primitives.currencies import is_currency
from counterfoil.primitives.identifiers import (
    check_isin,
    check_lei,
    is_cfi,
    is_isin,
    is_lei,
    is_mic,
    isin_check_digit,
    lei_check_digits,
)

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

isin_bodies = st.from_regex(r"\A[A-Z]{2}[A-Z0-9]{9}\Z")
lei_bodies = st.from_regex(r"\A[A-Z0-9]{18}\Z")
addresses = st.binary(min_size=20, max_size=20)
kinds = st.sampled_from(list(AddressKind))
tagged_keys = st.builds(
    lambda algorithm, key: bytes([algorithm]) + key, st.integers(1, 255), st.binary(min_size=1, max_size=64)
)
policies = st.lists(tagged_keys, min_size=1, max_size=6, unique=True).flatmap(
    lambda keys: st.tuples(st.integers(1, len(keys)), st.just(tuple(keys)))
)


@given(isin_bodies)
def test_every_body_makes_one_isin(body: str) -> None:
    assert [digit for digit in DIGITS if is_isin(body + digit)] == [isin_check_digit(body)]


@given(isin_bodies, st.data())
def test_an_isin_finds_every_single_wrong_digit(body: str, data: st.DataObject) -> None:
    isin = body + isin_check_digit(body)
    position = data.draw(st.sampled_from([i for i, character in enumerate(isin) if character in DIGITS]))
    wrong = data.draw(st.sampled_from([digit for digit in DIGITS if digit != isin[position]]))
    assert not is_isin(isin[:position] + wrong + isin[position + 1 :])


@given(lei_bodies)
def test_every_body_makes_one_lei(body: str) -> None:
    assert [n for n in range(100) if is_lei(f"{body}{n:02d}")] == [int(lei_check_digits(body))]


@given(lei_bodies, st.data())
def test_an_lei_finds_every_wrong_character_of_the_same_class(body: str, data: st.DataObject) -> None:
    lei = body + lei_check_digits(body)
    position = data.draw(st.integers(0, 19))
    of_its_class = DIGITS if lei[position] in DIGITS else LETTERS
    wrong = data.draw(
        st.sampled_from([character for character in of_its_class if character != lei[position]])
    )
    assert not is_lei(lei[:position] + wrong + lei[position + 1 :])


@given(st.text(max_size=24))
def test_no_text_makes_a_check_fail_otherwise_than_by_refusing(text: str) -> None:
    for holds in (is_isin, is_lei, is_mic, is_cfi, is_currency):
        assert holds(text) in (True, False)


@given(isin_bodies, lei_bodies)
def test_other_implementation_agrees(isin_body: str, lei_body: str) -> None:
    oracle = pytest.importorskip("stdnum.isin", reason="python-stdnum is the oracle")
    assert oracle.calc_check_digit(isin_body) == isin_check_digit(isin_body)
    lei_oracle = pytest.importorskip("stdnum.lei", reason="python-stdnum is the oracle")
    assert lei_oracle.is_valid(check_lei(lei_body + lei_check_digits(lei_body)))
    assert check_isin(isin_body + isin_check_digit(isin_body))


@given(st.from_regex(r"\A[!-@\[-~]{1,20}\Z"), st.binary(max_size=38))
def test_bech32m_both_ways(prefix: str, data: bytes) -> None:
    text = bech32m.encode(prefix, data)
    assert bech32m.decode(text) == (prefix, data)
    assert bech32m.decode(text.upper()) == (prefix, data)
    assert len(text) == len(prefix) + 7 + -(-8 * len(data) // 5)


@given(kinds, addresses, st.data())
def test_up_to_four_wrong_characters_are_always_found(
    kind: AddressKind, address: bytes, data: st.DataObject
) -> None:
    text = to_text(kind, address)
    positions = data.draw(st.lists(st.integers(4, len(text) - 1), min_size=1, max_size=4, unique=True))
    changed = list(text)
    for position in positions:
        changed[position] = data.draw(st.sampled_from([c for c in bech32m.ALPHABET if c != text[position]]))
    with pytest.raises(ValueError, match="checksum"):
        parse_text("".join(changed))


@given(kinds, addresses, st.integers(0, 41), st.characters())
def test_any_one_character_put_in_left_out_or_replaced_is_found(
    kind: AddressKind, address: bytes, position: int, character: str
) -> None:
    text = to_text(kind, address)
    assume(character.lower() != text[position])
    for changed in (
        text[:position] + character + text[position + 1 :],
        text[:position] + character + text[position:],
        text[:position] + text[position + 1 :],
    ):
        with pytest.raises(ValueError, match="[a-z]"):
            from_text(changed, kind)


@given(st.text(max_size=100) | st.text(alphabet="cfakpi1" + bech32m.ALPHABET, max_size=60))
def test_whatever_decodes_is_the_one_text_of_its_bytes(text: str) -> None:
    try:
        prefix, data = bech32m.decode(text)
    except ValueError:
        return
    assert bech32m.encode(prefix, data) == text.lower()


@given(kinds, kinds, addresses)
def test_an_address_is_of_one_kind(kind: AddressKind, other: AddressKind, address: bytes) -> None:
    assert from_text(to_text(kind, address), kind) == address
    if other is not kind:
        with pytest.raises(ValueError, match="is needed"):
            from_text(to_text(kind, address), other)


def read_policy(written: bytes) -> tuple[int, list[bytes]]:
    """The inverse of `policy_bytes`, written apart from it: where there is one, no two policies share their bytes."""
    if written[0] != 0:
        return 1, [written]
    threshold, count = written[1], written[2]
    keys, rest = [], written[3:]
    for _ in range(count):
        length = rest[0]
        keys.append(rest[1 : 1 + length])
        rest = rest[1 + length :]
    assert rest == b""
    return threshold, keys


@given(policies)
def test_a_policy_can_be_read_back_from_its_bytes(policy: tuple[int, tuple[bytes, ...]]) -> None:
    threshold, keys = policy
    assert read_policy(policy_bytes(threshold, keys)) == (threshold, sorted(keys))
    assert address_of_policy(threshold, keys) == address_of_policy(threshold, keys[::-1])
    if len(keys) == 1:
        assert address_of_policy(threshold, keys) == address_of(keys[0])
