"""The files that say what a node and its network are: `node.json` and `network.json` in a node's folder."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from counterfoil.storage import files
from counterfoil.storage.errors import CorruptStorage, FolderRefused
from counterfoil.storage.unix_sockets import UNIX_PATH_BYTES_MAX

NODE_FILE = "node.json"
NETWORK_FILE = "network.json"
FOLLOWER_FILE = "follower.json"
NODE_SOCKET = "socket"
ENGINE_FOLDER = "engine"
SNAPSHOTS_FOLDER = "snapshots"
ENGINE_LOG = "engine.log"

S = TypeVar("S", bound=msgspec.Struct)


class NodeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one node, in its ledger folder.

    consensus_from: the first height that the network decided. member: hex, the party in whose name the node gathers;
    "" for a founding node, which gathers in its own. retain_blocks: how many blocks its engine keeps at
    least, 0 for all. snapshot_interval: blocks from one snapshot to the next, 0 for none. monitor_port: of the node's
    health and metrics, on this machine alone; 0 for none.
    """

    name: str
    consensus_from: int
    retain_blocks: int = 0
    snapshot_interval: int = 1_000
    member: str = ""
    monitor_port: int = 0


class NetworkNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node as the others know it.

    host: where it listens for them; "" for a validator behind sentries, which these alone are told. id: of the
    engine's node key, hex. rpc_port: of its engine's RPC (on `rpc_host`). validator: hex public key (Ed25519) and
    power; "" and 0 for a full node. guards: name of the validator that it is a sentry of.
    """

    name: str
    host: str
    p2p_port: int
    rpc_host: str
    rpc_port: int
    metrics_port: int
    id: str
    validator_key: str = ""
    power: int = 0
    guards: str = ""

    @property
    def is_behind_sentries(self) -> bool:
        return not self.host

    @property
    def where(self) -> str:
        """As people are told."""
        return "behind its sentries" if self.is_behind_sentries else f"{self.host}:{self.p2p_port}"

    @property
    def peer(self) -> str:
        """As the engine writes an address."""
        return f"{self.id}@{self.host}:{self.p2p_port}"


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public description of a network: what a node that joins is given. Nothing in it is secret.

    followers: names of the followers whose homes were laid out with the network.
    """

    chain_id: str
    consensus_from: int
    sandbox: bool
    nodes: tuple[NetworkNode, ...]
    followers: tuple[str, ...] = ()

    @property
    def rpc_servers(self) -> list[str]:
        """Where the engines of those answer that say so to others, full nodes first."""
        listed = sorted(self.nodes, key=lambda one: (one.power > 0, one.name))
        here = [one for one in listed if one.rpc_host == one.host or one.host in ("127.0.0.1", "localhost")]
        return [f"http://{one.rpc_host}:{one.rpc_port}" for one in here]

    def node(self, name: str) -> NetworkNode:
        """LookupError where there is none of this name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise LookupError(
            f"the network has no node {name!r}; it has {', '.join(one.name for one in self.nodes)}"
        )


def read_settings(folder: Path) -> NodeSettings | None:
    """Of a network's node; None where the folder is an embedded ledger's."""
    return _read(folder / NODE_FILE, NodeSettings)


def read_network(folder: Path) -> NetworkSettings | None:
    """The description in a network's folder, or in a node's; None where it has none."""
    return _read(folder / NETWORK_FILE, NetworkSettings)


class FollowerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one follower, in its folder.

    engines: addresses of engines' RPCs from which it takes blocks, such as http://127.0.0.1:26601. nodes: to which it
    passes its owner's questions: sockets (paths), loopback ports (127.0.0.1:7000), or files that say how to reach one
    on another machine over TLS; paths are absolute, or as seen from the follower's folder. monitor_port: of its health
    and metrics, 0 for none.
    """

    name: str
    chain_id: str
    consensus_from: int
    engines: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    monitor_port: int = 0


def read_follower(folder: Path) -> FollowerSettings | None:
    """Of a follower; None where the folder is none's."""
    return _read(folder / FOLLOWER_FILE, FollowerSettings)


def path_from(folder: Path, text: str) -> Path:
    """Where a path in a follower's settings leads, wherever its folder lies."""
    return Path(os.path.normpath(folder.absolute() / text))


def encoded(settings: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n"


def name_member(folder: Path, party: bytes) -> None:
    """Let a node gather in the name of a party from its next start on. FolderRefused where the folder is no node's."""
    settings = read_settings(folder)
    if settings is None:
        raise FolderRefused(f"{folder} is not the folder of a network's node.")
    beside = folder / f".{NODE_FILE}.new"
    beside.unlink(missing_ok=True)
    write_settings(beside, msgspec.structs.replace(settings, member=party.hex()))
    beside.rename(folder / NODE_FILE)


def write_settings(path: Path, settings: msgspec.Struct) -> None:
    """A new file."""
    files.write_new(path, encoded(settings), mode=0o644)


def socket_path(folder: Path, name: str) -> Path:
    """Where a process of this folder listens: in it, or in the temporary folder where that path is too long."""
    path = folder.absolute() / name
    if len(os.fsencode(path)) <= UNIX_PATH_BYTES_MAX:
        return path
    return Path(tempfile.gettempdir()) / f"counterfoil-{sha256(os.fsencode(path)).hexdigest()[:24]}"


def _read(path: Path, kind: type[S]) -> S | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise CorruptStorage(path, f"it is no description of a network: {error}") from None
