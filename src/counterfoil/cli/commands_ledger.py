"""init, start, status: making a ledger, keeping it running, looking at it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption, open_key
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    JsonLogsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    LogLevelOption,
    MonitorOption,
    RateOption,
    WorkersOption,
    connected,
    key_file_for,
    socket_of,
)
from counterfoil.cli.output import bar, say, say_json, say_moment, say_table
from counterfoil.cli.plain import address_text, instant
from counterfoil.cli.running import Stopping, monitored
from counterfoil.custody.tls import Identity
from counterfoil.engine.incidents import told
from counterfoil.engine.port import EngineStopped
from counterfoil.machine.genesis import Genesis
from counterfoil.modules.parties.founding import FoundingParty, FoundingSigner, PartiesGenesis
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.health import NodeWatch
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger, spare_collector
from counterfoil.node.logs import LogLevel, begin_logging
from counterfoil.node.network.settings import read_network, read_settings
from counterfoil.node.personas import SANDBOX_START_MS, refuse_personas, sandbox_genesis
from counterfoil.node.read_log_recording import Recorder
from counterfoil.node.reads_base import now_ms, policy_of
from counterfoil.node.rpc import RpcServer
from counterfoil.node.storage_key import StorageKeyWatch
from counterfoil.node.tls_door import Door
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.calendars import date_text, is_date
from counterfoil.sdk import Client, LocalConnection, seed
from counterfoil.storage.folder import encryption_of, is_ledger_folder


def init(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")] = DEFAULT_LEDGER,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="A ledger to try things on, for ever marked as such, with personas."),
    ] = False,
    seeded: Annotated[
        bool,
        typer.Option("--seeded", help="With --sandbox: an open market, a share, a bond, money, holdings."),
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the ledger: lower-case letters, digits, hyphens.")] = "",
    regulator: Annotated[
        str, typer.Option(help="Public name of the first member, who admits all others.")
    ] = "",
    key: Annotated[str, typer.Option("--key", "-k", help="Key that speaks for the regulator.")] = "",
    genesis: Annotated[
        Path | None,
        typer.Option(help="Found the ledger from this genesis file instead (sealers may be left out)."),
    ] = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: Annotated[
        Path | None,
        typer.Option("--storage-key", help="Key file of the encryption at rest, made if it is not there."),
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Keep the folder in clear; whoever has it can read all.")
    ] = False,
) -> None:
    """Make a ledger in a folder."""
    folder = folder.absolute()
    if seeded and not sandbox:
        raise UsageError("--seeded goes with --sandbox.")
    draft = draft_genesis(sandbox, name, regulator, key, genesis, keys)
    key_file = key_file_for(folder, storage_key, unencrypted)
    create_ledger(folder, draft, encrypted=not unencrypted, key_file=key_file)
    with open_ledger(folder, key_file=key_file, workers=0, start=seeded) as node:
        if seeded:
            seed(lambda: LocalConnection(node))
        say_moment(Client(LocalConnection(node)).status().moment)
    say(f"Ledger:      {folder}")
    say(f"Genesis:     {folder / 'genesis.json'} (give it to whoever shall check proofs)")
    if key_file is not None:
        say(f"Storage key: {key_file} (keep a copy elsewhere: without it nothing can be read)")
    say(f"Next:        counterfoil start {folder}")


def draft_genesis(
    sandbox: bool, name: str, regulator: str, key: str, genesis: Path | None, keys: str
) -> Genesis:
    """What a new ledger is founded from, as the options say it. UsageError where they do not fit together."""
    if genesis is not None:
        if sandbox or name or regulator or key:
            raise UsageError("With --genesis everything stands in the file; leave out the other options.")
        return _read_draft(genesis)
    if sandbox:
        if regulator or key:
            raise UsageError("A sandbox has its personas; leave out --regulator and --key.")
        return sandbox_genesis(name or "sandbox", SANDBOX_START_MS)
    if not (name and regulator and key):
        raise UsageError(
            "Say --sandbox for a ledger to try things on. A ledger in earnest needs --name, --regulator and --key"
            " (`counterfoil keys new NAME` makes a key), or a --genesis file."
        )
    signer = FoundingSigner((open_key(keys, key).public_key.hex(),))
    founding = PartiesGenesis((FoundingParty(name=regulator, roles=("regulator",), signer=signer),))
    return Genesis(
        name=name,
        time_ms=system_clock_ms(),
        secret_commitment="",
        sealers=(),
        sections={"parties": msgspec.to_builtins(founding)},
    )


def _read_draft(path: Path) -> Genesis:
    """A genesis file as it is, or without what is only known when the ledger is made."""
    try:
        content = msgspec.json.decode(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        draft = msgspec.convert({"sealers": [], **content, "secret_commitment": ""}, Genesis)
        refuse_personas(draft)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"{path} is not a genesis file: {error}.") from None
    return draft


def start(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the ledger.", envvar="COUNTERFOIL_LEDGER")
    ] = DEFAULT_LEDGER,
    port: Annotated[
        int | None, typer.Option(help="Listen on this port of 127.0.0.1 too.", min=0, max=65_535)
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Listen with TLS on this ADDRESS:PORT, for members with certificates.")
    ] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(help="PEM file with the node's certificate and key (see `counterfoil ca`)."),
    ] = None,
    member: Annotated[
        str,
        typer.Option(
            "--for",
            help="Member whose node this is: how far its log of reads is gets recorded in that member's name, and its"
            " figures are those that this member may see.",
        ),
    ] = "",
    storage_key: KeyFileOption = None,
    workers: WorkersOption = None,
    rate: RateOption = None,
    monitor: MonitorOption = None,
    json_logs: JsonLogsOption = False,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Keep a ledger running until Ctrl-C; other commands then talk to it."""
    if bool(listen) != (certificate is not None):
        raise UsageError("--listen and --certificate go together.")
    door = door_of(listen, certificate) if certificate is not None else None
    begin_logging(as_json=json_logs, level=log_level)
    with bar("Taking up the last blocks") as progress:
        node = open_ledger(
            folder, key_file=storage_key, workers=workers, progress=progress.at, rate_per_second=rate
        )
    spare_collector()
    stopping = Stopping()
    with (
        node,
        StorageKeyWatch(node, say),
        RpcServer(node, path=socket_of(folder), port=port, door=door) as server,
        _recorder(node, member),
        _watched(node, server, monitor, member),
    ):
        if node.height:
            _say_which(folder)
        else:
            say(f"{node.chain_id}: the ledger is taken up as soon as the network answers.")
        say(f"Listening on {server.path}{f' and 127.0.0.1:{server.port}' if port is not None else ''}.")
        if door is not None:
            say(f"Listening with TLS on {door.host}:{server.tls_port}.")
        say("Stop with Ctrl-C.")
        stopping.wait(lambda: _refuse_failed(node))
        say("Stopping: what was acknowledged is durable.")


