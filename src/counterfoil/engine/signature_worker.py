"""The worker's side of the signature pool: packed checks come in by standard input, answers leave by standard output.

A packed check is the lengths of tagged key, signature and message (one, one and four bytes), then these three; the
signature stands before its message because that is how libsodium reads them, so nothing is copied to check it.
A request is its payload's length (eight bytes), the number of checks (four), one flag byte, and the packed checks.
An answer is the number of checks (four bytes) and one byte for each in order. Numbers are little-endian.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
from io import BufferedReader
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from counterfoil.primitives.signatures import SIGNATURE_BYTES, verify_signed

REFUSED: Final = 0
ACCEPTED: Final = 1

CHECK_LENGTHS: Final = struct.Struct("<BBI")
REQUEST: Final = struct.Struct("<QIB")
ANSWER: Final = struct.Struct("<I")

ORPHAN_CHECK_SECONDS: Final = 1.0
"""How often an idle worker looks whether its parent still lives; usually the closed pipe tells it at once."""

_NEVER_GOOD: Final = CHECK_LENGTHS.pack(0, 0, 0)


def pack_check(tagged_key: bytes, message: bytes, signature: bytes) -> bytes:
    """One check as it travels. A key or signature above 255 bytes becomes a check that is refused."""
    try:
        lengths = CHECK_LENGTHS.pack(len(tagged_key), len(signature), len(message))
    except struct.error:
        return _NEVER_GOOD
    return lengths + tagged_key + signature + message


def check_packed(packed: bytes, count: int, stop_at_refusal: bool) -> bytes:
    """One byte for each of `count` packed checks: 1 accepted, 0 refused.

    With `stop_at_refusal` those after the first refused one are not checked and are 0 as well.
    """
    answers = bytearray(count)
    start = 0
    for number in range(count):
        key_size, signature_size, message_size = CHECK_LENGTHS.unpack_from(packed, start)
        key_start = start + CHECK_LENGTHS.size
        signed_start = key_start + key_size
        start = signed_start + signature_size + message_size
        if signature_size == SIGNATURE_BYTES and verify_signed(
            packed[key_start:signed_start], packed[signed_start:start]
        ):
            answers[number] = ACCEPTED
        elif stop_at_refusal:
            break
    return bytes(answers)


class _Requests(Protocol):
    def put(self, item: tuple[bytes, int, bool]) -> None: ...


def _read_requests(source: BufferedReader, requests: _Requests) -> None:
    """Take in whatever the parent sends, so that it never waits for a check to end; its silence ends the process."""
    while True:
        header = source.read(REQUEST.size)
        if len(header) < REQUEST.size:
            break
        size, count, stop_at_refusal = REQUEST.unpack(header)
        packed = source.read(size)
        if len(packed) < size:
            break
        requests.put((packed, count, bool(stop_at_refusal)))
    os._exit(0)


def main(parent: int) -> None:
    """Answer requests in order until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = os.fdopen(os.dup(0), "rb", buffering=1 << 16)
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not print into the answers
    requests: SimpleQueue[tuple[bytes, int, bool]] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(source, requests), daemon=True).start()
    while True:
        try:
            packed, count, stop_at_refusal = requests.get(timeout=ORPHAN_CHECK_SECONDS)
        except Empty:
            if os.getppid() != parent:
                return
            continue
        answer = memoryview(ANSWER.pack(count) + check_packed(packed, count, stop_at_refusal))
        try:
            while answer:
                answer = answer[os.write(sink, answer) :]
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
