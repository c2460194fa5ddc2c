"""The certificate authority of whoever runs the infrastructure: X.509 certificates for members, nodes and services.

Its folder holds its own certificate (`authority.pem`), its key under a passphrase (`authority.key`), and every
certificate that it issued under its fingerprint (`issued/FINGERPRINT.pem`), written before it leaves the folder: what
was signed and not yet put on the ledger is found there again. What is not on the ledger is accepted nowhere.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from counterfoil.custody.key_files import STANDARD_COST, ArgonCost, KeyFileError
from counterfoil.custody.sealed_secrets import open_secret, seal_secret
from counterfoil.custody.tls import Identity, certificate_in, client_context, fingerprint_of
from counterfoil.storage import files

ED25519: Final = "ed25519"
P256: Final = "p-256"
ALGORITHMS: Final = (ED25519, P256)
AUTHORITY_DAYS: Final = 3_650
CERTIFICATE_DAYS: Final = 90
"""So long a certificate is good where nothing else is said: rotation is practised, not remembered."""
CERTIFICATE_DAYS_MAX: Final = 825
_BACKDATED: Final = timedelta(minutes=5)
"""A certificate begins a little earlier than it is made, for clocks that are behind."""
_CERTIFICATE, _KEY, _ISSUED = "authority.pem", "authority.key", "issued"
_PURPOSE: Final = "certificate authority"
_URI: Final = "counterfoil:"
PURPOSES: Final = ("member", "node", "gateway", "service")
SERVING: Final = ("node", "service")
"""What is shown by a server too, and so names its hosts."""

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_UNREADABLE = (
    ValueError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises over bytes that it does not take; they have no common ancestor."""


class Issued(NamedTuple):
    """A certificate, as the ledger wants to know it. party, purpose: as the certificate names them (20 bytes, and one
    of `PURPOSES`)."""

    certificate: bytes
    fingerprint: bytes
    serial: bytes
    party: bytes
    purpose: str
    hosts: tuple[str, ...]
    valid_from_ms: int
    valid_until_ms: int


class Authority:
    """An authority's folder, open for issuing."""

    def __init__(self, folder: Path, key: PrivateKey, certificate: x509.Certificate) -> None:
        self.folder = folder
        self._key = key
        self._certificate = certificate
        self.certificate = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = fingerprint_of(self.certificate)
        self.valid_from_ms, self.valid_until_ms = _validity(certificate)

    @classmethod
    def create(
        cls,
        folder: Path,
        name: str,
        passphrase: str,
        *,
        algorithm: str = ED25519,
        days: int = AUTHORITY_DAYS,
        now: datetime | None = None,
        cost: ArgonCost = STANDARD_COST,
    ) -> Authority:
        """Make a key and the authority's own certificate. KeyFileError where the folder has one already."""
        key = _new_key(algorithm)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        begins = (now or datetime.now(UTC)).replace(microsecond=0)
        public = key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins - _BACKDATED)
            .not_valid_after(begins + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, _digest(key))
        )
        (folder / _ISSUED).mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        seal_secret(folder / _KEY, _PURPOSE, secret, passphrase, cost=cost)
        files.write_new(folder / _CERTIFICATE, _pem(certificate), mode=0o644)
        return cls(folder, key, certificate)

    @classmethod
    def open(cls, folder: Path, passphrase: str) -> Authority:
        """KeyFileError where there is none, or the passphrase is another's."""
        try:
            certificate = x509.load_der_x509_certificate(certificate_in(folder / _CERTIFICATE))
        except _UNREADABLE:
            raise KeyFileError(f"{folder / _CERTIFICATE} is no certificate.") from None
        secret = open_secret(folder / _KEY, _PURPOSE, passphrase)
        key = serialization.load_der_private_key(secret, None)
        if not isinstance(key, PrivateKey) or key.public_key() != certificate.public_key():
            raise KeyFileError(f"{folder / _KEY} is not the key of {folder / _CERTIFICATE}.")
        return cls(folder, key, certificate)

    def issue(
        self,
        request: bytes,
        chain_id: str,
        party: bytes,
        name: str,
        *,
        purpose: str = "member",
        hosts: tuple[str, ...] = (),
        days: int = CERTIFICATE_DAYS,
        now: datetime | None = None,
    ) -> Issued:
        """A certificate for the key of a request (PKCS#10, PEM), bound to a party of a ledger.

        Of the request only its key counts, and that whoever made it has the key; names are the authority's to give.
        hosts: DNS names and IP addresses under which a node or service is reached.
        """
        key = _requested_key(request)
        if not 0 < days <= CERTIFICATE_DAYS_MAX:
            raise KeyFileError(f"A certificate is issued for 1 to {CERTIFICATE_DAYS_MAX} days, not {days}.")
        if purpose not in PURPOSES:
            raise KeyFileError(f"There is no purpose {purpose!r}; there are {', '.join(PURPOSES)}.")
        serves = purpose in SERVING
        if serves != bool(hosts):
            raise KeyFileError(
                "A certificate of a node or service names the hosts under which it is reached; no other does."
            )
        begins = (now or datetime.now(UTC)).replace(microsecond=0)
        ends = min(begins + timedelta(days=days), self._certificate.not_valid_after_utc)
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(f"{_URI}{chain_id}:{party.hex()}:{purpose}"),
            *map(_host, hosts),
        ]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if serves:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins - _BACKDATED)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, _digest(self._key))
        )
        issued = described(certificate.public_bytes(serialization.Encoding.DER))
        files.write_new(self.path_of(issued.fingerprint), _pem(certificate), mode=0o644)
        return issued

    def issued(self) -> list[Issued]:
        """Everything that the authority has signed, by fingerprint, whether it is on the ledger or not."""
        return [described(certificate_in(path)) for path in sorted((self.folder / _ISSUED).glob("*.pem"))]

    def path_of(self, fingerprint: bytes) -> Path:
        return self.folder / _ISSUED / f"{fingerprint.hex()}.pem"


