"""Ways to a ledger: a node in this process, one that serves a socket, or one in the network, over TLS."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from counterfoil.custody.signers import Signer
from counterfoil.custody.tls import Identity, client_context, shown_by_peer
from counterfoil.engine.incidents import told
from counterfoil.engine.port import EngineStopped
from counterfoil.engine.submission import Submission
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.protocol import (
    ANSWER_BYTES_MAX,
    ANSWERED,
    ANSWERED_MANY,
    ANSWERED_OR_NONE,
    CHALLENGE_BYTES,
    FRAME_BYTES_MAX,
    HIDDEN,
    PROTOCOL_VERSION,
    REPLY,
    TRANSACTIONS_MAX,
    AdvanceClock,
    Answered,
    Authenticate,
    Done,
    Failed,
    Greeting,
    Read,
    Submit,
    Told,
    TryOut,
    Wait,
    Watch,
    answered,
    authentication_bytes,
    bound_challenge,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import NOBODY, POLL_SECONDS, Service
from counterfoil.node.streams import STREAM_ITEMS, Batch, Position
from counterfoil.policy.errors import NotVisible as Hidden
from counterfoil.primitives.frames import LENGTH_BYTES, frame, length_of, problem_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.sdk.errors import LedgerError, NodeUnreachable, error_for
from counterfoil.sdk.stream import OpenAction

T = TypeVar("T")

ATTEMPTS = 5
"""How often a request is made when the connection is lost; what is repeated has no further effect."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
"""Before the second attempt the first; each further pause is twice as long, up to the longest."""
TIMEOUT_SECONDS = 60.0
"""How long an answer may take, beyond what the request itself asks to wait."""
FRAMES_AHEAD = 3
"""Requests of one list of transactions that are sent before the answer to the first has come."""
_CHUNK_BYTES = FRAME_BYTES_MAX - 4_096


class TlsAddress(NamedTuple):
    """A node in the network. identity: what the client shows; authorities: certificates (DER) of those that it
    trusts to say which node this is."""

    host: str
    port: int
    identity: Identity
    authorities: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Address = Path | int | TlsAddress
"""Of a unix socket, of a port of this machine, or of a node in the network."""


class Viewing(Protocol):
    """Who reads: a party, and the keys of a signer that speaks for it."""

    @property
    def party(self) -> bytes: ...
    @property
    def signer(self) -> bytes: ...
    @property
    def keys(self) -> Sequence[Signer]: ...


class Connection(Protocol):
    """What a client needs of a ledger. Errors are `LedgerError`; a lost node is `NodeUnreachable`."""

    @property
    def chain_id(self) -> str: ...
    @property
    def sandbox(self) -> bool: ...

    def show(self, viewing: Viewing) -> None:
        """Read as this viewer from now on."""

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        """Returns when every one of them is durable or refused, in their order."""

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None: ...
    def read(self, name: str, params: bytes) -> bytes: ...
    def try_out(self, transaction: bytes) -> Answered: ...
    def advance_clock(self, time_ms: int) -> int: ...

    def watch(self, after: Position | None, about: bytes, follow: bool) -> Iterator[Batch]:
        """What happens after a position (None: after now), as far as the viewer may see it; without end where it is to
        follow. A batch may be empty: it then says how far the node looked."""

    def close(self) -> None: ...


