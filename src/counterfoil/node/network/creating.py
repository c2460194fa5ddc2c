"""Making a network: for each node a ledger folder with its engine's home in it, ready to be started.

DIR/network.json            who the nodes are and where they listen; public
DIR/genesis.json            the ledger's genesis file; public
DIR/engine-genesis.json     the engine's, which names the other; public
DIR/NODE/                   one node's folder, to be moved to its host
DIR/storage-keys/NODE.key   opens that folder; to be kept apart from it
DIR/systemd, DIR/compose.yaml    to run the nodes as services
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from counterfoil.engine.cometbft.snapshots import KEPT
from counterfoil.machine.founding import CONSORTIUM, NETWORK, PARTIES, VALIDATORS, require_validators
from counterfoil.machine.genesis import (
    Genesis,
    chain_id,
    decode_genesis,
    encode_genesis,
    genesis_digest,
    secret_commitment,
)
from counterfoil.machine.machine import Machine
from counterfoil.machine.wiring import TABLES
from counterfoil.modules.parties.interface import RUNS_THE_LEDGER
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.follower import HANDOVER_NAME, create_follower
from counterfoil.node.ledger import (
    GENESIS_NAME,
    LAYOUTS,
    NodeSecrets,
    SealingKey,
    key_ring,
    open_ledger,
    read_secrets,
    write_identity,
)
from counterfoil.node.network.homes import genesis_document, write_home
from counterfoil.node.network.node_keys import NodeKeys, PublicKeys, require_possession
from counterfoil.node.network.sentries import as_given_out, peering_of
from counterfoil.node.network.services import write_services
from counterfoil.node.network.settings import (
    ENGINE_FOLDER,
    FOLLOWER_FILE,
    NETWORK_FILE,
    NODE_FILE,
    NODE_SOCKET,
    FollowerSettings,
    NetworkNode,
    NetworkSettings,
    NodeSettings,
    write_settings,
)
from counterfoil.node.personas import refuse_personas
from counterfoil.node.transfer import import_ledger, read_head
from counterfoil.node.transfer_format import Lock
from counterfoil.primitives.signatures import ED25519
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import Validator
from counterfoil.state.state import State
from counterfoil.storage import files
from counterfoil.storage.errors import FolderRefused
from counterfoil.storage.folder import LedgerFolder, create_folder, is_taken, open_folder
from counterfoil.storage.memory_store import MemoryStore
from counterfoil.verify import Trust
from counterfoil.verify.light.files import write_handover
from counterfoil.verify.light.handover import hand_over

ENGINE_GENESIS_NAME = "engine-genesis.json"
KEYS_FOLDER = "storage-keys"
PORTS_EACH = 10
DEFAULT_PORT = 26_600
_RULING = frozenset(role.name.lower() for role in RUNS_THE_LEDGER)


MONITOR_AT = 3
"""Of a node's ports, which one its own health and metrics have; the engine has the first three."""


RETAINED_INTERVALS_LEAST = KEPT + 1
"""From one snapshot to the next, so often: nodes hand out the last two, and while one is fetched the next is taken."""


class Place(NamedTuple):
    """One node that is wanted. power: 0 for a full node. port: the first of four (peers, RPC, engine's metrics,
    monitor). follows: it is a follower, which has the last of these ports alone.

    party: the founding party whose validator it is; "" for one that is founded with the node's name. guards: the
    validator that it is a sentry of.
    """

    name: str
    power: int
    host: str
    port: int
    follows: bool = False
    party: str = ""
    guards: str = ""


class HostsError(ValueError):
    """A host list that cannot be read; the text names the line."""


def places_here(
    validators: int, full_nodes: int, port: int = DEFAULT_PORT, followers: int = 0
) -> list[Place]:
    """All on this machine."""
    names = [*(f"validator-{number}" for number in range(1, validators + 1))]
    names += [f"full-{number}" for number in range(1, full_nodes + 1)]
    names += [f"follower-{number}" for number in range(1, followers + 1)]
    return [
        Place(
            name,
            1 if at < validators else 0,
            "127.0.0.1",
            port + PORTS_EACH * at,
            at >= validators + full_nodes,
        )
        for at, name in enumerate(names)
    ]


