"""The custodian's door: whom it lets in, what it answers, what it never tells, and how a client goes on."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
from counterfoil.custody.service.server import CustodyServer
from counterfoil.custody.signers import Signer
from counterfoil.primitives.frames import frame, length_of
from counterfoil.primitives.signatures import verify
from tests.unit.custody.custodians import CHAIN, PASSWORD, Desk, signing

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


def test_ports_of_other_machines_need_tls(desk: Desk) -> None:
    with pytest.raises(ValueError, match="needs TLS"):
        CustodyServer(desk.custodian, port=0, host="0.0.0.0")
    with pytest.raises(ValueError, match="certificates"):
        CustodyServer(desk.custodian, port=0, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with pytest.raises(ValueError, match="at the path of a socket, or at a port"):
        CustodyServer(desk.custodian)


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext, ssl.SSLContext]:
    """(the custodian's side, a client that its authority knows, a client that it does not know)."""
    now = datetime.datetime.now(datetime.UTC)

    def made(
        name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key

    authority, foreign = made("authority", None), made("foreign", None)
    made("custodian", authority)
    made("member", authority)
    made("stranger", foreign)
    sides = []
    for name, side in (
        ("custodian", ssl.PROTOCOL_TLS_SERVER),
        ("member", ssl.PROTOCOL_TLS_CLIENT),
        ("stranger", ssl.PROTOCOL_TLS_CLIENT),
    ):
        context = ssl.SSLContext(side)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(folder / f"{name}.pem")
        context.load_verify_locations(folder / "authority.pem")
        sides.append(context)
    return sides[0], sides[1], sides[2]


def test_mutual_tls(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_file, "FRAME_SECONDS_MAX", 1)
    own, member, stranger = certificates(tmp_path)
    with CustodyServer(desk.custodian, port=0, tls=own) as server:
        assert server.port is not None
        address = custodian_address(f"custodian:127.0.0.1:{server.port}")
        with CustodianSession(address, tls=member) as session:
            session.log_in("ben", PASSWORD, desk.code("ben"))
            key = CustodyStore(session).open("desk")
            message = signing(key.public_key)
            assert verify(key.public_key, message, key.sign(message))
        with pytest.raises(CustodianUnreachable):
            CustodianSession(address, tls=stranger)
        with pytest.raises(KeyStoreError):
            CustodianSession(address)


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
