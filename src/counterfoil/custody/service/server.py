"""The custodian's door: a unix socket of its own user, or a port; one thread a client, as many as it has room for.

A port other than a loopback one is served under mutual TLS alone: the ledger's certificates say which machines may
knock, asked anew at every request, so that a revocation counts at once; who a user is, only its login says.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.service.custodian import Custodian
from counterfoil.custody.service.protocol import (
    FRAME_BYTES_MAX,
    PROTOCOL_VERSION,
    REQUEST,
    STRANGER_FRAME_BYTES_MAX,
    AddKey,
    AddUser,
    Decide,
    Done,
    Enrol,
    ListKeys,
    ListRequests,
    LogIn,
    LogOut,
    Open,
    OpeningKeyOf,
    Refusal,
    RemoveUser,
    Request,
    Resume,
    SetPolicy,
    Sign,
    Welcome,
)
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.tls import HANDSHAKE_SECONDS_MAX, Identity, server_context, shown_by_peer
from counterfoil.engine.incidents import masked
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.frames import LENGTH_BYTES, frame, length_of, problem_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.storage.unix_sockets import BACKLOG, unix_socket

log = logging.getLogger(__name__)

CLIENTS_MAX: Final = 128
IDLE_SECONDS_MAX: Final = 900
"""A client that asks nothing for so long is hung up on."""
FRAME_SECONDS_MAX: Final = 30
RECORD_SECONDS: Final = 30
"""So often the ledger is told what has not been told yet."""


class Machines(Protocol):
    """Which machines may knock. Both raise where it cannot be found out; then nobody may."""

    def authorities(self) -> tuple[bytes, ...]:
        """Certificates (DER) of the authorities that are trusted now."""

    def admits(self, fingerprint: bytes) -> bool:
        """Whether the certificate of that fingerprint is in force now."""


class TlsGate(NamedTuple):
    """What the custodian shows of itself, and who may knock."""

    identity: Identity
    machines: Machines


class CustodyServer:
    """Serves one custodian until it is closed. `path`: of a unix socket; `port`: on `host` (0 for any that is free);
    `gate`: serve that port with TLS. KeyFileError where the certificate cannot be used."""

    def __init__(
        self,
        custodian: Custodian,
        *,
        path: Path | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        gate: TlsGate | None = None,
    ) -> None:
        if (path is None) == (port is None):
            raise ValueError("A custodian listens at the path of a socket, or at a port.")
        if path is not None and gate is not None:
            raise ValueError("TLS is for a port; a socket's path is of one machine.")
        if gate is None and port is not None and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"Passwords do not travel in clear: {host} needs TLS.")
        if gate is not None:
            server_context(gate.identity, ())  # said now, and not at the first connection
        self._custodian = custodian
        self._path = path
        self._gate = gate
        self._listening = unix_socket(path) if path is not None else _port(host, port or 0)
        self.port = self._listening.getsockname()[1] if path is None else None
        self._closing = threading.Event()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._clients_lock = threading.Lock()
        self._threads = (
            threading.Thread(target=self._accept, name="counterfoil-custodian", daemon=True),
            threading.Thread(target=self._keep_recording, name="counterfoil-custodian-trail", daemon=True),
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Hang up on everybody; the last entries go to the ledger where it can be reached."""
        if self._closing.is_set():
            return
        self._closing.set()
        with self._clients_lock:
            clients = dict(self._clients)
        for connection in (self._listening, *clients):
            _shut(connection)
        for thread in (*self._threads, *clients.values()):
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._record()

    def __enter__(self) -> CustodyServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._clients_lock:
                full = len(self._clients) >= CLIENTS_MAX
                if not full:
                    self._clients[connection] = thread
            if full:
                _refuse(connection, Rejected(CustodyRefusal.TOO_MANY_CLIENTS))
                connection.close()
            else:
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        spoken: socket.socket = connection
        try:
            connection.settimeout(HANDSHAKE_SECONDS_MAX)
            admitted: Callable[[], bool] = _always
            if self._gate is not None:
                identity, machines = self._gate
                context, _ = server_context(identity, machines.authorities())
                spoken = secured = context.wrap_socket(connection, server_side=True)
                admitted = partial(machines.admits, shown_by_peer(secured))
            spoken.settimeout(FRAME_SECONDS_MAX)
            _Client(self._custodian, spoken, admitted).serve()
        except (OSError, EOFError):
            pass  # hung up, or too slow
        except Exception as error:
            log.error("a connection failed: %s", _kind_and_place(error))
        finally:
            with self._clients_lock:
                self._clients.pop(connection, None)
            spoken.close()

    def _keep_recording(self) -> None:
        while not self._closing.wait(RECORD_SECONDS):
            self._record()

    def _record(self) -> None:
        try:
            self._custodian.record()
        except Rejected as refused:
            log.warning("the trail could not be recorded: %s", masked(str(refused)))
        except KeyStoreError:
            log.error("the trail could not be recorded: the custodian's own store or key failed")


