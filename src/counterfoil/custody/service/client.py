"""The way to a custodian: log in, sign, approve; and its keys as a `KeyStore`, so that a client signs through it."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from counterfoil.custody.key_store import KeyDescription, KeyStoreError
from counterfoil.custody.service.protocol import (
    ANSWER_BYTES_MAX,
    PROTOCOL_VERSION,
    REPLY,
    AddKey,
    Decide,
    Done,
    Enrol,
    KeyLine,
    ListKeys,
    ListRequests,
    LogIn,
    LogOut,
    Open,
    OpeningKeyOf,
    Refusal,
    RequestLine,
    Resume,
    Sign,
    Welcome,
)
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.frames import LENGTH_BYTES, Problem, frame, length_of
from counterfoil.primitives.signatures import verify

T = TypeVar("T")

SCHEME: Final = "custodian:"
TIMEOUT_SECONDS: Final = 60.0
APPROVAL_POLL_SECONDS: Final = 0.5


class CustodyRefused(KeyStoreError):
    """The custodian refused. `number` and `name` never change their meaning; `facts` are the details of this case."""

    def __init__(self, problem: Problem) -> None:
        told = ", ".join(f"{name}={value}" for name, value in problem.facts.items())
        text = f"{problem.number} {problem.name}: {problem.explanation} {problem.resolution}"
        super().__init__(f"{text} ({told})" if told else text)
        self.problem = problem

    @property
    def number(self) -> int:
        return self.problem.number

    @property
    def name(self) -> str:
        return self.problem.name

    @property
    def facts(self) -> dict[str, str]:
        return self.problem.facts


class CustodianUnreachable(KeyStoreError):
    """No answer from the custodian. What was asked may have been done: asking for the same again does it once."""


class CustodianAddress(NamedTuple):
    """A unix socket's path, or host and port. tls: makes the context for the next connection there."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: Callable[[], ssl.SSLContext] | None = None

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else f"{self.host}:{self.port}"


def custodian_address(text: str) -> CustodianAddress:
    """From custodian:/path/to/socket or custodian:HOST:PORT."""
    rest = text.removeprefix(SCHEME)
    host, colon, port = rest.rpartition(":")
    if colon and port.isdecimal() and "/" not in rest:
        return CustodianAddress(host=host.strip("[]"), port=int(port))
    if not rest:
        raise KeyStoreError(
            f"The custodian {text!r} lacks its socket: custodian:/path/to/socket or HOST:PORT."
        )
    return CustodianAddress(Path(rest))


class CustodianSession:
    """One connection, logged in or not. Safe for threads. It is made again when it was lost, with the same login."""

    def __init__(self, address: CustodianAddress) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._token = b""
        self.chain_id = ""
        with self._lock:
            self._connect()

    # ---- logging in ----

    def enrol(self, user: str, code: str, password: str) -> str:
        """The otpauth:// address of the user's one-time codes."""
        return self._decoded(Enrol(user, code, password), str)

    def log_in(self, user: str, password: str, code: str) -> bytes:
        """The login's token, for `resume`."""
        token = self._decoded(LogIn(user, password, code), bytes)
        self._token = token
        return token

    def resume(self, token: bytes) -> str:
        """Go on with a login; whose it is."""
        user = self._decoded(Resume(token), str)
        self._token = token
        return user

    def log_out(self) -> None:
        self.ask(LogOut())
        self._token = b""

    # ---- asking ----

    def list_keys(self) -> tuple[KeyLine, ...]:
        return self._decoded(ListKeys(), tuple[KeyLine, ...])

    def sign(self, key: str, message: bytes) -> bytes:
        return self._decoded(Sign(key, message), bytes)

    def opening_key(self, key: str) -> bytes:
        return self._decoded(OpeningKeyOf(key), bytes)

    def open(self, ask: Open) -> bytes | None:
        found: bytes | None = msgspec.msgpack.decode(self.ask(ask), type=bytes | None)
        return found

    def requests(self) -> tuple[RequestLine, ...]:
        return self._decoded(ListRequests(), tuple[RequestLine, ...])

    def decide(self, request: bytes, *, approve: bool) -> None:
        self.ask(Decide(request, approve))

    def ask(self, request: object) -> bytes:
        """The encoded answer to any request. CustodyRefused, or CustodianUnreachable."""
        with self._lock:
            fresh = self._socket is None
            try:
                return self._asked(request)
            except OSError as error:
                self._hang_up()
                if fresh:
                    raise self._unreachable(error) from None
            try:
                return self._asked(request)
            except OSError as error:
                self._hang_up()
                raise self._unreachable(error) from None

    def close(self) -> None:
        with self._lock:
            self._hang_up()

    def __enter__(self) -> CustodianSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the connection ----

    def _decoded(self, request: object, kind: type[T]) -> T:
        return msgspec.msgpack.decode(self.ask(request), type=kind)

    def _asked(self, request: object) -> bytes:
        if self._socket is None:
            self._connect()
            if self._token:
                self._exchange(Resume(self._token))
        return self._exchange(request)

    def _exchange(self, request: object) -> bytes:
        connected = self._connected()
        connected.sendall(frame(request))
        reply = self._receive()
        if isinstance(reply, Refusal):
            if reply.problem.number in _HANGS_UP:
                self._hang_up()
            raise CustodyRefused(reply.problem)
        if not isinstance(reply, Done):
            raise ConnectionError("what answers is not a custodian of this version")
        return bytes(reply.value)

    def _connect(self) -> None:
        try:
            self._socket = self._opened()
            welcome = self._receive()
        except OSError as error:
            self._hang_up()
            raise self._unreachable(error) from None
        if isinstance(welcome, Refusal):
            self._hang_up()
            raise CustodyRefused(welcome.problem)
        if not isinstance(welcome, Welcome) or welcome.version != PROTOCOL_VERSION:
            self._hang_up()
            raise KeyStoreError(f"What listens at {self._address} is not a custodian of this version.")
        self.chain_id = welcome.chain_id

    def _opened(self) -> socket.socket:
        address = self._address
        if address.path is None:
            connected = socket.create_connection((address.host, address.port), TIMEOUT_SECONDS)
            if address.tls is None:
                return connected
            try:
                return address.tls().wrap_socket(connected, server_hostname=address.host)
            except BaseException:
                connected.close()
                raise
        _refuse_foreign(address.path)
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(TIMEOUT_SECONDS)
        try:
            connected.connect(str(address.path))
        except OSError:
            connected.close()
            raise
        return connected

    def _receive(self) -> Any:
        length = length_of(self._take(LENGTH_BYTES))
        if length > ANSWER_BYTES_MAX:
            raise ConnectionError("what answers is not a custodian")
        try:
            return REPLY.decode(self._take(length))
        except (msgspec.MsgspecError, ValueError):
            raise ConnectionError("what answers is not a custodian of this version") from None

    def _take(self, count: int) -> bytes:
        connected, parts = self._connected(), bytearray()
        while len(parts) < count:
            got = connected.recv(count - len(parts))
            if not got:
                raise ConnectionError("the custodian hung up")
            parts += got
        return bytes(parts)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("the connection is closed")
        return self._socket

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _unreachable(self, error: OSError) -> CustodianUnreachable:
        return CustodianUnreachable(f"No answer from the custodian at {self._address}: {error}.")