def read_hosts(text: str) -> list[Place]:
    """A line for each node: name, `validator`, `full` or `follower`, host and, where it matters, port, power and party;
    for a full node that is the sentry of a validator: name, `sentry`, host, port and the validator's name.

    Empty lines and what follows # are left out.
    """
    places = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            name, role, host = words[:3]
            port = int(words[3]) if len(words) > 3 else DEFAULT_PORT
            power = {"validator": 1, "full": 0, "sentry": 0, "follower": 0}[role]
            guards = words[4] if role == "sentry" else ""
            if power and len(words) > 4:
                power = int(words[4])
        except (ValueError, KeyError, IndexError):
            raise HostsError(
                f"line {number}: a node is NAME validator|full|follower HOST [PORT [POWER [PARTY]]], or"
                f" NAME sentry HOST PORT VALIDATOR, not {line.strip()!r}"
            ) from None
        if not name.replace("-", "").isalnum() or power < 0 or not 0 < port < 65_000:
            raise HostsError(
                f"line {number}: a name has letters, digits and hyphens; ports and powers are positive"
            )
        places.append(Place(name, power, host, port, role == "follower", " ".join(words[5:]), guards))
    if len({place.name for place in places}) != len(places):
        raise HostsError("two nodes have one name")
    voting = [place.name for place in places if place.power]
    for place in places:
        if place.guards and place.guards not in voting:
            raise HostsError(f"{place.name} is to be a sentry of {place.guards}, which is no validator here")
    return places


def create_network(
    folder: Path,
    draft: Genesis,
    places: Sequence[Place],
    *,
    encrypted: bool = True,
    snapshot_interval: int = 1_000,
    retain_blocks: int = 0,
    public: Mapping[str, PublicKeys] | None = None,
) -> NetworkSettings:
    """Found a network from a draft of the ledger's genesis. ValueError where draft or places do not fit.

    public: of nodes whose operators drew their keys themselves, by their names. No folder is made for these.
    """
    _check_places(places)
    _check_retained(snapshot_interval, retain_blocks)
    refuse_personas(draft)
    network_secret = NodeSecrets.draw().network
    executing = [place for place in places if not place.follows]
    keys = {place.name: NodeKeys.draw() for place in executing if place.name not in (public or {})}
    if not keys:
        raise ValueError(
            "whoever makes a network runs a node of it, from whose folder the others are invited: take the public file"
            " of that node away, so that its keys are drawn here"
        )
    names = {place.name: place.party or place.name for place in executing}
    known = {
        **(public or {}),
        **{name: own.stated(draft.name, names[name]) for name, own in keys.items()},
    }
    for place in executing:
        if place.power:
            _require_possession(place.name, known[place.name], draft.name, names[place.name])
    sections = {
        **_with_parties(draft, executing, known),
        NETWORK: {"nodes": [known[place.name].sealing.hex() for place in executing]},
        VALIDATORS: {
            "validators": [
                {
                    "party": names[place.name],
                    "key": validator.key.hex(),
                    "possession": known[place.name].possession.hex(),
                    "power": validator.power,
                }
                for place, validator in zip(
                    (place for place in places if place.power), _validators(places, known), strict=True
                )
            ]
        },
    }
    genesis_bytes = encode_genesis(
        msgspec.structs.replace(
            draft,
            secret_commitment=secret_commitment(network_secret),
            sealers=(),
            holders=tuple(known[place.name].holder for place in executing) if draft.sealed else (),
            sections=sections,
        )
    )
    genesis = decode_genesis(genesis_bytes)
    first = next(iter(keys.values()))
    founding_height = _founding_height(genesis, genesis_bytes, first.of_node(network_secret))

    def fill(place: LedgerFolder, secrets: NodeSecrets) -> None:
        write_identity(place, genesis_bytes, secrets)
        place.open_store(LAYOUTS).close()

    return _lay_out(
        folder,
        places,
        keys,
        known,
        genesis_bytes,
        founding_height + 1,
        lambda path, name, key_file: create_folder(
            path,
            encrypted=encrypted,
            key_file=key_file,
            fill=lambda place: fill(place, keys[name].of_node(network_secret)),
        ),
        encrypted=encrypted,
        snapshot_interval=snapshot_interval,
        retain_blocks=retain_blocks,
    )


