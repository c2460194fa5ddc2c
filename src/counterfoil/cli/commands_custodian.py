"""custodian init, start, login, ...: keys kept for others, and who may use them."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from counterfoil.cli.commands_ledger import door_of
from counterfoil.cli.describe import message_plain, message_text
from counterfoil.cli.failures import UsageError, read_file
from counterfoil.cli.key_stores import custodian_at, key_folder, logged_in, open_store, session_file
from counterfoil.cli.options import DEFAULT_LEDGER, JsonOption, LedgerOption, connected, socket_of
from counterfoil.cli.output import say, say_json
from counterfoil.cli.plain import instant
from counterfoil.cli.prompts import ask_passphrase, ask_secret
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.client import CustodianSession
from counterfoil.custody.service.custodian import Custodian, service_key
from counterfoil.custody.service.logins import Logins, check_new_password, check_user_name, one_time_library
from counterfoil.custody.service.protocol import AddKey, AddUser, RemoveUser, SetPolicy
from counterfoil.custody.service.server import CustodyServer, TlsGate
from counterfoil.custody.service.vault import JournalVault, ModuleVault, Vault
from counterfoil.node.tls_door import Door
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.outcome import Rejected
from counterfoil.sdk import Connection, NodeUnreachable, SocketConnection
from counterfoil.sdk.custody import LedgerMachines, LedgerTrail

PASSWORD_VARIABLE = "COUNTERFOIL_CUSTODIAN_PASSWORD"
CODE_VARIABLE = "COUNTERFOIL_CODE"
ENROLMENT_VARIABLE = "COUNTERFOIL_ENROLMENT"
SOCKET_NAME = "socket"
POLL_SECONDS = 0.2

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the custodian's store.")]
CustodianOption = Annotated[
    str,
    typer.Option(
        "--custodian",
        envvar="COUNTERFOIL_CUSTODIAN",
        help="Its socket's path, HOST:PORT on this machine, or a file that says how to reach it with TLS.",
    ),
]
UserOption = Annotated[str, typer.Option("--user", envvar="COUNTERFOIL_USER", help="Your user name.")]
UserArgument = Annotated[str, typer.Argument(help="Name of the user: a-z, 0-9, dot, hyphen, underscore.")]
RequestArgument = Annotated[str, typer.Argument(help="The request, as `custodian requests` shows it.")]
VaultOption = Annotated[
    str,
    typer.Option(
        "--vault",
        help="A token that keeps the keys: pkcs11:token=LABEL?module-path=FILE (PIN: COUNTERFOIL_PIN).",
    ),
]


def init(
    folder: FolderArgument,
    administrator: Annotated[
        str, typer.Option("--administrator", help="User name of the first administrator.")
    ],
    ledger: LedgerOption = DEFAULT_LEDGER,
    vault: VaultOption = "",
) -> None:
    """Make a custodian's store for one ledger, and its first administrator.

    The store's passphrase is asked for, or taken from COUNTERFOIL_PASSPHRASE; the administrator's password from
    COUNTERFOIL_CUSTODIAN_PASSWORD.
    """
    one_time_library()
    kept = _vault(vault)
    passphrase = ask_passphrase("New passphrase of the custodian's store", new=True)
    password = _password(new=True)
    try:
        check_user_name(administrator)
        check_new_password(password)
    except Rejected as refused:
        raise UsageError(str(refused)) from None
    with connected(ledger) as connection:
        chain_id = connection.chain_id
    books = CustodianBooks.create(folder, passphrase, chain_id)
    try:
        own = service_key(books, kept)
        logins = Logins(books, threading.RLock())
        address = logins.enrol(administrator, logins.invite(administrator, administrator=True), password)
    finally:
        books.close()
    say(f"Store:      {folder} (for {chain_id})")
    say(
        f"Own key:    {to_text(AddressKind.SIGNER, own.address)} (signs the trail for the party that the custodian is)"
    )
    say(f"Codes:      {address}")
    say("Give the address of the codes to an authenticator now; it is not shown again.")
    say(f"Next:       counterfoil custodian start {folder} --as PARTY")


def start(
    folder: FolderArgument,
    party: Annotated[str, typer.Option("--as", help="Public name of the party that the custodian is.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    socket: Annotated[
        Path | None, typer.Option("--socket", help="Socket to listen on, where not in the folder.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Listen on this port of 127.0.0.1 instead."),
    ] = None,
    listen: Annotated[
        str,
        typer.Option(help="Listen with TLS on this ADDRESS:PORT instead, for machines with certificates."),
    ] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(help="PEM file with the custodian's certificate and key (see `counterfoil ca`)."),
    ] = None,
    vault: VaultOption = "",
) -> None:
    """Keep a custodian running until Ctrl-C. It talks to the running ledger, where its trail is recorded."""
    if bool(listen) != (certificate is not None):
        raise UsageError("--listen and --certificate go together.")
    if sum((socket is not None, port is not None, bool(listen))) > 1:
        raise UsageError("A custodian listens on a socket, on a port or with TLS, not on several of them.")
    door = door_of(listen, certificate) if certificate is not None else None
    books = CustodianBooks.open(folder, ask_passphrase("Passphrase of the custodian's store"))
    kept = _vault(vault)
    trail = LedgerTrail(lambda: _running(ledger, books.founded.chain_id), service_key(books, kept), party)
    custodian = Custodian(books, kept, trail)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    path = None if port is not None or door is not None else (socket or folder / SOCKET_NAME).absolute()
    machines = LedgerMachines(lambda: _running(ledger, books.founded.chain_id))
    try:
        custodian.repair()
        with _served(custodian, machines, path, port, door) as server:
            try:
                custodian.tidy()
            except Rejected as refused:
                say(f"Attention: {refused}")
            where = f"with TLS on {door.host}" if door is not None else "on 127.0.0.1"
            say(f"Listening {f'on {path}' if path else f'{where}:{server.port}'} for {custodian.chain_id}.")
            say("Stop with Ctrl-C.")
            while not stopping.wait(POLL_SECONDS):
                pass
            say("Stopping: what was signed stands in the trail.")
    finally:
        machines.close()
        trail.close()
        books.close()


def _served(
    custodian: Custodian, machines: LedgerMachines, path: Path | None, port: int | None, door: Door | None
) -> CustodyServer:
    if door is None:
        return CustodyServer(custodian, path=path, port=port)
    return CustodyServer(custodian, port=door.port, host=door.host, gate=TlsGate(door.identity, machines))


def enrol(user: UserOption, custodian: CustodianOption) -> None:
    """Choose your password, with the code that an administrator gave you."""
    with CustodianSession(custodian_at(custodian)) as session:
        code = os.environ.get(ENROLMENT_VARIABLE) or ask_secret("Enrolment code")
        address = session.enrol(user, code, _password(new=True))
    say(f"Codes: {address}")
    say("Give the address of the codes to an authenticator now; it is not shown again.")


def login(user: UserOption, custodian: CustodianOption) -> None:
    """Log in; commands with --keys custodian:SOCKET sign through it until you log out, or it has rested for 15 minutes.

    Password and code are asked for, or taken from COUNTERFOIL_CUSTODIAN_PASSWORD and COUNTERFOIL_CODE.
    """
    address = custodian_at(custodian)
    with CustodianSession(address) as session:
        password = _password(new=False)
        token = session.log_in(user, password, os.environ.get(CODE_VARIABLE) or ask_secret("Code"))
    file = session_file(address)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(token)
    say(f"Logged in as {user}.")


def logout(custodian: CustodianOption) -> None:
    """End the login, on every connection."""
    address = custodian_at(custodian)
    with logged_in(address) as session:
        session.log_out()
    session_file(address).unlink(missing_ok=True)
    say("Logged out.")


def requests(custodian: CustodianOption, json: JsonOption = False) -> None:
    """List what waits for approval: what you asked for, and what you may approve."""
    with logged_in(custodian_at(custodian)) as session:
        found = session.requests()
    if json:
        say_json(
            [
                {
                    "request": line.request.hex(),
                    "user": line.user,
                    "key": line.key,
                    "what": line.what,
                    "messages": [message_plain(message) for message in line.messages],
                    "expires_ms": line.expires_ms,
                    "approved_by": line.approved_by,
                    "needed": line.needed,
                }
                for line in found
            ]
        )
        return
    if not found:
        say("Nothing waits.")
    for line in found:
        say(f"Request {line.request.hex()}, by {line.user}{f' with the key {line.key}' if line.key else ''}")
        approved_by = ", ".join(line.approved_by) or "nobody"
        say(f"  until {instant(line.expires_ms)}; approved by {approved_by}; {line.needed} missing")
        for words in (*([line.what] if line.what else []), *map(message_text, line.messages)):
            say(f"  {words}")


def approve(request: RequestArgument, custodian: CustodianOption) -> None:
    """Approve a request of another user. Look at what it does first: `custodian requests`."""
    _decide(request, custodian, approve=True)
    say("Approved; who asked for it can go on now.")


def refuse(request: RequestArgument, custodian: CustodianOption) -> None:
    """Refuse a request for good."""
    _decide(request, custodian, approve=False)
    say("Refused.")


def add_user(
    user: UserArgument,
    custodian: CustodianOption,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="May change users, keys and policy.")
    ] = False,
) -> None:
    """Enrol a user, or one again who lost password or authenticator. Prints the code to choose a password with."""
    with logged_in(custodian_at(custodian)) as session:
        code = msgspec.msgpack.decode(session.ask(AddUser(user, administrator)), type=str)
    say(f"Code: {code}")
    say(f"It serves once, within 7 days: counterfoil custodian enrol --user {user}")


def remove_user(user: UserArgument, custodian: CustodianOption) -> None:
    """End a user's logins; it cannot log in again."""
    with logged_in(custodian_at(custodian)) as session:
        session.ask(RemoveUser(user))
    say(f"Removed {user}.")


