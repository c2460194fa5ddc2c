"""The certificate authority: what it signs, for whom, and what it refuses; secrets in files of their own."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from counterfoil.custody.authority import (
    ALGORITHMS,
    Authority,
    described,
    is_authority_folder,
    join,
    new_request,
)
from counterfoil.custody.key_files import ArgonCost, KeyFileError
from counterfoil.custody.sealed_secrets import open_secret, seal_secret
from counterfoil.custody.tls import Identity, certificate_in
from tests.e2e.certified import CHEAP, PASSPHRASE

PARTY = b"p" * 20


@pytest.fixture(params=ALGORITHMS)
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", "Test CA", PASSPHRASE, algorithm=request.param, cost=CHEAP)


def asked(tmp_path: Path, name: str = "node") -> bytes:
    return new_request(Identity(tmp_path / "x", tmp_path / f"{name}.key"), name)


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.ExtensionType:
    return certificate.extensions.get_extension_for_class(kind).value


def test_a_certificate_says_whose_it_is_and_what_for(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue(
        asked(tmp_path), "chain-1", PARTY, "Node", purpose="node", hosts=("127.0.0.1", "node.example")
    )
    assert described(issued.certificate) == issued
    assert (issued.party, issued.purpose) == (PARTY, "node")
    assert set(issued.hosts) == {"127.0.0.1", "node.example"}
    found = x509.load_der_x509_certificate(issued.certificate)
    found.verify_directly_issued_by(x509.load_der_x509_certificate(authority.certificate))
    basic = extension(found, x509.BasicConstraints)
    assert isinstance(basic, x509.BasicConstraints)
    assert not basic.ca
    usages = extension(found, x509.ExtendedKeyUsage)
    assert isinstance(usages, x509.ExtendedKeyUsage)
    assert set(usages) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert 0 < len(issued.serial) <= 20
    assert issued.serial[0]
    assert certificate_in(authority.path_of(issued.fingerprint)) == issued.certificate
    assert [one.fingerprint for one in authority.issued()] == [issued.fingerprint]


def test_a_members_certificate_is_for_connecting_alone(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue(asked(tmp_path), "chain-1", PARTY, "Member")
    usages = extension(x509.load_der_x509_certificate(issued.certificate), x509.ExtendedKeyUsage)
    assert isinstance(usages, x509.ExtendedKeyUsage)
    assert set(usages) == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    made = Authority.create(tmp_path / "ca", "Test CA", PASSPHRASE, days=10, cost=CHEAP)
    issued = made.issue(asked(tmp_path), "chain-1", PARTY, "Member", days=90)
    assert issued.valid_until_ms == made.valid_until_ms
    late = datetime.now(UTC) + timedelta(days=3)
    assert made.issue(asked(tmp_path, "b"), "c", PARTY, "M", now=late).valid_until_ms == made.valid_until_ms


def test_it_opens_again_with_its_passphrase(authority: Authority, tmp_path: Path) -> None:
    folder = authority.folder
    again = Authority.open(folder, PASSPHRASE)
    assert again.fingerprint == authority.fingerprint
    assert again.issue(asked(tmp_path), "chain-1", PARTY, "Member").party == PARTY
    assert is_authority_folder(folder)
    assert not is_authority_folder(tmp_path)
    with pytest.raises(KeyFileError, match="passphrase"):
        Authority.open(folder, "another passphrase")
    with pytest.raises(KeyFileError, match="cannot be read"):
        Authority.open(tmp_path / "none", PASSPHRASE)
    with pytest.raises(KeyFileError, match="never overwritten"):
        Authority.create(folder, "Another", PASSPHRASE, cost=CHEAP)
    assert (folder / "authority.key").stat().st_mode & 0o077 == 0


def test_another_authoritys_key_is_noticed(tmp_path: Path) -> None:
    one, other = (
        Authority.create(tmp_path / name, "Test CA", PASSPHRASE, cost=CHEAP) for name in ("one", "other")
    )
    (one.folder / "authority.pem").write_bytes((other.folder / "authority.pem").read_bytes())
    with pytest.raises(KeyFileError, match="is not the key"):
        Authority.open(one.folder, PASSPHRASE)


def csr(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def spoiled(tmp_path: Path) -> bytes:
    """A request whose signature is of another key."""
    text = asked(tmp_path, "spoiled")
    der = bytearray(x509.load_pem_x509_csr(text).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return (
        b"-----BEGIN CERTIFICATE REQUEST-----\n"
        + base64.encodebytes(bytes(der))
        + b"-----END CERTIFICATE REQUEST-----\n"
    )


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("garbage", "no certificate signing request"),
        ("rsa", "neither Ed25519 nor P-256"),
        ("p-384", "neither Ed25519 nor P-256"),
        ("another's key", "has not shown"),
    ],
)
def test_requests_that_are_not_signed(tmp_path: Path, case: str, words: str) -> None:
    made = Authority.create(tmp_path / "ca", "Test CA", PASSPHRASE, cost=CHEAP)
    request = {
        "garbage": lambda: b"garbage",
        "rsa": lambda: csr(rsa.generate_private_key(65_537, 2_048)),
        "p-384": lambda: csr(ec.generate_private_key(ec.SECP384R1())),
        "another's key": lambda: spoiled(tmp_path),
    }[case]()
    with pytest.raises(KeyFileError, match=words):
        made.issue(request, "chain-1", PARTY, "x")
    assert made.issued() == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"days": 0}, "1 to 825 days"),
        ({"days": 826}, "1 to 825 days"),
        ({"purpose": "king"}, "no purpose"),
        ({"purpose": "node"}, "names the hosts"),
        ({"purpose": "member", "hosts": ("127.0.0.1",)}, "names the hosts"),
        ({"purpose": "node", "hosts": ("nöde",)}, "neither a DNS name"),
    ],
)
def test_what_is_not_issued(tmp_path: Path, more: dict[str, object], words: str) -> None:
    made = Authority.create(tmp_path / "ca", "Test CA", PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match=words):
        made.issue(asked(tmp_path), "chain-1", PARTY, "x", **more)  # type: ignore[arg-type]


def test_a_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    asked(tmp_path)
    assert (tmp_path / "node.key").stat().st_mode & 0o077 == 0
    with pytest.raises(KeyFileError, match="never overwritten"):
        asked(tmp_path)
    with pytest.raises(KeyFileError, match="no algorithm"):
        new_request(Identity(tmp_path / "x", tmp_path / "y.key"), "y", algorithm="rsa")
    with pytest.raises(KeyFileError, match="cannot be written"):
        new_request(Identity(tmp_path / "x", tmp_path / "none" / "y.key"), "y")


def test_what_does_not_belong_together_is_not_joined(tmp_path: Path) -> None:
    made = Authority.create(tmp_path / "ca", "Test CA", PASSPHRASE, cost=CHEAP)
    issued = made.issue(asked(tmp_path), "chain-1", PARTY, "x")
    asked(tmp_path, "other")
    into = tmp_path / "both.pem"
    path = made.path_of(issued.fingerprint)
    assert join(into, tmp_path / "node.key", path) == issued.fingerprint
    before = into.read_bytes()
    with pytest.raises(KeyFileError):
        join(into, tmp_path / "other.key", path)
    assert into.read_bytes() == before
    assert into.stat().st_mode & 0o077 == 0


def test_a_certificate_of_somebody_elses_making_is_not_described(authority: Authority) -> None:
    version = b"\xa0\x03\x02\x01"
    unheard_of = authority.certificate.replace(version + b"\x02", version + b"\x60", 1)
    assert unheard_of != authority.certificate
    for certificate in (authority.certificate, b"garbage", unheard_of):
        with pytest.raises(KeyFileError, match="was not issued for a party"):
            described(certificate)


# ---- secrets in files of their own ----


def test_a_secret_is_opened_with_its_passphrase_for_its_purpose(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    seal_secret(path, "a purpose", b"secret", PASSPHRASE, cost=CHEAP)
    assert open_secret(path, "a purpose", PASSPHRASE) == b"secret"
    assert b"secret" not in path.read_bytes().replace(b"counterfoil secret", b"")
    for purpose, passphrase, words in (
        ("another purpose", PASSPHRASE, "is wanted"),
        ("a purpose", "wrong passphrase", "does not open"),
    ):
        with pytest.raises(KeyFileError, match=words):
            open_secret(path, purpose, passphrase)
    with pytest.raises(KeyFileError, match="never overwritten"):
        seal_secret(path, "a purpose", b"other", PASSPHRASE, cost=CHEAP)
    seal_secret(path, "a purpose", b"other", PASSPHRASE, replace=True, cost=CHEAP)
    assert open_secret(path, "a purpose", PASSPHRASE) == b"other"


def test_every_changed_byte_of_a_secrets_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    seal_secret(path, "a purpose", b"secret", PASSPHRASE, cost=ArgonCost(1, 8 << 10))
    good = path.read_bytes()
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises(KeyFileError):
            open_secret(path, "a purpose", PASSPHRASE)
    for data in (b"", good[:-1], msgspec.msgpack.encode([b"", b""]), b"\xc1" * 100):
        path.write_bytes(data)
        with pytest.raises(KeyFileError):
            open_secret(path, "a purpose", PASSPHRASE)


def test_secrets_that_others_could_read_or_that_have_no_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(KeyFileError, match="characters"):
        seal_secret(path, "a purpose", b"secret", "short", cost=CHEAP)
    seal_secret(path, "a purpose", b"secret", PASSPHRASE, cost=CHEAP)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="can be used by others"):
        open_secret(path, "a purpose", PASSPHRASE)
    with pytest.raises(KeyFileError, match="There is no"):
        open_secret(tmp_path / "none", "a purpose", PASSPHRASE)
    with pytest.raises(KeyFileError, match="cannot be written"):
        seal_secret(tmp_path / "none" / "x", "a purpose", b"", PASSPHRASE, cost=CHEAP)
