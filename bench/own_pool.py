"""A node whose bundles bypass the engine's pool, to measure what that costs: python -m bench.own_pool FOLDER SOCKET OTHERS...

The engine runs with its `nop` pool. Each node hands its bundles to all others over sockets of its own; the proposer
proposes what it has. For measuring alone: nothing here finds peers, or sends again what a peer has missed.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.node.ledger import open_ledger, spare_collector
from counterfoil.node.network.control import NODE_SOCKET
from counterfoil.node.network.settings import socket_path
from counterfoil.node.rpc import RpcServer

LENGTH = struct.Struct(">I")


class OwnPool:
    """Bundles that wait for a block, in order of arrival, and the way of one's own to the others."""

    def __init__(self, application: LedgerApplication, own: Path, others: list[Path]) -> None:
        self._application = application
        self._others = others
        self._connections: dict[Path, socket.socket] = {}
        self._guard = threading.Lock()
        self._items: dict[bytes, bytes] = {}
        self._listening = socket.socket(socket.AF_UNIX)
        own.unlink(missing_ok=True)
        self._listening.bind(str(own))
        self._listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def offer(self, item: bytes) -> tuple[int, str]:
        """In place of the engine's RPC."""
        self._take(item)
        for other in self._others:
            connection = self._connections.get(other)
            if connection is None:
                connection = self._connections[other] = socket.socket(socket.AF_UNIX)
                connection.connect(str(other))
            connection.sendall(LENGTH.pack(len(item)) + item)
        return 0, ""

    def waiting(self) -> list[bytes]:
        with self._guard:
            return list(self._items.values())

    def forget(self, items: list[bytes]) -> None:
        with self._guard:
            for item in items:
                self._items.pop(sha256(item).digest(), None)

    def _take(self, item: bytes) -> None:
        if self._application.check_tx(abci.RequestCheckTx(tx=item)).code == 0:
            with self._guard:
                self._items[sha256(item).digest()] = item

    def _accept(self) -> None:
        while True:
            connected, _ = self._listening.accept()
            threading.Thread(target=self._receive, args=(connected,), daemon=True).start()

    def _receive(self, connected: socket.socket) -> None:
        source = connected.makefile("rb")
        while head := source.read(LENGTH.size):
            self._take(source.read(LENGTH.unpack(head)[0]))


def main() -> None:
    folder, own, *others = map(Path, sys.argv[1:])
    node = open_ledger(folder, workers=1, start=False)
    engine = node.engine
    if not isinstance(engine, CometBftEngine):
        raise SystemExit("not the folder of a network's node")
    application = engine.application
    pool = OwnPool(application, own, others)
    prepare, finalise = application.prepare_proposal, application.finalize_block

    def prepared(ask: abci.RequestPrepareProposal) -> abci.ResponsePrepareProposal:
        del ask.txs[:]
        ask.txs.extend(pool.waiting())
        return prepare(ask)

    def finalised(ask: abci.RequestFinalizeBlock) -> abci.ResponseFinalizeBlock:
        pool.forget(list(ask.txs))
        return finalise(ask)

    application.prepare_proposal = prepared  # type: ignore[method-assign]
    application.finalize_block = finalised  # type: ignore[method-assign]
    engine.rpc.offer = pool.offer  # type: ignore[method-assign]
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    engine.start()
    spare_collector()
    with node, RpcServer(node, path=socket_path(folder, NODE_SOCKET)):
        while not stopping.is_set() and engine.failure is None:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
