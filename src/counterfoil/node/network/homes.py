"""The engine's own folder of one node: its keys, its genesis and its configuration."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from nacl.signing import SigningKey

from counterfoil.modules.validators.interface import possession_bytes
from counterfoil.node.network.settings import ENGINE_FOLDER, NetworkNode, socket_path
from counterfoil.primitives.signatures import ED25519, SECRET_BYTES
from counterfoil.storage import files
from counterfoil.verify.light.steps import DAY_NS, TRUSTING_DAYS

BLOCK_BYTES_MAX = 4 * 1024 * 1024
ITEM_BYTES_MAX = 4 * 1024 * 1024
MAX_RPC_BYTES = 8 * 1024 * 1024
"""An item travels to the engine in base 64."""
SEND_RATE_BYTES = 100 * 1024 * 1024
COMMIT_MILLISECONDS = 200
"""From a decided block to the next proposal: what comes in meanwhile shares a block."""
PROPOSE_MILLISECONDS = 3_000
EVIDENCE_BLOCKS = 100_000
EVIDENCE_DAYS = 21
"""So long validators answer for what they signed, and for as many blocks; it ends once both are over. Longer than a
block is trusted, so that whoever is shown two histories within that time can still bring evidence of it."""
APPLICATION_SOCKET = "application.socket"
RPC_SOCKET = "rpc.socket"
CONFIGURATION_NAME = "config.toml"
VALIDATOR_KEY_NAME = "priv_validator_key.json"


class EngineKeys(NamedTuple):
    """Of one node: whom others connect to, and (of a validator) what signs votes. Seeds of 32 bytes."""

    node: bytes
    validator: bytes

    @property
    def node_id(self) -> str:
        return _address(public_of(self.node)).hex()


class StateSync(NamedTuple):
    """Where a node that joins finds a verified height: two RPC servers or more, a height and its block's hash."""

    servers: tuple[str, ...]
    height: int
    hash: str


class Peering(NamedTuple):
    """Whom a node's engine talks to. private: ids that it names to nobody. unconditional: ids that it takes however
    many peers it has. exchange: whether it learns of others, and tells of them."""

    nodes: Sequence[NetworkNode]
    private: Sequence[str] = ()
    unconditional: Sequence[str] = ()
    exchange: bool = True


def public_of(seed: bytes) -> bytes:
    return bytes(SigningKey(seed).verify_key)


def possession_of(seed: bytes, ledger: str, party: bytes) -> bytes:
    """The statement of a validator's key that it is to be this party's on this ledger, as `possession_bytes` has it."""
    signed = possession_bytes(ledger, party, ED25519 + public_of(seed))
    return bytes(SigningKey(seed).sign(signed).signature)


def consensus_secret(folder: Path, name: str = VALIDATOR_KEY_NAME) -> bytes:
    """The seed of what `consensus_key` is the public part of; the same errors."""
    content = json.loads((folder / ENGINE_FOLDER / "config" / name).read_bytes())
    return base64.b64decode(content["priv_key"]["value"], validate=True)[:SECRET_BYTES]


def consensus_key(folder: Path, name: str = VALIDATOR_KEY_NAME) -> bytes:
    """With which a node's engine signs votes, tagged as the ledger writes keys. OSError, ValueError or KeyError where
    the folder is none of a network's node. name: of the file."""
    content = json.loads((folder / ENGINE_FOLDER / "config" / name).read_bytes())
    return ED25519 + base64.b64decode(content["pub_key"]["value"], validate=True)


