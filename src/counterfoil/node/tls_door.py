"""The node's door to the network: TLS 1.3 to whoever shows a certificate that the ledger knows and has not revoked.

Trust comes from the ledger: the authorities that stand on it, and the certificates that they have recorded there. The
handshake proves the key; the ledger says in whose name it speaks, and until when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from counterfoil.custody.key_files import KeyFileError
from counterfoil.custody.tls import (
    HANDSHAKE_SECONDS_MAX,
    Identity,
    server_context,
    shown_by_peer,
)
from counterfoil.node.service import Service

log = logging.getLogger(__name__)

BACKLOG = 64
PAUSE_SECONDS = 0.1
"""After the system could not give a connection, before the next is asked for."""


class Door(NamedTuple):
    """Where to listen (port 0: any that is free), and what to show there."""

    host: str
    port: int
    identity: Identity


class Channel(NamedTuple):
    """The certificates (fingerprints) of the two ends of a connection; what is signed on it is bound to both."""

    server: bytes
    client: bytes


Welcome = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Channel], Awaitable[None]]


class TlsDoor:
    """Accepts connections and leads each through its handshake; `welcome` serves those that came through it."""

    def __init__(self, service: Service, door: Door, welcome: Welcome, places: Callable[[], bool]) -> None:
        self._service = service
        self._identity = door.identity
        self._welcome = welcome
        self._places = places
        self._built: tuple[tuple[object, ...], ssl.SSLContext, bytes] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._socket = socket.create_server((door.host, door.port), backlog=BACKLOG)
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()[:2]
        try:
            self._context()
        except KeyFileError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    async def accept(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, _ = await loop.sock_accept(self._socket)
            except OSError as error:
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            task = loop.create_task(self._lead(connected))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _lead(self, connected: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if not self._places():
            connected.close()
            return
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            context, shown = await loop.run_in_executor(None, self._context)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connected, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX
            )
        except (OSError, TimeoutError, KeyFileError) as error:
            log.info("a handshake failed: %s", getattr(error, "reason", "") or type(error).__name__)
            with contextlib.suppress(OSError):
                connected.close()
            return
        peer = shown_by_peer(transport.get_extra_info("ssl_object"))
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        await self._welcome(reader, writer, Channel(shown, peer))

    def _context(self) -> tuple[ssl.SSLContext, bytes]:
        """The context for the next connection, made anew when the files or the ledger's authorities have changed.

        Files that cannot be used at the moment (one is replaced, the other not yet) leave the last ones in force.
        """
        changes, authorities = self._service.trusted_authorities()
        wanted = (changes, *self._identity.stamp())
        if self._built is None or self._built[0] != wanted:
            try:
                self._built = (wanted, *server_context(self._identity, authorities))
            except KeyFileError as error:
                if self._built is None or self._built[0][0] != changes:
                    raise
                log.error("the node goes on with its former certificate: %s", error)
        return self._built[1:]
