"""The registrar's door, and how an agent goes through it: TLS both ways, in the name of a licensed agent.

One thread a connection, since a question waits for a block of the ledger. In no log line stands what was asked.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from counterfoil.custody.tls import (
    HANDSHAKE_SECONDS_MAX,
    Identity,
    client_context,
    server_context,
    shown_by_peer,
)
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.hiding import leaves_after
from counterfoil.primitives.codec import Malformed
from counterfoil.primitives.frames import LENGTH_BYTES, frame, length_of
from counterfoil.realnames.protocol import ANSWER, ASK, FRAME_BYTES_MAX, Ask, Told, TurnedAway
from counterfoil.realnames.refusals import RegistrarRefusal, Turned
from counterfoil.realnames.registrar import Attested, Registrar
from counterfoil.sdk import Client, LedgerError, NodeUnreachable, TlsAddress
from counterfoil.sdk.errors import error_for

log = logging.getLogger(__name__)

CONNECTIONS_MAX: Final = 64
IDLE_SECONDS_MAX: Final = 60.0
ANSWER_SECONDS_MAX: Final = 60.0
ANSWER_GRID_SECONDS: Final = 0.1
"""What was asked of the ledger is answered so long after the question, or twice as long, or four times: whether others
know the person does not show in the time either."""
_BACKLOG: Final = 64
_LOOK_SECONDS: Final = 0.5


class Callers:
    """Who may ask, as the ledger has it now. `client` reads the ledger as the registrar."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()

    def authorities(self) -> tuple[bytes, ...]:
        """Certificates of the authorities that the ledger trusts."""
        with self._lock:
            return tuple(one.certificate for one in self._client.authorities() if not one.withdrawn_ms)

    def agent(self, fingerprint: bytes) -> bytes:
        """The licensed agent whose certificate this is. Turned CALLER_IS_NOT_AN_AGENT."""
        with self._lock:
            try:
                line = self._client.certificate(fingerprint)
            except LedgerError:
                raise Turned(RegistrarRefusal.CALLER_IS_NOT_AN_AGENT) from None
            licences = self._client.registrars().licences
            now_ms = self._client.time_ms()
        licensed = any(
            one.agent == line.party and one.valid_from_ms <= now_ms and not 0 < one.valid_until_ms <= now_ms
            for one in licences
        )
        if line.status != "IN_FORCE" or not licensed:
            raise Turned(RegistrarRefusal.CALLER_IS_NOT_AN_AGENT)
        return line.party


class RegistrarServer:
    """Serves one registrar until it is closed. Use it as a context manager."""

    def __init__(
        self, registrar: Registrar, callers: Callers, identity: Identity, host: str, port: int
    ) -> None:
        self._registrar = registrar
        self._callers = callers
        self._identity = identity
        server_context(identity, ())  # KeyFileError now, and not at the first connection
        self._socket = socket.create_server((host, port), backlog=_BACKLOG)
        self._socket.settimeout(_LOOK_SECONDS)
        self.host, self.port = self._socket.getsockname()[:2]
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="counterfoil-registrar", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> RegistrarServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connected, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                log.warning("a connection could not be accepted: %s", error)
                self._stopping.wait(_LOOK_SECONDS)
                continue
            if not self._places.acquire(blocking=False):
                connected.close()
                continue
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        try:
            connected.settimeout(HANDSHAKE_SECONDS_MAX)
            context, _ = server_context(self._identity, self._callers.authorities())
            with context.wrap_socket(connected, server_side=True) as secured:
                secured.settimeout(IDLE_SECONDS_MAX)
                while not self._stopping.is_set() and self._answer(secured):
                    pass
        except (OSError, EOFError, NodeUnreachable) as error:
            log.info("a connection ended: %s", type(error).__name__)
        except Exception as error:
            log.error("a connection failed: %s", type(error).__name__)
        finally:
            connected.close()
            self._places.release()

    def _answer(self, secured: ssl.SSLSocket) -> bool:
        """One question; False where the other side is done, or is not to go on."""
        head = _exactly(secured, LENGTH_BYTES)
        if head is None:
            return False
        size = length_of(head)
        payload = _exactly(secured, size) if size <= FRAME_BYTES_MAX else None
        try:
            if payload is None:
                raise Turned(RegistrarRefusal.REQUEST_IS_MALFORMED)
            ask: Ask = ASK.exact(payload)
        except (Turned, Malformed):
            secured.sendall(frame(TurnedAway(Turned(RegistrarRefusal.REQUEST_IS_MALFORMED).problem)))
            return False
        secured.sendall(frame(self._told(shown_by_peer(secured), ask)))
        return True

    def _told(self, fingerprint: bytes, ask: Ask) -> Told | TurnedAway:
        """Whoever asks is looked up at every question: a revocation takes effect in its block."""
        began = time.monotonic()
        try:
            agent = self._callers.agent(fingerprint)
            answer: Told | TurnedAway
            try:
                found = self._registrar.ask(agent, ask.scheme, ask.number, ask.case)
                answer = Told(found.handle, found.height)
            except LedgerError as error:
                answer = TurnedAway(error.problem)
            taken = time.monotonic() - began
            time.sleep(leaves_after(taken, ANSWER_GRID_SECONDS) - taken)
            return answer
        except Turned as turned:
            return TurnedAway(turned.problem)
        except NodeUnreachable:
            return TurnedAway(Turned(RegistrarRefusal.LEDGER_IS_UNREACHABLE).problem)
        except Exception as error:
            log.error("a question failed: %s", type(error).__name__)
            return TurnedAway(Turned(RegistrarRefusal.REGISTRAR_FAILED).problem)


def open_registrar(
    opened: Callable[..., Registrar], client: Client, clock: Callable[[], int] = system_clock_ms
) -> Registrar:
    """A registrar that attests through a client of the ledger, which acts for the registrar's party.

    opened(party, attest, knows, clock): makes it.
    """
    lock = threading.Lock()

    def attest(message: object) -> int:
        with lock:
            return client.send(message).height  # type: ignore[arg-type]

    def knows(tag: bytes) -> bool:
        with lock:
            try:
                client.person(tag=tag)
            except LedgerError:
                return False
            return True

    return opened(client.party, attest, knows, clock)


def ask_registrar(address: TlsAddress, scheme: str, number: str, case: str) -> Attested:
    """An agent's question. LedgerError where it is turned away, NodeUnreachable where there is no answer: then ask
    again, which does nothing twice."""
    context, _ = client_context(address.identity, address.authorities)
    try:
        with (
            socket.create_connection((address.host, address.port), ANSWER_SECONDS_MAX) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secured,
        ):
            secured.sendall(frame(Ask(scheme, number, case)))
            head = _exactly(secured, LENGTH_BYTES)
            size = length_of(head) if head is not None else 0
            payload = _exactly(secured, size) if 0 < size <= FRAME_BYTES_MAX else None
    except OSError as error:
        raise NodeUnreachable(f"no answer from the registrar at {address}: {error}") from None
    if payload is None:
        raise NodeUnreachable(
            f"the registrar at {address} hung up, as it does with a certificate of an authority that is not on its"
            " ledger, or out of its time"
        )
    told = ANSWER.decode(payload)
    if isinstance(told, TurnedAway):
        raise error_for(told.problem)
    return Attested(told.handle, told.height)


def _exactly(connected: ssl.SSLSocket, count: int) -> bytes | None:
    """So many bytes; None where the other side has hung up before."""
    data = b""
    while len(data) < count:
        more = connected.recv(count - len(data))
        if not more:
            return None
        data += more
    return data
