"""Lines of a file in constant memory, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

LINE_BYTES_MAX = 4096
"""The longest row, without its line end. The widest own-format row has under 1,000 bytes."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line without its line end (LF or CRLF), and whether it is complete.

    A line longer than `LINE_BYTES_MAX` comes once, cut to that length and marked as incomplete. The last line needs
    no line end. A UTF-8 byte order mark at the very start is dropped.
    """
    limit = LINE_BYTES_MAX + 2
    raw = stream.readline(limit)
    if raw.startswith(BYTE_ORDER_MARK):
        raw = raw[3:]
        if not raw.endswith(b"\n"):
            raw += stream.readline(limit - len(raw))
    while raw:
        if raw.endswith(b"\n"):
            line = raw[:-2] if raw.endswith(b"\r\n") else raw[:-1]
        elif len(raw) < limit:
            line = raw
        else:
            yield raw[:LINE_BYTES_MAX], False
            _skip_rest_of_line(stream)
            raw = stream.readline(limit)
            continue
        yield (line, True) if len(line) <= LINE_BYTES_MAX else (line[:LINE_BYTES_MAX], False)
        raw = stream.readline(limit)


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while piece := stream.readline(65_536):
        if piece.endswith(b"\n"):
            return