class CustodyKey:
    """A key in custody: a `Signer`. Where the policy wants approvals, `sign` waits for them up to `wait_seconds`."""

    def __init__(
        self, session: CustodianSession, name: str, public_key: bytes, *, wait_seconds: float = 0.0
    ) -> None:
        self._session = session
        self._wait_seconds = wait_seconds
        self.name = name
        self.public_key = public_key
        self.address = address_of(public_key)

    def sign(self, message: bytes) -> bytes:
        """CustodyRefused where the policy says no, or approvals are missing when the time is over."""
        signature = _once_approved(lambda: self._session.sign(self.name, message), self._wait_seconds)
        if not verify(self.public_key, message, signature):
            raise KeyStoreError(f"What the custodian returned is no signature of the key {self.name}.")
        return signature

    def opening_key(self) -> CustodyOpener:
        """What opens at the custodian, under its policy; the secret does not come here."""
        return CustodyOpener(self._session, self.name, self._wait_seconds)

    def __repr__(self) -> str:
        return f"CustodyKey({self.name!r}, address={to_text(AddressKind.SIGNER, self.address)})"


class CustodyOpener:
    """An opening key in custody: an `Opener`. `open` waits for approvals as `CustodyKey.sign` does."""

    def __init__(self, session: CustodianSession, name: str, wait_seconds: float) -> None:
        self._session = session
        self._name = name
        self._wait_seconds = wait_seconds
        self.public_key = session.opening_key(name)

    def open(self, purpose: bytes, parts: tuple[bytes, ...], sealed: bytes) -> bytes | None:
        """CustodyRefused where the policy says no; None where the sealed bytes are not for this key."""
        ask = Open(self._name, purpose, parts, sealed)
        return _once_approved(lambda: self._session.open(ask), self._wait_seconds)


def _once_approved(ask: Callable[[], T], wait_seconds: float) -> T:
    """The answer, asked for until the approvals are there or the time is over; CustodyRefused as the custodian does."""
    give_up = time.monotonic() + wait_seconds
    while True:
        try:
            return ask()
        except CustodyRefused as refused:
            missing = refused.number == CustodyRefusal.APPROVAL_IS_MISSING.number
            if not missing or time.monotonic() >= give_up:
                raise
        time.sleep(APPROVAL_POLL_SECONDS)


class CustodyStore:
    """The keys that a user may sign with at a custodian, as a `KeyStore`."""

    def __init__(self, session: CustodianSession, *, wait_seconds: float = 0.0) -> None:
        self._session = session
        self._wait_seconds = wait_seconds

    def entries(self) -> list[KeyDescription]:
        return [
            KeyDescription(line.name, line.public_key, "custodian", "login")
            for line in self._session.list_keys()
        ]

    def open(self, name: str) -> CustodyKey:
        line = next((line for line in self._session.list_keys() if line.name == name), None)
        if line is None:
            raise KeyStoreError(f"The custodian has no key {name!r} that you may sign with.")
        return CustodyKey(self._session, name, line.public_key, wait_seconds=self._wait_seconds)

    def generate(self, name: str) -> CustodyKey:
        """For administrators: a key that the policy's rules name, of no owner."""
        public_key = msgspec.msgpack.decode(self._session.ask(AddKey(name)), type=bytes)
        return CustodyKey(self._session, name, public_key, wait_seconds=self._wait_seconds)

    def close(self) -> None:
        self._session.close()


_HANGS_UP: Final = (
    CustodyRefusal.REQUEST_IS_TOO_LARGE.number,
    CustodyRefusal.REQUEST_IS_MALFORMED.number,
    CustodyRefusal.TOO_MANY_CLIENTS.number,
    CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE.number,
)
"""After these the custodian has closed its end."""


def _refuse_foreign(path: Path) -> None:
    """A socket that another user made could serve anything, and collect passwords."""
    if path.exists() and path.stat().st_uid != os.getuid():
        raise KeyStoreError(
            f"The socket {path} belongs to another user; a custodian of yours does not listen there."
        )
