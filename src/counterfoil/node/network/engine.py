"""The engine of a network's node, put together from its folder."""

from __future__ import annotations

from counterfoil.engine.cometbft.engine import RATE_PER_SECOND, CometBftEngine
from counterfoil.engine.cometbft.process import EngineProcess
from counterfoil.engine.cometbft.rpc import EngineRpc
from counterfoil.engine.cometbft.snapshots import Snapshots
from counterfoil.machine.genesis import genesis_digest
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.network.homes import APPLICATION_SOCKET, RPC_SOCKET, settle_home
from counterfoil.node.network.next_key import NextKeyFile
from counterfoil.node.network.observing import OBSERVATIONS_FILE, read_observations
from counterfoil.node.network.settings import (
    ENGINE_FOLDER,
    ENGINE_LOG,
    SNAPSHOTS_FOLDER,
    NodeSettings,
    socket_path,
)
from counterfoil.node.network.vouching import Vouchers


def make_engine(
    node: LedgerNode, settings: NodeSettings, rate_per_second: int | None = None, *, scheduled: bool
) -> CometBftEngine:
    """Not started yet; only for that the engine's own program must be there."""
    if node.folder is None:
        raise ValueError("a network's node lives in a folder")
    home, log_file = node.folder.path / ENGINE_FOLDER, node.folder.path / ENGINE_LOG
    settle_home(home)
    rpc = socket_path(home, RPC_SOCKET)
    node.vouching = Vouchers(node.genesis, node.chain_id, node.folder.path, rpc)
    made = CometBftEngine(
        node.machine,
        genesis_digest(node.genesis_bytes),
        node.log,
        node.sealer,
        node.clock,
        node.signatures,
        Snapshots(
            node.folder.path / SNAPSHOTS_FOLDER,
            node.store,
            node.secrets.network,
            node.chain_id,
            settings.snapshot_interval,
        ),
        EngineRpc(rpc),
        socket_path(home, APPLICATION_SOCKET),
        items=node.items,
        member=bytes.fromhex(settings.member),
        process=EngineProcess(home, rpc, log_file),
        next_key=NextKeyFile(node.folder.path),
        retain_blocks=settings.retain_blocks,
        rate_per_second=rate_per_second or RATE_PER_SECOND,
        scheduled=scheduled,
    )
    observations = node.folder.path / OBSERVATIONS_FILE
    made.application.observed = lambda: read_observations(observations)
    return made
