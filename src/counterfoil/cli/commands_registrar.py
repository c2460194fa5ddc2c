"""registrar: the identity registrar's process, and how an agent asks it."""

from __future__ import annotations

import json as json_text
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.commands_ledger import door_of
from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.cli.plain import counted, instant
from counterfoil.cli.prompts import ask_passphrase
from counterfoil.cli.remote import address_in
from counterfoil.modules.identities.interface import Suite
from counterfoil.modules.identities.records import TIME_MAX_MS
from counterfoil.node.clock import system_clock_ms
from counterfoil.realnames import registrar as registrars
from counterfoil.realnames.registrar import Limits, Registrar
from counterfoil.realnames.service import Callers, RegistrarServer, ask_registrar, open_registrar

_WHAT = "Passphrase of the registrar's secrets"
_POLL_SECONDS = 0.5

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the registrar.")]
SchemeOption = Annotated[
    str, typer.Option(help="Whose number: a country and a short name, such as DE-STEUERID.")
]


def init(
    folder: FolderArgument,
    party: Annotated[str, typer.Option(help="Public name of the member that is the registrar.")],
    regulator: Annotated[str, typer.Option(help="Public name of the member that appoints it.")],
) -> None:
    """Make a registrar's secrets, and the message with which a regulator appoints it (FOLDER/appoint.json)."""
    public_key = registrars.create(folder, ask_passphrase(_WHAT, new=True))
    _write_appointment(folder, party, regulator, 1, public_key)


def add_key(
    folder: FolderArgument,
    party: Annotated[str, typer.Option(help="Public name of the member that is the registrar.")],
    regulator: Annotated[str, typer.Option(help="Public name of the member that appoints it.")],
) -> None:
    """Draw the next version of the key, and the message that puts it in force. Start the registrar again after that."""
    version, public_key = registrars.add_key(folder, ask_passphrase(_WHAT))
    _write_appointment(folder, party, regulator, version, public_key)


def _write_appointment(folder: Path, party: str, regulator: str, version: int, public_key: bytes) -> None:
    message = {
        "message": "AppointIdentityRegistrar",
        "regulator": f"party:{regulator}",
        "registrar": f"party:{party}",
        "suite": Suite.RISTRETTO255_SHA512.name,
        "public_key": public_key.hex(),
        "key_version": version,
        "demanded_from_ms": TIME_MAX_MS,
    }
    path = folder / "appoint.json"
    path.write_text(json_text.dumps(message, indent=2) + "\n")
    say(f"Secrets:     {folder} (they open with the passphrase alone; whoever has both can test guesses)")
    say(f"Public key:  {public_key.hex()}, version {version}")
    say(
        f"Appointment: {path} (for the regulator, who states from when attestations are demanded, and submits it)"
    )


def start(
    folder: FolderArgument,
    listen: Annotated[str, typer.Option(help="Listen with TLS on this ADDRESS:PORT.")],
    certificate: Annotated[
        Path, typer.Option(help="PEM file with the registrar's certificate and key (see `counterfoil ca`).")
    ],
    party: Annotated[str, typer.Option(help="Public name of the member that is the registrar.")],
    per_minute: Annotated[int, typer.Option(help="Questions of one agent in a minute.", min=1)] = 30,
    per_day: Annotated[int, typer.Option(help="Questions of one agent in a day.", min=1)] = 2_000,
    ledger: LedgerOption = DEFAULT_LEDGER,
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Answer licensed agents until Ctrl-C: attest on the ledger whom they ask about, and give them their handles."""
    door = door_of(listen, certificate)
    passphrase = ask_passphrase(_WHAT)
    stopping = threading.Event()
    with (
        connected(ledger, storage_key, writing=True) as connection,
        connected(ledger, storage_key) as reading,
    ):
        attesting = client_of(connection, party, key, keys)
        opened = partial(Registrar.open, folder, passphrase, limits=Limits(per_minute, per_day))
        registrar = open_registrar(opened, attesting, system_clock_ms)
        callers = Callers(client_of(reading, party, key, keys))
        try:
            with RegistrarServer(registrar, callers, door.identity, door.host, door.port) as server:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, lambda *_: stopping.set())
                say(f"Answering on {server.host}:{server.port}.")
                say("Stop with Ctrl-C.")
                while not stopping.wait(_POLL_SECONDS):
                    pass
        finally:
            registrar.close()


def ask(
    registrar: Annotated[
        Path, typer.Argument(help="File that says how to reach the registrar over TLS, as for a node.")
    ],
    scheme: SchemeOption,
    case: Annotated[
        str, typer.Option(help="Your own reference of the client's file; the person may learn it.")
    ],
    json: JsonOption = False,
) -> None:
    """Ask for your handle of a client. The number is asked for, or read from the input stream; it is in no argument."""
    found = ask_registrar(address_in(registrar), scheme, _number(), case)
    if json:
        say_json({"handle": found.handle, "height": found.height})
        return
    say(f"Handle:   {found.handle.hex()}")
    say(f"Attested: at height {found.height:,}; use it within 30 days (counterfoil identity record)")


def log(
    folder: FolderArgument,
    scheme: Annotated[str, typer.Option(help="Scheme of one person's number; the number is asked for.")] = "",
    json: JsonOption = False,
) -> None:
    """Check the registrar's trail, and show who has asked about a person."""
    passphrase = ask_passphrase(_WHAT)
    count, head = registrars.check_trail(folder, passphrase)
    asked = registrars.asked_about(folder, passphrase, scheme, _number()) if scheme else []
    if json:
        say_json({"entries": count, "head": head, "asked": asked})
        return
    rows = [
        (instant(int(str(one["time_ms"]))), str(one["agent"]), str(one["action"]), str(one.get("case", "")))
        for one in asked
    ]
    if scheme:
        say_table(("when", "agent", "what", "case"), rows)
    say(f"The trail holds: {counted(count, 'entry', 'entries')}, head {head.hex()}.")


def _number() -> str:
    answer: str = typer.prompt("Number", hide_input=True, err=True)
    if not answer.strip():
        raise UsageError("No number was given.")
    return answer


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Real names: the identity registrar, and how agents ask it.",
        no_args_is_help=True,
        epilog="Example: counterfoil registrar ask registrar.json --scheme DE-STEUERID --case 2024/17",
    )
    group.command(
        epilog="Example: counterfoil registrar init my-registrar --party Registrar --regulator Regulator"
    )(init)
    group.command(
        "add-key",
        epilog="Example: counterfoil registrar add-key my-registrar --party Registrar --regulator Regulator",
    )(add_key)
    group.command(
        epilog="Example: counterfoil registrar start my-registrar --listen 0.0.0.0:7444 --certificate registrar.pem"
        " --party Registrar --key registrar"
    )(start)
    group.command(
        epilog="Example: counterfoil registrar ask registrar.json --scheme DE-STEUERID --case 2024/17"
    )(ask)
    group.command(epilog="Example: counterfoil registrar log my-registrar --scheme DE-STEUERID")(log)
    app.add_typer(group, name="registrar")
