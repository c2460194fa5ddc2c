"""The canonical encoding: msgpack arrays, each value with exactly one accepted form.

msgspec accepts non-minimal integers and the like, so that bytes from outside are decoded, encoded again and
compared; what the ledger wrote itself is trusted to be canonical.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import msgspec

T = TypeVar("T")

AMOUNT_MAX = 2**63 - 1
"""The largest quantity, money amount or price that a record can hold (one signed 64-bit integer)."""


@dataclass_transform(frozen_default=True)
class Record(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What the state holds under one key. Fields are only ever appended, with defaults."""


@dataclass_transform(frozen_default=True)
class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A signed request from outside. Each subclass fixes its number: `class Mint(Message, tag=700)`."""


@dataclass_transform(frozen_default=True)
class Fact(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Something that happened, told in receipts to its stakeholders. Subclasses fix a `tag` as messages do."""


class Malformed(ValueError):
    """Bytes that are not the one canonical encoding of the expected type."""


_encoder = msgspec.msgpack.Encoder()

encode: Callable[[Any], bytes] = _encoder.encode


class Decoder:
    """Strict decoding to one type: anything but the canonical encoding raises `Malformed`."""

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def exact(self, data: bytes) -> Any:
        try:
            value = self._decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Malformed(str(error)) from None
        if _encoder.encode(value) != data:
            raise Malformed("not the canonical encoding")
        return value

    def trusted(self, data: bytes) -> Any:
        """Decode what this ledger encoded itself; no second encoding to compare."""
        return self._decode(data)


def decode_exact(data: bytes, kind: type[T]) -> T:
    value: T = Decoder(kind).exact(data)
    return value
