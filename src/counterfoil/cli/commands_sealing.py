"""sealing …: roots, holders and view keys of a sealed ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli import commands_view_keys
from counterfoil.cli.failures import UsageError, hexadecimal
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.custody.signers import Signer
from counterfoil.modules.viewkeys.messages import RecordOpeningKey, RemoveHolder
from counterfoil.node import reads
from counterfoil.node.reads_keys import HolderToBe, KeyEpochs, Since
from counterfoil.node.reads_ledger import Nothing
from counterfoil.primitives.addresses import AddressKind, from_text, to_text
from counterfoil.sdk import Client
from counterfoil.sdk.view_key_files import write_view_keys
from counterfoil.sealing.opening_keys import Opener

WAIT_SECONDS = 30.0
"""So long a command waits for the holders' word on a new epoch; it may come later, too."""
POLL_SECONDS = 0.1

NodeArgument = Annotated[str, typer.Argument(help="The node's address (cfk1…), as its own status shows it.")]


def show(
    ledger: LedgerOption = DEFAULT_LEDGER, storage_key: KeyFileOption = None, json: JsonOption = False
) -> None:
    """Show key epochs, the nodes that hold their roots, and whose word is missing."""
    with connected(ledger, storage_key) as connection:
        found = Client(connection).key_epochs()
    if json:
        say_json(found)
        return
    say_moment(found.moment)
    rows = [(str(one.number), f"{one.from_height:,}", one.commitment.hex()[:16]) for one in found.epochs]
    say_table(("epoch", "from block", "commitment"), rows, right=("epoch", "from block"), title="Key epochs")
    held = [(_address(one.node), one.opening_key.hex()) for one in found.holders]
    say_table(("node", "opening key"), held, title="Nodes that hold the root")
    say(f"This node: {_address(found.node)}, opening key {found.opening_key.hex()}")
    if found.waiting:
        missing = ", ".join(map(_address, found.missing))
        say(f"Epoch {found.waiting} waits for the word of {missing}.")


def new_epoch(
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Begin a key epoch under a fresh root: after a node left, or was compromised, or as a matter of course."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        drafted = client.ask(reads.draft_key_epoch, Nothing()).message
        client.send(drafted)
        found = _wait(client, drafted.number)
        say_moment(found.moment)
    if found.epochs[-1].number == drafted.number:
        say(f"Key epoch {drafted.number} is in force from block {found.epochs[-1].from_height:,} on.")
    else:
        missing = ", ".join(map(_address, found.missing))
        say(f"Key epoch {drafted.number} is proposed; it waits for the word of {missing}.")


def admit(
    node: NodeArgument,
    opening_key: Annotated[str, typer.Argument(help="The node's opening key: 64 hexadecimal digits.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Let a node hold the root, so that it can execute."""
    public_key = hexadecimal(opening_key, "An opening key is 64 hexadecimal digits.")
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        asked = HolderToBe(node=_node(node), opening_key=public_key)
        client.send(client.ask(reads.draft_holder, asked).message)
        say_moment(client.status().moment)
    say(f"{node} holds the root of the epoch in force and of all before it.")


def remove(
    node: NodeArgument,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Let a node hold no further root. Begin a new epoch afterwards: it still has the one in force."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        client.send(RemoveHolder(client.party, _node(node)))
        say_moment(client.status().moment)
    say(f"{node} is given no further root. Next: counterfoil sealing new-epoch")


def record_opening(
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Record the opening key that follows from the first signing key: view keys and notes are sealed to it."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        public_key = opening_key_of(client.keys).public_key
        client.send(RecordOpeningKey(client.party, public_key))
        say_moment(client.status().moment)
    say(f"Opening key recorded: {public_key.hex()}")


def notes(
    after: Annotated[int, typer.Option(help="Only what was passed after this block.")] = 0,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Read the notes that came with instructions: sealed to one's opening key, so that nobody else opens them."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        found = client.notes(opening_key_of(client.keys), after)
        names = {line.party: line.name for line in client.parties()}
    if json:
        say_json(found)
        return
    for note in found:
        say(f"{note.height:,}  {names[note.sender]}, about instruction {note.instruction.hex()}:")
        say(f"    {note.text}")
    if not found:
        say("No notes.")


def view_keys(
    out: Annotated[Path, typer.Option("--out", "-o", help="New file.")] = Path("view.keys"),
    since: Annotated[int, typer.Option(help="First block whose receipts they are to open; 0 for all.")] = 0,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Fetch one's own view keys into a file, sealed as they come: only the opening key opens it."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        answer = client.ask(reads.view_keys, Since(since=since))
        moment = answer.moment
        write_view_keys(out, moment.chain_id, answer.party, moment.height, answer.sealed)
        say_moment(moment)
    say(f"Written: {out}")
    say("They open receipts up to now, and on until a key on their way is raised or a key epoch begins.")


def opening_key_of(keys: Iterable[Signer]) -> Opener:
    """The opening key of the first signing key, wherever that is kept."""
    for held in keys:
        give = getattr(held, "opening_key", None)
        if give is not None:
            found: Opener = give()
            return found
    raise UsageError("Say --as MEMBER or --key NAME: the opening key follows from a signing key.")


def _wait(client: Client, number: int) -> KeyEpochs:
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        found = client.key_epochs()
        if found.epochs[-1].number >= number or time.monotonic() > give_up:
            return found
        time.sleep(POLL_SECONDS)


def _node(text: str) -> bytes:
    try:
        return from_text(text, AddressKind.SIGNER)
    except ValueError as error:
        raise UsageError(f"{text[:70]!r} is no node's address: {error}") from None


def _address(node: bytes) -> str:
    return to_text(AddressKind.SIGNER, node)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Roots, holders and view keys of a sealed ledger.",
        epilog="Example: counterfoil sealing status",
    )
    group.command("status", epilog="Example: counterfoil sealing status --json")(show)
    group.command("new-epoch", epilog="Example: counterfoil sealing new-epoch --as regulator")(new_epoch)
    group.command("admit", epilog="Example: counterfoil sealing admit cfk1… 6f1a… --as regulator")(admit)
    group.command("remove", epilog="Example: counterfoil sealing remove cfk1… --as regulator")(remove)
    group.command("record-opening", epilog="Example: counterfoil sealing record-opening --as broker-a")(
        record_opening
    )
    group.command("notes", epilog="Example: counterfoil sealing notes --as broker-a")(notes)
    group.command("view-keys", epilog="Example: counterfoil sealing view-keys --as broker-a -o broker.keys")(
        view_keys
    )
    commands_view_keys.add_to(group)
    app.add_typer(group, name="sealing")