class LocalConnection:
    """To a node that is open in this process. Closing the connection leaves the node open."""

    def __init__(self, node: LedgerNode) -> None:
        self._service = Service(node)
        self._who = NOBODY

    @property
    def node(self) -> LedgerNode:
        return self._service.node

    @property
    def chain_id(self) -> str:
        return self.node.chain_id

    @property
    def sandbox(self) -> bool:
        return self.node.sandbox

    def show(self, viewing: Viewing) -> None:
        challenge = os.urandom(CHALLENGE_BYTES)
        signatures = _signed(viewing, self.chain_id, challenge)
        self._who = _translated(
            lambda: self._service.recognise(challenge, viewing.party, viewing.signer, signatures)
        )

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        found: list[Answered] = []
        under_way: deque[tuple[tuple[bytes, ...], Submission]] = deque()
        for some in _in_frames(transactions):
            under_way.append((some, self._taken_in(some)))
            if len(under_way) > FRAMES_AHEAD:
                found += self._outcomes(*under_way.popleft())
        while under_way:
            found += self._outcomes(*under_way.popleft())
        return found

    def _taken_in(self, some: tuple[bytes, ...]) -> Submission:
        return _translated(lambda: self._service.submit(some, self._who.party))

    def _outcomes(self, transactions: tuple[bytes, ...], submission: Submission) -> list[Answered]:
        try:
            return list(map(answered, submission.results(), transactions))
        except EngineStopped as stopped:
            refused = Refused(NodeRefusal.NODE_STOPPED, cause=told(stopped.__cause__ or stopped))
            raise error_for(refused.problem) from stopped

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        return self._service.wait(transaction, wait_ms)

    def read(self, name: str, params: bytes) -> bytes:
        return _translated(lambda: self._service.read(self._who, name, params))

    def try_out(self, transaction: bytes) -> Answered:
        return _translated(lambda: self._service.try_out(transaction))

    def advance_clock(self, time_ms: int) -> int:
        return _translated(lambda: self._service.advance_clock(time_ms))

    def watch(self, after: Position | None, about: bytes, follow: bool) -> Iterator[Batch]:
        cursor = self._service.cursor(after, about)
        while True:
            batch = _translated(partial(self._service.watch, self._who, cursor))
            yield batch
            if batch.is_current and not follow:
                return
            while batch.is_current and self.node.height <= batch.reached.height:
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        self._who = NOBODY


