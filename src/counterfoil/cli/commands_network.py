"""network: making a network of nodes, running those that live here, and joining one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from counterfoil.cli import commands_founding, commands_validators
from counterfoil.cli.commands_demo import console_of_demo
from counterfoil.cli.commands_founding import (
    OwnKeysOption,
    PublicOption,
    given_keys,
    say_invited,
    take_place,
)
from counterfoil.cli.commands_ledger import draft_genesis
from counterfoil.cli.commands_transfer import TransportKeyOption
from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    MonitorOption,
    WorkersOption,
    connected,
    key_file_for,
    lock_of,
)
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.cli.remote import address_in, is_remote
from counterfoil.demo.network_show import NetworkWishes, show_network
from counterfoil.gateways.trade_files.generator import TRADES_MAX, TRADES_MIN
from counterfoil.machine.genesis import Genesis
from counterfoil.node.follower import HANDOVER_NAME
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.node.network import control as running
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import (
    DEFAULT_PORT,
    ENGINE_GENESIS_NAME,
    KEYS_FOLDER,
    HostsError,
    Place,
    create_network,
    grow_network,
    lay_out_follower,
    places_here,
    read_hosts,
)
from counterfoil.node.network.joining import invite as invite_node
from counterfoil.node.network.joining import join as join_network
from counterfoil.node.network.preparing import MESSAGES_NAME, read_prepared
from counterfoil.node.network.preparing import prepare as write_prepared
from counterfoil.node.network.settings import NetworkSettings, name_member, read_network
from counterfoil.node.network.source import address_of_engine
from counterfoil.node.personas import SANDBOX_START_MS, sandbox_genesis
from counterfoil.primitives.addresses import AddressKind, from_text, to_text
from counterfoil.primitives.outcome import Rejected
from counterfoil.sdk.client import Client, status_at

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the network.")]
NodesArgument = Annotated[
    list[str] | None, typer.Argument(help="Names of nodes; all that are here if none is named.")
]
DEFAULT_NETWORK = Path("network")
ANSWER_SECONDS = 5.0


def create(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")] = DEFAULT_NETWORK,
    validators: Annotated[int, typer.Option(help="Nodes that vote.", min=1, max=100)] = 4,
    full_nodes: Annotated[int, typer.Option(help="Nodes that execute and do not vote.", min=0, max=100)] = 0,
    followers: Annotated[
        int, typer.Option(help="Nodes that check and keep blocks and execute nothing.", min=0, max=100)
    ] = 0,
    hosts: Annotated[
        Path | None,
        typer.Option(
            help="File with a line for each node, NAME validator|full|follower HOST [PORT [POWER [PARTY]]] or"
            " NAME sentry HOST PORT VALIDATOR, in place of the counts."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="First port on this machine; each node has ten.")] = DEFAULT_PORT,
    name: Annotated[str, typer.Option(help="Name of the ledger: lower-case letters, digits, hyphens.")] = "",
    regulator: Annotated[
        str, typer.Option(help="Public name of the first member. Without it the network is a sandbox.")
    ] = "",
    key: Annotated[str, typer.Option("--key", "-k", help="Key that speaks for the regulator.")] = "",
    genesis: Annotated[Path | None, typer.Option(help="Found the ledger from this genesis file.")] = None,
    grow: Annotated[
        Path | None, typer.Option(help="Let an embedded ledger go on: its file from `counterfoil export`.")
    ] = None,
    prepared: Annotated[
        Path | None,
        typer.Option(
            help="With --grow: the folder of the validators' keys, from `counterfoil network prepare`."
        ),
    ] = None,
    public: PublicOption = None,
    transport_key: TransportKeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    snapshots: Annotated[
        int,
        typer.Option(help="Blocks from one snapshot to the next, for nodes that join; 0 for none.", min=0),
    ] = 1_000,
    retain: Annotated[
        int,
        typer.Option(
            help="Blocks that each engine keeps at least, three times as many as from one snapshot to the next, or"
            " more; 0 for all of them.",
            min=0,
        ),
    ] = 0,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Keep the nodes' folders in clear.")
    ] = False,
) -> None:
    """Make a network: for each node a folder with keys, genesis and configuration, and services to run them."""
    places = _places(hosts, validators, full_nodes, followers, port)
    if prepared is not None and grow is None:
        raise UsageError(
            "--prepared is for a ledger that goes on, with --grow. A new network takes keys that its nodes' operators"
            " drew with --public DIR (`counterfoil network keys` draws them)."
        )
    others = given_keys(public, places, listed=hosts is not None, grown=grow is not None)
    try:
        if grow is not None:
            if name or regulator or key or genesis:
                raise UsageError("With --grow everything stands in the export; leave out the other options.")
            if prepared is None:
                raise UsageError(
                    "Say where the validators' keys are, which the ledger has on record: --prepared DIR"
                    " (`counterfoil network prepare` makes them)."
                )
            consensus_keys = read_prepared(prepared, places)
            lock = lock_of(transport_key, f"Passphrase of {grow}")
            made = grow_network(
                folder,
                grow,
                lock,
                places,
                consensus_keys,
                encrypted=not unencrypted,
                snapshot_interval=snapshots,
                retain_blocks=retain,
            )
        else:
            made = create_network(
                folder,
                _draft(name, regulator, key, genesis, keys),
                places,
                encrypted=not unencrypted,
                snapshot_interval=snapshots,
                retain_blocks=retain,
                public=others,
            )
    except (ValueError, Rejected) as error:
        raise UsageError(f"{error}.") from None
    _say_made(folder, made, encrypted=not unencrypted)
    say_invited(folder, made, others, encrypted=not unencrypted)


def prepare(
    hosts: Annotated[
        Path,
        typer.Argument(
            help="Host list as `network create --hosts` takes it; a validator's party is that of its line, or of its"
            " node's name."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """Make keys for the validators with which an embedded ledger goes on, and the messages that enter them in it.

    Each key signs that it is to be its party's on this ledger.
    """
    places = _places(hosts, 0, 0, 0, DEFAULT_PORT)
    try:
        with connected(ledger, storage_key) as connection:
            client = Client(connection)
            voting = write_prepared(
                folder, places, connection.chain_id, lambda party: client.find(party, "party")
            )
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    say(f"Keys of {', '.join(place.name for place in voting)}: {folder} (secret: guard them)")
    say("Put before the consortium who they are, and export the ledger once that is carried:")
    say(f"             counterfoil submit {folder / MESSAGES_NAME} --motion 14 --as MEMBER")
    say(f"Next:        counterfoil network create --grow EXPORT --hosts {hosts} --prepared {folder} NETWORK")


def _places(hosts: Path | None, validators: int, full_nodes: int, followers: int, port: int) -> list[Place]:
    if hosts is None:
        return places_here(validators, full_nodes, port, followers)
    try:
        return read_hosts(hosts.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{hosts} cannot be read: {error.strerror}.") from None
    except HostsError as error:
        raise UsageError(f"{hosts}: {error}.") from None


def _draft(name: str, regulator: str, key: str, genesis: Path | None, keys: str) -> Genesis:
    if genesis is None and not regulator and not key:
        return sandbox_genesis(name or "sandbox-network", SANDBOX_START_MS)
    return draft_genesis(False, name, regulator, key, genesis, keys)


def _say_made(folder: Path, made: NetworkSettings, *, encrypted: bool) -> None:
    rows = [
        (
            node.name,
            f"validator, power {node.power}" if node.power else "full node",
            node.where,
            node.id,
        )
        for node in made.nodes
    ]
    rows += [(name, "follower", "-", "-") for name in made.followers]
    say_table(("node", "what it does", "listens at", "id"), rows, title=made.chain_id)
    say(f"Genesis:      {folder / GENESIS_NAME} (give it to whoever shall check proofs)")
    say(f"Its engine's: {folder / ENGINE_GENESIS_NAME}")
    if encrypted:
        say(f"Storage keys: {folder / KEYS_FOLDER} (keep them apart from the nodes' folders)")
    say(f"Services:     {folder / 'systemd'}, {folder / 'compose.yaml'}")
    say(f"Next:         counterfoil network up {folder}")


def up(
    folder: FolderArgument = DEFAULT_NETWORK, nodes: NodesArgument = None, workers: WorkersOption = None
) -> None:
    """Start the nodes that live here, and wait until they serve."""
    control = Control(folder)
    options = ("--workers", str(workers)) if workers is not None else ()
    names = control.names(nodes or ())
    for some, given in (
        ([name for name in names if not control.follows(name)], options),
        ([name for name in names if control.follows(name)], ()),
    ):
        control.up(
            some,
            *given,
            is_serving=lambda name: is_serving(control.socket(name)),
            progress=lambda name: say(f"{name} serves at {control.socket(name)}"),
        )


def is_serving(path: Path) -> bool:
    """Whether a node answers at a socket, and has taken up its ledger."""
    told = status_at(path, ANSWER_SECONDS)
    return told is not None and told.moment.height > 0


class FollowerState(NamedTuple):
    """A follower as it is now. height, application_hash: of the last header that is signed; 0 and "" where it is
    silent."""

    name: str
    pid: int | None
    height: int = 0
    application_hash: str = ""


def _follower(control: Control, name: str) -> FollowerState:
    told, pid = status_at(control.socket(name), ANSWER_SECONDS), control.pid(name)
    if told is None:
        return FollowerState(name, pid)
    return FollowerState(name, pid, told.moment.height, told.application_hash.hex())


def down(folder: FolderArgument = DEFAULT_NETWORK, nodes: NodesArgument = None) -> None:
    """Stop the nodes that run here."""
    control = Control(folder)
    control.down(control.names(nodes or ()), progress=lambda name: say(f"{name} has stopped"))


def status(folder: FolderArgument = DEFAULT_NETWORK, json: JsonOption = False) -> None:
    """Show the nodes that live here: whether they run, how far they are, whether their roots agree."""
    control = Control(folder)
    states = control.states()
    followers = [_follower(control, name) for name in control.names() if control.follows(name)]
    if json:
        say_json({"chain_id": control.network.chain_id, "nodes": states, "followers": followers})
        return
    rows = [
        (
            state.node.name,
            "validator" if state.node.power else "full node",
            f"process {state.pid}" if state.pid is not None else "stopped",
            f"{state.height:,}" if state.height else "-",
            state.application_hash[:16] or "-",
            str(state.peers) if state.height else "-",
            "catching up" if state.catching_up else "",
        )
        for state in states
    ]
    rows += [
        (
            one.name,
            "follower",
            f"process {one.pid}" if one.pid is not None else "stopped",
            f"{one.height:,}" if one.height else "-",
            one.application_hash[:16] or "-",
            "-",
            "",
        )
        for one in followers
    ]
    heading = ("node", "what it does", "runs", "height", "application hash", "peers", "")
    say_table(heading, rows, right=("height", "peers"), title=control.network.chain_id)


def logs(
    folder: FolderArgument = DEFAULT_NETWORK,
    nodes: NodesArgument = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Last lines of each file.", min=0)] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
) -> None:
    """Show what the nodes and their engines wrote."""
    control = running.Control(folder)
    paths = [path for name in control.names(nodes or ()) for path in control.logs(name)]
    for path in paths:
        for line in running.tail(path, lines):
            say(f"{path.parent.name} {path.stem}: {line}")
    if follow:
        for path, line in running.follow(paths):
            say(f"{path.parent.name} {path.stem}: {line}")


def invite(
    node: Annotated[Path, typer.Argument(help="Folder of a node of the network, stopped.")],
    file: Annotated[Path, typer.Argument(help="New file.")],
    transport_key: TransportKeyOption = None,
    storage_key: KeyFileOption = None,
) -> None:
    """Write an invitation for a member's new node. It holds the network's secret under its lock."""
    invite_node(
        node, file, lock_of(transport_key, "New passphrase of the invitation", new=True), key_file=storage_key
    )
    say(
        f"Written: {file}. Whoever opens it can run a node and read the ledger: guard it as the ledger itself."
    )


def join(
    file: Annotated[Path, typer.Argument(help="Invitation.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder of the node.")],
    name: Annotated[str, typer.Option(help="Name of the node; the folder's if none is given.")] = "",
    host: Annotated[str, typer.Option(help="Where the other nodes reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="First of its four ports.")] = DEFAULT_PORT,
    from_genesis: Annotated[
        bool, typer.Option("--from-genesis", help="Take all blocks, not the state of a snapshot.")
    ] = False,
    trust: Annotated[
        str,
        typer.Option(
            help="HEIGHT:HASH of a block that you trust and two nodes have; else the last one, as they say."
        ),
    ] = "",
    transport_key: TransportKeyOption = None,
    storage_key: Annotated[
        Path | None,
        typer.Option("--storage-key", help="Key file of the encryption at rest, made if need be."),
    ] = None,
    unencrypted: Annotated[bool, typer.Option("--unencrypted", help="Keep the folder in clear.")] = False,
    keys: OwnKeysOption = None,
) -> None:
    """Make a node that joins a network, from an invitation; `counterfoil start` then runs it."""
    folder = folder.absolute()
    key_file = key_file_for(folder, storage_key, unencrypted)
    if keys is not None:
        if trust or host != "127.0.0.1" or port != DEFAULT_PORT:
            raise UsageError(
                "With --keys the network says where the node is, and it takes all blocks: leave out --host, --port and"
                " --trust."
            )
        take_place(file, folder, keys, transport_key, name=name, encrypted=not unencrypted, key_file=key_file)
        return
    joined = join_network(
        file,
        folder,
        lock_of(transport_key, f"Passphrase of {file}"),
        name=name or folder.name,
        host=host,
        port=port,
        from_genesis=from_genesis,
        trusted=_trusted(trust),
        encrypted=not unencrypted,
        key_file=key_file,
    )
    say(f"Node {joined.name} of {joined.settings.chain_id}: {folder}")
    if joined.trusted is not None:
        say(
            f"It trusts block {joined.trusted[0]:,} with hash {joined.trusted[1]}: compare it with a member's node."
        )
    say(f"Its address: {to_text(AddressKind.SIGNER, joined.address)}")
    say("It brings transactions once a member has granted that address a mandate, and is named to the node:")
    say(f"             counterfoil network member {folder} PARTY")
    say(f"Next:        counterfoil start {folder}")


def member(
    node: Annotated[Path, typer.Argument(help="Folder of a node.")],
    party: Annotated[str, typer.Argument(help="Address of the party (cfp1…) that has granted it a mandate.")],
) -> None:
    """Let a node bring transactions in a member's name, from its next start on."""
    try:
        identity = from_text(party, AddressKind.PARTY)
    except ValueError as error:
        raise UsageError(str(error)) from None
    name_member(node, identity)
    say(f"{node} gathers for {party} from its next start on.")


