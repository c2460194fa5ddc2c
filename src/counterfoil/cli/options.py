"""What many commands take, and how they reach the ledger: through its socket where it runs, else in its folder; or in
the network, over TLS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, open_key
from counterfoil.cli.prompts import ask_passphrase
from counterfoil.cli.remote import address_in, is_remote
from counterfoil.custody.signers import Signer
from counterfoil.machine.genesis import chain_id, decode_genesis, genesis_digest
from counterfoil.node.ledger import GENESIS_NAME, open_ledger
from counterfoil.node.logs import LogLevel
from counterfoil.node.network.settings import socket_path
from counterfoil.node.personas import PERSONAS, PersonaCard, party_key, persona_keys
from counterfoil.node.transfer_format import KEY_BYTES, Lock
from counterfoil.primitives.addresses import AddressKind, from_text
from counterfoil.sdk import Client, Connection, LocalConnection, NodeUnreachable, SocketConnection

SOCKET_NAME = "socket"
_PASSPHRASE_TRIES_IN_FILE = 4_096

LedgerOption = Annotated[
    Path,
    typer.Option(
        "--ledger",
        "-l",
        envvar="COUNTERFOIL_LEDGER",
        help="Folder of the ledger, or file that says how to reach a node over TLS.",
        show_default=True,
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--storage-key", help="Key file of the folder's encryption, where it is not where it was made."
    ),
]
AsOption = Annotated[
    str,
    typer.Option(
        "--as", envvar="COUNTERFOIL_AS", help="Member to act and read as; in a sandbox also a persona."
    ),
]
SignerOption = Annotated[
    str,
    typer.Option("--signer", help="Address that the keys sign for, where it is a policy of several keys."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AtOption = Annotated[
    str,
    typer.Option(
        "--at",
        help="As of a height (1234), an instant with its zone (2013-10-10T17:30:00-04:00), or the close of a"
        " business date (2013-10-10).",
    ),
]
MarketOption = Annotated[
    str, typer.Option("--market", help="Market whose dates are meant, where there are several.")
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write a CSV file; - for the screen.")]
XlsxOption = Annotated[Path | None, typer.Option("--xlsx", help="Write an Excel workbook.")]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=0, help="Processes that check signatures (as many as there are cores)."),
]

RateOption = Annotated[
    int | None,
    typer.Option(
        "--rate",
        min=1,
        help="Messages a second that one member may send, on average (20000; on a network 5000, of one gatherer too). "
        "A rejected one counts as fifty more.",
    ),
]
MonitorOption = Annotated[
    int | None,
    typer.Option(
        "--monitor",
        min=0,
        max=65_535,
        help="Port of 127.0.0.1 for health and metrics; 0 for none. A network's node has one of its own.",
    ),
]
JsonLogsOption = Annotated[bool, typer.Option("--json-logs", help="Write the log as JSON lines.")]
LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="What is logged at least.")]

DEFAULT_LEDGER = Path("ledger")


def socket_of(folder: Path) -> Path:
    """Where a running ledger listens: in its folder, or in the temporary one where that path is too long."""
    return socket_path(folder, SOCKET_NAME)


def key_file_for(folder: Path, storage_key: Path | None, unencrypted: bool) -> Path | None:
    """Where a new folder's storage key goes: beside it where nothing else is said; None for a folder in clear."""
    return None if unencrypted else storage_key or folder.with_name(folder.name + ".key")


@contextmanager
def connected(
    folder: Path, storage_key: Path | None = None, *, writing: bool = False
) -> Iterator[Connection]:
    """A connection to the ledger of a folder, running or not, or to a node. `writing`: let the ledger make blocks."""
    if is_remote(folder):
        distant = SocketConnection(address_in(folder))
        try:
            yield distant
        finally:
            distant.close()
        return
    path = socket_of(folder)
    if path.exists():
        _refuse_foreign(path)
        try:
            running = SocketConnection(path, attempts=1)
        except NodeUnreachable:
            pass  # what a killed node left behind; the folder's lock says whether anybody is there
        else:
            try:
                _refuse_another(folder, running)
                yield running
            finally:
                running.close()
            return
    with open_ledger(folder, key_file=storage_key, workers=0, scheduled=writing, start=writing) as node:
        connection = LocalConnection(node)
        try:
            yield connection
        finally:
            connection.close()


def _refuse_foreign(path: Path) -> None:
    """A socket that another user made could serve anything, and collect signatures."""
    if path.stat().st_uid != os.getuid():
        raise UsageError(
            f"The socket {path} belongs to another user; run this as the user who started the ledger."
        )


def _refuse_another(folder: Path, connection: Connection) -> None:
    """What listens must be the ledger of the folder."""
    try:
        genesis_bytes = (folder / GENESIS_NAME).read_bytes()
    except OSError:
        raise UsageError(f"There is no genesis file in {folder}, though a ledger listens there.") from None
    expected = chain_id(decode_genesis(genesis_bytes).name, genesis_digest(genesis_bytes))
    if connection.chain_id != expected:
        raise UsageError(
            f"{connection.chain_id} listens in {folder}, and its genesis file is that of {expected}."
        )


def client_of(
    connection: Connection,
    name: str,
    keys: list[str] | None = None,
    keys_in: str = DEFAULT_KEYS,
    signer: str = "",
) -> Client:
    """A client that acts and reads as a member: with keys from a store or, in a sandbox, with its persona's keys.

    Without a name it signs with the keys given and reads what is public.
    """
    held: tuple[Signer, ...] = tuple(open_key(keys_in, key) for key in keys or ())
    address = signer_address(signer) if signer else b""
    if held or not name:
        return Client(connection, *held, party=name or b"", signer=address)
    if not connection.sandbox:
        raise UsageError(
            f"Name the key that {name} signs with: --key NAME (`counterfoil keys list` shows your keys)."
        )
    card = _card(name)
    known = Client(connection).personas() if card is not None else ()
    party = next((one.party for one in known if card is not None and one.name == card.name), b"")
    return Client(connection, *sandbox_keys(name), party=party or (card.party if card is not None else name))


def signer_address(text: str) -> bytes:
    """The 20 bytes of a signer's address as text (`cfk1...`)."""
    try:
        return from_text(text, AddressKind.SIGNER)
    except ValueError as error:
        raise UsageError(str(error)) from None


def sandbox_keys(name: str) -> tuple[Signer, ...]:
    """The keys of a persona, or of a member of a demonstration, which everybody can compute."""
    card = _card(name)
    return persona_keys(card.name) if card is not None else (party_key(name),)


def party_named(client: Client, name: str) -> bytes:
    """The party that a persona, or a member of this public name, is or acts for."""
    card = _card(name) if client.connection.sandbox else None
    return client.find(card.party if card is not None else name, "party")


def _card(name: str) -> PersonaCard | None:
    return next((card for card in PERSONAS if name in (card.name, card.party)), None)


def lock_of(transport_key: Path | None, what: str, *, new: bool = False) -> Lock:
    """What an export opens with: a key from a file of 64 hexadecimal digits, or a passphrase."""
    if transport_key is None:
        return ask_passphrase(what, new=new)
    try:
        key = bytes.fromhex(transport_key.read_text(encoding="ascii")[:_PASSPHRASE_TRIES_IN_FILE].strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(
            f"{transport_key} does not hold a transport key of {2 * KEY_BYTES} hexadecimal digits."
        )
    return key