def new_key(
    name: Annotated[str, typer.Argument(help="Name of the key: a-z, 0-9, dot, hyphen, underscore.")],
    custodian: CustodianOption,
    owner: Annotated[str, typer.Option("--owner", help="User whose key it is (@owner in the policy).")] = "",
) -> None:
    """Make a key that the custodian keeps."""
    with logged_in(custodian_at(custodian)) as session:
        public_key = msgspec.msgpack.decode(session.ask(AddKey(name, owner)), type=bytes)
    say(f"Address: {to_text(AddressKind.SIGNER, address_of(public_key))}")
    say(f"Public:  {public_key.hex()}")


def policy(
    file: Annotated[Path, typer.Argument(help="JSON file with the rules.")], custodian: CustodianOption
) -> None:
    """Put a policy in force, in place of the one before. docs/how-to/run-a-custodian.md describes it."""
    document = read_file(file)
    with logged_in(custodian_at(custodian)) as session:
        digest = msgspec.msgpack.decode(session.ask(SetPolicy(document)), type=bytes)
    say(f"In force: the policy with SHA-256 {digest.hex()}")


def _vault(text: str) -> Vault:
    if not text:
        return JournalVault()
    if key_folder(text) is not None:
        raise UsageError("Without --vault the store itself keeps the keys; a vault is a token: pkcs11:...")
    return ModuleVault(open_store(text))


