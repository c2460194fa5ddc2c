"""Sealing to a public key, for edges only: every call draws a fresh key pair, so that no two results are alike.

No deterministic room imports this file; they open (`opening_keys`).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from counterfoil.primitives.codec import encode
from counterfoil.sealing.derivation import BUNDLE, NOTE, ROOT, VIEW_KEY, info
from counterfoil.sealing.epochs import Epoch, wrapping_place
from counterfoil.sealing.handing import padded_note, place_of_note, place_of_view_keys
from counterfoil.sealing.opening_keys import SUITE, SUITE_TAG, is_opening_key
from counterfoil.sealing.view_keys import HandedKey


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


def seal_transactions(bundle_key: bytes, place: tuple[bytes, ...], transactions: Sequence[bytes]) -> bytes:
    """The sealed part of a bundle, for the epoch whose bundle key is given; `bundles.open_transactions` opens it."""
    return seal_for(bundle_key, BUNDLE, place, encode(tuple(transactions)))


def seal_view_keys(opening_key: bytes, chain_id: str, party: bytes, keys: Sequence[HandedKey]) -> bytes:
    """View keys on their way to a party; `handing.open_view_keys` opens them."""
    return seal_for(opening_key, VIEW_KEY, place_of_view_keys(chain_id, party), encode(tuple(keys)))


def seal_note(opening_key: bytes, chain_id: str, sender: bytes, receiver: bytes, note: bytes) -> bytes:
    """A note from one party (20 bytes) to another, for its recorded opening key; `handing.open_note` opens it.

    It has one of `NOTE_SIZES`. ValueError for more than `NOTE_ROOM` bytes.
    """
    return seal_for(opening_key, NOTE, place_of_note(chain_id, sender, receiver), padded_note(note))
