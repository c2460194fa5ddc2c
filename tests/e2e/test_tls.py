"""Certificates on real sockets: who gets in, who does not and why, and what a revocation does to what is under way."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from counterfoil.custody.authority import P256, Authority
from counterfoil.custody.key_files import KeyFileError
from counterfoil.custody.tls import Identity, client_context, server_context
from counterfoil.node import protocol, rpc, tls_door
from counterfoil.node.protocol import (
    Authenticate,
    Failed,
    Greeting,
    authentication_bytes,
    bound_challenge,
)
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.rpc import RpcServer
from counterfoil.node.tls_door import Door
from counterfoil.primitives.frames import frame, length_of
from counterfoil.sdk import (
    Client,
    LedgerError,
    NodeUnreachable,
    SocketConnection,
    TlsAddress,
    messages,
)
from tests.e2e.certified import CHEAP, PASSPHRASE, Certified, certify


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    with Certified(tmp_path_factory.mktemp("tls")) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Certified]:
    """For what leaves traces."""
    with Certified(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def broker(place: Certified) -> Identity:
    return place.issue("broker-a", "broker-a")[0]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that no ledger knows."""
    return Authority.create(tmp_path_factory.mktemp("other"), "Test CA", PASSPHRASE, cost=CHEAP)


def eventually(happened: Callable[[], bool], seconds: float = 10) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if happened():
            return True
        time.sleep(0.01)
    return False


# ---- who gets in ----


def test_a_member_reads_and_sends_as_on_the_machine_itself(place: Certified, broker: Identity) -> None:
    there, here = place.client(broker, "broker-a"), place.sandbox.client("broker-a")
    account, share = place.sandbox.account("broker-a"), place.sandbox.seeded.share
    assert there.holdings(account) == here.holdings(account)
    assert there.send(messages.PlaceEarmark(account, share, 1)).ok


@pytest.mark.parametrize("algorithm", [P256])
def test_keys_on_p_256_work_as_well(tmp_path: Path, algorithm: str) -> None:
    with Certified(tmp_path, algorithm=algorithm) as place:
        identity, _ = place.issue("broker-a", "broker-a")
        assert place.client(identity, "broker-a").holdings(place.sandbox.account("broker-a")).balances


def test_by_the_name_of_the_host_too(place: Certified, broker: Identity) -> None:
    assert SocketConnection(place.address(broker, host="localhost")).chain_id


def test_a_member_carries_its_clients_business(place: Certified, broker: Identity) -> None:
    """Investor A was admitted by broker A: its keys, on a connection of its broker's."""
    assert place.client(broker, "investor-a").accounts(owner=place.sandbox.client("investor-a").party)


def test_without_keys_of_a_party_one_reads_what_is_public(place: Certified, broker: Identity) -> None:
    client = Client(place.connect(broker))
    assert client.markets()
    with pytest.raises(LedgerError) as caught:
        client.holdings(place.sandbox.account("broker-a"))
    assert caught.value.name == "NOT_VISIBLE"


# ---- who does not ----


def test_wrong_party(place: Certified, broker: Identity) -> None:
    """Broker B's keys on broker A's connection: the keys are right, and it is not theirs to use."""
    for persona in ("broker-b", "investor-b", "regulator"):
        with pytest.raises(LedgerError) as caught:
            place.client(broker, persona)
        assert caught.value.name == NodeRefusal.CERTIFICATE_IS_ANOTHERS.name, persona


def test_wrong_party_with_wrong_keys_is_not_told_more(place: Certified, broker: Identity) -> None:
    here = place.sandbox.client("broker-a")
    with pytest.raises(LedgerError) as caught:
        Client(place.connect(broker), *place.sandbox.client("broker-b").keys, party=here.party)
    assert caught.value.name == "NOT_RECOGNISED"


def test_wrong_authority(place: Certified, stranger: Authority, tmp_path: Path) -> None:
    """Of the same name, but another key."""
    identity, _ = certify(tmp_path, stranger, "forged", place.sandbox.client("broker-a").party)
    with pytest.raises(NodeUnreachable, match="certificate"):
        place.connect(identity)


def test_an_authority_that_the_client_does_not_trust(
    place: Certified, broker: Identity, stranger: Authority
) -> None:
    with pytest.raises(NodeUnreachable, match="certificate"):
        place.connect(broker, stranger)


