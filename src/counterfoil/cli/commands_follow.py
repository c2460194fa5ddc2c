"""follow: keeping a follower up with its ledger, and serving its owner."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption
from counterfoil.cli.options import (
    JsonLogsOption,
    KeyFileOption,
    LogLevelOption,
    MonitorOption,
    client_of,
    socket_of,
)
from counterfoil.cli.output import say
from counterfoil.cli.remote import address_in, is_remote
from counterfoil.cli.running import Stopping, monitored
from counterfoil.engine.port import EngineStopped
from counterfoil.machine.genesis import decode_genesis
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.follower import Follower, open_follower
from counterfoil.node.follower_service import FollowerService, Owner
from counterfoil.node.health import FollowerWatch
from counterfoil.node.keeping_up import FetchReceipts, KeepingUp
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.node.logs import LogLevel, begin_logging
from counterfoil.node.network.settings import (
    FOLLOWER_FILE,
    FollowerSettings,
    path_from,
    read_follower,
    socket_path,
)
from counterfoil.node.network.source import EngineSource, Sources
from counterfoil.node.reads_receipts import OwnReceipts, ReceiptsFrom, receipts
from counterfoil.node.rpc import RpcServer
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Client, Connection, FailoverConnection
from counterfoil.sdk.connections import Address
from counterfoil.sdk.relaying import Relay


def follow(
    folder: Annotated[Path, typer.Argument(help="Folder of the follower.", envvar="COUNTERFOIL_LEDGER")],
    owner: Annotated[
        str,
        typer.Option(
            "--as",
            envvar="COUNTERFOIL_OWNER",
            help="Member whose follower it is; in a sandbox also a persona.",
        ),
    ] = "",
    key: Annotated[
        str,
        typer.Option("--key", "-k", envvar="COUNTERFOIL_OWNER_KEY", help="Key that speaks for the member."),
    ] = "",
    keys: KeysOption = DEFAULT_KEYS,
    port: Annotated[
        int | None, typer.Option(help="Listen on this port of 127.0.0.1 too.", min=0, max=65_535)
    ] = None,
    storage_key: KeyFileOption = None,
    monitor: MonitorOption = None,
    json_logs: JsonLogsOption = False,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Keep a follower up with its ledger until Ctrl-C, and serve its owner.

    It checks every block and keeps it. With --as it fetches that member's receipts, and passes the member's questions
    on.
    """
    settings = read_follower(folder)
    if settings is None:
        raise UsageError(
            f"{folder} is no follower's folder; `counterfoil network follower` makes one, `counterfoil start` runs a"
            " node that executes."
        )
    begin_logging(as_json=json_logs, level=log_level)
    with ExitStack() as open_now, open_follower(folder, key_file=storage_key) as follower:
        source = _sources(settings, follower)
        open_now.callback(source.close)
        public = Relay(lambda: _connected(folder, settings)) if settings.nodes else None
        mine = _owner(folder, settings, owner, key, keys) if owner or key else None
        service = FollowerService(
            follower,
            decode_genesis((folder / GENESIS_NAME).read_bytes()),
            system_clock_ms,
            public,
            mine,
            [_publicly(folder, settings, node) for node in settings.nodes],
        )
        stopping = Stopping()
        fetch = _fetch(mine) if mine is not None else None
        with (
            KeepingUp(follower, source, fetch) as keeping_up,
            RpcServer(service, path=socket_of(folder), port=port) as server,
            monitored(
                FollowerWatch(follower, keeping_up, folder, lambda: server.clients),
                settings.monitor_port if monitor is None else monitor,
            ),
        ):
            say(f"{settings.chain_id}: block {follower.height:,} is checked, from {source.address}.")
            say(f"Listening on {server.path}{f' and 127.0.0.1:{server.port}' if port is not None else ''}.")
            say("Stop with Ctrl-C.")
            stopping.wait(lambda: _refuse_failed(keeping_up))
            say("Stopping: what was checked is kept.")


def _owner(folder: Path, settings: FollowerSettings, name: str, key: str, keys: str) -> Owner:
    """Who the owner is, as the nodes say that know the member."""
    if not settings.nodes:
        raise UsageError(
            "This follower knows no node that it could ask in its owner's name: enter one in"
            f" {folder / FOLLOWER_FILE} under `nodes`, by its socket or by a file that says how to reach it over TLS."
        )
    client = client_of(_connected(folder, settings), name, [key] if key else None, keys)

    def alone(node: str) -> Relay:
        """As the owner, at this node."""
        return Relay(
            lambda: Client(_connected(folder, settings, node), *client.keys, party=client.party).connection
        )

    witnesses = [alone(node) for node in settings.nodes]
    return Owner(client.party, client.keys[0].address, Relay(lambda: client.connection), witnesses)


def _publicly(folder: Path, settings: FollowerSettings, node: str) -> Relay:
    return Relay(lambda: _connected(folder, settings, node))


def _fetch(owner: Owner) -> FetchReceipts:
    def fetch(first: int, last: int) -> OwnReceipts:
        asked = ReceiptsFrom(first_height=first, last_height=last)
        return receipts.decode_answer(owner.upstream.read(receipts.name, encode(asked)))

    return fetch


def _refuse_failed(keeping_up: KeepingUp) -> None:
    if keeping_up.failure is not None:
        raise EngineStopped(f"The follower stopped: {keeping_up.failure}") from keeping_up.failure


def _connected(folder: Path, settings: FollowerSettings, node: str = "") -> Connection:
    """To whichever of the nodes answers, or to one alone."""
    return FailoverConnection([_address(folder, one) for one in ([node] if node else settings.nodes)])


def _address(folder: Path, node: str) -> Address:
    """On this machine a socket or a port; elsewhere what a file says, over TLS with the certificate that it names."""
    if node.startswith("127.0.0.1:"):
        return int(node.removeprefix("127.0.0.1:"))
    path = path_from(folder, node)
    return address_in(path) if is_remote(path) else socket_path(path.parent, path.name)


def _sources(settings: FollowerSettings, follower: Follower) -> Sources:
    def next_number() -> int:
        return follower.header.number + 1 if follower.header is not None else 0

    return Sources([EngineSource(one, settings.consensus_from, next_number) for one in settings.engines])


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil follow network/follower-1 --as issuer-a")(follow)