def door_of(listen: str, certificate: Path) -> Door:
    """Where to listen with TLS, and what to show there. UsageError where that is no address."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isdigit() and int(port) < 65_536):
        raise UsageError(f"{listen!r} is no ADDRESS:PORT, such as 0.0.0.0:7443.")
    return Door(host.strip("[]"), int(port), Identity(certificate, certificate))


def _refuse_failed(node: LedgerNode) -> None:
    if node.engine.failure is not None:
        raise EngineStopped(f"The ledger stopped: {told(node.engine.failure)}")


def _watched(
    node: LedgerNode, server: RpcServer, monitor: int | None, member: str
) -> AbstractContextManager[object]:
    """Health and metrics: where they are asked for or, of a network's node, where its settings say."""
    folder = node.folder.path if node.folder is not None else None
    settings = read_settings(folder) if folder is not None else None
    operator = _party_of(node, member) if member else bytes.fromhex(settings.member) if settings else ANYBODY
    if folder is None or settings is None:
        return monitored(NodeWatch(node, lambda: server.clients, operator=operator), monitor)
    from counterfoil.node.network.engine_state import EngineLook

    network = read_network(folder)
    watch = NodeWatch(
        node,
        lambda: server.clients,
        EngineLook(folder),
        alone=network is not None and len(network.nodes) == 1,
        operator=operator,
    )
    return monitored(watch, settings.monitor_port if monitor is None else monitor)


def _party_of(node: LedgerNode, member: str) -> bytes:
    return Client(LocalConnection(node)).party_id(member)


def _recorder(node: LedgerNode, member: str) -> AbstractContextManager[object]:
    """Who records the log of reads, where it is said for which member, and the member allows it."""
    if not member:
        return nullcontext()
    party = _party_of(node, member)
    with node.engine.lock:
        allowed = policy_of(node).speaks_for(node.sealer.address, party, now_ms(node))
    if not allowed:
        address = address_text("signer", node.sealer.address)
        raise UsageError(
            f"{member} has not mandated this node to record its log of reads: let it send GrantMandate for the user"
            f" {address} and the message RecordReadLog (1002)."
        )
    return Recorder(node, party)


def _say_which(folder: Path) -> None:
    """Say which ledger it is, as a client sees it."""
    with connected(folder) as connection:
        say_moment(Client(connection).status().moment)


def status(
    ledger: LedgerOption = DEFAULT_LEDGER, json: JsonOption = False, storage_key: KeyFileOption = None
) -> None:
    """Show a ledger's height, time, root, markets and what waits."""
    running = socket_of(ledger).exists()
    with connected(ledger, storage_key) as connection:
        client = Client(connection)
        found = client.status()
        markets = client.markets()
        if json:
            say_json({"running": running, "status": found, "markets": markets})
            return
        say_moment(found.moment)
        encryption = encryption_of(ledger) if is_ledger_folder(ledger) else ""
        rows = [
            ("running", "yes" if running else "no (the folder was opened for this command)"),
            ("blocks", f"{found.blocks:,}"),
            ("clock", instant(found.clock_ms)),
            ("state root", found.state_root.hex()),
            ("application hash", found.application_hash.hex()),
            ("genesis", found.genesis.hex()),
            ("node", address_text("signer", found.node) if found.node else "a follower"),
            ("rule version", str(found.rule_version)),
            ("records (slots)", f"{found.records:,}"),
            ("waiting instructions", ", ".join(f"{name} {count:,}" for name, count in found.waiting.items())),
            ("encryption at rest", encryption),
        ]
        say_table(("ledger", connection.chain_id), rows)
        for market in markets:
            date = date_text(market.business_date) if is_date(market.business_date) else "-"  # type: ignore[arg-type]
            state = "open" if market.is_open else "closed"
            say(f"Market {market.market} ({market.name}): business day {date}, {state}")


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil init my-ledger --sandbox --seeded")(init)
    app.command(epilog="Example: counterfoil start my-ledger --listen 0.0.0.0:7443 --certificate node.pem")(
        start
    )
    app.command(epilog="Example: counterfoil status --ledger my-ledger --json")(status)
