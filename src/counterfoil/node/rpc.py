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
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from counterfoil.engine.incidents import report, told
from counterfoil.engine.submission import Submission
from counterfoil.node.hiding import Departures, Guesses
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
    Told,
    TryOut,
    Unwatch,
    Wait,
    Watch,
    answered,
    bound_challenge,
    padded_frame,
)
from counterfoil.node.reads import READS
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import NOBODY, Service, Services
from counterfoil.node.tls_door import Channel, Door, TlsDoor
from counterfoil.node.watching import Heights, Watches
from counterfoil.policy.errors import NotVisible
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
STREAMERS = 2
"""Threads that look through blocks for streams."""
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
        node: LedgerNode | Services,
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
        self._service: Services = Service(node) if isinstance(node, LedgerNode) else node
        self._certifying = self._service if isinstance(self._service, Service) else None
        if door is not None and self._certifying is None:
            raise ValueError(
                "Who comes from the network is held against the ledger: that takes a node with its state."
            )
        self._workers = ThreadPoolExecutor(WORKERS, "counterfoil-rpc")
        self._waiters = ThreadPoolExecutor(WAITERS, "counterfoil-rpc-wait")
        self._watchers = ThreadPoolExecutor(1, "counterfoil-rpc-watch")
        self._streamers = ThreadPoolExecutor(STREAMERS, "counterfoil-rpc-stream")
        self._heights = Heights(self._service.node)
        self._guesses = Guesses(time.monotonic)
        self._departures = Departures()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="counterfoil-rpc-loop", daemon=True)
        self._ready: Future[None] = Future()
        self._stop = asyncio.Event()
        self._clients = 0
        self._certified: dict[_Client, bytes] = {}
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def clients(self) -> int:
        """Connections that are open."""
        return self._clients

    def start(self) -> None:
        """Listen; returns when clients can connect. OSError where the address cannot be had, KeyFileError where the
        certificate cannot be used."""
        self._departures.start()
        self._thread.start()
        self._ready.result()

    def close(self) -> None:
        """Hang up on everybody. What was taken in is decided all the same."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._departures.close()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._waiters.shutdown(wait=False, cancel_futures=True)
        self._watchers.shutdown(wait=True, cancel_futures=True)
        self._streamers.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> RpcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- listening ----

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_say_little)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                report(log, logging.CRITICAL, "the node's door is closed", error)
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
        if self._door is None or self._certifying is None:
            return None
        door = TlsDoor(self._certifying, self._door, self._welcome, lambda: self._clients < CLIENTS_MAX)
        self.tls_port = door.port
        watching = self._watch(self._certifying)
        self._tasks = (self._loop.create_task(door.accept()), self._loop.create_task(watching))
        return door

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, channel: Channel | None = None
    ) -> None:
        self._clients += 1
        client = _Client(self, reader, writer, channel)
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

    async def _watch(self, certifying: Service) -> None:
        """Cut whoever's certificate has been revoked or is over, whatever is under way for it."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            clients = tuple(self._certified.items())
            ended = await self._loop.run_in_executor(
                self._watchers, certifying.no_more_certified, [fingerprint for _, fingerprint in clients]
            )
            for client, fingerprint in clients:
                if fingerprint in ended:
                    client.cut()


