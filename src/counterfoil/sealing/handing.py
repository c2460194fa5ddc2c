"""What is sealed to a party's own opening key: the view keys that it is handed, and notes from others."""

from __future__ import annotations

from typing import Final

from counterfoil.primitives.codec import Decoder, Malformed
from counterfoil.sealing.derivation import NOTE, VIEW_KEY
from counterfoil.sealing.opening_keys import ENVELOPE_OVERHEAD, Opener
from counterfoil.sealing.view_keys import HandedKey

NOTE_SIZES: Final = (256, 512, 1_024)
"""Bytes of a sealed note, the last as many as an instruction carries: its length tells no more than which."""
NOTE_ROOM: Final = NOTE_SIZES[-1] - ENVELOPE_OVERHEAD - 1
"""Bytes that a note can say."""
_NOTE_ENDS = b"\x80"
"""Behind what a note says and before zeros, as ISO/IEC 7816-4 pads."""

_HANDED = Decoder(tuple[HandedKey, ...])


def place_of_view_keys(chain_id: str, party: bytes) -> tuple[bytes, ...]:
    return chain_id.encode(), party


def place_of_note(chain_id: str, sender: bytes, receiver: bytes) -> tuple[bytes, ...]:
    return chain_id.encode(), sender, receiver


def padded_note(note: bytes) -> bytes:
    """What a note says, as it is sealed. ValueError for more than `NOTE_ROOM` bytes."""
    if len(note) > NOTE_ROOM:
        raise ValueError(f"a note has at most {NOTE_ROOM} bytes, this one has {len(note)}")
    ended = note + _NOTE_ENDS
    size = next(size for size in NOTE_SIZES if len(ended) + ENVELOPE_OVERHEAD <= size)
    return ended.ljust(size - ENVELOPE_OVERHEAD, b"\0")


def open_note(key: Opener, chain_id: str, sender: bytes, receiver: bytes, note: bytes) -> bytes | None:
    """What one party (20 bytes) wrote to another; None where this key, these two and these bytes do not fit."""
    padded = key.open(NOTE, place_of_note(chain_id, sender, receiver), note)
    ended = padded.rstrip(b"\0") if padded is not None else b""
    return ended[:-1] if ended.endswith(_NOTE_ENDS) else None


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
