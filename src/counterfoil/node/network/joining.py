"""Joining a network: an invitation, and the folder of a node that is made from it.

An invitation is an encrypted file as an export is, with the network's secret and its public description, and no
blocks. Whoever has it and its passphrase can run a node that executes, and so can read everything: it is given to
members, as the network's secret is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.machine.genesis import chain_id, decode_genesis, genesis_digest, secret_commitment
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.follower import HANDOVER_NAME
from counterfoil.node.ledger import (
    LAYOUTS,
    SECRET_SIZE,
    SealingKey,
    open_ledger,
    write_identity,
)
from counterfoil.node.network.creating import MONITOR_AT
from counterfoil.node.network.homes import StateSync, write_home
from counterfoil.node.network.node_keys import NodeKeys, require_named
from counterfoil.node.network.sentries import peering_of
from counterfoil.node.network.settings import (
    ENGINE_FOLDER,
    NETWORK_FILE,
    NODE_FILE,
    NetworkNode,
    NetworkSettings,
    NodeSettings,
    read_network,
    read_settings,
    write_settings,
)
from counterfoil.node.transfer_format import (
    VERSION,
    ArgonCost,
    Head,
    Lock,
    Opening,
    Sealing,
    TransferFileError,
    protection_for,
)
from counterfoil.storage import files
from counterfoil.storage.errors import FolderRefused
from counterfoil.storage.folder import LedgerFolder, create_folder
from counterfoil.verify.light.json_form import parse_time
from counterfoil.verify.light.steps import DAY_NS, TRUSTING_DAYS

SERVERS_LEAST = 2
"""The engine compares what one server says with another's."""


class Invitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What an invitation holds beside the ledger's genesis file and the network's secret. roots: of the key epochs
    after the first, without which the blocks of these could not be applied."""

    network: NetworkSettings
    engine_genesis: bytes
    settings: NodeSettings
    handover: bytes = b""
    roots: tuple[bytes, ...] = ()


class Joined(NamedTuple):
    """A node that was made. address: of its own key, which a member enrols so that the node may gather. trusted: the
    height and block hash from which it syncs the state, None where it begins at the genesis."""

    settings: NetworkSettings
    name: str
    address: bytes
    trusted: tuple[int, str] | None


class ToldBlock(NamedTuple):
    """A block as servers name it. last_height: how far they are."""

    height: int
    hash: str
    at_ns: int
    last_height: int


def invite(
    folder: Path, file: Path, lock: Lock, *, key_file: Path | None = None, cost: ArgonCost | None = None
) -> None:
    """Write an invitation, from the folder of a node that is stopped, into a new file."""
    network, settings = read_network(folder), read_settings(folder)
    if network is None or settings is None:
        raise FolderRefused(f"{folder} is not the folder of a network's node.")
    with open_ledger(folder, key_file=key_file, workers=0, start=False) as node:
        genesis_bytes, secrets, sealed = node.genesis_bytes, node.secrets, node.machine.sealed
        roots = sealed.ring.roots_to(sealed.epoch.number) if sealed is not None else ()
    engine_genesis = (folder / ENGINE_FOLDER / "config" / "genesis.json").read_bytes()
    handover = folder / HANDOVER_NAME
    content = Invitation(
        network, engine_genesis, settings, handover.read_bytes() if handover.exists() else b"", roots
    )
    head = Head(
        version=VERSION,
        chain_id=network.chain_id,
        sandbox=network.sandbox,
        height=0,
        last_header="",
        genesis=genesis_bytes.decode(),
        protection=protection_for(lock, cost or ArgonCost()),
        consensus_from=network.consensus_from,
    )
    data = msgspec.msgpack.encode(content)
    try:
        with file.open("xb") as output:
            os.chmod(file, 0o600)
            sealing = Sealing(output, head, lock)
            sealing.write(secrets.network + len(data).to_bytes(4, "big") + data)
            sealing.finish()
    except FileExistsError:
        raise TransferFileError(f"There is a file {file} already; choose another name.") from None


def join(
    file: Path,
    folder: Path,
    lock: Lock,
    *,
    name: str,
    host: str = "127.0.0.1",
    port: int,
    from_genesis: bool = False,
    trusted: tuple[int, str] | None = None,
    encrypted: bool = True,
    key_file: Path | None = None,
    keys: NodeKeys | None = None,
) -> Joined:
    """Make a node's folder from an invitation; it takes up the ledger when it is started.

    It syncs the state from a snapshot of its peers, from a trusted height and block hash (the network's last one, where
    none is given, as two of its nodes say), or with `from_genesis` all blocks.

    keys: of a node that the network was made with, whose operator drew them: its place is the one that the network
    names, and it takes all blocks. TransferFileError where the network does not name it with exactly these keys.
    """
    genesis_bytes, secret, invitation = _opened(file, lock)
    named = _named(file, genesis_bytes, invitation.network, name, keys) if keys is not None else None
    if named is not None:
        host, port, from_genesis = named.host, named.p2p_port, True
    if from_genesis and invitation.handover:
        raise TransferFileError(
            "This ledger had the embedded engine first, and no engine has its blocks from then: take the state of a"
            " snapshot."
        )
    network = invitation.network
    keys = keys or NodeKeys.draw()
    own = named or NetworkNode(
        name=name,
        host=host,
        p2p_port=port,
        rpc_host="127.0.0.1",
        rpc_port=port + 1,
        metrics_port=port + 2,
        id=keys.engine.node_id,
    )
    sync = None
    if not from_genesis:
        servers = network.rpc_servers
        _require_servers(servers)
        told = _block_told(servers) if trusted is None else _trusted_block(servers, trusted)
        _require_young(told)
        _require_snapshot(told.last_height, invitation.settings.snapshot_interval)
        sync = StateSync(tuple(servers), told.height, told.hash)
    others = [node for node in network.nodes if node.name != name]
    described = msgspec.structs.replace(network, nodes=(*others, own)) if named is None else network
    secrets, engine = keys.of_node(secret, invitation.roots), keys.engine

    def fill(place: LedgerFolder) -> None:
        write_identity(place, genesis_bytes, secrets)
        place.open_store(LAYOUTS).close()
        write_settings(
            place.path / NODE_FILE,
            msgspec.structs.replace(
                invitation.settings, name=name, member="", monitor_port=port + MONITOR_AT
            ),
        )
        write_settings(place.path / NETWORK_FILE, described)
        if invitation.handover:
            files.write_new(place.path / HANDOVER_NAME, invitation.handover, mode=0o644)
        write_home(
            place.path / ENGINE_FOLDER,
            folder.absolute() / ENGINE_FOLDER,
            engine,
            invitation.engine_genesis,
            own,
            peering_of(own, described.nodes),
            sync,
        )

    create_folder(folder, encrypted=encrypted, key_file=key_file, fill=fill)
    trust = (sync.height, sync.hash) if sync is not None else None
    return Joined(described, name, SealingKey(keys.sealer).address, trust)


def _named(
    file: Path, genesis_bytes: bytes, network: NetworkSettings, name: str, keys: NodeKeys
) -> NetworkNode:
    try:
        return require_named(network, decode_genesis(genesis_bytes), name, keys.public)
    except ValueError as error:
        raise TransferFileError(f"{file} is not for this node: {error}.") from None


def _opened(file: Path, lock: Lock) -> tuple[bytes, bytes, Invitation]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise TransferFileError(f"{file} cannot be read: {error.strerror}.") from None
    with source:
        opening = Opening(source, str(file))
        if opening.head.height or not opening.head.consensus_from:
            raise TransferFileError(f"{file} is an exported ledger and no invitation.")
        opening.unlock(lock)
        secret = opening.read(SECRET_SIZE)
        blocks = list(opening.blocks())
    genesis_bytes = opening.head.genesis.encode()
    try:
        genesis = decode_genesis(genesis_bytes)
        invitation: Invitation = msgspec.msgpack.decode(b"".join(blocks), type=Invitation)
        found = chain_id(genesis.name, genesis_digest(genesis_bytes))
        if not found == opening.head.chain_id == invitation.network.chain_id:
            raise ValueError("it names another ledger than its genesis file")
        if secret_commitment(secret) != genesis.secret_commitment:
            raise ValueError("its secret is not the one that the genesis file commits to")
    except (ValueError, msgspec.MsgspecError) as error:
        raise TransferFileError(f"{file} is no invitation: {error}.") from None
    return genesis_bytes, secret, invitation


def _require_young(block: ToldBlock) -> None:
    """The engine would look for a snapshot for ever from a block that is too old to vouch for later ones."""
    age_days = (system_clock_ms() * 1_000_000 - block.at_ns) // DAY_NS
    if age_days >= TRUSTING_DAYS:
        newer = (
            "let something be decided on the network first"
            if block.height == block.last_height
            else "name a newer one (--trust HEIGHT:HASH)"
        )
        raise TransferFileError(
            f"Block {block.height:,} is {age_days} days old, and a block is trusted for {TRUSTING_DAYS} days: {newer},"
            " or take all blocks instead, from the genesis (--from-genesis)."
        )


def _require_snapshot(height: int, interval: int) -> None:
    """Nodes that take no snapshot, or have not come to their first, would be waited for without a word.

    height: where the network is.
    """
    if not interval:
        raise TransferFileError(
            "The network's nodes take no snapshots: take all blocks instead, from the genesis."
        )
    if height < interval:
        raise TransferFileError(
            f"The network is at block {height:,} and its nodes take the first snapshot at block {interval:,}: until"
            " then take all blocks instead, from the genesis."
        )


def _require_servers(servers: Sequence[str]) -> None:
    """The engine itself would refuse to start with fewer."""
    if len(servers) < SERVERS_LEAST:
        raise TransferFileError(
            f"State sync needs {SERVERS_LEAST} nodes whose engines answer others; take all blocks instead, from the"
            " genesis."
        )


def _block_told(servers: Sequence[str], height: int | None = None) -> ToldBlock:
    """A block that two servers have alike: that of a height, or the last one of the first that answers."""
    told: list[ToldBlock] = []
    for server in servers:
        host, _, port = server.removeprefix("http://").rpartition(":")
        rpc = EngineRpc((host, int(port)), timeout_seconds=10.0)
        try:
            last = int(rpc.status()["sync_info"]["latest_block_height"])
            wanted = height or (told[0].height if told else last)
            signed = rpc.ask("commit", height=str(wanted))["signed_header"]
            told.append(
                ToldBlock(
                    wanted,
                    str(signed["commit"]["block_id"]["hash"]),
                    parse_time(signed["header"]["time"]),
                    last,
                )
            )
        except (EngineUnreachable, EngineRefused, KeyError, TypeError, ValueError):
            continue
        finally:
            rpc.close()
        if len(told) == SERVERS_LEAST:
            break
    if len(told) < SERVERS_LEAST:
        asked = f", or have no block {height:,}" if height else ""
        raise TransferFileError(
            f"Fewer than {SERVERS_LEAST} of the network's nodes answer at {', '.join(servers)}{asked}."
        )
    if told[0].hash != told[1].hash:
        raise TransferFileError(
            f"Two nodes of the network name different blocks at height {told[0].height}: {told[0].hash} and"
            f" {told[1].hash}. Ask their operators which network is theirs, and give the block yourself."
        )
    return told[0]


def _trusted_block(servers: Sequence[str], trusted: tuple[int, str]) -> ToldBlock:
    """The block that is trusted, as the servers have it."""
    height, block_hash = trusted
    if height < 1:
        raise TransferFileError("The first block that can be trusted is block 1.")
    told = _block_told(servers, height)
    if told.hash.upper() != block_hash.upper():
        raise TransferFileError(
            f"The network's nodes have another block {height:,} than the one you trust: {told.hash}, not"
            f" {block_hash}. Compare it with a member's node."
        )
    return told