def grow_network(
    folder: Path,
    export: Path,
    lock: Lock,
    places: Sequence[Place],
    consensus_keys: Mapping[str, bytes],
    *,
    encrypted: bool = True,
    snapshot_interval: int = 1_000,
    retain_blocks: int = 0,
    workers: int | None = None,
) -> NetworkSettings:
    """Let an embedded ledger go on as a network: every node takes up its export, with the same root at every height.

    consensus_keys: secrets (32 bytes) by the names of the nodes that vote, as `preparing.read_prepared` has them. The
    ledger must have them on record, with the powers that the places name: Rejected VALIDATORS_DIFFER.

    The ledger's own sealing key goes to the first node alone, and gathers there; the other nodes gather once their
    members have enrolled them.
    """
    _check_places(places)
    _check_retained(snapshot_interval, retain_blocks)
    head = read_head(export)
    genesis_bytes = head.genesis.encode()
    executing = [place for place in places if not place.follows]
    missing = [place.name for place in executing if place.power and place.name not in consensus_keys]
    if missing:
        raise ValueError(f"the validator {missing[0]} has no key that was prepared for it")
    keys = {place.name: NodeKeys.draw(consensus_keys.get(place.name)) for place in executing}
    known = _public(keys)
    handover: list[bytes] = []

    def make(path: Path, name: str, key_file: Path | None) -> None:
        own = None if name == executing[0].name else keys[name].sealer
        last = import_ledger(
            export, path, lock, encrypted=encrypted, key_file=key_file, workers=workers, sealer=own
        )
        if not handover:
            _require_on_record(path, key_file, last, _validators(places, known))
            handover.append(_handover(path, key_file, head.chain_id, last, _validators(places, known)))
        files.write_new(path / HANDOVER_NAME, handover[0], mode=0o644)

    made = _lay_out(
        folder,
        places,
        keys,
        known,
        genesis_bytes,
        head.height + 1,
        make,
        encrypted=encrypted,
        snapshot_interval=snapshot_interval,
        retain_blocks=retain_blocks,
    )
    files.write_new(folder.absolute() / HANDOVER_NAME, handover[0], mode=0o644)
    return made


def _require_possession(node: str, public: PublicKeys, network: str, party: str) -> None:
    try:
        require_possession(public, network, party)
    except ValueError as error:
        raise ValueError(f"the public file of {node}: {error}") from None


def _public(keys: Mapping[str, NodeKeys]) -> dict[str, PublicKeys]:
    return {name: own.public for name, own in keys.items()}


def _validators(places: Sequence[Place], known: Mapping[str, PublicKeys]) -> list[Validator]:
    """Of the network's first block, their keys tagged as the ledger writes keys."""
    return [Validator(ED25519 + known[place.name].validator, place.power) for place in places if place.power]


def _with_parties(draft: Genesis, places: Sequence[Place], known: Mapping[str, PublicKeys]) -> dict[str, Any]:
    """The draft's sections, with a party for each validator that is no founding party's: its node's key speaks for it.

    It has no voice in the consortium until a motion gives it one.
    """
    try:
        parties = list(draft.sections.get(PARTIES, {}).get("parties", ()))
        first = next((party["name"] for party in parties if "regulator" in party["roles"]), "")
        rulers = [party["name"] for party in parties if not _RULING.isdisjoint(party["roles"])]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the genesis file's section {PARTIES!r} is not valid: {error!r}") from None
    missing = [place for place in places if place.power and not place.party]
    if missing and not first:
        raise ValueError("a network's genesis names a regulator, who admits the validators' parties")
    founded = [
        {
            "name": place.name,
            "roles": ["operator"],
            "sponsor": first,
            "signer": {"keys": [known[place.name].sealing.hex()]},
        }
        for place in missing
    ]
    members = {"members": [{"party": name} for name in rulers]}
    consortium = {**members, **draft.sections.get(CONSORTIUM, {})}
    return {**draft.sections, PARTIES: {"parties": [*parties, *founded]}, CONSORTIUM: consortium}


