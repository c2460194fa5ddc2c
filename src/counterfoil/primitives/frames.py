"""What travels on sockets: length-prefixed msgpack frames, and why a request in one was refused.

A frame is its length (four bytes, big-endian) and one message in the canonical encoding.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import RejectCode, Rejected

_LENGTH = struct.Struct(">I")
LENGTH_BYTES: Final = _LENGTH.size
pack_length = _LENGTH.pack


class Problem(msgspec.Struct, frozen=True, array_like=True):
    """Why something was refused: as a reject carries it. facts: readable values by name, for the asker's eyes."""

    number: int
    name: str
    explanation: str
    resolution: str
    facts: dict[str, str] = {}


def frame(message: object) -> bytes:
    payload = encode(message)
    return pack_length(len(payload)) + payload


def length_of(head: bytes) -> int:
    """Of the message that follows these four bytes."""
    (length,) = _LENGTH.unpack(head)
    return int(length)


def problem_of(rejected: Rejected, transaction: bytes | None = None) -> Problem:
    """Why something was refused. Of a transaction, with those identities alone that it names itself: who may not do
    something need not learn from the refusal whose account, earmark or office stands behind what it named."""
    facts = {
        name: value.hex() if isinstance(value, bytes) else str(value)
        for name, value in rejected.facts.items()
        if transaction is None or not isinstance(value, bytes) or value in transaction
    }
    return problem_with(rejected.code, facts)


def problem_with(code: RejectCode, facts: dict[str, str] | None = None) -> Problem:
    return Problem(code.number, code.name, code.explanation, code.resolution, facts or {})
