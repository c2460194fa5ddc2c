"""From a national number to an identity tag, under a key that only the registrar has.

The tag is the first half of what RFC 9497's VOPRF(ristretto255, SHA-512) gives for the scheme and the number. The
registrar evaluates the function itself, on numbers that it is told; whether a single key does that, or shares of it
held by several registrars on a blinded number, makes no difference to the tag
(`docs/decisions/registrar-sees-numbers.md`).
The group's operations are libsodium's, through `rbcl`: pip install 'counterfoil[registrar]'.
"""

from __future__ import annotations

import re
from hashlib import sha512
from typing import Any, Final

from counterfoil.custody.key_files import KeyFileError

TAG_BYTES: Final = 32
SECRET_BYTES: Final = 32
OPRF, VOPRF = 0, 1
"""Modes of RFC 9497. Tags are made in the second, whose evaluations can be proven against the public key."""
NUMBER_CHARACTERS_MAX: Final = 40

_GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_NEUTRAL: Final = bytes(32)
_LEFT_OUT: Final = re.compile(r"[\s./-]+")
_SCHEME: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,16}")


class NumberIsMalformed(ValueError):
    """What was given is no number of the scheme. The message never holds the number."""


class TagFunction:
    """One version of the key. `public_key` may be known to everybody."""

    def __init__(self, secret: bytes, mode: int = VOPRF) -> None:
        self._group = _group()
        self._secret = secret
        self._context = _context(mode)
        self.public_key = bytes(self._group.crypto_scalarmult_ristretto255_base(secret))

    def evaluate(self, data: bytes) -> bytes:
        """RFC 9497 section 3.3.1: the function's output for up to 65,535 bytes, 64 bytes."""
        element = self._group.crypto_core_ristretto255_from_hash(
            _expand(data, b"HashToGroup-" + self._context)
        )
        if bytes(element) == _NEUTRAL:
            raise NumberIsMalformed("The function is not defined here.")  # for one input in 2^252
        issued = bytes(self._group.crypto_scalarmult_ristretto255(self._secret, element))
        return sha512(_sized(data) + _sized(issued) + b"Finalize").digest()

    def tag(self, scheme: str, number: str) -> bytes:
        """The tag (32 bytes) of whoever has this number. NumberIsMalformed where it is none."""
        return self.evaluate(person_input(scheme, number))[:TAG_BYTES]


def derive_secret(seed: bytes, info: bytes, mode: int = VOPRF) -> bytes:
    """RFC 9497 section 3.2.1: the secret scalar (32 bytes, little-endian) from a seed of 32 random bytes."""
    domain = b"DeriveKeyPair" + _context(mode)
    for counter in range(256):
        wide = _expand(seed + _sized(info) + bytes([counter]), domain)
        scalar = int.from_bytes(wide, "little") % _GROUP_ORDER
        if scalar:
            return scalar.to_bytes(SECRET_BYTES, "little")
    raise ValueError("no key can be derived from this seed")


def person_input(scheme: str, number: str) -> bytes:
    """What stands for a person: the same however the number was written."""
    if _SCHEME.fullmatch(scheme) is None:
        raise NumberIsMalformed(
            "A scheme is a country's two letters, a hyphen, and a short name in capitals."
        )
    normal = _LEFT_OUT.sub("", number).upper()
    if not 4 <= len(normal) <= NUMBER_CHARACTERS_MAX or not (normal.isascii() and normal.isalnum()):
        raise NumberIsMalformed("The number has 4 to 40 letters and digits.")
    return b"counterfoil person\0" + scheme.encode() + b"\0" + normal.encode()


def _group() -> Any:
    try:
        import rbcl
    except ModuleNotFoundError:
        raise KeyFileError(
            "An identity registrar needs the package rbcl: pip install 'counterfoil[registrar]'."
        ) from None
    return rbcl


def _context(mode: int) -> bytes:
    return b"OPRFV1-" + bytes([mode]) + b"-ristretto255-SHA512"


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _expand(data: bytes, domain: bytes) -> bytes:
    """expand_message_xmd of RFC 9380 section 5.3.1 with SHA-512, to 64 bytes: one block."""
    tail = domain + bytes([len(domain)])
    first = sha512(bytes(128) + data + (64).to_bytes(2, "big") + b"\0" + tail).digest()
    return sha512(first + b"\1" + tail).digest()