def follower(
    public: Annotated[
        Path,
        typer.Argument(help="Folder with the network's genesis.json and network.json, as it is given out."),
    ],
    folder: Annotated[Path, typer.Argument(help="New or empty folder of the follower.")],
    engines: Annotated[
        list[str] | None,
        typer.Option(
            "--engine", help="RPC of an engine, http://HOST:PORT, in place of those of the network."
        ),
    ] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--node",
            help="Socket, or 127.0.0.1:PORT, of a node that its owner's questions go to; or the file that says how to"
            " reach one elsewhere over TLS.",
        ),
    ] = None,
    monitor: MonitorOption = None,
    storage_key: Annotated[
        Path | None,
        typer.Option("--storage-key", help="Key file of the encryption at rest, made if need be."),
    ] = None,
    unencrypted: Annotated[bool, typer.Option("--unencrypted", help="Keep the folder in clear.")] = False,
) -> None:
    """Make a follower's folder from what is public of a network; `counterfoil follow` then runs it."""
    folder = folder.absolute()
    network = read_network(public)
    try:
        genesis = (public / GENESIS_NAME).read_bytes()
        handover = public / HANDOVER_NAME
        handed = handover.read_bytes() if handover.exists() else b""
    except OSError as error:
        raise UsageError(f"{public} has no genesis file: {error.strerror}.") from None
    if network is None:
        raise UsageError(f"{public} has no network.json.")
    key_file = key_file_for(folder, storage_key, unencrypted)
    try:
        for address in engines or ():
            address_of_engine(address)
        lay_out_follower(
            folder,
            genesis,
            network,
            handover=handed,
            nodes=[_node(one) for one in nodes or ()],
            engines=engines or (),
            monitor_port=monitor or 0,
            encrypted=not unencrypted,
            key_file=key_file,
        )
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    say(f"Follower of {network.chain_id}: {folder}")
    say(f"Next:        counterfoil follow {folder} --as MEMBER --key KEY")