def _running(folder: Path, chain_id: str) -> Connection:
    connection = SocketConnection(socket_of(folder), attempts=2)
    if connection.chain_id != chain_id:
        connection.close()
        raise NodeUnreachable(f"{connection.chain_id} is not the custodian's ledger, {chain_id}")
    return connection


def _password(*, new: bool) -> str:
    return os.environ.get(PASSWORD_VARIABLE) or ask_secret("Password", new=new)


def _decide(request: str, custodian: str, *, approve: bool) -> None:
    try:
        identity = bytes.fromhex(request)
    except ValueError:
        raise UsageError(
            f"{request!r} is no request; `counterfoil custodian requests` shows those there are."
        ) from None
    with logged_in(custodian_at(custodian)) as session:
        session.decide(identity, approve=approve)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Keep keys for others, and use keys that are kept.",
        epilog="Example: counterfoil custodian requests --custodian custody/socket",
    )
    at = "--custodian custody/socket"
    for name, command, example in (
        ("init", init, "init custody --administrator ann --ledger my-ledger"),
        ("start", start, "start custody --as 'Example Custody' --ledger my-ledger"),
        ("enrol", enrol, f"enrol --user ben {at}"),
        ("login", login, f"login --user ben {at}"),
        ("logout", logout, f"logout {at}"),
        ("requests", requests, f"requests {at}"),
        ("approve", approve, f"approve 0f1e2d3c4b5a69788796a5b4c3d2e1f0 {at}"),
        ("refuse", refuse, f"refuse 0f1e2d3c4b5a69788796a5b4c3d2e1f0 {at}"),
        ("add-user", add_user, f"add-user ben {at}"),
        ("remove-user", remove_user, f"remove-user ben {at}"),
        ("new-key", new_key, f"new-key savings --owner ben {at}"),
        ("policy", policy, f"policy rules.json {at}"),
    ):
        group.command(name, epilog=f"Example: counterfoil custodian {example}")(command)
    app.add_typer(group, name="custodian")
