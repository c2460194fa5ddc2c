"""How a node's engine is, as its own RPC tells: for those who watch."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.node.network.homes import RPC_SOCKET
from counterfoil.node.network.settings import ENGINE_FOLDER, socket_path

TIMEOUT_SECONDS = 2.0


class EngineSeen(NamedTuple):
    """height: of the engine's last block."""

    answers: bool = False
    height: int = 0
    peers: int = 0
    catching_up: bool = False


class EngineLook:
    """Asks the engine of a node's folder, over a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._rpc = EngineRpc(socket_path(folder / ENGINE_FOLDER, RPC_SOCKET), TIMEOUT_SECONDS)

    def __call__(self) -> EngineSeen:
        try:
            sync, peers = self._rpc.status()["sync_info"], self._rpc.ask("net_info")["n_peers"]
        except (EngineUnreachable, EngineRefused):
            return EngineSeen()
        return EngineSeen(True, int(sync["latest_block_height"]), int(peers), bool(sync["catching_up"]))

    def close(self) -> None:
        self._rpc.close()