def _handover(
    path: Path, key_file: Path | None, chain_id: str, last: Header, validators: Sequence[Validator]
) -> bytes:
    """The sealer's last word, from the folder that has its key."""
    with open_folder(path, key_file=key_file) as place:
        sealer = SealingKey(read_secrets(place).sealer)
    return write_handover(hand_over(chain_id, last, validators, sealer.sign))


def _require_on_record(
    path: Path, key_file: Path | None, last: Header, validators: Sequence[Validator]
) -> None:
    with open_ledger(path, key_file=key_file, workers=0, scheduled=False, start=False) as node:
        named = {validator.key: validator.power for validator in validators}
        require_validators(node.machine.wired.validators, last.height + 1, named)


MakeFolder = Callable[[Path, str, Path | None], None]


def _lay_out(
    folder: Path,
    places: Sequence[Place],
    keys: Mapping[str, NodeKeys],
    known: Mapping[str, PublicKeys],
    genesis_bytes: bytes,
    consensus_from: int,
    make: MakeFolder,
    *,
    encrypted: bool,
    snapshot_interval: int,
    retain_blocks: int,
) -> NetworkSettings:
    """Everything in a folder that is new or empty, whole or not at all. keys: of the nodes that get a folder here."""
    folder = folder.absolute()
    if is_taken(folder):
        raise FolderRefused(
            f"There is something in {folder} already; a network needs a new or an empty folder."
        )
    genesis = decode_genesis(genesis_bytes)
    executing = [place for place in places if not place.follows]
    following = [place for place in places if place.follows]
    nodes = tuple(_described(place, known[place.name]) for place in executing)
    settings = NetworkSettings(
        chain_id(genesis.name, genesis_digest(genesis_bytes)),
        consensus_from,
        genesis.sandbox,
        tuple(as_given_out(node, nodes) for node in nodes),
        tuple(place.name for place in following),
    )
    engine_genesis = genesis_document(
        settings.chain_id,
        system_clock_ms(),
        consensus_from,
        genesis_digest(genesis_bytes),
        [node for node in nodes if node.power],
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if encrypted:
            (folder / KEYS_FOLDER).mkdir(mode=0o700)
        here = [node for node in nodes if node.name in keys]
        for place, node in zip((one for one in executing if one.name in keys), here, strict=True):
            path = folder / place.name
            make(path, place.name, folder / KEYS_FOLDER / f"{place.name}.key" if encrypted else None)
            write_settings(
                path / NODE_FILE,
                NodeSettings(
                    place.name,
                    consensus_from,
                    retain_blocks,
                    snapshot_interval,
                    monitor_port=place.port + MONITOR_AT,
                ),
            )
            write_settings(path / NETWORK_FILE, settings)
            home = path / ENGINE_FOLDER
            peering = peering_of(node, nodes)
            write_home(home, home, keys[place.name].engine, engine_genesis, node, peering)
        handover = folder / executing[0].name / HANDOVER_NAME
        beside = {
            place.name: [one.name for one in executing if one.name in keys and _share_a_host(one, place)]
            for place in following
        }
        for place in following:
            lay_out_follower(
                folder / place.name,
                genesis_bytes,
                settings,
                handover=handover.read_bytes() if handover.exists() else b"",
                nodes=[f"../{name}/{NODE_SOCKET}" for name in beside[place.name]],
                monitor_port=place.port + MONITOR_AT,
                encrypted=encrypted,
                key_file=folder / KEYS_FOLDER / f"{place.name}.key" if encrypted else None,
            )
        files.write_new(folder / GENESIS_NAME, genesis_bytes, mode=0o644)
        files.write_new(folder / ENGINE_GENESIS_NAME, engine_genesis, mode=0o644)
        made_here = msgspec.structs.replace(settings, nodes=tuple(here))
        write_services(folder, made_here, beside, encrypted=encrypted)
        write_settings(folder / NETWORK_FILE, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return settings


def lay_out_follower(
    folder: Path,
    genesis: bytes,
    network: NetworkSettings,
    *,
    handover: bytes = b"",
    nodes: Sequence[str] = (),
    engines: Sequence[str] = (),
    monitor_port: int = 0,
    encrypted: bool = True,
    key_file: Path | None = None,
) -> None:
    """A follower's home, from what is public of a network. ValueError where that names no engine that it reaches.

    handover: of a ledger that had the embedded engine first. nodes: for its owner's questions, as FollowerSettings
    has them. engines: addresses in place of those that the network's description names.
    """
    known = tuple(engines) or tuple(network.rpc_servers)
    if not known:
        raise ValueError("a follower needs a node whose engine answers others; name one")
    trust = Trust.in_genesis(genesis)
    if trust.chain_id != network.chain_id:
        raise ValueError(f"the genesis file is of {trust.chain_id}, the network is {network.chain_id}")
    create_follower(folder, genesis, handover=handover, encrypted=encrypted, key_file=key_file)
    write_settings(
        folder / FOLLOWER_FILE,
        FollowerSettings(
            folder.name, network.chain_id, network.consensus_from, known, tuple(nodes), monitor_port
        ),
    )


def _is_here(place: Place) -> bool:
    return place.host in ("127.0.0.1", "localhost")


def _share_a_host(one: Place, other: Place) -> bool:
    return one.host == other.host or (_is_here(one) and _is_here(other))


def _described(place: Place, keys: PublicKeys) -> NetworkNode:
    return NetworkNode(
        name=place.name,
        host=place.host,
        p2p_port=place.port,
        rpc_host="127.0.0.1" if _is_here(place) or place.power or place.guards else place.host,
        rpc_port=place.port + 1,
        metrics_port=place.port + 2,
        id=keys.node_id,
        validator_key=keys.validator.hex() if place.power else "",
        power=place.power,
        guards=place.guards,
    )


def _check_places(places: Sequence[Place]) -> None:
    if not any(place.power for place in places):
        raise ValueError("a network needs a validator")


def _check_retained(snapshot_interval: int, retain_blocks: int) -> None:
    if not retain_blocks:
        return
    if not snapshot_interval:
        raise ValueError(
            "where old blocks are let go, nodes join by a snapshot, and none is taken: keep all blocks, or let"
            " snapshots be taken"
        )
    least = RETAINED_INTERVALS_LEAST * snapshot_interval
    if retain_blocks < least:
        raise ValueError(
            f"{retain_blocks:,} blocks are too few for a snapshot every {snapshot_interval:,}: whoever joins needs"
            f" those after the snapshot that it fetches. Keep {least:,} or more, or take snapshots more often"
        )


def _founding_height(genesis: Genesis, genesis_bytes: bytes, secrets: NodeSecrets) -> int:
    """Of the last founding block; founding is tried out, so that a genesis that cannot be founded is refused here."""
    state = State(MemoryStore(LAYOUTS), TABLES, secrets.network)
    chain = chain_id(genesis.name, genesis_digest(genesis_bytes))
    machine = Machine(state, genesis, chain, secrets.network, key_ring(genesis, chain, secrets))
    for height in range(1, machine.founding_height + 1):
        machine.keep(machine.found(height), b"")
    return machine.founding_height


def is_network_folder(folder: Path) -> bool:
    return (folder / NETWORK_FILE).is_file() and (folder / ENGINE_GENESIS_NAME).is_file()
