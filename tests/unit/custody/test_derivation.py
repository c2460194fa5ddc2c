"""Seeds from words and from what a person knows: the same everywhere, and no part of them told in errors."""

from __future__ import annotations

import pytest
from nacl.pwhash import argon2id

from counterfoil.custody import known_secrets, seed_words
from counterfoil.custody.derivation import ledger_secret
from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.primitives.signatures import public_key_of

CHEAP = ArgonCost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
PASSWORD = "copper lantern drifts over seven"
SALT = "0123-4567-89ab-cdef"
EXPECTED = "0185b2c4f6fd8002d264a0e9e41cc04c7d62125a27acaa2af4363a06086732e624"


def seed(ledger: str = "market", user: str = "ann", password: str = PASSWORD, salt: str = SALT) -> bytes:
    return known_secrets.seed_of(ledger, user, password, salt, cost=CHEAP)


def test_what_is_known_gives_the_same_key_for_ever() -> None:
    """Were this to change, people would lose their keys."""
    made = known_secrets.seed_of("market", "ann", PASSWORD, SALT)
    assert (known_secrets.COST.operations, known_secrets.COST.memory_bytes) == (4, 1 << 30)
    assert public_key_of(ledger_secret(made)).hex() == EXPECTED


def test_each_part_makes_another_key() -> None:
    others = [
        seed(),
        seed(ledger="market-2"),
        seed(user="bob"),
        seed(password=PASSWORD + "."),
        seed(password=PASSWORD.upper()),
        seed(salt="0123-4567-89ab-cdeg"),
    ]
    assert len(set(others)) == len(others)
    assert seed(ledger="marketa", user="nn") != seed(ledger="market", user="ann"), "parts do not run together"


def test_writing_it_another_way_makes_the_same_key() -> None:
    assert seed(user="  ANN ") == seed(user="\uff21nn") == seed()
    assert (
        seed(salt="0123456789ABCDEF")
        == seed(salt="O123 4567 89ab cdef")
        == seed(salt="o1 23-456789abcdef")
        == seed()
    )
    assert seed(password=PASSWORD + "\u00e9") == seed(password=PASSWORD + "e\u0301")


@pytest.mark.parametrize("password", ["", "short", "a" * 40, "abcabcabcabcabcabcabc", "fifteen chars.."])
def test_a_weak_password_is_refused_without_being_told_again(password: str) -> None:
    with pytest.raises(KeyStoreError, match="too easy to guess") as refused:
        seed(password=password)
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize(
    "salt", ["", "0123", "0123-4567-89ab-cde", "0123-4567-89ab-cdefg", "0123-4567-89ab-cdeu"]
)
def test_a_salt_that_was_copied_wrongly_is_refused(salt: str) -> None:
    with pytest.raises(KeyStoreError, match="salt"):
        seed(salt=salt)


@pytest.mark.parametrize("user", ["", "   ", "a" * 129, "ann\x07"])
def test_a_user_name_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(KeyStoreError, match="user name"):
        seed(user=user)


def test_salts_are_random_and_read_back() -> None:
    salts = {known_secrets.new_salt() for _ in range(200)}
    assert len(salts) == 200
    for salt in salts:
        assert known_secrets._salt(salt) == salt.replace("-", "")


@pytest.mark.parametrize("count", [12, 15, 18, 21, 24])
def test_new_words_are_random_and_fit_together(count: int) -> None:
    words = [seed_words.new_words(count) for _ in range(20)]
    assert len(set(words)) == 20
    assert all(len(one.split()) == count and seed_words.checked_words(one) == one for one in words)
    assert len(seed_words.seed_of(words[0])) == 64


@pytest.mark.parametrize("count", [0, 11, 13, 25])
def test_other_numbers_of_words_are_refused(count: int) -> None:
    with pytest.raises(KeyStoreError, match="12, 15, 18, 21 or 24"):
        seed_words.new_words(count)
    with pytest.raises(KeyStoreError, match=f"these are {count}"):
        seed_words.checked_words(" ".join(["abandon"] * count))


def test_the_place_of_a_wrong_word_is_told_and_not_the_word() -> None:
    words = seed_words.new_words(12).split()
    words[4] = "secretish"
    with pytest.raises(KeyStoreError, match="Word 5") as refused:
        seed_words.seed_of(" ".join(words))
    assert "secretish" not in str(refused.value)
