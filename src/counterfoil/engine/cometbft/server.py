"""The ABCI socket server: what the engine asks, each connection in its order, on a unix socket or a loopback port.

The engine opens four connections (consensus, mempool, query, snapshots), each of which has a thread here. An exception
of the application goes back as such; the engine then stops, as it must, since it cannot go on without an answer.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.wire import Inbound, WireBroken, framed
from counterfoil.engine.incidents import report, told

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 16
"""The engine makes four; those of one that was killed may still linger when the next one comes."""
UNSENT_BYTES_MAX = 1 << 16
"""Answers are gathered up to so many bytes while further requests have arrived already."""
SOCKET_MODE = 0o600


class Application(Protocol):
    """ABCI 2.0, as version 0.38 of the engine calls it. Each takes the request's message and gives the response's."""

    def info(self, ask: abci.RequestInfo) -> abci.ResponseInfo: ...
    def init_chain(self, ask: abci.RequestInitChain) -> abci.ResponseInitChain: ...
    def query(self, ask: abci.RequestQuery) -> abci.ResponseQuery: ...
    def check_tx(self, ask: abci.RequestCheckTx) -> abci.ResponseCheckTx: ...
    def prepare_proposal(self, ask: abci.RequestPrepareProposal) -> abci.ResponsePrepareProposal: ...
    def process_proposal(self, ask: abci.RequestProcessProposal) -> abci.ResponseProcessProposal: ...
    def extend_vote(self, ask: abci.RequestExtendVote) -> abci.ResponseExtendVote: ...
    def verify_vote_extension(
        self, ask: abci.RequestVerifyVoteExtension
    ) -> abci.ResponseVerifyVoteExtension: ...
    def finalize_block(self, ask: abci.RequestFinalizeBlock) -> abci.ResponseFinalizeBlock: ...
    def commit(self, ask: abci.RequestCommit) -> abci.ResponseCommit: ...
    def list_snapshots(self, ask: abci.RequestListSnapshots) -> abci.ResponseListSnapshots: ...
    def offer_snapshot(self, ask: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot: ...
    def load_snapshot_chunk(self, ask: abci.RequestLoadSnapshotChunk) -> abci.ResponseLoadSnapshotChunk: ...
    def apply_snapshot_chunk(
        self, ask: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk: ...


class AbciServer:
    """Serves one application until it is closed. `address`: path of a unix socket, or a port of 127.0.0.1 (0: any).

    on_failure is told of what the application raised, after the engine was.
    """

    def __init__(
        self,
        application: Application,
        address: Path | int,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._application = application
        self._on_failure = on_failure
        self._listening = _unix_socket(address) if isinstance(address, Path) else _loopback(address)
        self.address: Path | int = address if isinstance(address, Path) else self._listening.getsockname()[1]
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._listening.listen(CONNECTIONS_MAX)
        self._spawn(self._accept, "counterfoil-abci")

    def close(self) -> None:
        """Hang up on the engine."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            connections = list(self._connections)
        _shut(self._listening)
        for connection in connections:
            _shut(connection)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        if isinstance(self.address, Path):
            self.address.unlink(missing_ok=True)

    def __enter__(self) -> AbciServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, work: Callable[[], None], name: str) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            with self._guard:
                if self._closed or len(self._connections) == CONNECTIONS_MAX:
                    connected.close()
                    continue
                self._connections.add(connected)
            self._spawn(lambda connected=connected: self._serve(connected), "counterfoil-abci-connection")  # type: ignore[misc]

    def _serve(self, connected: socket.socket) -> None:
        try:
            self._answer_all(connected)
        except (OSError, DecodeError) as error:
            if not self._closed:
                log.warning("a connection of the engine was closed: %s", told(error))
        finally:
            with self._guard:
                self._connections.discard(connected)
            _shut(connected)

    def _answer_all(self, connected: socket.socket) -> None:
        inbound, unsent = Inbound(connected), bytearray()
        while (data := inbound.next()) is not None:
            request = abci.Request.FromString(data)
            failure: BaseException | None = None
            try:
                response = self._answer(request)
            except Exception as error:
                what = f"the application failed on {request.WhichOneof('value')}"
                case = report(log, logging.CRITICAL, what, error)
                answer = abci.ResponseException(error=f"{told(error)} (case {case})")
                failure, response = error, abci.Response(exception=answer)
            unsent += framed(response.SerializeToString())
            if failure is not None or inbound.is_drained or len(unsent) > UNSENT_BYTES_MAX:
                connected.sendall(unsent)
                unsent.clear()
            if failure is not None:
                self._on_failure(failure)
                return

    def _answer(self, request: abci.Request) -> abci.Response:
        kind = request.WhichOneof("value")
        if kind is None:
            raise WireBroken("a request of a kind that this version of the engine does not make")
        ask: Any = getattr(request, kind)
        if kind == "echo":
            return abci.Response(echo=abci.ResponseEcho(message=ask.message))
        if kind == "flush":
            return abci.Response(flush=abci.ResponseFlush())
        return abci.Response(**{kind: getattr(self._application, kind)(ask)})


def _unix_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 - SOCKET_MODE)
    try:
        listening.bind(str(path))
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _loopback(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
    except BaseException:
        listening.close()
        raise
    return listening


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