class _Client:
    """One connection, and the login that it goes by. admitted: whether its machine may go on."""

    def __init__(self, custodian: Custodian, connection: socket.socket, admitted: Callable[[], bool]) -> None:
        self._custodian = custodian
        self._connection = connection
        self._admitted = admitted
        self._token = b""

    def serve(self) -> None:
        if not self._goes_on():
            return
        self._send(Welcome(PROTOCOL_VERSION, self._custodian.chain_id))
        while True:
            self._connection.settimeout(IDLE_SECONDS_MAX)
            head = self._take(LENGTH_BYTES)
            self._connection.settimeout(FRAME_SECONDS_MAX)
            limit = FRAME_BYTES_MAX if self._token else STRANGER_FRAME_BYTES_MAX
            if length_of(head) > limit:
                _refuse(self._connection, Rejected(CustodyRefusal.REQUEST_IS_TOO_LARGE, limit=limit))
                return
            try:
                request: Request = REQUEST.exact(self._take(length_of(head)))
            except Malformed:
                _refuse(self._connection, Rejected(CustodyRefusal.REQUEST_IS_MALFORMED))
                return
            if not self._goes_on():
                return
            self._handle(request)

    def _goes_on(self) -> bool:
        """Asked before every answer; who is let in no more is told so, once."""
        try:
            good = self._admitted()
        except Exception as error:
            log.error("the ledger could not be asked for a certificate: %s", type(error).__name__)
            good = False
        if not good:
            _refuse(self._connection, Rejected(CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE))
        return good

    def _used(self, request: Sign | Open) -> tuple[bytes | None, int]:
        if isinstance(request, Open):
            return self._custodian.open(self._user(), request)
        return self._custodian.sign(self._user(), request.key, request.message)

    def _handle(self, request: Request) -> None:
        try:
            if isinstance(request, Sign | Open):
                made, number = self._used(request)
                self._done(made)
                self._custodian.answered(number)
            else:
                self._done(self._answer(request))
        except Rejected as refused:
            self._send(Refusal(problem_of(refused)))
        except (OSError, EOFError):
            raise
        except Exception as error:
            # The error's own text may hold what was asked: only its kind and place are told.
            log.error("a request failed: %s: %s", type(request).__name__, _kind_and_place(error))
            self._send(Refusal(problem_of(Rejected(CustodyRefusal.CUSTODIAN_FAILED))))

    def _answer(self, request: Request) -> object:
        custodian, logins = self._custodian, self._custodian.logins
        if isinstance(request, Enrol):
            return logins.enrol(request.user, request.code, request.password)
        if isinstance(request, LogIn):
            self._token = logins.log_in(request.user, request.password, request.code)
            return self._token
        if isinstance(request, Resume):
            user = logins.user_of(request.token)
            self._token = request.token
            return user
        user = self._user()
        if isinstance(request, LogOut):
            logins.log_out(self._token)
            self._token = b""
            return None
        if isinstance(request, ListKeys):
            return custodian.keys(user)
        if isinstance(request, OpeningKeyOf):
            return custodian.opening_key(user, request.key)
        if isinstance(request, ListRequests):
            return custodian.requests(user)
        if isinstance(request, Decide):
            custodian.decide(user, request.request, request.approve)
            return None
        if isinstance(request, AddUser | RemoveUser | AddKey | SetPolicy):
            return custodian.change(user, request)
        raise Rejected(CustodyRefusal.REQUEST_IS_MALFORMED)

    def _user(self) -> str:
        if not self._token:
            raise Rejected(CustodyRefusal.LOGIN_IS_NEEDED)
        return self._custodian.logins.user_of(self._token)

    def _done(self, value: object) -> None:
        self._send(Done(msgspec.Raw(encode(value))))

    def _send(self, message: object) -> None:
        self._connection.sendall(frame(message))

    def _take(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            got = self._connection.recv(count - len(parts))
            if not got:
                raise EOFError
            parts += got
        return bytes(parts)


def _always() -> bool:
    """For sockets and ports of one machine, where the system says who may knock."""
    return True


def _kind_and_place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {place}"


def _refuse(connection: socket.socket, refused: Rejected) -> None:
    try:
        connection.sendall(frame(Refusal(problem_of(refused))))
    except OSError:
        pass  # it has hung up already


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # nobody was connected
    connection.close()


def _port(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