def genesis_document(
    chain_id: str, time_ms: int, initial_height: int, genesis_digest: bytes, validators: Sequence[NetworkNode]
) -> bytes:
    """The engine's genesis file, which names the ledger's by its digest."""
    document = {
        "genesis_time": _rfc3339(time_ms),
        "chain_id": chain_id,
        "initial_height": str(initial_height),
        "consensus_params": {
            "block": {"max_bytes": str(BLOCK_BYTES_MAX + 256 * 1024), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(EVIDENCE_BLOCKS),
                "max_age_duration": str(EVIDENCE_DAYS * DAY_NS),
                "max_bytes": "65536",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "1"},
            "abci": {"vote_extensions_enable_height": str(initial_height)},
        },
        "validators": [
            {
                "address": _address(bytes.fromhex(node.validator_key)).hex().upper(),
                "pub_key": _public_json(bytes.fromhex(node.validator_key)),
                "power": str(node.power),
                "name": node.name,
            }
            for node in validators
        ],
        "app_hash": "",
        "app_state": {"genesis": genesis_digest.hex()},
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def write_home(
    home: Path,
    place: Path,
    keys: EngineKeys,
    genesis: bytes,
    own: NetworkNode,
    peering: Peering,
    sync: StateSync | None = None,
) -> None:
    """Everything that the engine needs before its first start. place: where the home will be when it runs."""
    for folder in (home / "config", home / "data"):
        folder.mkdir(parents=True, mode=0o700)
    files.write_new(home / "config" / "genesis.json", genesis, mode=0o644)
    files.write_new(home / "config" / "node_key.json", _node_key(keys.node))
    files.write_new(home / "config" / VALIDATOR_KEY_NAME, validator_key_file(keys.validator))
    files.write_new(home / "data" / "priv_validator_state.json", _NOTHING_SIGNED)
    files.write_new(home / "config" / CONFIGURATION_NAME, configuration(place, own, peering, sync).encode())


def settle_home(home: Path) -> None:
    """Let the engine's configuration name the sockets of where its home is now: a node's folder is moved to its host,
    or comes from a copy."""
    path = home / "config" / CONFIGURATION_NAME
    before = text = path.read_text()
    for start, name, end in (('proxy_app = "', APPLICATION_SOCKET, '"'), ('laddr = "', RPC_SOCKET, ",")):
        found = re.search(rf'^{start}unix://[^",]*{end}', text, re.MULTILINE)
        if found is not None:
            here = f"{start}unix://{socket_path(home, name)}{end}"
            text = text[: found.start()] + here + text[found.end() :]
    if text != before:
        beside = path.with_name(f"{CONFIGURATION_NAME}.new")
        beside.unlink(missing_ok=True)
        files.write_new(beside, text.encode())
        os.replace(beside, path)


def configuration(place: Path, own: NetworkNode, peering: Peering, sync: StateSync | None) -> str:
    """What differs from the engine's defaults, each for a reason that was measured or is written down beside it."""
    peers = ",".join(node.peer for node in peering.nodes)
    application, rpc = (socket_path(place, name) for name in (APPLICATION_SOCKET, RPC_SOCKET))
    servers = ",".join(sync.servers) if sync is not None else ""
    return f"""# Made by `counterfoil network`; the engine's own defaults hold for all that is not here.
version = "0.38.26"
proxy_app = "unix://{application}"
moniker = "{own.name}"
abci = "socket"
log_level = "error"

[rpc]
# A unix socket for this node's own process; the port is for light clients and for nodes that join.
laddr = "unix://{rpc},tcp://{own.rpc_host}:{own.rpc_port}"
max_body_bytes = {MAX_RPC_BYTES}
unsafe = false

[p2p]
laddr = "tcp://{"127.0.0.1" if own.host in ("127.0.0.1", "localhost") else "0.0.0.0"}:{own.p2p_port}"
external_address = "{own.host and f"{own.host}:{own.p2p_port}"}"
persistent_peers = "{peers}"
# A validator behind sentries names them alone, with pex = false; they keep its id private.
pex = {"true" if peering.exchange else "false"}
private_peer_ids = "{",".join(peering.private)}"
unconditional_peer_ids = "{",".join(peering.unconditional)}"
addr_book_strict = false
allow_duplicate_ip = true
send_rate = {SEND_RATE_BYTES}
recv_rate = {SEND_RATE_BYTES}
flush_throttle_timeout = "10ms"

[mempool]
type = "flood"
# What waits is not checked again after each block: expired bundles cost a place in a block, and leave with it.
recheck = false
broadcast = true
size = 2000
max_txs_bytes = 268435456
max_tx_bytes = {ITEM_BYTES_MAX}
cache_size = 20000

[statesync]
enable = {"true" if sync is not None else "false"}
rpc_servers = "{servers}"
trust_height = {sync.height if sync is not None else 0}
trust_hash = "{sync.hash if sync is not None else ""}"
trust_period = "{TRUSTING_DAYS * 24}h0m0s"
discovery_time = "5s"

[consensus]
timeout_propose = "{PROPOSE_MILLISECONDS}ms"
timeout_commit = "{COMMIT_MILLISECONDS}ms"
# A network that has nothing to do makes no blocks.
create_empty_blocks = false
peer_gossip_sleep_duration = "10ms"

[storage]
discard_abci_responses = true

[tx_index]
indexer = "null"

[instrumentation]
prometheus = {"true" if own.metrics_port else "false"}
prometheus_listen_addr = "127.0.0.1:{own.metrics_port}"
"""


_NOTHING_SIGNED = b'{\n  "height": "0",\n  "round": 0,\n  "step": 0\n}\n'


def _node_key(seed: bytes) -> bytes:
    return (json.dumps({"priv_key": _private_json(seed)}) + "\n").encode()


def validator_key_file(seed: bytes) -> bytes:
    """The engine's file of the key that signs votes."""
    public = public_of(seed)
    content = {
        "address": _address(public).hex().upper(),
        "pub_key": _public_json(public),
        "priv_key": _private_json(seed),
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _address(public_key: bytes) -> bytes:
    """The engine's: the first 20 bytes of the key's digest."""
    return sha256(public_key).digest()[:20]


def _public_json(public_key: bytes) -> dict[str, str]:
    return {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(public_key).decode()}


def _private_json(seed: bytes) -> dict[str, str]:
    return {
        "type": "tendermint/PrivKeyEd25519",
        "value": base64.b64encode(seed + public_of(seed)).decode(),
    }


def _rfc3339(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // 1_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time_ms % 1_000:03}Z"
