"""A ledger behind TLS: an authority of the depository's, a node of broker-a's, and certificates for whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from counterfoil.custody.authority import ED25519, Authority, Issued, join, new_request
from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.tls import Identity
from counterfoil.node.rpc import RpcServer
from counterfoil.node.tls_door import Door
from counterfoil.sdk import Client, Sandbox, SocketConnection, TlsAddress, messages

CHEAP = ArgonCost(1, 8 << 20)
PASSPHRASE = "correct horse battery"


def certify(
    folder: Path,
    authority: Authority,
    name: str,
    party: bytes = bytes(20),
    *,
    serves: bool = False,
    algorithm: str = ED25519,
    begins_in: timedelta = timedelta(0),
    days: int = 90,
) -> tuple[Identity, Issued]:
    """A key and its certificate in one file, signed by an authority and on no ledger yet."""
    both = folder / f"{name}.pem"
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    request = new_request(Identity(certificate, key), name, algorithm=algorithm)
    hosts = ("127.0.0.1", "localhost") if serves else ()
    now = datetime.now(UTC) + begins_in
    purpose = "node" if serves else "member"
    issued = authority.issue(request, "chain", party, name, purpose=purpose, hosts=hosts, days=days, now=now)
    join(both, key, authority.path_of(issued.fingerprint))
    return Identity(both, both), issued


class Certified:
    """The ledger of a sandbox, and what it takes to reach it over TLS. Use it as a context manager."""

    def __init__(self, folder: Path, *, algorithm: str = ED25519) -> None:
        self.folder = folder
        self.algorithm = algorithm
        self.sandbox = Sandbox()
        self.authority = Authority.create(
            folder / "ca", "Test CA", PASSPHRASE, algorithm=algorithm, cost=CHEAP
        )
        self.depository = self.sandbox.client("depository")
        self.name_authority(self.authority)
        self.node_identity, self.node_issued = self.issue("node", "broker-a", serves=True)
        self.server = RpcServer(self.sandbox.node, door=Door("127.0.0.1", 0, self.node_identity))
        self.server.start()

    def name_authority(self, authority: Authority) -> None:
        self.depository.send(
            messages.NameAuthority(
                self.depository.party,
                authority.certificate,
                authority.valid_from_ms,
                authority.valid_until_ms,
            )
        )

    def issue(self, name: str, persona: str, **more: object) -> tuple[Identity, Issued]:
        """Certified and on the ledger."""
        party = self.sandbox.client(persona).party
        identity, issued = certify(
            self.folder,
            self.authority,
            name,
            party,
            algorithm=self.algorithm,
            **more,  # type: ignore[arg-type]
        )
        self.record(self.authority, issued)
        return identity, issued

    def record(self, authority: Authority, issued: Issued) -> None:
        purpose = messages.CertificatePurpose[issued.purpose.upper()]
        self.depository.send(
            messages.RecordCertificate(
                authority.fingerprint,
                issued.party,
                purpose,
                issued.fingerprint,
                issued.serial,
                issued.valid_from_ms,
                issued.valid_until_ms,
            )
        )

    def revoke(self, issued: Issued) -> None:
        ask = messages.RevokeCertificate(self.depository.party, issued.fingerprint, "A test.")
        self.depository.send(ask)

    def address(self, identity: Identity, *authorities: Authority, host: str = "127.0.0.1") -> TlsAddress:
        trusted = tuple(one.certificate for one in authorities or (self.authority,))
        return TlsAddress(host, self.server.tls_port, identity, trusted)

    def connect(self, identity: Identity, *authorities: Authority) -> SocketConnection:
        return SocketConnection(self.address(identity, *authorities), attempts=2, timeout_seconds=10)

    def client(self, identity: Identity, persona: str) -> Client:
        """Who has the persona's keys, on a connection of its own."""
        here = self.sandbox.client(persona)
        return Client(self.connect(identity), *here.keys, party=here.party)

    def close(self) -> None:
        self.server.close()
        self.sandbox.close()

    def __enter__(self) -> Certified:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
