"""View keys on their way to the party that they are handed to."""

from __future__ import annotations

from counterfoil.primitives.codec import Decoder, Malformed
from counterfoil.sealing.derivation import VIEW_KEY
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.sealing.view_keys import HandedKey

_HANDED = Decoder(tuple[HandedKey, ...])


def open_view_keys(
    key: OpeningKey, chain_id: str, party: bytes, sealed: bytes
) -> tuple[HandedKey, ...] | None:
    """What a node handed to a party; None where this key, this party and these bytes do not belong together."""
    plain = key.open(VIEW_KEY, (chain_id.encode(), party), sealed)
    if plain is None:
        return None
    try:
        handed: tuple[HandedKey, ...] = _HANDED.exact(plain)
    except Malformed:
        return None
    return handed
