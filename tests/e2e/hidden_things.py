"""A served ledger on disk with everything on it that is hidden from somebody, and clients by hand that time its
replies."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from counterfoil.machine.genesis import Genesis
from counterfoil.node import protocol
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.hiding import Guesses
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger
from counterfoil.node.protocol import (
    Authenticate,
    Done,
    Greeting,
    Request,
    Unwatch,
    Watch,
    authentication_bytes,
)
from counterfoil.node.rpc import RpcServer
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.frames import frame
from counterfoil.sdk import Draft, messages, recipes
from tests.timing import Ask
from tests.unit.node.cast import LATER, MARKET, Cast, key, papers

MORE_ACCOUNTS = 180
"""Of client-b, each asked for once: what is there must be read from the disk, decrypted and taken apart."""
MORE_BUSINESS = 40
"""Of each kind."""


class Door:
    """One connection, as somebody of the cast or as nobody."""

    def __init__(self, server: RpcServer, cast: Cast, viewer: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(server.path))
        greeting = protocol.REPLY.decode(self._frame()[4:])
        assert isinstance(greeting, Greeting)
        self.challenge, self._chain = greeting.challenge, greeting.chain_id
        self._numbers = count(10**6)
        if viewer != "nobody":
            who = key(viewer).address
            assert isinstance(
                protocol.REPLY.decode(self.ask(frame(self.claim(viewer, cast.parties[viewer], who)))[4:]),
                Done,
            )

    def claim(self, viewer: str, party: bytes, signer: bytes) -> Authenticate:
        """To be a party, and to be spoken for by a signer, signed with the viewer's own key."""
        own = key(viewer)
        signature = own.sign(authentication_bytes(self._chain, self.challenge, party, signer))
        return Authenticate(1, party, signer, ((own.public_key, signature),))

    def ask(self, data: bytes) -> bytes:
        """The next reply's frame."""
        self._socket.sendall(data)
        return self._frame()

    def end(self, watch: int) -> None:
        """Of a stream, with whatever is still on its way."""
        number = next(self._numbers)
        self._socket.sendall(frame(Unwatch(number, watch)))
        while protocol.REPLY.decode(self._frame()[4:]).number != number:
            pass

    def close(self) -> None:
        self._socket.close()

    def _frame(self) -> bytes:
        head = self._exactly(4)
        return head + self._exactly(struct.unpack(">I", head)[0])

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            assert piece, "the node hung up"
            data += piece
        return data


class Served:
    """A cast's ledger, closed and opened anew, so that nothing was looked at before.

    busy: with much more business that is hidden from most.
    """

    def __init__(self, folder: Path, *, busy: bool = False) -> None:
        path, key_file = folder / "ledger", folder / "key"

        def make(genesis: Genesis) -> LedgerNode:
            create_ledger(path, genesis, key_file=key_file)
            return open_ledger(path, key_file=key_file, workers=0)

        self.cast = Cast(make)
        self.accounts = self._open_accounts()
        if busy:
            self._do_more_business()
        self.cast.close()
        self.node = open_ledger(path, key_file=key_file, workers=0)
        self.server = RpcServer(self.node, path=folder / "s")
        self.server._guesses = Guesses(time.monotonic, at_once=10**9)
        self.server.start()
        self._doors: dict[str, Door] = {}

    def door(self, viewer: str) -> Door:
        if viewer not in self._doors:
            self._doors[viewer] = Door(self.server, self.cast, viewer)
        return self._doors[viewer]

    def transaction(self, viewer: str, message: Message) -> bytes:
        """Signed by a viewer's own key, with a new id."""
        own = key(viewer)
        expiry_ms = self.node.clock() + 60_000
        return Draft.of(self.node.chain_id, [message], [own.address], expiry_ms).sign(own).transaction

    def close(self) -> None:
        for door in self._doors.values():
            door.close()
        self.server.close()
        self.node.close()

    def _open_accounts(self) -> list[bytes]:
        cast, found = self.cast, []
        ask = messages.OpenAccount(
            cast.parties["client-b"], cast.parties["broker-b"], messages.AccountKind.SEGREGATED
        )
        for _ in range(MORE_ACCOUNTS // 60):
            found += cast.clients["broker-b"].send(*[ask] * 60).objects
        return found

    def _do_more_business(self) -> None:
        """Instructions, trades, grants and earmarks of broker-b, proposals of an issuer; and reads of the regulator."""
        cast, account = self.cast, self.cast.accounts["three at b"]
        broker, issuer, exchange = (cast.clients[name] for name in ("broker-b", "issuer", "exchange"))
        until_ms = cast.nobody.time_ms() + 86_400_000
        for number in range(MORE_BUSINESS):
            reference = f"MORE-{number}"
            traded = replace(cast.for_clients, trade_reference=reference)
            sale = cast._instruct(
                broker, "three at b", messages.Movement.DELIVER, cast.clients["broker-a"], reference, 1
            )
            earmark = messages.PlaceEarmark(account, cast.share, 1)
            broker.send(
                sale,
                earmark,
                recipes.show(broker, cast.parties["auditor"], until_ms, account=self.accounts[number]),
            )
            exchange.send(messages.RecordTrade(terms=traded, recorder=exchange.party))
            named = (issuer.keys[0].address, key("notary").address)
            later = (messages.WithdrawAsset(MARKET, cast.token, LATER + number),)
            issuer.send(messages.ProposeTransaction(encode((named, later)), until_ms))
            cast.client("regulator").holdings(account)
        self._decide_more(until_ms)

    def _decide_more(self, until_ms: int) -> None:
        """Motions and observations of others, and certificates of the operator's clients."""
        cast, operator, now_ms = self.cast, self.cast.clients["operator"], system_clock_ms()
        for number in range(5):
            moved = messages.CloseDay(MARKET, LATER + number)
            operator.send(recipes.motion([operator], moved, expires_ms=until_ms))
            operator.send(
                messages.RecordCertificate(
                    papers("authority"),
                    cast.parties["client-o"],
                    messages.CertificatePurpose.MEMBER,
                    papers(f"certificate {number}"),
                    b"\x01",
                    now_ms,
                    now_ms + 10**9,
                )
            )
        for name in ("depository", "exchange"):
            member = cast.clients[name]
            member.send(messages.Observe(member.party, "USD/EUR", 9_300, cast.nobody.time_ms()))


def asks(door: Door, requests: Sequence[Request], replies: list[bytes]) -> list[Ask]:
    """What sends each of some requests. replies: takes in the frames that come."""
    return [_ask(door, request, replies) for request in requests]


def _ask(door: Door, request: Request, replies: list[bytes]) -> Ask:
    data = frame(request)
    is_stream = isinstance(request, Watch)

    def ask() -> Callable[[], object] | None:
        replies.append(door.ask(data))
        return (lambda: door.end(request.number)) if is_stream else None

    return ask
