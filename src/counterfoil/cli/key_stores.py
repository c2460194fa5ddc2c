"""Which key store a text means, and what it asks its user: one option, `--keys`, for all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.prompts import ask_passphrase, ask_secret
from counterfoil.custody.hardware import SCHEME as PKCS11
from counterfoil.custody.hardware import HardwareStore, token_address
from counterfoil.custody.key_files import KeyFolder, Unprotected
from counterfoil.custody.key_store import KeyStore
from counterfoil.custody.signers import Signer

PIN_VARIABLE = "COUNTERFOIL_PIN"

KeysOption = Annotated[
    str,
    typer.Option(
        "--keys",
        envvar="COUNTERFOIL_KEYS",
        help="Where the keys are: a folder of key files, or a token: pkcs11:token=LABEL?module-path=FILE.",
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
    if keys.startswith(PKCS11):
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
    address = token_address(text)
    return HardwareStore(address, lambda: _pin(address.label))


def _pin(label: str) -> str:
    return os.environ.get(PIN_VARIABLE) or ask_secret(f"PIN of the token {label}")
