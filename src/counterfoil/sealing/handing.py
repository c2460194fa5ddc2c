"""What is sealed to a party's own opening key: the view keys that it is handed, and notes from others."""

from __future__ import annotations

from counterfoil.primitives.codec import Decoder, Malformed
from counterfoil.sealing.derivation import NOTE, VIEW_KEY
from counterfoil.sealing.opening_keys import Opener
from counterfoil.sealing.view_keys import HandedKey

_HANDED = Decoder(tuple[HandedKey, ...])


def place_of_view_keys(chain_id: str, party: bytes) -> tuple[bytes, ...]:
    return chain_id.encode(), party


def place_of_note(chain_id: str, sender: bytes, receiver: bytes) -> tuple[bytes, ...]:
    return chain_id.encode(), sender, receiver


def open_note(key: Opener, chain_id: str, sender: bytes, receiver: bytes, note: bytes) -> bytes | None:
    """What one party (20 bytes) wrote to another; None where this key, these two and these bytes do not fit."""
    return key.open(NOTE, place_of_note(chain_id, sender, receiver), note)


def open_view_keys(key: Opener, chain_id: str, party: bytes, sealed: bytes) -> tuple[HandedKey, ...] | None:
    """What a node handed to a party; None where this key, this party and these bytes do not belong together."""
    plain = key.open(VIEW_KEY, place_of_view_keys(chain_id, party), sealed)
    if plain is None:
        return None
    try:
        handed: tuple[HandedKey, ...] = _HANDED.exact(plain)
    except Malformed:
        return None
    return handed