def described(certificate: bytes) -> Issued:
    """What a certificate (DER) of an authority of ours says. KeyFileError where it is none."""
    try:
        found = x509.load_der_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        (parts,) = [uri.split(":") for uri in uris if uri.startswith(_URI)]
        _, _, party, purpose = parts
        identity = bytes.fromhex(party)
        serial = found.serial_number.to_bytes((found.serial_number.bit_length() + 7) // 8 or 1, "big")
        validity = _validity(found)
        hosts = (
            *names.get_values_for_type(x509.DNSName),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        )
    except _UNREADABLE:
        raise KeyFileError("The certificate was not issued for a party of a ledger.") from None
    return Issued(certificate, fingerprint_of(certificate), serial, identity, purpose, hosts, *validity)


def new_request(identity: Identity, name: str, *, algorithm: str = ED25519) -> bytes:
    """Make a key, in `identity.key` for its owner alone, and the request (PEM) to have it certified.

    KeyFileError where the file exists.
    """
    key = _new_key(algorithm)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        files.write_new(identity.key, secret)
    except FileExistsError:
        raise KeyFileError(f"{identity.key} exists and is never overwritten; choose another name.") from None
    except OSError as error:
        raise KeyFileError(f"{identity.key} cannot be written: {error.strerror}.") from None
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, _digest(key))
    return request.public_bytes(serialization.Encoding.PEM)


def join(into: Path, key: Path, certificate: Path) -> bytes:
    """Put a key and its certificate into one file, which is replaced whole; returns the certificate's fingerprint.

    KeyFileError where they do not belong together, and then nothing is replaced.
    """
    _, shown = client_context(Identity(certificate, key), ())
    try:
        files.replace(into, key.read_bytes() + certificate.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{into} cannot be written: {error.strerror}.") from None
    return shown


def is_authority_folder(folder: Path) -> bool:
    return (folder / _CERTIFICATE).exists()


def _new_key(algorithm: str) -> PrivateKey:
    if algorithm == ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == P256:
        return ec.generate_private_key(ec.SECP256R1())
    raise KeyFileError(
        f"There is no algorithm {algorithm!r} for certificates; there are {', '.join(ALGORITHMS)}."
    )


def _requested_key(request: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    try:
        found = x509.load_pem_x509_csr(request)
        good = found.is_signature_valid
        key = found.public_key()
    except (*_UNREADABLE, InvalidSignature, TypeError):
        raise KeyFileError("The request is no certificate signing request in PEM form.") from None
    if not good:
        raise KeyFileError("Whoever made the request has not shown that the key is its own.")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise KeyFileError("The request's key is neither Ed25519 nor P-256.")


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError:
        raise KeyFileError(f"{text!r} is neither a DNS name nor an IP address.") from None


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _digest(key: PrivateKey) -> hashes.SHA256 | None:
    """Ed25519 signs the certificate itself."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _validity(certificate: x509.Certificate) -> tuple[int, int]:
    return (
        int(certificate.not_valid_before_utc.timestamp()) * 1_000,
        int(certificate.not_valid_after_utc.timestamp()) * 1_000,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
