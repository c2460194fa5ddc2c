"""The node's doors: a unix socket and a loopback port for programs of its machine, and TLS for everybody else.

One thread runs the event loop; reads and checks run on a few worker threads, so that a slow reader delays nobody. What
a client has not read yet, and what it may ask at once, is bounded: a client that does not read its answers is not
served further, and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from counterfoil.engine.submission import Submission
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.protocol import (
    ANSWER_BYTES_MAX,
    CHALLENGE_BYTES,
    FRAME_BYTES_MAX,
    HIDDEN,
    PROTOCOL_VERSION,
    REQUEST,
    STRANGER_FRAME_BYTES_MAX,
    TRANSACTIONS_MAX,
    AdvanceClock,
    Answered,
    Authenticate,
    Done,
    Failed,
    Greeting,
    Read,
    Request,
    Submit,
    TryOut,
    Wait,
    answered,
    bound_challenge,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import Service
from counterfoil.node.tls_door import Channel, Door, TlsDoor
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.frames import LENGTH_BYTES, Problem, frame, length_of, problem_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.storage.unix_sockets import BACKLOG, unix_socket

T = TypeVar("T")

log = logging.getLogger(__name__)

CLIENTS_MAX = 128
REQUESTS_AT_ONCE_MAX = 64
"""Of one client: it may go on asking while earlier requests are under way, but not without end."""
WORKERS = 4
WAITERS = 32
"""Threads for those that wait for a result, which must not keep others from being served."""
FRAME_SECONDS_MAX = 30
"""Within so many seconds a frame that has begun must be there."""
UNSENT_BYTES_MAX = 1 << 20
WATCH_SECONDS = 0.05
"""How often the connections over TLS are held against the ledger: so soon a revoked one is cut."""


class RpcServer:
    """Serves one node until it is closed. `path`: of a unix socket; `port`: on 127.0.0.1 (0 for any that is free);
    `door`: where it listens with TLS, on any address."""

    def __init__(
        self,
        node: LedgerNode,
        *,
        path: Path | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        door: Door | None = None,
    ) -> None:
        if path is None and port is None and door is None:
            raise ValueError("A server needs the path of a socket, a port, or a door with a certificate.")
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                f"Without TLS the node listens on this machine alone; {host} is not a loopback address."
            )
        self.path = path
        self.port = port
        self.tls_port = 0
        self._host = host
        self._door = door
        self._service = Service(node)
        self._workers = ThreadPoolExecutor(WORKERS, "counterfoil-rpc")
        self._waiters = ThreadPoolExecutor(WAITERS, "counterfoil-rpc-wait")
        self._watchers = ThreadPoolExecutor(1, "counterfoil-rpc-watch")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="counterfoil-rpc-loop", daemon=True)
        self._ready: Future[None] = Future()
        self._stop = asyncio.Event()
        self._clients = 0
        self._certified: dict[_Client, bytes] = {}
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Listen; returns when clients can connect. OSError where the address cannot be had, KeyFileError where the
        certificate cannot be used."""
        self._thread.start()
        self._ready.result()

    def close(self) -> None:
        """Hang up on everybody. What was taken in is decided all the same."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._waiters.shutdown(wait=False, cancel_futures=True)
        self._watchers.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> RpcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- listening ----

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                log.critical("the node's door is closed: %s", error, exc_info=True)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        servers = []
        if self.path is not None:
            servers.append(await asyncio.start_unix_server(self._welcome, sock=unix_socket(self.path)))
        if self.port is not None:
            server = await asyncio.start_server(self._welcome, self._host, self.port, backlog=BACKLOG)
            self.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        door = self._open_door()
        self._ready.set_result(None)
        await self._stop.wait()
        for server in servers:
            server.close()
        if door is not None:
            door.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _open_door(self) -> TlsDoor | None:
        if self._door is None:
            return None
        door = TlsDoor(self._service, self._door, self._welcome, lambda: self._clients < CLIENTS_MAX)
        self.tls_port = door.port
        self._tasks = (self._loop.create_task(door.accept()), self._loop.create_task(self._watch()))
        return door

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, channel: Channel | None = None
    ) -> None:
        self._clients += 1
        client = _Client(self._service, self._workers, self._waiters, reader, writer, channel)
        try:
            if self._clients > CLIENTS_MAX:
                await client.refuse(Refused(NodeRefusal.TOO_MANY_CLIENTS).problem)
            else:
                if channel is not None:
                    self._certified[client] = channel.client
                await client.serve()
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # it hung up, was too slow or was cut, or the door is being closed
        finally:
            self._certified.pop(client, None)
            self._clients -= 1
            writer.close()

    async def _watch(self) -> None:
        """Cut whoever's certificate has been revoked or is over, whatever is under way for it."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            clients = tuple(self._certified.items())
            ended = await self._loop.run_in_executor(
                self._watchers, self._service.no_more_certified, [fingerprint for _, fingerprint in clients]
            )
            for client, fingerprint in clients:
                if fingerprint in ended:
                    client.cut()


