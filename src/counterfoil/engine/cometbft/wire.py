"""Messages on an ABCI socket: each one's length as a protobuf varint, then the message."""

from __future__ import annotations

import socket

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""Beyond any request of the pinned engine to this application: a block (some MiB of items), a snapshot's chunk."""
READ_BYTES = 256 * 1024
_VARINT_BYTES_MAX = 5


class WireBroken(ConnectionError):
    """What arrived cannot be a message of the engine; the text says why. The connection is of no more use."""


class Inbound:
    """Reads messages from a connected socket. Not for several threads."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = bytearray()
        self._at = 0

    def next(self) -> bytes | None:
        """The next message; None where the other side has closed between two of them."""
        length = self._length()
        if length is None:
            return None
        if length > MESSAGE_BYTES_MAX:
            raise WireBroken(f"a message of {length} bytes is larger than any that this application takes")
        self._need(length)
        start, self._at = self._at, self._at + length
        message = bytes(memoryview(self._buffer)[start : self._at])
        if self._at > READ_BYTES or self._at == len(self._buffer):
            del self._buffer[: self._at]
            self._at = 0
        return message

    @property
    def is_drained(self) -> bool:
        """Whether nothing more has arrived than what was given out."""
        return self._at == len(self._buffer)

    def _length(self) -> int | None:
        value = shift = 0
        while True:
            if self._at == len(self._buffer) and not self._more():
                if shift:
                    raise WireBroken("the connection ended inside a message")
                return None
            byte = self._buffer[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise WireBroken("a length is not in its shortest form")
                return value
            shift += 7
            if shift == 7 * _VARINT_BYTES_MAX:
                raise WireBroken("a length has too many bytes")

    def _need(self, length: int) -> None:
        while len(self._buffer) - self._at < length:
            if not self._more():
                raise WireBroken("the connection ended inside a message")

    def _more(self) -> bool:
        data = self._socket.recv(READ_BYTES)
        self._buffer += data
        return bool(data)


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    length, head = len(message), bytearray()
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + message
