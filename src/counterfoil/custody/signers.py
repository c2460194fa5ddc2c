"""Whatever can sign for one key: a key file today, a hardware module later, a persona in a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.digests import OPENING_SEED, keyed
from counterfoil.primitives.hkdf import expand
from counterfoil.primitives.outcome import ensure
from counterfoil.primitives.signatures import SECRET_BYTES, SigningKey
from counterfoil.sealing.derivation import OPENING, info
from counterfoil.sealing.opening_keys import Opener, OpeningKey

CHAIN_SEED_BYTES_MIN: Final = 16
CHAIN_SEED_BYTES_MAX: Final = 64

_SANDBOX_PURPOSE: Final = b"counterfoil sandbox key\x00"


class Signer(Protocol):
    """One private key, wherever it is kept. It may refuse or fail; then `sign` raises."""

    @property
    def address(self) -> bytes:
        """20 bytes: the address of a signer who has this one key."""
        ...

    @property
    def public_key(self) -> bytes:
        """The tagged key: 33 bytes for Ed25519."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over these bytes as they are: 64 bytes for Ed25519."""
        ...


class HeldKey(Signer, Protocol):
    """A key in a store: it signs, and what is sealed to it opens."""

    def opening_key(self) -> Opener:
        """What its holder's view keys and notes are sealed to; the same one whenever it is asked for."""
        ...


_SEED: Final = OPENING_SEED + b"counterfoil opening key 1"
"""Signed to nobody and for nothing else: whoever has a key's signature over it has its opening key."""


def opening_key_by_signature(sign: Callable[[bytes], bytes]) -> OpeningKey:
    """The opening key of a signing key that is not at hand itself, but signs: it follows from one signature that never
    leaves. ValueError where the signatures are not the same each time, as those of RFC 8032 are: what was sealed to the
    one key would not open with the next.
    """
    signature = sign(_SEED)
    if sign(_SEED) != signature:
        raise ValueError("its signatures over the same bytes differ")
    return OpeningKey(expand(sha256(signature).digest(), info(OPENING)))


class SandboxKey:
    """The key of a named persona in a sandbox ledger. It is no secret: who knows the genesis can compute it."""

    __slots__ = ("_key", "address", "name", "public_key")

    def __init__(self, name: str, secret: bytes) -> None:
        self._key = SigningKey(secret)
        self.name = name
        self.public_key = self._key.public_key
        self.address = address_of(self.public_key)

    @classmethod
    def from_name(cls, chain_seed: bytes, name: str) -> SandboxKey:
        """The same key for the same seed (16 to 64 bytes) and name, everywhere and always."""
        ensure(
            CHAIN_SEED_BYTES_MIN <= len(chain_seed) <= CHAIN_SEED_BYTES_MAX, "a chain seed is 16 to 64 bytes"
        )
        return cls(name, keyed(chain_seed, _SANDBOX_PURPOSE + name.encode(), SECRET_BYTES))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def opening_key(self) -> OpeningKey:
        """What its holder's view keys and notes are sealed to; it follows from the signing key."""
        return OpeningKey(self._key.derived(info(OPENING)))

    def __repr__(self) -> str:
        return f"SandboxKey({self.name!r}, address={self.address.hex()})"