def _trusted(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    height, _, block_hash = text.partition(":")
    if not height.isdigit() or len(block_hash) != 64 or block_hash.strip("0123456789abcdefABCDEF"):
        raise UsageError(f"--trust is HEIGHT:HASH with 64 hexadecimal digits, not {text!r}.")
    return int(height), block_hash.upper()


def demo(
    seed: Annotated[int, typer.Option(help="Which day is generated.")] = 1,
    count: Annotated[
        int, typer.Option("--count", min=TRADES_MIN, max=TRADES_MAX, help="How many trades it has.")
    ] = 1_000,
    port: Annotated[int, typer.Option(help="First port on this machine; each node has ten.")] = DEFAULT_PORT,
    keep: Annotated[Path | None, typer.Option(help="New folder to keep the network in.")] = None,
) -> None:
    """Run a market day on four validators, a full node and a follower; one validator is killed and brought back."""
    show_network(NetworkWishes(seed, count, port, keep), console_of_demo())


def _node(text: str) -> str:
    """How a follower's folder names a node, wherever its commands are typed. AddressFileError, KeyFileError."""
    if text.startswith("127.0.0.1:"):
        return text
    path = Path(text).absolute()
    if is_remote(path):
        address_in(path)
    return str(path)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Make, run and join a network of nodes that agree by consensus (CometBFT).",
        epilog="Example: counterfoil network create my-network",
    )
    group.command(
        epilog="Example: counterfoil network create --validators 4 --full-nodes 1 my-network; with keys that"
        " others drew: counterfoil network create --hosts hosts.txt --public public my-network"
    )(create)
    group.command(epilog="Example: counterfoil network prepare hosts.txt keys")(prepare)
    commands_founding.add_to(group)
    group.command(epilog="Example: counterfoil network up my-network")(up)
    group.command(epilog="Example: counterfoil network down my-network validator-2")(down)
    group.command(epilog="Example: counterfoil network status my-network")(status)
    group.command(epilog="Example: counterfoil network logs my-network full-1 --follow")(logs)
    group.command(epilog="Example: counterfoil network invite my-network/full-1 invitation")(invite)
    group.command(
        epilog="Example: counterfoil network join invitation node --name our-node --port 27000; a node that the"
        " network was made with: counterfoil network join invitation south --keys south-keys"
    )(join)
    group.command(
        epilog="Example: counterfoil network follower my-network follower --node my-network/full-1/socket"
    )(follower)
    group.command(epilog="Example: counterfoil network member node cfp1...")(member)
    commands_validators.add_to(group)
    group.command(epilog="Example: counterfoil network demo --count 2000")(demo)
    app.add_typer(group, name="network")
