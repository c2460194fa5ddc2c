"""TLS as every door and every client of this project speaks it: version 1.3, both sides show certificates.

One place for what is easily forgotten: no older version, no session tickets (each connection shows its certificate
anew), strict checking of X.509, no key that others on the machine can read, and no question at a terminal.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from counterfoil.custody.key_files import KeyFileError

HANDSHAKE_SECONDS_MAX: Final = 10.0
"""Within so many seconds a handshake must be done: whoever only opens connections holds no place for long."""


_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_END: Final = "-----END CERTIFICATE-----"


class Identity(NamedTuple):
    """What a program shows of itself: its certificate and the key that belongs to it, both PEM.

    Where both are in one file, which is replaced by renaming another to its name, no connection ever sees half a pair.
    """

    certificate: Path
    key: Path

    def stamp(self) -> tuple[int, ...]:
        """Another value when one of the files is another: when it is time to load them again."""
        found = []
        for path in self:
            try:
                status = path.stat()
            except OSError:
                continue
            found += [status.st_mtime_ns, status.st_size, status.st_ino]
        return tuple(found)


def fingerprint_of(certificate: bytes) -> bytes:
    """SHA-256 of a certificate in DER (32 bytes): its name on the ledger."""
    return sha256(certificate).digest()


Context = tuple[ssl.SSLContext, bytes]
"""A context, and the fingerprint of the certificate that it shows."""


def server_context(identity: Identity, authorities: Iterable[bytes]) -> Context:
    """For a door: it shows `identity`, and lets in whoever shows a certificate of one of the authorities (DER).

    KeyFileError where the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    _trust(context, authorities)
    return context, _show(context, identity)


def client_context(identity: Identity, authorities: Iterable[bytes]) -> Context:
    """For whoever connects: it shows `identity`, and goes on only with a server of one of the authorities (DER) whose
    certificate names the host that was asked for. KeyFileError where the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, authorities)
    return context, _show(context, identity)


def shown_by_peer(connection: ssl.SSLSocket | ssl.SSLObject) -> bytes:
    """The fingerprint of the certificate that the other side has shown, b"" for none."""
    certificate = connection.getpeercert(binary_form=True)
    return fingerprint_of(certificate) if certificate else b""


def certificate_in(path: Path) -> bytes:
    """The first certificate of a PEM file, in DER. KeyFileError where there is none."""
    try:
        text = path.read_text(encoding="ascii")
        begins, ends = text.index(_PEM_BEGIN), text.index(_PEM_END) + len(_PEM_END)
        return ssl.PEM_cert_to_DER_cert(text[begins:ends] + "\n")
    except OSError as error:
        raise KeyFileError(f"The certificate {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise KeyFileError(f"{path} holds no certificate in PEM form.") from None


def _trust(context: ssl.SSLContext, authorities: Iterable[bytes]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for certificate in authorities:
        try:
            context.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, ValueError):
            continue  # what is no certificate vouches for nobody


def _show(context: ssl.SSLContext, identity: Identity) -> bytes:
    """Load certificate and key; the certificate's fingerprint, which was not replaced in between."""
    try:
        if os.name == "posix" and identity.key.stat().st_mode & 0o077:
            raise KeyFileError(f"{identity.key} can be used by others on this machine; chmod 600 it first.")
        while True:
            stamp = identity.stamp()
            context.load_cert_chain(identity.certificate, identity.key, password="")
            shown = fingerprint_of(certificate_in(identity.certificate))
            if identity.stamp() == stamp:
                return shown
    except ssl.SSLError as error:
        raise KeyFileError(
            f"{identity.certificate} and {identity.key} are no certificate and its key: {error.reason or error}."
        ) from None
    except OSError as error:
        raise KeyFileError(
            f"{identity.certificate} or {identity.key} cannot be read: {error.strerror}."
        ) from None
