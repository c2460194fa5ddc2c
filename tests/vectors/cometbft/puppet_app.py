"""The least application that CometBFT v0.38 can run over a ledger of ours, for recording a chain.

One process serves every node: each has a machine of its own, fed with what CometBFT decides. It accepts every
transaction and proposal, and changes the validators at heights that are given beforehand.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from counterfoil.engine.decided import DecidedBlock, items_digest
from counterfoil.engine.items import check, fill_in
from counterfoil.machine.transactions import read_bundle
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import Validator
from tests.model.desk import Desk

ECHO, FLUSH, INFO, INIT_CHAIN, QUERY, CHECK_TX, COMMIT, LIST_SNAPSHOTS = 1, 2, 3, 5, 6, 8, 11, 12
PREPARE_PROPOSAL, PROCESS_PROPOSAL, EXTEND_VOTE, VERIFY_VOTE_EXTENSION, FINALIZE_BLOCK = 16, 17, 18, 19, 20


class Decided(NamedTuple):
    """A block, and the header it led to; None where it had no effect."""

    block: DecidedBlock
    header: Header | None


class PuppetApp:
    """One node's machine behind ABCI."""

    def __init__(self, desk: Desk, changes: dict[int, list[Validator]]) -> None:
        self.desk = desk
        self.changes = changes
        self.decided: list[Decided] = []
        self._unwritten: Decided | None = None

    def app_hash(self) -> bytes:
        assert self.desk.machine.last is not None
        return self.desk.machine.last.digest()

    def answer(self, kind: int, request: dict[int, list[Any]]) -> bytes:
        if kind == ECHO:
            return _data(1, request[1][0])
        if kind == INFO and self.decided:
            return _number(4, self.decided[-1].block.height) + _data(5, self.app_hash())
        if kind == INIT_CHAIN:
            return _data(3, self.app_hash())
        if kind == PREPARE_PROPOSAL:
            return b"".join(_data(1, item) for item in request.get(2, ()))
        if kind == PROCESS_PROPOSAL:
            return _number(1, 1)
        if kind == FINALIZE_BLOCK:
            return self._finalize(request)
        return b""

    def _finalize(self, request: dict[int, list[Any]]) -> bytes:
        height, time = request[5][0], _fields(request[6][0])
        time_ms = time[1][0] * 1_000 + time.get(2, [0])[0] // 1_000_000
        items = tuple(request.get(1, ()))
        machine = self.desk.machine
        bundles = []
        for item in items:
            _, content = read_bundle(item)
            prepared = [machine.reader.prepare(raw) for raw in content.transactions]
            fill_in(prepared, check(self.desk.node.signatures, prepared).result())
            bundles.append(prepared)
        machine.execute(height, time_ms, bundles, items_digest(items))
        header = None
        if machine.has_effect:
            header = machine.commit()
            machine.keep(header, b"")
        else:
            machine.discard()
        block = DecidedBlock(height, time_ms, request[8][0], (), request.get(2, [b""])[0], items)
        self.decided.append(Decided(block, header))
        updates = b"".join(
            _data(3, _message(1, _data(1, one.key[1:])) + _number(2, one.power))
            for one in self.changes.get(height, ())
        )
        return b"".join(_message(2, b"") for _ in items) + updates + _data(5, self.app_hash())


def serve(path: Path, app: PuppetApp) -> socket.socket:
    """Serve an application on a unix socket, each connection in a thread of its own; one call at a time."""
    lock = threading.Lock()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def take() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_talk, args=(connection, app, lock), daemon=True).start()

    threading.Thread(target=take, daemon=True).start()
    return listening


def _talk(connection: socket.socket, app: PuppetApp, lock: threading.Lock) -> None:
    stream = connection.makefile("rwb")
    read: Callable[[int], bytes] = stream.read
    while size := _read_varint(read):
        (kind, content), *_ = _pairs(read(size))
        with lock:
            answer = app.answer(kind, _fields(content))
        response = _message(kind + 1, answer)
        stream.write(_varint(len(response)) + response)
        stream.flush()


# Protocol Buffers, as far as it takes


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


_data = _message


def _read_varint(read: Callable[[int], bytes]) -> int:
    number = shift = 0
    while byte := read(1):
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
        shift += 7
    return 0


def _pairs(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    while at < len(data):
        tag = _read_varint(read)
        if tag & 7 == 0:
            yield tag >> 3, _read_varint(read)
        else:
            yield tag >> 3, read({1: 8, 5: 4}.get(tag & 7) or _read_varint(read))


def _fields(data: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for field, value in _pairs(data):
        found.setdefault(field, []).append(value)
    return found
