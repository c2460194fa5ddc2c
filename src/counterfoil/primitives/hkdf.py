"""HKDF with SHA-256 (RFC 5869): many keys for as many purposes out of one."""

from __future__ import annotations

from hmac import digest as hmac_digest

from counterfoil.primitives.outcome import ensure

HASH_BYTES = 32
SIZE_MAX = 255 * HASH_BYTES


def extract(salt: bytes, material: bytes) -> bytes:
    """Section 2.2: a pseudorandom key of 32 bytes. An empty salt stands for 32 zero bytes."""
    return hmac_digest(salt or bytes(HASH_BYTES), material, "sha256")


def expand(key: bytes, info: bytes, size: int = HASH_BYTES) -> bytes:
    """Section 2.3: `size` bytes, at most 8,160, out of a pseudorandom key and what they are for."""
    ensure(0 < size <= SIZE_MAX, "HKDF gives 1 to 8,160 bytes")
    block = made = hmac_digest(key, info + b"\x01", "sha256")
    for number in range(2, -(-size // HASH_BYTES) + 1):
        block = hmac_digest(key, block + info + bytes([number]), "sha256")
        made += block
    return made[:size]
