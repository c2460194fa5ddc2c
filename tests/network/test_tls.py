"""The doors of a network's nodes: each lets in whom the ledger certifies, and a revocation counts at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.custody.authority import Authority, Issued
from counterfoil.custody.tls import Identity
from counterfoil.sdk import (
    Client,
    FailoverConnection,
    LedgerError,
    NodeUnreachable,
    SocketConnection,
    TlsAddress,
    messages,
    persona_client,
)
from tests.e2e.certified import CHEAP, PASSPHRASE, certify
from tests.network.nets import Net, need_engine, signed_deals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]


class Doors:
    """A validator and a full node, which listen with TLS from before there was a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder / "ca", "Test CA", PASSPHRASE, cost=CHEAP)
        self.net = Net(folder / "n", 1, 1, spare_ports=1)
        self.ports = {name: self.net.spare_port + at for at, name in enumerate(self.net.names)}
        self.shown = {name: certify(folder, self.authority, name, serves=True)[0] for name in self.net.names}

    def up(self, name: str) -> None:
        shown = str(self.shown[name].certificate)
        listen = ("--listen", f"127.0.0.1:{self.ports[name]}", "--certificate", shown)
        self.net.control.up([name], "--workers", "0", *listen, is_serving=self.net.is_serving)

    def name_authority(self) -> None:
        depository = self.net.client("depository")
        authority = self.authority
        depository.send(
            messages.NameAuthority(
                depository.party, authority.certificate, authority.valid_from_ms, authority.valid_until_ms
            )
        )

    def member(self, persona: str) -> tuple[Identity, Issued]:
        depository, party = self.net.client("depository"), self.net.client(persona).party
        identity, issued = certify(self.folder, self.authority, persona, party)
        depository.send(
            messages.RecordCertificate(
                self.authority.fingerprint,
                party,
                messages.CertificatePurpose.MEMBER,
                issued.fingerprint,
                issued.serial,
                issued.valid_from_ms,
                issued.valid_until_ms,
            )
        )
        self.net.agreed()
        return identity, issued

    def addresses(self, identity: Identity) -> list[TlsAddress]:
        trusted = (self.authority.certificate,)
        return [TlsAddress("127.0.0.1", port, identity, trusted) for port in self.ports.values()]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    need_engine()
    made = Doors(tmp_path_factory.mktemp("tls"))
    try:
        for name in made.net.names:
            made.up(name)
        made.net.seeded()
        made.name_authority()
        yield made
    finally:
        for name in made.net.names:
            made.net.control.kill(name)


def test_a_member_goes_on_at_another_node_over_tls(doors: Doors) -> None:
    identity, _ = doors.member("broker-a")
    client = persona_client(FailoverConnection(doors.addresses(identity)), "broker-a")
    first, second = signed_deals(doors.net, "tls", 2)
    assert client.submit(first).ok
    doors.net.control.kill("validator-1")
    doors.up("validator-1")
    assert client.submit(second).ok
    assert client.submit(first).ok, "repeated wherever it goes on, and done once"
    client.close()


def test_what_is_revoked_at_one_node_is_cut_at_every_node(doors: Doors) -> None:
    identity, issued = doors.member("broker-b")
    under_way = []
    for address in doors.addresses(identity):
        connection = SocketConnection(address, attempts=1, timeout_seconds=10.0)
        persona_client(connection, "broker-b").status()
        under_way.append(connection)
    depository = doors.net.client("depository", "validator-1")
    depository.send(messages.RevokeCertificate(depository.party, issued.fingerprint, "A test."))
    doors.net.agreed()
    for connection, address in zip(under_way, doors.addresses(identity), strict=True):
        with pytest.raises((LedgerError, NodeUnreachable)):
            Client(connection).status()
        connection.close()
        with pytest.raises(LedgerError, match="1086 CERTIFICATE_IS_NOT_IN_FORCE"):
            SocketConnection(address, attempts=1, timeout_seconds=10.0)
