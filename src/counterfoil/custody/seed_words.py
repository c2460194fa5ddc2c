"""Seeds as words (BIP-39, English list): 12 to 24 words that a person writes down, and a seed of 64 bytes from them.

The list and its arithmetic come from the `mnemonic` package. Words carry a checksum (4 bits of 12 words, 8 of 24), so
that a mistyped word is mostly noticed. An optional passphrase is part of the seed: any passphrase gives some seed, so
that a wrong one is noticed only by the address that it leads to.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from mnemonic import Mnemonic

from counterfoil.custody.key_store import KeyStoreError

WORD_COUNTS: Final = (12, 15, 18, 21, 24)
STANDARD_WORDS: Final = 24
"""256 bits, as strong as the key itself; 12 words are 128."""

_BITS_OF_ENTROPY: Final = {12: 128, 15: 160, 18: 192, 21: 224, 24: 256}


def new_words(count: int = STANDARD_WORDS) -> str:
    """Random words from the system's source, separated by single spaces."""
    if count not in WORD_COUNTS:
        raise KeyStoreError(f"A seed has 12, 15, 18, 21 or 24 words, not {count}.")
    return str(_english().generate(_BITS_OF_ENTROPY[count]))


def seed_of(words: str, passphrase: str = "") -> bytes:
    """64 bytes. KeyStoreError says which word is none of the list, or that the checksum does not fit."""
    return bytes(_english().to_seed(checked_words(words), _normal(passphrase)))


def checked_words(words: str) -> str:
    """The words in lower case with single spaces, if they are such words and fit together.

    The text of the error names the place of a wrong word and never a word: what was typed may be nearly right.
    """
    said = _normal(words).lower().split()
    if len(said) not in WORD_COUNTS:
        raise KeyStoreError(f"A seed has 12, 15, 18, 21 or 24 words, and these are {len(said)}.")
    known = frozenset(_english().wordlist)
    for place, word in enumerate(said, 1):
        if word not in known:
            raise KeyStoreError(f"Word {place} is not in the list of words; look at what you wrote down.")
    together = " ".join(said)
    if not _english().check(together):
        raise KeyStoreError(
            "Every word is in the list, but they do not fit together: one of them is another, or two changed places."
        )
    return together


@lru_cache(maxsize=1)
def _english() -> Mnemonic:
    return Mnemonic("english")


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKD", text)
