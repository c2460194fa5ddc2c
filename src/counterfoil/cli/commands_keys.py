"""keys new, keys list: private keys in files."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.options import (
    DEFAULT_KEYS,
    JsonOption,
    KeysFolderOption,
    unprotected_or_passphrase,
)
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.custody.key_files import SUFFIX, list_keys, new_key
from counterfoil.primitives.addresses import AddressKind, to_text


def new(
    name: Annotated[str, typer.Argument(help="Name of the key: a-z, 0-9, dot, hyphen, underscore.")],
    keys: KeysFolderOption = DEFAULT_KEYS,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Without a passphrase: whoever has the file has the key.")
    ] = False,
) -> None:
    """Make a key and print its address. The passphrase is asked for, or taken from COUNTERFOIL_PASSPHRASE."""
    key = new_key(keys, name, unprotected_or_passphrase(unprotected, name))
    say(f"Key:     {keys / (name + SUFFIX)}")
    say(f"Address: {to_text(AddressKind.SIGNER, key.address)}")
    say(f"Public:  {key.public_key.hex()}")


def show(keys: KeysFolderOption = DEFAULT_KEYS, json: JsonOption = False) -> None:
    """List the keys of a folder. No passphrase is needed."""
    found = list_keys(keys)
    if json:
        say_json(
            [
                {
                    "name": key.name,
                    "address": key.address,
                    "public_key": key.public_key.hex(),
                    "has_passphrase": key.has_passphrase,
                    "file": str(key.path),
                    "problem": key.problem,
                }
                for key in found
            ]
        )
        return
    if not found:
        say(f"There is no key in {keys}; make one with: counterfoil keys new NAME")
        return
    rows = [(key.name, key.address, "yes" if key.has_passphrase else "no", key.problem) for key in found]
    say_table(("name", "address", "passphrase", "problem"), rows)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True, help="Make and list private keys.", epilog="Example: counterfoil keys list"
    )
    group.command("new", epilog="Example: counterfoil keys new regulator")(new)
    group.command("list", epilog="Example: counterfoil keys list --json")(show)
    app.add_typer(group, name="keys")
