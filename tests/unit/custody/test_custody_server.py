"""The custodian's door: whom it lets in, what it answers, what it never tells, and how a client goes on."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from counterfoil.custody.authority import Authority
from counterfoil.custody.key_files import KeyFileError
from counterfoil.custody.key_store import KeyStore, KeyStoreError
from counterfoil.custody.service import server as server_file
from counterfoil.custody.service.client import (
    CustodianAddress,
    CustodianSession,
    CustodianUnreachable,
    CustodyKey,
    CustodyRefused,
    CustodyStore,
    custodian_address,
)
from counterfoil.custody.service.protocol import (
    FRAME_BYTES_MAX,
    PROTOCOL_VERSION,
    REPLY,
    STRANGER_FRAME_BYTES_MAX,
    AddUser,
    Decide,
    Enrol,
    ListKeys,
    LogIn,
    Refusal,
    Sign,
    Welcome,
)
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.server import CustodyServer, TlsGate
from counterfoil.custody.signers import Signer
from counterfoil.custody.tls import Identity, client_context
from counterfoil.primitives.frames import frame, length_of
from counterfoil.primitives.signatures import verify
from counterfoil.sdk import NodeUnreachable
from counterfoil.sealing.envelopes import seal_view_keys
from counterfoil.sealing.handing import open_view_keys
from counterfoil.sealing.view_keys import HandedKey
from tests.e2e.certified import certify
from tests.unit.custody.custodians import CHAIN, CHEAP, PASSWORD, Desk, signing

RULES = (
    {"messages": ["Instruct"], "users": ["ben"]},
    {"messages": ["*"], "approvals": 1, "approvers": ["cid", "ben"]},
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "custody")
    made.add("ben", "cid")
    made.key("desk")
    made.rules(*RULES)
    yield made
    made.close()


@pytest.fixture
def server(desk: Desk, tmp_path: Path) -> Iterator[CustodyServer]:
    with CustodyServer(desk.custodian, path=tmp_path / "socket") as opened:
        yield opened


@pytest.fixture
def address(server: CustodyServer, tmp_path: Path) -> CustodianAddress:
    return CustodianAddress(tmp_path / "socket")


def entered(desk: Desk, address: CustodianAddress, user: str) -> CustodianSession:
    session = CustodianSession(address)
    session.log_in(user, PASSWORD, desk.code(user))
    return session


def refusal(work: object, *arguments: object) -> int:
    with pytest.raises(CustodyRefused) as refused:
        work(*arguments)  # type: ignore[operator]
    return refused.value.number


def test_a_client_signs_through_it(desk: Desk, address: CustodianAddress) -> None:
    with entered(desk, address, "ben") as session:
        assert session.chain_id == CHAIN
        store: KeyStore = CustodyStore(session)
        (entry,) = store.entries()
        key: Signer = store.open("desk")
        assert (entry.name, entry.protection, entry.public_key) == ("desk", "login", key.public_key)
        message = signing(key.public_key)
        assert verify(key.public_key, message, key.sign(message))
        deadline = time.monotonic() + 5
        while desk.books.unanswered and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not desk.books.unanswered, "that it was answered is noted"
        with pytest.raises(KeyStoreError, match="no key 'other'"):
            store.open("other")
        assert refusal(store.generate, "more") == CustodyRefusal.IS_NOT_AN_ADMINISTRATOR.number
    with entered(desk, address, "ann") as session:
        assert CustodyStore(session).generate("more").name == "more"


def test_what_is_sealed_to_a_key_in_custody_opens_there_and_its_secret_stays(
    desk: Desk, address: CustodianAddress
) -> None:
    desk.rules({"opening": True, "users": ["ben"]}, *RULES)
    with entered(desk, address, "ben") as session:
        store: KeyStore = CustodyStore(session)
        opener = store.open("desk").opening_key()
        handed = (HandedKey(b"n" * 20, 7, b"k" * 32),)
        sealed = seal_view_keys(opener.public_key, CHAIN, b"p" * 20, handed)
        assert open_view_keys(opener, CHAIN, b"p" * 20, sealed) == handed
        assert open_view_keys(opener, CHAIN, b"q" * 20, sealed) is None
        deadline = time.monotonic() + 5
        while desk.books.unanswered and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not desk.books.unanswered
    with entered(desk, address, "cid") as session:
        opener = CustodyStore(session).open("desk").opening_key()
        assert refusal(open_view_keys, opener, CHAIN, b"p" * 20, sealed) == (
            CustodyRefusal.POLICY_DOES_NOT_ALLOW_IT.number
        )


def test_without_a_login_nothing_is_answered(address: CustodianAddress) -> None:
    with CustodianSession(address) as session:
        for request in (ListKeys(), Sign("desk", b"x"), Decide(bytes(16), True), AddUser("eve")):
            assert refusal(session.ask, request) == CustodyRefusal.LOGIN_IS_NEEDED.number
        assert refusal(session.resume, os.urandom(32)) == CustodyRefusal.LOGIN_IS_NEEDED.number
        assert (
            refusal(session.log_in, "ben", "wrong password", "000000") == CustodyRefusal.LOGIN_FAILED.number
        )


def test_a_login_serves_other_connections_until_it_is_ended(desk: Desk, address: CustodianAddress) -> None:
    with CustodianSession(address) as first, CustodianSession(address) as second:
        token = first.log_in("ben", PASSWORD, desk.code("ben"))
        assert second.resume(token) == "ben"
        assert second.list_keys() == first.list_keys()
        first.log_out()
        assert refusal(second.list_keys) == CustodyRefusal.LOGIN_IS_NEEDED.number


def test_four_eyes_over_two_connections(desk: Desk, address: CustodianAddress) -> None:
    """ann asks with the rule for everybody; ben, who may approve, does so while she waits."""
    public_key = desk.books.keys["desk"].public_key
    with entered(desk, address, "ann") as asking, entered(desk, address, "cid") as approving:
        message = signing(public_key)
        missing = refusal(CustodyKey(asking, "desk", public_key).sign, message)
        assert missing == CustodyRefusal.APPROVAL_IS_MISSING.number
        (line,) = approving.requests()
        waiting = CustodyKey(asking, "desk", public_key, wait_seconds=30)
        signed: list[bytes] = []
        thread = threading.Thread(target=lambda: signed.append(waiting.sign(message)))
        thread.start()
        approving.decide(line.request, approve=True)
        thread.join(timeout=30)
        assert signed
        assert verify(public_key, message, signed[0])


def test_what_the_custodian_returns_is_checked(desk: Desk, address: CustodianAddress) -> None:
    other = desk.key("another")
    with entered(desk, address, "ben") as session:
        wrong = CustodyKey(session, "desk", other)
        with pytest.raises(KeyStoreError, match="no signature of the key"):
            wrong.sign(signing(desk.books.keys["desk"].public_key))


def test_a_lost_connection_is_made_again_with_the_same_login(desk: Desk, address: CustodianAddress) -> None:
    with entered(desk, address, "ben") as session:
        before = session.list_keys()
        assert session._socket is not None
        session._socket.shutdown(socket.SHUT_RDWR)
        assert session.list_keys() == before


def test_a_custodian_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CustodianUnreachable):
        CustodianSession(CustodianAddress(tmp_path / "none"))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listening.close()
    with pytest.raises(CustodianUnreachable):
        CustodianSession(CustodianAddress(host="127.0.0.1", port=port))


def test_what_is_no_custodian_is_noticed() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in (frame(Welcome(PROTOCOL_VERSION + 1, CHAIN)), b"HTTP/1.1 200 OK\r\n\r\n", frame(5)):
            connection, _ = listening.accept()
            connection.sendall(answer)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for _ in range(3):
        with pytest.raises(KeyStoreError):
            CustodianSession(CustodianAddress(host="127.0.0.1", port=listening.getsockname()[1]))
    thread.join(timeout=10)
    listening.close()


def raw(address: CustodianAddress) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(address.path))
    assert isinstance(answer(connection), Welcome)
    return connection


def answer(connection: socket.socket) -> object:
    """The next frame; None where the custodian has hung up."""
    head = connection.recv(4, socket.MSG_WAITALL)
    return REPLY.decode(connection.recv(length_of(head), socket.MSG_WAITALL)) if len(head) == 4 else None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\xff\xff\xff\xff", CustodyRefusal.REQUEST_IS_TOO_LARGE),
        ((STRANGER_FRAME_BYTES_MAX + 1).to_bytes(4, "big"), CustodyRefusal.REQUEST_IS_TOO_LARGE),
        ((FRAME_BYTES_MAX).to_bytes(4, "big"), CustodyRefusal.REQUEST_IS_TOO_LARGE),
        (b"\x00\x00\x00\x00", CustodyRefusal.REQUEST_IS_MALFORMED),
        (b"\x00\x00\x00\x01\xc1", CustodyRefusal.REQUEST_IS_MALFORMED),
        (frame([99, "ann"]), CustodyRefusal.REQUEST_IS_MALFORMED),
        (frame([11, "ann", "password"]), CustodyRefusal.REQUEST_IS_MALFORMED),
        (frame([11, 5, "password", "000000"]), CustodyRefusal.REQUEST_IS_MALFORMED),
        (frame([11, "ann", "password", "000000", "more"]), CustodyRefusal.REQUEST_IS_MALFORMED),
    ],
)
def test_bytes_that_are_no_request_end_the_connection(
    address: CustodianAddress, sent: bytes, expected: CustodyRefusal
) -> None:
    connection = raw(address)
    connection.sendall(sent)
    found = answer(connection)
    assert isinstance(found, Refusal)
    assert found.problem.number == expected.number
    assert answer(connection) is None
    connection.close()


def test_random_bytes_never_stop_it(desk: Desk, address: CustodianAddress) -> None:
    for _ in range(200):
        connection = raw(address)
        connection.sendall(secrets.token_bytes(secrets.randbelow(200)))
        connection.close()
    with entered(desk, address, "ben") as session:
        assert session.list_keys()


def test_too_many_clients_are_told_so(
    desk: Desk, address: CustodianAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_file, "CLIENTS_MAX", 2)
    with entered(desk, address, "ben"), entered(desk, address, "cid"):
        assert refusal(CustodianSession, address) == CustodyRefusal.TOO_MANY_CLIENTS.number


def test_nothing_private_in_answers_logs_and_tracebacks(
    desk: Desk, address: CustodianAddress, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand failing requests of all kinds, some of which break the custodian inside."""
    marks = ["SECRET-PASSWORD-MARK", "SECRET-CODE-MARK", "secretnamemark"]
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    message = signing(desk.books.keys["desk"].public_key, nonce=7)
    secret = desk.books.keys["desk"].secret
    with CustodianSession(address) as stranger, entered(desk, address, "ben") as session:
        monkeypatch.setattr("counterfoil.custody.service.custodian.REQUESTS_A_MINUTE_MAX", 10**6)
        monkeypatch.setattr(desk.custodian, "requests", _broken)
        for number in range(250):
            for one, request in (
                (stranger, LogIn(marks[2], marks[0], marks[1])),
                (stranger, Enrol(marks[2], marks[1], marks[0])),
                (session, Sign("desk", message + marks[0].encode())),
                (session, [22] if number % 2 else Sign(marks[2], message)),
            ):
                with pytest.raises(CustodyRefused) as refused:
                    one.ask(request)
                told.append(str(refused.value))
    texts = "\n".join([*told, caplog.text, *(str(record.exc_info) for record in caplog.records)])
    assert CustodyRefusal.CUSTODIAN_FAILED.name in texts
    assert len(told) == 1_000
    hidden = [*marks, secret.hex(), repr(secret), desk.secrets["ben"], PASSWORD, message.hex(), "Traceback"]
    assert [mark for mark in hidden if mark in texts] == []


