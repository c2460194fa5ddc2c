"""Sealing to a public key, for edges only: every call draws a fresh key pair, so that no two results are alike.

No deterministic room imports this file; they open (`opening_keys`).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from counterfoil.sealing.derivation import ROOT, info
from counterfoil.sealing.epochs import Epoch, wrapping_place
from counterfoil.sealing.opening_keys import SUITE, SUITE_TAG, is_opening_key


def seal_for(public_key: bytes, purpose: bytes, parts: tuple[bytes, ...], plaintext: bytes) -> bytes:
    """`ENVELOPE_OVERHEAD` bytes more than the plaintext. ValueError for bytes that are no public key."""
    if not is_opening_key(public_key):
        raise ValueError("what is to be sealed to is not a public key")
    key = X25519PublicKey.from_public_bytes(public_key)
    return SUITE_TAG + SUITE.encrypt(plaintext, key, info(purpose, *parts))


def wrap_root(epoch: Epoch, network: bytes, chain_id: str, holder: bytes, opening_key: bytes) -> bytes:
    """An epoch's root and the network secret for one holder (a node's address); `epochs.unwrap` opens it."""
    place = wrapping_place(chain_id, epoch.number, holder)
    return seal_for(opening_key, ROOT, place, network + epoch.root)