@pytest.mark.parametrize(
    ("begins_in", "days"),
    [(timedelta(days=-30), 7), (timedelta(days=2), 7)],
    ids=["expired", "not yet valid"],
)
def test_out_of_its_time(place: Certified, tmp_path: Path, begins_in: timedelta, days: int) -> None:
    party = place.sandbox.client("broker-a").party
    identity, issued = certify(tmp_path, place.authority, "late", party, begins_in=begins_in, days=days)
    place.record(place.authority, issued)
    with pytest.raises(NodeUnreachable, match="certificate"):
        place.connect(identity)


def test_signed_by_the_authority_but_not_on_the_ledger(place: Certified, tmp_path: Path) -> None:
    identity, _ = certify(tmp_path, place.authority, "unknown", place.sandbox.client("broker-a").party)
    with pytest.raises(LedgerError) as caught:
        place.connect(identity)
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name


def test_no_certificate(place: Certified) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", place.server.tls_port), 10) as plain,
        context.wrap_socket(plain) as secured,
    ):
        assert _hears_nothing(secured)


def _hears_nothing(connected: ssl.SSLSocket) -> bool:
    try:
        return connected.recv(1) == b""
    except OSError:
        return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_an_older_version(place: Certified, broker: Identity, version: ssl.TLSVersion) -> None:
    context, _ = client_context(broker, [place.authority.certificate])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", place.server.tls_port), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_server_of_an_older_version_is_not_talked_to(place: Certified, broker: Identity) -> None:
    """Who stands in between and speaks TLS 1.2 alone gets no request."""
    context, _ = server_context(place.node_identity, [place.authority.certificate])
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(NodeUnreachable, match="protocol version"):
        _meet(context, broker, place)


def test_a_members_certificate_is_no_servers(place: Certified, broker: Identity) -> None:
    """Whoever has stolen it cannot pose as a node."""
    context, _ = server_context(broker, [place.authority.certificate])
    with pytest.raises(NodeUnreachable, match="purpose|certificate"):
        _meet(context, broker, place)


def test_a_node_of_another_host_is_not_this_one(place: Certified, broker: Identity) -> None:
    address = place.address(broker)._replace(host="127.0.0.2")
    with pytest.raises(NodeUnreachable, match="127.0.0.2|IP address mismatch"):
        _meet(server_context(place.node_identity, [place.authority.certificate])[0], broker, place, address)