def _broken(user: str) -> object:
    raise RuntimeError(f"SECRET-PASSWORD-MARK of {user}")


def test_the_answer_does_not_tell_whether_a_user_exists(desk: Desk, address: CustodianAddress) -> None:
    with CustodianSession(address) as session:
        texts = []
        for name in ("ben", "nobody"):
            with pytest.raises(CustodyRefused) as refused:
                session.log_in(name, "wrong password", "000000")
            texts.append(str(refused.value))
    assert texts[0] == texts[1]


def test_a_login_takes_as_long_whether_or_not_the_user_exists(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not measured in time, which a busy machine would blur, but in what is hashed: once for either."""
    logins, hashed = desk.custodian.logins, []
    fits = logins._fits
    monkeypatch.setattr(logins, "_fits", lambda *given: (hashed.append(given[0]), fits(*given))[1])
    for name in ("ben", "nobody"):
        with pytest.raises(Exception, match="1303"):
            logins.log_in(name, "wrong password", "000000")
    assert [text.split("$")[:4] for text in hashed] == [hashed[0].split("$")[:4]] * 2


# ---- the socket, and TLS


def test_the_socket_is_its_users_alone(address: CustodianAddress) -> None:
    assert address.path is not None
    assert address.path.stat().st_mode & 0o777 == 0o600


def test_a_foreign_socket_gets_no_password(
    address: CustodianAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    with pytest.raises(KeyStoreError, match="belongs to another user"):
        CustodianSession(address)


def test_ports_of_other_machines_need_tls(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs TLS"):
        CustodyServer(desk.custodian, port=0, host="0.0.0.0")
    nowhere = TlsGate(Identity(tmp_path / "none.pem", tmp_path / "none.pem"), KnownMachines())
    with pytest.raises(KeyFileError, match=r"none\.pem"):
        CustodyServer(desk.custodian, port=0, gate=nowhere)
    with pytest.raises(ValueError, match="of one machine"):
        CustodyServer(desk.custodian, path=tmp_path / "socket", gate=nowhere)
    with pytest.raises(ValueError, match="at the path of a socket, or at a port"):
        CustodyServer(desk.custodian)


class KnownMachines:
    """A ledger's certificates without a ledger. failing: it cannot be asked."""

    def __init__(self, *authorities: Authority) -> None:
        self.trusted = tuple(one.certificate for one in authorities)
        self.revoked: set[bytes] = set()
        self.failing = False

    def authorities(self) -> tuple[bytes, ...]:
        if self.failing:
            raise NodeUnreachable("no answer")
        return self.trusted

    def admits(self, fingerprint: bytes) -> bool:
        if self.failing:
            raise NodeUnreachable("no answer")
        return fingerprint not in self.revoked


class Guarded(NamedTuple):
    """A custodian behind TLS, and how machines get there."""

    server: CustodyServer
    machines: KnownMachines
    authority: Authority
    folder: Path

    def address(self, identity: Identity) -> CustodianAddress:
        assert self.server.port is not None
        trusted = (self.authority.certificate,)
        return CustodianAddress(
            host="127.0.0.1", port=self.server.port, tls=lambda: client_context(identity, trusted)[0]
        )


@pytest.fixture
def guarded(desk: Desk, tmp_path: Path) -> Iterator[Guarded]:
    authority = Authority.create(tmp_path / "ca", "Test CA", "a passphrase", cost=CHEAP)
    own, _ = certify(tmp_path, authority, "custodian", serves=True)
    machines = KnownMachines(authority)
    with CustodyServer(desk.custodian, port=0, gate=TlsGate(own, machines)) as server:
        yield Guarded(server, machines, authority, tmp_path)


def test_mutual_tls(desk: Desk, guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_file, "HANDSHAKE_SECONDS_MAX", 1)
    member, _ = certify(tmp_path, guarded.authority, "member")
    address = guarded.address(member)
    with entered(desk, address, "ben") as session:
        key = CustodyStore(session).open("desk")
        message = signing(key.public_key)
        assert verify(key.public_key, message, key.sign(message))
    foreign = Authority.create(tmp_path / "foreign", "Foreign", "a passphrase", cost=CHEAP)
    stranger, _ = certify(tmp_path, foreign, "stranger")
    with pytest.raises(CustodianUnreachable):
        CustodianSession(guarded.address(stranger))
    with pytest.raises(KeyStoreError):
        CustodianSession(CustodianAddress(host="127.0.0.1", port=address.port))


def test_a_revoked_machine_is_turned_away_though_its_user_has_logged_in(
    desk: Desk, guarded: Guarded, tmp_path: Path
) -> None:
    member, issued = certify(tmp_path, guarded.authority, "member")
    with entered(desk, guarded.address(member), "ben") as session:
        assert session.list_keys()
        guarded.machines.revoked.add(issued.fingerprint)
        assert refusal(session.list_keys) == CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE.number
    assert (
        refusal(CustodianSession, guarded.address(member))
        == CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE.number
    )


def test_where_the_ledger_cannot_be_asked_nobody_is_let_in(
    desk: Desk, guarded: Guarded, tmp_path: Path
) -> None:
    member, _ = certify(tmp_path, guarded.authority, "member")
    with entered(desk, guarded.address(member), "ben") as session:
        guarded.machines.failing = True
        assert refusal(session.list_keys) == CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE.number
        with pytest.raises(CustodianUnreachable):
            CustodianSession(guarded.address(member))
        guarded.machines.failing = False
        assert session.list_keys(), "it goes on where it was, with the same login"


def test_a_renewed_certificate_is_shown_from_the_next_connection_on(
    desk: Desk, guarded: Guarded, tmp_path: Path
) -> None:
    member, old = certify(tmp_path, guarded.authority, "member")
    renewed, _ = certify(tmp_path, guarded.authority, "renewed")
    with entered(desk, guarded.address(member), "ben") as session:
        renewed.certificate.rename(member.certificate)
        guarded.machines.revoked.add(old.fingerprint)
        assert refusal(session.list_keys) == CustodyRefusal.CERTIFICATE_IS_NOT_IN_FORCE.number
        assert session.list_keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("custodian:/run/c.sock", CustodianAddress(Path("/run/c.sock"))),
        ("custodian:c.sock", CustodianAddress(Path("c.sock"))),
        ("custodian:127.0.0.1:7000", CustodianAddress(host="127.0.0.1", port=7_000)),
        ("custodian:[::1]:7000", CustodianAddress(host="::1", port=7_000)),
    ],
)
def test_custodians_are_named(text: str, expected: CustodianAddress) -> None:
    assert custodian_address(text) == expected


def test_a_custodian_without_a_name_is_none() -> None:
    with pytest.raises(KeyStoreError, match="lacks its socket"):
        custodian_address("custodian:")
    assert msgspec.msgpack.encode(Decide(bytes(16), True)), "requests are plain data"
