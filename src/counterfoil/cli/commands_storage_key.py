"""storage-key …: changing what a ledger's folder is encrypted under, while the ledger runs or not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.options import DEFAULT_LEDGER, KeyFileOption, LedgerOption
from counterfoil.cli.output import say
from counterfoil.node.ledger import open_ledger
from counterfoil.node.storage_key import finish_changes
from counterfoil.storage.at_rest import AtRest, create_key_file, read_key_file
from counterfoil.storage.errors import FolderInUse, StorageKeyRefused
from counterfoil.storage.folder import key_of
from counterfoil.storage.key_change import REQUEST_NAME, ask_for_change, older_key

POLL_SECONDS = 0.2
TAKEN_SECONDS = 15.0
"""So long a running node may take to see what it was asked."""


def change(
    new: Annotated[
        Path, typer.Option("--new", help="Key file of the new storage key, made if it is not there.")
    ],
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until nothing is left under the key before.")] = True,
) -> None:
    """Change the storage key; a running ledger goes on meanwhile."""
    at_rest = AtRest.load(ledger.absolute(), mend=False)
    in_use = _key_in_use(at_rest, storage_key)
    number = at_rest.newest
    if at_rest.in_force == number:
        folder = at_rest.directory
        next_key = read_key_file(folder, new) if new.exists() else create_key_file(folder, new)
        number = ask_for_change(folder, in_use, next_key, new)
    try:
        with open_ledger(ledger, key_file=storage_key, workers=0, start=False) as node:
            finish_changes(node)
    except FolderInUse:
        if not wait:
            say(f"The running ledger takes storage key {number}, and moves to it in the background.")
            return
        _wait(at_rest.directory, number)
    place = AtRest.load(at_rest.directory, mend=False).key_file
    say(f"Storage key {number} is in {place}; nothing in {ledger} is under an older one.")
    say(
        "Keep a copy of the key elsewhere. A copy of the folder made before opens with the key of its time, which"
    )
    say(f"counterfoil storage-key older {number - 1} --ledger {ledger} -o FILE writes out.")


def older(
    number: Annotated[int, typer.Argument(help="Number of the storage key: 1 is the first.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New key file.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """Write out a storage key that was in use before, to open a backup of that time."""
    at_rest = AtRest.load(ledger.absolute(), mend=False)
    key = older_key(at_rest.directory, _key_in_use(at_rest, storage_key), number)
    create_key_file(at_rest.directory, output, key)
    say(f"{output} holds storage key {number}.")


def _key_in_use(at_rest: AtRest, storage_key: Path | None) -> bytes:
    key = key_of(at_rest, storage_key)
    if key is None:
        raise StorageKeyRefused(f"The ledger in {at_rest.directory} is kept in clear; it has no storage key.")
    return key


def _wait(folder: Path, number: int) -> None:
    give_up = time.monotonic() + TAKEN_SECONDS
    while (at_rest := AtRest.load(folder, mend=False)).in_force < number:
        if at_rest.newest < number and time.monotonic() > give_up:
            asked = (folder / REQUEST_NAME).exists()
            raise StorageKeyRefused(
                "The process that has the ledger open has not taken the key. "
                + ("It is taken when the ledger is started next." if asked else "See what the node says.")
            )
        time.sleep(POLL_SECONDS)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Change what a ledger's folder is encrypted under.",
        epilog="Example: counterfoil storage-key change --ledger market --new /keys/market-2.key",
    )
    group.command(epilog="Example: counterfoil storage-key change --ledger market --new /keys/market-2.key")(
        change
    )
    group.command(epilog="Example: counterfoil storage-key older 1 --ledger market -o /keys/market-1.key")(
        older
    )
    app.add_typer(group, name="storage-key")
