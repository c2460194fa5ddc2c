"""A key from what a person knows: user name, password and salt, with no store of credentials anywhere.

The seed is Argon2id (RFC 9106) of the password, salted with a digest of the ledger's name, the user name and the salt
text. Whoever has the three has the key, on any machine, and nobody keeps anything that could be stolen or lost.

What an attacker gains. The public key on the ledger is a test for guesses: whoever knows user name and salt can try
passwords offline, without anybody noticing. So the cost of a guess and the strength of the password are all there is:

- `COST` is 4 passes over 1 GiB, the "sensitive" level of libsodium: some seconds here, and memory that makes a guess
  on special hardware about as dear as on this machine. Fewer passes over less memory is for logins, where the service
  counts attempts; here nobody counts. It never changes: other parameters are other keys.
- A password is refused unless it has 16 characters, 8 of them different. A hundred thousand machines at one
  guess in three seconds make 2^50 guesses in a millennium; five random words of a list of 7,776 have 64 bits, a
  sentence that somebody has written before has few. The program cannot tell a good sentence from a known one.
- The salt is 80 random bits, shown once when the key is made and asked for again. It is no secret: it may be written
  on paper or left with the operator. It keeps one list of guesses from serving against all users, and two people with
  one name and one password apart. Who learns it still has to guess the password; who never learns it cannot begin.
- The ledger's name and the user name are in the salt too, so that the same password elsewhere is another key.
"""

from __future__ import annotations

import os
import unicodedata
from typing import Final

from nacl.pwhash import argon2id

from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.primitives.digests import PASSWORD_SALT, digest

COST: Final = ArgonCost(argon2id.OPSLIMIT_SENSITIVE, argon2id.MEMLIMIT_SENSITIVE)
SEED_BYTES: Final = 64
PASSWORD_CHARACTERS_MIN: Final = 16
DIFFERENT_CHARACTERS_MIN: Final = 8
SALT_CHARACTERS: Final = 16
USER_NAME_CHARACTERS_MAX: Final = 128

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's 32 characters: none is taken for another when it is read aloud or copied by hand."""
_READ_AS: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": ""})
_GROUP: Final = 4


def new_salt() -> str:
    """80 random bits as four groups of four characters."""
    drawn = [_ALPHABET[byte & 31] for byte in os.urandom(SALT_CHARACTERS)]
    groups = ("".join(drawn[at : at + _GROUP]) for at in range(0, SALT_CHARACTERS, _GROUP))
    return "-".join(groups)


def seed_of(ledger: str, user: str, password: str, salt: str, *, cost: ArgonCost = COST) -> bytes:
    """64 bytes for `derivation.ledger_secret`. KeyStoreError where a part cannot be one; no part is in its text.

    ledger: the name of the ledger. user: compared without regard to case, width and blanks around it. password: as
    it is typed, in Unicode form NFC. salt: as `new_salt` gave it; case, hyphens and blanks do not matter.
    """
    return argon2id.kdf(
        SEED_BYTES,
        unicodedata.normalize("NFC", _checked_password(password)).encode(),
        digest(PASSWORD_SALT, ledger.encode(), _user_name(user).encode(), _salt(salt).encode())[
            : argon2id.SALTBYTES
        ],
        opslimit=cost.operations,
        memlimit=cost.memory_bytes,
    )


def _user_name(user: str) -> str:
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", user).casefold()).strip()
    if not 0 < len(name) <= USER_NAME_CHARACTERS_MAX or any(
        unicodedata.category(character)[0] == "C" for character in name
    ):
        raise KeyStoreError(
            f"A user name has 1 to {USER_NAME_CHARACTERS_MAX} characters, and no control characters."
        )
    return name


def _checked_password(password: str) -> str:
    if len(password) < PASSWORD_CHARACTERS_MIN or len(frozenset(password)) < DIFFERENT_CHARACTERS_MIN:
        raise KeyStoreError(
            f"This password is too easy to guess for a key that is nothing but it: use at least "
            f"{PASSWORD_CHARACTERS_MIN} characters, {DIFFERENT_CHARACTERS_MIN} of them different; five or six "
            "words drawn at random are good."
        )
    return password


def _salt(salt: str) -> str:
    plain = salt.strip().lower().translate(_READ_AS)
    if len(plain) != SALT_CHARACTERS or any(character not in _ALPHABET for character in plain):
        raise KeyStoreError(
            f"A salt has {SALT_CHARACTERS} of the characters {_ALPHABET}, as it was shown when the key was made."
        )
    return plain