class SocketConnection:
    """To a node that serves a socket, of this machine or of the network. Safe to use from several threads.

    A lost connection is made again and the request repeated; that cannot do anything twice. Over TLS the certificate
    is read from its files at each connection, so that a renewed one is shown from the next on.
    """

    def __init__(
        self, address: Address, *, attempts: int = ATTEMPTS, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._address = address
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._shown = (b"", b"")
        self._number = 0
        self._early: dict[int, Done | Failed] = {}
        self._viewing: Viewing | None = None
        self._greeting = self._repeated(self._connected)

    @property
    def chain_id(self) -> str:
        return self._greeting.chain_id

    @property
    def sandbox(self) -> bool:
        return self._greeting.sandbox

    def show(self, viewing: Viewing) -> None:
        with self._lock:
            self._repeated(lambda: self._authenticate(viewing))
            self._viewing = viewing

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        with self._lock:
            return self._repeated(lambda: self._submitted(transactions))

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        reply = self._ask(lambda number: Wait(number, transaction, wait_ms), wait_ms / 1_000)
        found: Answered | None = ANSWERED_OR_NONE.decode(reply)
        return found

    def read(self, name: str, params: bytes) -> bytes:
        return self._ask(lambda number: Read(number, name, msgspec.Raw(params)))

    def try_out(self, transaction: bytes) -> Answered:
        return ANSWERED.decode(self._ask(lambda number: TryOut(number, transaction)))

    def advance_clock(self, time_ms: int) -> int:
        return msgspec.msgpack.decode(self._ask(lambda number: AdvanceClock(number, time_ms)), type=int)

    def watch(self, after: Position | None, about: bytes, follow: bool) -> Iterator[Batch]:
        return watched(self.another, after, about, follow)

    def another(self) -> SocketConnection:
        """A connection of its own to the same node, which reads as the same viewer."""
        made = SocketConnection(self._address, attempts=self._attempts, timeout_seconds=self._timeout_seconds)
        if self._viewing is not None:
            try:
                made.show(self._viewing)
            except BaseException:
                made.close()
                raise
        return made

    def told(self, after: Position | None, about: bytes) -> Iterator[Batch]:
        """The one watch of this connection, which does nothing else from now on. OSError when it is lost."""
        self._connected()
        self._number += 1
        height, place = after or Position(-1, 0)
        self._send(Watch(self._number, height, place, about), 0)
        while True:
            reply = self._receive()
            if isinstance(reply, Failed):
                raise error_for(reply.problem)
            if isinstance(reply, Told):
                items = STREAM_ITEMS.decode(reply.value)
                yield Batch(items, Position(reply.height, reply.place), reply.is_current)

    def close(self) -> None:
        with self._lock:
            self._early.clear()
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    # ---- asking ----

    def _ask(self, request: Callable[[int], Any], seconds: float = 0) -> bytes:
        with self._lock:
            return self._repeated(lambda: self._asked(request, seconds))

    def _repeated(self, work: Callable[[], T]) -> T:
        pause_seconds = FIRST_PAUSE_SECONDS
        for attempt in range(self._attempts):
            try:
                return work()
            except NodeUnreachable:
                raise
            except OSError as error:
                self.close()
                if attempt + 1 == self._attempts:
                    raise NodeUnreachable(f"no answer from the node at {self._address}: {error}") from error
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
        raise NodeUnreachable(f"no attempt was made to reach the node at {self._address}")

    def _asked(self, request: Callable[[int], Any], seconds: float) -> bytes:
        self._connected()
        self._number += 1
        return self._exchange(request(self._number), self._number, seconds)

    def _submitted(self, transactions: Sequence[bytes]) -> list[Answered]:
        """Some requests are sent ahead of the answers; they are taken in as they are sent."""
        self._connected()
        found: list[Answered] = []
        ahead: deque[int] = deque()
        for some in _in_frames(transactions):
            self._number += 1
            self._send(Submit(self._number, some), 0)
            ahead.append(self._number)
            if len(ahead) > FRAMES_AHEAD:
                found += ANSWERED_MANY.decode(self._reply_to(ahead.popleft()))
        while ahead:
            found += ANSWERED_MANY.decode(self._reply_to(ahead.popleft()))
        return found

    def _connected(self) -> Greeting:
        if self._socket is not None:
            return self._greeting
        connected: socket.socket
        if isinstance(self._address, TlsAddress):
            connected = self._over_tls(self._address)
        elif isinstance(self._address, int):
            connected = socket.create_connection(("127.0.0.1", self._address), self._timeout_seconds)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout(self._timeout_seconds)
            try:
                connected.connect(str(self._address))
            except OSError:
                connected.close()
                raise
        self._socket = connected
        greeting = self._greeted()
        if isinstance(greeting, Failed):
            raise error_for(greeting.problem)
        if not isinstance(greeting, Greeting) or greeting.version != PROTOCOL_VERSION:
            raise ConnectionError("what answers is not a node of this version")
        earlier = getattr(self, "_greeting", None)
        if earlier is not None and earlier.chain_id != greeting.chain_id:
            raise ConnectionError(f"the node now serves another ledger, {greeting.chain_id}")
        self._greeting = greeting
        if self._viewing is not None:
            self._authenticate(self._viewing)
        return greeting

    def _over_tls(self, address: TlsAddress) -> ssl.SSLSocket:
        """A connection whose two ends have shown their certificates. NodeUnreachable at once where they do not fit:
        asking again would not help."""
        context, shown = client_context(address.identity, address.authorities)
        plain = socket.create_connection((address.host, address.port), self._timeout_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = context.wrap_socket(plain, server_hostname=address.host)
        except ssl.SSLError as error:
            plain.close()
            raise NodeUnreachable(
                f"no trusted connection to the node at {address}: {_reason(error)}"
            ) from None
        except BaseException:
            plain.close()
            raise
        self._shown = (shown_by_peer(secured), shown)
        return secured

    def _greeted(self) -> Greeting | Done | Failed | Told:
        """What the node says first. With TLS 1.3 it is only now that it turns a certificate away."""
        try:
            return self._receive()
        except OSError as error:
            if not isinstance(self._address, TlsAddress):
                raise
            self.close()
            raise ConnectionError(
                f"it hung up before its greeting ({error}); nodes do so with a certificate of an authority that is not"
                " on their ledger, or out of its time"
            ) from None

    def _authenticate(self, viewing: Viewing) -> None:
        greeting = self._connected()
        challenge = greeting.challenge
        if isinstance(self._address, TlsAddress):
            challenge = bound_challenge(challenge, *self._shown)
        signatures = _signed(viewing, greeting.chain_id, challenge)
        self._number += 1
        self._exchange(Authenticate(self._number, viewing.party, viewing.signer, signatures), self._number, 0)

    def _exchange(self, request: object, number: int, seconds: float) -> bytes:
        self._send(request, seconds)
        return self._reply_to(number)

    def _send(self, request: object, seconds: float) -> None:
        connected = self._socket
        if connected is None:
            raise ConnectionError("the connection is closed")
        try:
            connected.settimeout(self._timeout_seconds + seconds)
            connected.sendall(frame(request))
        except BaseException:
            self.close()  # half a request may be on its way
            raise

    def _reply_to(self, number: int) -> bytes:
        """Answers come as they are ready; those that are waited for later are kept."""
        while number not in self._early:
            try:
                reply = self._receive()
            except BaseException:
                self.close()  # half an answer may be on its way
                raise
            if isinstance(reply, Failed) and not reply.number:
                self.close()
                raise error_for(reply.problem)
            if isinstance(reply, Done | Failed):
                self._early[reply.number] = reply
        reply = self._early.pop(number)
        if isinstance(reply, Failed):
            raise error_for(reply.problem)
        return bytes(reply.value)

    def _receive(self) -> Greeting | Done | Failed | Told:
        length = length_of(self._take(LENGTH_BYTES))
        if length > ANSWER_BYTES_MAX:
            raise ConnectionError("what answers is not a node")
        try:
            reply: Greeting | Done | Failed | Told = REPLY.decode(self._take(length))
        except msgspec.MsgspecError as error:
            raise ConnectionError(f"what answers is not a node of this version: {error}") from None
        return reply

    def _take(self, count: int) -> bytes:
        connected = self._socket
        if connected is None:
            raise ConnectionError("the connection is closed")
        parts = bytearray(count)
        view, taken = memoryview(parts), 0
        while taken < count:
            got = connected.recv_into(view[taken:])
            if not got:
                raise ConnectionError("the node hung up")
            taken += got
        return bytes(parts)


def _reason(error: ssl.SSLError) -> str:
    """In OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()


def watched(
    connect: Callable[[], SocketConnection], after: Position | None, about: bytes, follow: bool
) -> Iterator[Batch]:
    """A watch on a connection of its own; when that is lost, from the last position on another. What was told already
    of an action that the loss broke off is not told again."""
    reached, open_action = after, OpenAction()
    while True:
        own = connect()
        try:
            open_action.begin_again()
            for batch in own.told(reached, about):
                reached = batch.reached
                yield batch._replace(items=tuple(open_action.without_told(batch.items)))
                if batch.is_current and not follow:
                    return
        except OSError:
            time.sleep(FIRST_PAUSE_SECONDS)
        finally:
            own.close()


def _signed(viewing: Viewing, chain_id: str, challenge: bytes) -> tuple[tuple[bytes, bytes], ...]:
    text = authentication_bytes(chain_id, challenge, viewing.party, viewing.signer)
    return tuple((key.public_key, key.sign(text)) for key in viewing.keys)


def _in_frames(transactions: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """The transactions in order, in as many requests as they need."""
    some: list[bytes] = []
    size = 0
    for transaction in transactions:
        if some and (len(some) == TRANSACTIONS_MAX or size + len(transaction) > _CHUNK_BYTES):
            yield tuple(some)
            some, size = [], 0
        some.append(transaction)
        size += len(transaction) + 5
    if some:
        yield tuple(some)


def _translated(work: Callable[[], T]) -> T:
    """What a node in this process raises, as a node on a socket would answer it."""
    try:
        return work()
    except Rejected as rejected:
        raise LedgerError(problem_of(rejected, b"")) from None
    except Refused as refused:
        raise error_for(refused.problem) from None
    except Hidden:
        raise error_for(HIDDEN) from None
