"""The test vectors of BIP-39 for English words, and the list itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.custody import seed_words
from counterfoil.custody.key_store import KeyStoreError

FOLDER = Path("vectors") / "bip39"


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> list[tuple[str, str, str, str]]:
    found = json.loads((shared_data / FOLDER / "vectors.json").read_text("utf-8"))["english"]
    return [tuple(vector) for vector in found]


def test_seeds_are_as_published(vectors: list[tuple[str, str, str, str]]) -> None:
    assert len(vectors) == 24
    for _, words, seed, _ in vectors:
        assert seed_words.seed_of(words, "TREZOR").hex() == seed
        assert seed_words.seed_of(f"  {words.upper()} ".replace(" ", "  "), "TREZOR").hex() == seed
        assert seed_words.seed_of(words).hex() != seed, "the passphrase is part of the seed"


def test_the_list_is_the_published_one(shared_data: Path) -> None:
    published = (shared_data / FOLDER / "english.txt").read_text("utf-8").split()
    assert seed_words._english().wordlist == published


def test_every_exchanged_pair_that_breaks_the_checksum_is_noticed(
    vectors: list[tuple[str, str, str, str]],
) -> None:
    told = []
    for _, text, _, _ in vectors:
        words = text.split()
        words[0], words[-1] = words[-1], words[0]
        try:
            seed_words.checked_words(" ".join(words))
        except KeyStoreError as refused:
            told.append((str(refused), words))
    assert len(told) >= 16
    assert not any(word in text for text, words in told for word in words if len(word) > 5), "no word is told"
