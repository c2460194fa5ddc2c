"""The sealed part of a bundle: its transactions, for whoever holds the epoch's root."""

from __future__ import annotations

from typing import Final

from counterfoil.primitives.codec import Decoder, Malformed
from counterfoil.sealing.derivation import BUNDLE, derive
from counterfoil.sealing.opening_keys import OpeningKey

_TRANSACTIONS = Decoder(tuple[bytes, ...])

STAND_IN: Final = OpeningKey(derive(bytes(32), BUNDLE))
"""Tried where an epoch is not known, so that it costs what any other failure costs. It opens nothing of anybody's."""


def place_of_bundle(chain_id: str, gatherer: bytes, expiry_ms: int, epoch: int) -> tuple[bytes, ...]:
    """What the sealed part is bound to: all that its bundle says in clear."""
    return chain_id.encode(), gatherer, expiry_ms.to_bytes(8, "big"), epoch.to_bytes(8, "big")


def open_transactions(key: OpeningKey, place: tuple[bytes, ...], sealed: bytes) -> tuple[bytes, ...] | None:
    """The transactions of a sealed part, in order; None whatever is wrong with it."""
    plain = key.open(BUNDLE, place, sealed)
    if plain is None:
        return None
    try:
        transactions: tuple[bytes, ...] = _TRANSACTIONS.exact(plain)
    except Malformed:
        return None
    return transactions
