"""Many keys from one seed: SLIP-0010 for Ed25519, on the project's own path.

For Ed25519 SLIP-0010 knows hardened steps only, so that a key tells nothing of its parent or siblings, and there is no
way to derive public keys alone. The path of a key is m / 17222' / 0' / index': 17222 is 0x4346, "CF", in the place of
the purpose of BIP-43, so that a wallet that uses the same words for something else never meets these keys.
"""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from counterfoil.custody.key_store import KeyStoreError
from counterfoil.primitives.signatures import SECRET_BYTES

HARDENED: Final = 1 << 31
PURPOSE: Final = 0x4346
SEED_BYTES_MIN: Final = 16
SEED_BYTES_MAX: Final = 64
"""As BIP-32 states them: 128 to 512 bits."""
DEPTH_MAX: Final = 255

_MASTER: Final = b"ed25519 seed"


class Node(NamedTuple):
    """One key of the tree: its secret (32 bytes, an Ed25519 private key) and what its children are made with."""

    secret: bytes
    chain_code: bytes


def master(seed: bytes) -> Node:
    """The root of the tree of a seed of 16 to 64 bytes."""
    if not SEED_BYTES_MIN <= len(seed) <= SEED_BYTES_MAX:
        raise KeyStoreError(
            f"A seed has {SEED_BYTES_MIN} to {SEED_BYTES_MAX} bytes, and this one has {len(seed)}."
        )
    return _node(hmac.digest(_MASTER, seed, "sha512"))


def child(parent: Node, index: int) -> Node:
    """One hardened step; index: 0 to 2³¹−1, without the mark of hardening."""
    if not 0 <= index < HARDENED:
        raise KeyStoreError(f"A key's number is 0 to {HARDENED - 1:,}, not {index}.")
    data = b"\x00" + parent.secret + (index | HARDENED).to_bytes(4, "big")
    return _node(hmac.digest(parent.chain_code, data, "sha512"))


def derive(seed: bytes, path: tuple[int, ...]) -> Node:
    """The key at a path of hardened steps below the seed's root."""
    if len(path) > DEPTH_MAX:
        raise KeyStoreError(f"A path has at most {DEPTH_MAX} steps.")
    node = master(seed)
    for index in path:
        node = child(node, index)
    return node


def ledger_secret(seed: bytes, index: int = 0) -> bytes:
    """The secret (32 bytes) of the key with this number, on the path of this project."""
    return derive(seed, (PURPOSE, 0, index)).secret


def _node(digest: bytes) -> Node:
    return Node(digest[:SECRET_BYTES], digest[SECRET_BYTES:])
