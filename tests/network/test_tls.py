"""The doors of a network's nodes: each lets in whom the ledger certifies, and a revocation counts at all of them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.cli.failures import Exit
from counterfoil.cli.options import socket_of
from counterfoil.custody.authority import Authority, Issued
from counterfoil.custody.tls import Identity
from counterfoil.sdk import (
    Client,
    FailoverConnection,
    LedgerError,
    NodeUnreachable,
    NotVisible,
    SocketConnection,
    TlsAddress,
    messages,
    persona_client,
)
from counterfoil.verify import Trust, verify_proof
from tests.e2e.certified import CHEAP, PASSPHRASE, certify
from tests.e2e.test_cli import COMMAND
from tests.network.nets import SECONDS, Net, need_engine, signed_deals

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

    def member(self, persona: str, named: str = "") -> tuple[Identity, Issued]:
        depository, party = self.net.client("depository"), self.net.client(persona).party
        identity, issued = certify(self.folder, self.authority, named or persona, party)
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
    revoked(doors, issued)
    for connection, address in zip(under_way, doors.addresses(identity), strict=True):
        with pytest.raises((LedgerError, NodeUnreachable)):
            Client(connection).status()
        connection.close()
        with pytest.raises(LedgerError, match="1091 CERTIFICATE_IS_NOT_IN_FORCE"):
            SocketConnection(address, attempts=1, timeout_seconds=10.0)


@contextmanager
def following(doors: Doors, folder: Path, identity: Identity) -> Iterator[Path]:
    """Broker A's follower, which knows of the network what is public, and how to reach a node over TLS; its socket."""
    trusted = doors.authority.folder / "authority.pem"
    described = {
        "host": "127.0.0.1",
        "port": doors.ports["full-1"],
        "certificate": str(identity.certificate),
        "authorities": [str(trusted)],
    }
    (folder / "node.json").write_text(json.dumps(described))
    follower, public = folder / "follower", doors.net.control.folder
    made = ("network", "follower", public, follower, "--node", folder / "node.json", "--unencrypted")
    subprocess.run([*COMMAND, *map(str, made)], check=True, capture_output=True)
    process = subprocess.Popen(
        [*COMMAND, "follow", str(follower), "--as", "broker-a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Listening on"):
                break
        else:
            pytest.fail("the follower did not begin")
        yield socket_of(follower)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_follower_elsewhere_fetches_its_owners_receipts_and_proofs_over_tls(
    doors: Doors, tmp_path: Path
) -> None:
    """It knows no socket of a node: what it has of its owner's came through the door, in its certificate's name."""
    identity, issued = doors.member("broker-a", "follower")
    made, net = doors.net.fixtures, doors.net
    assert made is not None
    done = net.client("broker-a").submit_many(signed_deals(net, "elsewhere", 3))
    agreed = net.agreed()
    with (
        following(doors, tmp_path, identity) as at,
        persona_client(SocketConnection(at), "broker-a") as owner,
    ):
        give_up = time.monotonic() + SECONDS
        while owner.status().moment.height < agreed.moment.height:
            assert time.monotonic() < give_up, owner.status()
            time.sleep(0.2)
        heights = {result.height for result in done}
        while not heights <= {block.height for block in owner.read("receipts").blocks}:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        assert owner.read("receipts").blocks == net.client("broker-a", "full-1").read("receipts").blocks
        file = owner.proof("holding", account=made.accounts["broker-a"], instrument=made.share)
        genesis = (net.control.folder / "genesis.json").read_bytes()
        assert verify_proof(file, Trust.in_genesis(genesis)).records
        with Client(SocketConnection(at)) as stranger:
            assert stranger.market(made.market).is_open, "what is public is told to anybody"
            with pytest.raises(NotVisible):
                stranger.holdings(made.accounts["broker-a"])
        revoked(doors, issued)
        with pytest.raises(LedgerError) as refused:
            owner.proof("holding", account=made.accounts["broker-a"], instrument=made.share)
        assert refused.value.name in ("CERTIFICATE_IS_NOT_IN_FORCE", "NODES_ARE_AWAY")
        assert owner.read("receipts").blocks, "what it has fetched, it has"


def revoked(doors: Doors, issued: Issued) -> None:
    depository = doors.net.client("depository", "validator-1")
    depository.send(messages.RevokeCertificate(depository.party, issued.fingerprint, "A test."))
    doors.net.agreed()


def test_a_followers_file_that_names_no_node_is_refused(doors: Doors, tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text('{"host": "127.0.0.1"}')
    words = (
        "network",
        "follower",
        doors.net.control.folder,
        tmp_path / "f",
        "--node",
        tmp_path / "node.json",
    )
    refused = subprocess.run([*COMMAND, *map(str, words)], check=False, capture_output=True, text=True)
    assert refused.returncode == Exit.USAGE
    assert "does not describe how to reach a node" in refused.stderr
    assert not (tmp_path / "f").exists(), "nothing is left half-made"