class _Client:
    """One connection: who it has shown to be, and its requests under way."""

    def __init__(
        self,
        server: RpcServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        channel: Channel | None,
    ) -> None:
        self._service = server._service
        self._certifying = server._certifying
        self._workers = server._workers
        self._waiters = server._waiters
        self._guesses = server._guesses
        self._departures = server._departures
        self._reader = reader
        self._writer = writer
        self._challenge = os.urandom(CHALLENGE_BYTES)
        self._who = NOBODY
        self._watches = Watches(
            self._service,
            server._streamers,
            server._heights,
            server._departures,
            self._send,
            writer.transport.abort,
        )
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
            self._watches.close()
            for task in tuple(self._under_way):
                task.cancel()

    def cut(self) -> None:
        """Hang up at once, with whatever is under way."""
        self._writer.transport.abort()

    async def _check_certificate(self) -> None:
        """Refused CERTIFICATE_IS_NOT_IN_FORCE where the ledger does not stand behind the connection (any more)."""
        if self._certifying is not None and self._channel is not None:
            certifying, fingerprint = self._certifying, self._channel.client
            self._certified = await self._in(self._workers, lambda: certifying.certified(fingerprint))

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
        length, limit = length_of(head), FRAME_BYTES_MAX if self._who.party else STRANGER_FRAME_BYTES_MAX
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
        began = time.monotonic()
        try:
            reply: Done | Failed | None = await self._answer(request)
        except Refused as refused:
            reply = Failed(request.number, refused.problem)
        except Rejected as rejected:
            reply = Failed(request.number, problem_of(rejected, b""))
        except NotVisible:
            self._guesses.count(self._who.party)
            reply = Failed(request.number, HIDDEN)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            case = report(log, logging.ERROR, f"a request failed: {type(request).__name__}", error)
            reply = Failed(request.number, Refused(NodeRefusal.NODE_FAILED, case=case).problem)
        if _hides(request, reply):
            await self._departures.after(began)
        if reply is not None:
            await self._send(reply)
        self._free.release()

    async def _answer(self, request: Request) -> Done | None:
        """None for what is answered as it comes."""
        await self._check_certificate()
        if isinstance(request, Watch):
            self._watches.begin(request, self._who)
            return None
        if isinstance(request, Unwatch):
            self._watches.end(request.watch)
            return Done(request.number, msgspec.Raw(encode(None)))
        return Done(request.number, msgspec.Raw(await self._value(request)))

    async def _value(self, request: Authenticate | Submit | Wait | Read | TryOut | AdvanceClock) -> bytes:
        service, who = self._service, self._who
        if isinstance(request, Read):
            name, params = request.name, bytes(request.params)
            self._guesses.check(who.party)
            return await self._in(self._workers, lambda: service.read(who, name, params))
        if isinstance(request, Submit):
            return encode(await self._submit(request))
        if isinstance(request, Wait):
            ask = request
            return encode(await self._in(self._waiters, lambda: service.wait(ask.transaction, ask.wait_ms)))
        if isinstance(request, TryOut):
            transaction = request.transaction
            return encode(await self._in(self._workers, lambda: service.try_out(transaction)))
        if isinstance(request, AdvanceClock):
            time_ms = request.time_ms
            return encode(await self._in(self._workers, lambda: service.advance_clock(time_ms)))
        party, signer, signatures = request.party, request.signer, request.signatures
        challenge = self._challenge
        if self._channel is not None:
            challenge = bound_challenge(challenge, *self._channel)
        who = await self._in(self._workers, lambda: service.recognise(challenge, party, signer, signatures))
        if self._certifying is not None and self._channel is not None:
            certifying, certified = self._certifying, self._certified
            await self._in(self._workers, lambda: certifying.require_carried(certified, party))
        self._who = who
        return encode(None)

    async def _submit(self, request: Submit) -> tuple[Answered, ...]:
        if len(request.transactions) > TRANSACTIONS_MAX:
            raise Refused(
                NodeRefusal.FRAME_IS_TOO_LARGE, transactions=len(request.transactions), limit=TRANSACTIONS_MAX
            )
        transactions, submitter = request.transactions, self._who.party
        async with (
            self._taking_in
        ):  # a client's requests are taken in as they came, though answered as they are done
            submission = await self._in(self._workers, lambda: self._service.submit(transactions, submitter))
        await _done(submission)
        try:
            return tuple(map(answered, submission.results(), transactions))
        except Exception as error:
            raise Refused(NodeRefusal.NODE_STOPPED, cause=told(error)) from error

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def _send(self, message: object) -> None:
        data = padded_frame(message) if isinstance(message, Done | Failed | Told) else frame(message)
        if len(data) > ANSWER_BYTES_MAX and isinstance(message, Done):
            too_much = Refused(NodeRefusal.TOO_MUCH_AT_ONCE, size=len(data))
            data = padded_frame(Failed(message.number, too_much.problem))
        async with self._sending:
            self._writer.write(data)
            await self._writer.drain()


def _hides(request: Request, reply: Done | Failed | None) -> bool:
    """Whether a reply must leave so that its time does not tell what was not shown. A stream sees to that by itself."""
    if isinstance(request, Read) and request.name in READS and not READS[request.name].is_alike:
        return True
    return isinstance(request, TryOut) or (isinstance(reply, Failed) and reply.problem.number in _HIDING)


_HIDING = (HIDDEN.number, NodeRefusal.NOT_RECOGNISED.number)


def _say_little(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What the event loop would print with everything that it holds."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        report(log, logging.ERROR, "a task of the node's door failed", error)


async def _done(submission: Submission) -> None:
    """Until every transaction is answered."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    submission.call_when_done(tell)
    await done.wait()
