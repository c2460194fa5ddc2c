"""Opening what was sealed to a public key: HPKE (RFC 9180) in its base mode, single shot.

The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A sealed value is one byte for the suite, the
encapsulated key (32 bytes), the ciphertext and its tag (16). What it is sealed for, and where it belongs, stand in
`info`; the associated data is empty.
"""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from counterfoil.primitives.outcome import ensure
from counterfoil.sealing.derivation import KEY_BYTES, info

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
SUITE_TAG: Final = b"\x01"
PUBLIC_KEY_BYTES: Final = 32
ENVELOPE_OVERHEAD: Final = 1 + PUBLIC_KEY_BYTES + 16
"""So many bytes a sealed value is longer than what is in it."""

_PRIME: Final = 2**255 - 19
_SMALL_ORDER: Final = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    _PRIME - 1,
)
"""The coordinates of points whose order divides 8, on the curve and on its twist."""

_NEVER_OPENS: Final = SUITE_TAG + (9).to_bytes(PUBLIC_KEY_BYTES, "little")
"""The base point as encapsulated key: nobody seals with the secret 1, and the zeros that follow are no tag."""


def is_opening_key(public_key: bytes) -> bool:
    """Whether these bytes are a public key that can be sealed to: 32 of them, canonical, not of small order."""
    coordinate = int.from_bytes(public_key, "little")
    return len(public_key) == PUBLIC_KEY_BYTES and coordinate < _PRIME and coordinate not in _SMALL_ORDER


class Opener(Protocol):
    """Whatever opens what was sealed to one public key: its secret in memory, or whoever keeps that and is asked."""

    @property
    def public_key(self) -> bytes: ...

    def open(self, purpose: bytes, parts: tuple[bytes, ...], sealed: bytes) -> bytes | None:
        """What was sealed to the key, for this purpose and place; None whatever is wrong with it."""
        ...


class OpeningKey:
    """An X25519 secret in memory: 32 random or derived bytes."""

    __slots__ = ("_key", "public_key")

    def __init__(self, secret: bytes) -> None:
        ensure(len(secret) == KEY_BYTES, "an opening key has 32 bytes")
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self.public_key: bytes = self._key.public_key().public_bytes_raw()

    def open(self, purpose: bytes, parts: tuple[bytes, ...], sealed: bytes) -> bytes | None:
        """What was sealed to this key, for this purpose and place; None whatever is wrong with it, at the same cost.

        An encapsulated key has one accepted form (RFC 9180 leaves what else may decode to the library), so that every
        node opens the same.
        """
        if sealed[:1] != SUITE_TAG or not is_opening_key(sealed[1 : 1 + PUBLIC_KEY_BYTES]):
            sealed = _NEVER_OPENS + bytes(max(16, len(sealed) - len(_NEVER_OPENS)))
        try:
            return SUITE.decrypt(memoryview(sealed)[1:], self._key, info(purpose, *parts))
        except (InvalidTag, ValueError):
            return None
