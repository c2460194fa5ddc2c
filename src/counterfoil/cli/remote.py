"""A ledger in the network, described in a file that stands in the place of its folder: `--ledger node.json`.

    {"host": "node.example", "port": 7443, "certificate": "me.pem", "authorities": ["ca.pem"]}

certificate: a PEM file with this program's certificate and key (or key: a file of its own). authorities: PEM files with
the certificates of the authorities that are trusted to say which node it is. Paths are relative to the file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from counterfoil.custody.tls import Identity, certificate_in
from counterfoil.sdk import TlsAddress

FILE_BYTES_MAX = 1 << 16


class AddressFileError(Exception):
    """The file does not say how to reach anybody; the text says why."""


class _Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    port: int
    certificate: str
    authorities: tuple[str, ...]
    key: str = ""


def is_remote(path: Path) -> bool:
    """Whether what `--ledger` names is such a file, and no folder."""
    return path.is_file()


def address_in(path: Path) -> TlsAddress:
    """AddressFileError where the file does not say how to reach a node; KeyFileError where a certificate is none."""
    try:
        described = msgspec.json.decode(path.read_bytes()[:FILE_BYTES_MAX], type=_Described)
    except OSError as error:
        raise AddressFileError(f"{path} cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise AddressFileError(f"{path} does not describe how to reach a node: {error}.") from None
    if not 0 < described.port < 65_536 or not described.authorities:
        raise AddressFileError(f"{path} names no port from 1 to 65535, or no authority.")
    beside = path.absolute().parent
    certificate = beside / described.certificate
    key = beside / described.key if described.key else certificate
    authorities = tuple(certificate_in(beside / name) for name in described.authorities)
    return TlsAddress(described.host, described.port, Identity(certificate, key), authorities)