class _Client:
    """One connection: who it has shown to be, and its requests under way."""

    def __init__(
        self,
        service: Service,
        workers: ThreadPoolExecutor,
        waiters: ThreadPoolExecutor,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        channel: Channel | None,
    ) -> None:
        self._service = service
        self._workers = workers
        self._waiters = waiters
        self._reader = reader
        self._writer = writer
        self._challenge = os.urandom(CHALLENGE_BYTES)
        self._viewer = ANYBODY
        self._channel = channel
        self._certified = b""
        self._free = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)
        self._sending = asyncio.Lock()
        self._taking_in = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        writer.transport.set_write_buffer_limits(UNSENT_BYTES_MAX)

    async def serve(self) -> None:
        node = self._service.node
        try:
            await self._check_certificate()
        except Refused as refused:
            await self.refuse(refused.problem)
            return
        await self._send(Greeting(PROTOCOL_VERSION, node.chain_id, node.sandbox, self._challenge))
        try:
            while True:
                await self._free.acquire()
                request = await self._next()
                if request is None:
                    return
                if isinstance(request, Authenticate):
                    await self._handle(request)
                    continue
                task = asyncio.create_task(self._handle(request))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        except Refused as refused:
            await self.refuse(refused.problem)
        finally:
            for task in tuple(self._under_way):
                task.cancel()

    def cut(self) -> None:
        """Hang up at once, with whatever is under way."""
        self._writer.transport.abort()

    async def _check_certificate(self) -> None:
        """Refused CERTIFICATE_IS_NOT_IN_FORCE where the ledger does not stand behind the connection (any more)."""
        if self._channel is not None:
            fingerprint = self._channel.client
            self._certified = await self._in(self._workers, lambda: self._service.certified(fingerprint))

    async def refuse(self, problem: Problem) -> None:
        """Say why, and hang up."""
        await self._send(Failed(0, problem))

    async def _next(self) -> Request | None:
        """The next request; None when the client has hung up between two frames."""
        try:
            head = await self._reader.readexactly(LENGTH_BYTES)
        except asyncio.IncompleteReadError as incomplete:
            if incomplete.partial:
                raise
            return None
        length, limit = length_of(head), FRAME_BYTES_MAX if self._viewer else STRANGER_FRAME_BYTES_MAX
        if length > limit:
            raise Refused(NodeRefusal.FRAME_IS_TOO_LARGE, size=length, limit=limit)
        async with asyncio.timeout(FRAME_SECONDS_MAX):
            payload = await self._reader.readexactly(length)
        try:
            request: Request = REQUEST.exact(payload)
        except Malformed as error:
            raise Refused(NodeRefusal.FRAME_IS_MALFORMED, detail=error) from None
        return request

    async def _handle(self, request: Request) -> None:
        try:
            reply: Done | Failed = Done(request.number, await self._answer(request))
        except Refused as refused:
            reply = Failed(request.number, refused.problem)
        except Rejected as rejected:
            reply = Failed(request.number, problem_of(rejected))
        except NotVisible:
            reply = Failed(request.number, HIDDEN)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.error("a request failed: %s", type(request).__name__, exc_info=error)
            reply = Failed(request.number, Refused(NodeRefusal.NODE_FAILED).problem)
        await self._send(reply)
        self._free.release()

    async def _answer(self, request: Request) -> msgspec.Raw:
        await self._check_certificate()
        service, viewer = self._service, self._viewer
        if isinstance(request, Read):
            name, params = request.name, bytes(request.params)
            return msgspec.Raw(await self._in(self._workers, lambda: service.read(viewer, name, params)))
        if isinstance(request, Submit):
            return msgspec.Raw(encode(await self._submit(request)))
        if isinstance(request, Wait):
            ask = request
            found = await self._in(
                self._waiters, lambda: service.wait(ask.transaction, ask.expiry_ms, ask.wait_ms)
            )
            return msgspec.Raw(encode(found))
        if isinstance(request, TryOut):
            transaction = request.transaction
            return msgspec.Raw(encode(await self._in(self._workers, lambda: service.try_out(transaction))))
        if isinstance(request, AdvanceClock):
            time_ms = request.time_ms
            return msgspec.Raw(encode(await self._in(self._workers, lambda: service.advance_clock(time_ms))))
        party, signer, signatures = request.party, request.signer, request.signatures
        challenge, certified = self._challenge, self._certified
        if self._channel is not None:
            challenge = bound_challenge(challenge, *self._channel)
        await self._in(
            self._workers, lambda: service.recognise(challenge, party, signer, signatures, certified)
        )
        self._viewer = party
        return msgspec.Raw(encode(None))

    async def _submit(self, request: Submit) -> tuple[Answered, ...]:
        if len(request.transactions) > TRANSACTIONS_MAX:
            raise Refused(
                NodeRefusal.FRAME_IS_TOO_LARGE, transactions=len(request.transactions), limit=TRANSACTIONS_MAX
            )
        transactions, submitter = request.transactions, self._viewer
        async with (
            self._taking_in
        ):  # a client's requests are taken in as they came, though answered as they are done
            submission = await self._in(self._workers, lambda: self._service.submit(transactions, submitter))
        await _done(submission)
        try:
            return tuple(answered(*found) for found in submission.results())
        except Exception as error:
            raise Refused(NodeRefusal.NODE_STOPPED, cause=error) from error

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def _send(self, message: object) -> None:
        data = frame(message)
        if len(data) > ANSWER_BYTES_MAX and isinstance(message, Done):
            data = frame(
                Failed(message.number, Refused(NodeRefusal.TOO_MUCH_AT_ONCE, size=len(data)).problem)
            )
        async with self._sending:
            self._writer.write(data)
            await self._writer.drain()


async def _done(submission: Submission) -> None:
    """Until every transaction is answered."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    submission.call_when_done(tell)
    await done.wait()