def _meet(
    context: ssl.SSLContext, identity: Identity, place: Certified, address: TlsAddress | None = None
) -> None:
    """Have a client of ours connect to a server with this context."""
    host = address.host if address is not None else "127.0.0.1"
    with socket.create_server((host, 0)) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            try:
                with context.wrap_socket(connected, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        to = TlsAddress(host, listening.getsockname()[1], identity, (place.authority.certificate,))
        try:
            SocketConnection(to, attempts=1, timeout_seconds=10)
        finally:
            thread.join()


def test_plain_text_at_the_door(place: Certified, broker: Identity) -> None:
    with socket.create_connection(("127.0.0.1", place.server.tls_port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(100)
    with pytest.raises((NodeUnreachable, OSError)):
        SocketConnection(place.server.tls_port, attempts=1, timeout_seconds=2)
    assert place.client(broker, "broker-a").status()


def test_whoever_only_connects_holds_no_place_for_long(
    place: Certified, broker: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_door, "HANDSHAKE_SECONDS_MAX", 0.2)
    silent = [socket.create_connection(("127.0.0.1", place.server.tls_port), 10) for _ in range(20)]
    assert place.client(broker, "broker-a").status()
    for one in silent:
        assert one.recv(1) == b""
        one.close()


def test_more_clients_than_are_served_are_turned_away(
    place: Certified, broker: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CLIENTS_MAX", 0)
    with pytest.raises(NodeUnreachable):
        place.connect(broker)


# ---- what is signed on one connection ----


def test_a_node_in_between_cannot_pass_a_signature_on(place: Certified, broker: Identity) -> None:
    """Broker B runs a node with a good certificate, passes an honest node's challenge to broker A's client, and its
    answer back: the honest node sees that it was meant for another."""
    between, _ = place.issue("between", "broker-a", serves=True)
    here = place.sandbox.client("broker-a")
    context, shown = client_context(between, [place.authority.certificate])
    plain = socket.create_connection(("127.0.0.1", place.server.tls_port), 10)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as honest:
        greeting = _receive(honest)
        assert isinstance(greeting, Greeting)
        _, client = client_context(broker, [])
        key = here.keys[0]
        meant_for_it = bound_challenge(greeting.challenge, shown, client)
        text = authentication_bytes(greeting.chain_id, meant_for_it, here.party, key.address)
        ask = Authenticate(1, here.party, key.address, ((key.public_key, key.sign(text)),))
        honest.sendall(frame(ask))
        reply = _receive(honest)
        assert isinstance(reply, Failed)
        assert reply.problem.name == "NOT_RECOGNISED"


def test_what_was_signed_without_tls_is_good_for_no_connection_with_it(
    place: Certified, broker: Identity
) -> None:
    here = place.sandbox.client("broker-a")
    context, _ = client_context(broker, [place.authority.certificate])
    plain = socket.create_connection(("127.0.0.1", place.server.tls_port), 10)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        greeting = _receive(secured)
        assert isinstance(greeting, Greeting)
        key = here.keys[0]
        text = authentication_bytes(greeting.chain_id, greeting.challenge, here.party, key.address)
        ask = Authenticate(1, here.party, key.address, ((key.public_key, key.sign(text)),))
        secured.sendall(frame(ask))
        reply = _receive(secured)
        assert isinstance(reply, Failed)
        assert reply.problem.name == "NOT_RECOGNISED"


def _receive(connected: ssl.SSLSocket) -> object:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = connected.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    return protocol.REPLY.decode(exactly(length_of(exactly(4))))


# ---- revoked ----


def test_revoked_in_flight_the_connection_is_cut_and_the_next_refused(own: Certified) -> None:
    identity, issued = own.issue("broker-a", "broker-a")
    other, _ = own.issue("other", "broker-a")
    client, unharmed = own.client(identity, "broker-a"), own.client(other, "broker-a")
    draft = client.draft(
        messages.PlaceEarmark(own.sandbox.account("broker-a"), own.sandbox.seeded.share, 1)
    ).sign(*client.keys)
    ended: list[BaseException | None] = []

    def wait() -> None:
        try:
            client.wait(draft, 60)
            ended.append(None)
        except (LedgerError, OSError) as error:
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    began = time.monotonic()
    own.revoke(issued)
    waiting.join(20)
    assert time.monotonic() - began < 10
    assert isinstance(ended[0], LedgerError)
    assert ended[0].name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name
    with pytest.raises(LedgerError) as caught:
        client.status()
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name
    with pytest.raises(LedgerError) as caught:
        own.connect(identity)
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name
    assert unharmed.status()


def test_a_request_after_the_block_of_the_revocation_is_refused_before_the_connection_is_cut(
    own: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "WATCH_SECONDS", 3_600)
    time.sleep(0.2)
    identity, issued = own.issue("broker-a", "broker-a")
    client = own.client(identity, "broker-a")
    assert client.status()
    own.revoke(issued)
    with pytest.raises(LedgerError) as caught:
        client.status()
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name
    with pytest.raises(LedgerError) as caught:
        client.send(messages.PlaceEarmark(own.sandbox.account("broker-a"), own.sandbox.seeded.share, 1))
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name


def test_a_stream_ends_with_the_certificate_that_it_came_through(own: Certified) -> None:
    """What happens after the block of the revocation is not told on it, though it was open at that block."""
    identity, issued = own.issue("broker-a", "broker-a")
    client, stranger = own.client(identity, "broker-a"), own.sandbox.client("broker-b")
    told: list[int] = []
    ended: list[BaseException | None] = []
    began = threading.Event()

    def listen() -> None:
        try:
            for item in client.watch(0):
                told.append(item.height)
                began.set()
            ended.append(None)
        except (LedgerError, OSError) as error:
            ended.append(error)

    listening = threading.Thread(target=listen)
    listening.start()
    assert began.wait(10)
    own.revoke(issued)
    revoked_at = own.sandbox.client("regulator").status().moment.height
    stranger.send(messages.PlaceEarmark(own.sandbox.account("broker-b"), own.sandbox.seeded.share, 1))
    listening.join(20)
    assert isinstance(ended[0], LedgerError)
    assert ended[0].name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name
    assert max(told) <= revoked_at


def test_with_its_authority_everything_ends(own: Certified) -> None:
    identity, _ = own.issue("broker-a", "broker-a")
    client = own.client(identity, "broker-a")
    party = own.depository.party
    own.depository.send(messages.WithdrawAuthority(party, own.authority.fingerprint, "Its key was stolen."))
    with pytest.raises((LedgerError, NodeUnreachable)):
        client.status()
    with pytest.raises(NodeUnreachable, match="certificate"):
        own.connect(identity)


def test_a_party_revokes_its_own(own: Certified) -> None:
    identity, issued = own.issue("broker-a", "broker-a")
    client = own.client(identity, "broker-a")
    client.send(messages.RevokeCertificate(client.party, issued.fingerprint, "The laptop was stolen."))
    with pytest.raises(LedgerError) as caught:
        client.status()
    assert caught.value.name == NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE.name


# ---- rotation without stopping ----


def test_certificates_of_both_sides_are_replaced_under_load(own: Certified) -> None:
    """New connections show the new ones; the old ones go on until they are revoked; nothing fails."""
    identity, first = own.issue("client", "broker-a")
    renewed, second = own.issue("client-2", "broker-a")
    node, node_second = own.issue("node-2", "broker-a", serves=True)
    stop, failed = threading.Event(), list[BaseException]()

    def load() -> None:
        while not stop.is_set():
            try:
                client = own.client(identity, "broker-a")
                assert client.holdings(own.sandbox.account("broker-a")).balances
                client.close()
            except BaseException as error:
                failed.append(error)
                return

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    long_lived = own.client(identity, "broker-a")
    time.sleep(0.3)
    for fresh, old in ((node, own.node_identity), (renewed, identity)):
        copy = fresh.key.with_suffix(".copy")
        shutil.copy(fresh.key, copy)
        os.replace(copy, old.key)
    assert eventually(lambda: _shown(own, identity) == node_second.fingerprint)
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert long_lived.status()
    own.revoke(first)
    assert own.client(identity, "broker-a").status()
    assert own.sandbox.client("depository").certificate(second.fingerprint).status == "IN_FORCE"


def _shown(own: Certified, identity: Identity) -> bytes:
    connection = own.connect(identity)
    try:
        return connection._shown[0]
    finally:
        connection.close()


def test_a_pair_that_does_not_fit_leaves_the_former_in_force(own: Certified) -> None:
    identity, _ = own.issue("client", "broker-a")
    good = own.node_identity.key.read_bytes()
    own.node_identity.key.write_bytes(b"not a certificate")
    assert own.client(identity, "broker-a").status()
    own.node_identity.key.write_bytes(good)
    assert own.client(identity, "broker-a").status()


def test_the_authority_itself_is_replaced_without_stopping(own: Certified, tmp_path: Path) -> None:
    old, _ = own.issue("client", "broker-a")
    client = own.client(old, "broker-a")
    second = Authority.create(tmp_path / "second", "Second CA", PASSPHRASE, cost=CHEAP)
    own.name_authority(second)
    fresh, issued = certify(tmp_path, second, "fresh", own.sandbox.client("broker-a").party)
    own.record(second, issued)
    assert own.client(fresh, "broker-a").status()
    party = own.depository.party
    assert client.status()
    own.depository.send(messages.WithdrawAuthority(party, own.authority.fingerprint, "Replaced."))
    assert own.connect(fresh).chain_id
    with pytest.raises((LedgerError, NodeUnreachable)):
        client.status()


# ---- files that cannot be used ----


def test_files_that_cannot_be_shown(place: Certified, broker: Identity, tmp_path: Path) -> None:
    loose = tmp_path / "loose.pem"
    shutil.copy(broker.key, loose)
    loose.chmod(0o644)
    cases = {
        "can be used by others": Identity(loose, loose),
        "cannot be read": Identity(tmp_path / "none.pem", tmp_path / "none.pem"),
        "no certificate and its key": Identity(broker.certificate, place.node_identity.key),
    }
    for words, identity in cases.items():
        with pytest.raises(KeyFileError, match=words):
            client_context(identity, [])
        with pytest.raises(KeyFileError, match=words):
            RpcServer(place.sandbox.node, door=Door("127.0.0.1", 0, identity)).start()


def test_what_is_no_certificate_on_the_ledger_vouches_for_nobody(own: Certified) -> None:
    party = own.depository.party
    own.depository.send(messages.NameAuthority(party, b"garbage", 2**41 - 10**10, 2**41))
    identity, _ = own.issue("client", "broker-a")
    assert own.client(identity, "broker-a").status()
