"""One derivation for every key, with a purpose for each; the purposes stand here and nowhere else."""

from __future__ import annotations

from counterfoil.primitives.hkdf import expand
from counterfoil.primitives.outcome import ensure

KEY_BYTES = 32

FIRST_ROOT = b"first root"
COMMITMENT = b"commitment"
BUNDLES = b"bundles"
VIEW = b"view"
SALTS = b"salts"
SNAPSHOTS = b"snapshots"
ARCHIVE = b"archive"
CHILD = b"child"
RECEIPTS = b"receipts"
"""Purposes of `derive`, each used with one kind of key and one list of parts."""

BUNDLE = b"bundle"
ROOT = b"root"
VIEW_KEY = b"view key"
NOTE = b"note"
OPENING = b"opening key"
"""Purposes of what is sealed to a public key, and of the key that opens it where it follows from a signing key."""

_FORMAT = b"counterfoil sealing 1"


def info(purpose: bytes, *parts: bytes) -> bytes:
    """Injective: no two lists of a purpose and parts give the same bytes."""
    named = [_FORMAT, bytes([len(purpose)]), purpose]
    for part in parts:
        named.append(len(part).to_bytes(4, "big"))
        named.append(part)
    return b"".join(named)


def derive(key: bytes, purpose: bytes, *parts: bytes, size: int = KEY_BYTES) -> bytes:
    """`size` bytes from a key of 32 that is random or itself derived: HKDF-Expand with SHA-256."""
    ensure(len(key) == KEY_BYTES, "a key has 32 bytes")
    return expand(key, info(purpose, *parts), size)
