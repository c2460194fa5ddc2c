"""What travels between an agent and the registrar: length-prefixed msgpack frames over TLS, one answer to each."""

from __future__ import annotations

from typing import Final

import msgspec

from counterfoil.primitives.codec import Decoder
from counterfoil.primitives.frames import Problem

FRAME_BYTES_MAX: Final = 4_096
"""Of a question or an answer."""


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Whom does the agent mean? case: its own reference of the client's file."""

    scheme: str
    number: str
    case: str


class Told(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """handle: 32 bytes, for this agent alone; the attestation stands on the ledger from this height on."""

    handle: bytes
    height: int


class TurnedAway(msgspec.Struct, frozen=True, array_like=True, tag=3):
    problem: Problem


ASK = Decoder(Ask)
ANSWER = msgspec.msgpack.Decoder(Told | TurnedAway)
