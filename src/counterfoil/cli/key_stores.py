"""Which key store a text means, and what it asks its user: one option, `--keys`, for all of them."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.prompts import ask_passphrase, ask_secret
from counterfoil.cli.remote import address_in, is_remote
from counterfoil.custody.hardware import SCHEME as PKCS11
from counterfoil.custody.hardware import HardwareStore, token_address
from counterfoil.custody.key_files import KeyFolder, Unprotected
from counterfoil.custody.key_store import KeyStore, KeyStoreError
from counterfoil.custody.service.client import SCHEME as CUSTODIAN
from counterfoil.custody.service.client import (
    CustodianAddress,
    CustodianSession,
    CustodyStore,
    custodian_address,
)
from counterfoil.custody.signers import Signer
from counterfoil.custody.tls import client_context

PIN_VARIABLE = "COUNTERFOIL_PIN"
APPROVAL_VARIABLE = "COUNTERFOIL_APPROVAL_SECONDS"
SESSIONS = Path.home() / ".counterfoil" / "sessions"

KeysOption = Annotated[
    str,
    typer.Option(
        "--keys",
        envvar="COUNTERFOIL_KEYS",
        help="Where the keys are: a folder of key files, a token (pkcs11:token=LABEL?module-path=FILE), or a custodian"
        " (custodian:SOCKET or custodian:FILE, after `counterfoil custodian login`).",
        show_default="~/.counterfoil/keys",
    ),
]
KeyOption = Annotated[
    list[str] | None, typer.Option("--key", "-k", help="Name of a key to sign with; several are possible.")
]

DEFAULT_KEYS = str(Path.home() / ".counterfoil" / "keys")

_open: dict[str, KeyStore] = {}


def open_store(text: str) -> KeyStore:
    """The store of that text, open until the command ends: a PIN is asked for once, whatever is done with it."""
    if text not in _open:
        _open[text] = _store(text)
    return _open[text]


def close_stores() -> None:
    """At the end of every command."""
    while _open:
        _, store = _open.popitem()
        store.close()


def open_key(keys: str, name: str) -> Signer:
    """A key of a store, ready to sign; whatever it needs is taken from the environment, or asked for."""
    return open_store(keys).open(name)


def key_folder(keys: str, *, unprotected: Unprotected | None = None) -> KeyFolder | None:
    """The folder of key files that a text means; None where it means another kind of store."""
    if keys.startswith((PKCS11, CUSTODIAN)):
        return None

    def ask(name: str, new: bool) -> str | Unprotected:
        if new and unprotected is not None:
            return unprotected
        return ask_passphrase(
            f"New passphrase of the key {name}" if new else f"Passphrase of the key {name}", new=new
        )

    return KeyFolder(Path(keys), ask)


def _store(text: str) -> KeyStore:
    folder = key_folder(text)
    if folder is not None:
        return folder
    if text.startswith(CUSTODIAN):
        return CustodyStore(logged_in(custodian_at(text)), wait_seconds=approval_seconds())
    address = token_address(text)
    return HardwareStore(address, lambda: _pin(address.label))


def custodian_at(text: str) -> CustodianAddress:
    """A custodian's socket, its HOST:PORT on this machine, or the file that says how to reach it with TLS."""
    file = Path(text.removeprefix(CUSTODIAN))
    if not is_remote(file):
        return custodian_address(text)
    there = address_in(file)
    return CustodianAddress(
        host=there.host, port=there.port, tls=lambda: client_context(there.identity, there.authorities)[0]
    )


def session_file(address: CustodianAddress) -> Path:
    """Where a login at this custodian is kept between commands, readable by its user only: one file for a socket
    however its path is written, and another for the same words in another folder."""
    where = address.path.absolute() if address.path is not None else address
    return SESSIONS / sha256(str(where).encode()).hexdigest()[:32]


def logged_in(address: CustodianAddress) -> CustodianSession:
    """A session that goes on with the login that `counterfoil custodian login` made."""
    file = session_file(address)
    if not file.is_file():
        raise KeyStoreError(
            f"You are not logged in: counterfoil custodian login --custodian {address} --user NAME"
        )
    session = CustodianSession(address)
    session.resume(file.read_bytes())
    return session


def approval_seconds() -> float:
    """So long a command waits for others' approvals."""
    text = os.environ.get(APPROVAL_VARIABLE, "0")
    if not text.isdecimal():
        raise KeyStoreError(f"{APPROVAL_VARIABLE} is a number of seconds, not {text!r}.")
    return float(text)


def _pin(label: str) -> str:
    return os.environ.get(PIN_VARIABLE) or ask_secret(f"PIN of the token {label}")
