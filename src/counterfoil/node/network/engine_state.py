"""How a node's engine is, as its own RPC tells: for those who watch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.node.network.homes import RPC_SOCKET
from counterfoil.node.network.settings import ENGINE_FOLDER, socket_path

TIMEOUT_SECONDS = 2.0


class EngineSeen(NamedTuple):
    """height: of the engine's last block. others_height: of the last block that other nodes have decided, as these
    say; 0 where that is not known."""

    answers: bool = False
    height: int = 0
    peers: int = 0
    catching_up: bool = False
    others_height: int = 0


class EngineLook:
    """Asks the engine of a node's folder, over a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._rpc = EngineRpc(socket_path(folder / ENGINE_FOLDER, RPC_SOCKET), TIMEOUT_SECONDS)

    def __call__(self) -> EngineSeen:
        try:
            sync, peers = self._rpc.status()["sync_info"], self._rpc.ask("net_info")["n_peers"]
        except (EngineUnreachable, EngineRefused):
            return EngineSeen()
        height = int(sync["latest_block_height"])
        return EngineSeen(True, height, int(peers), bool(sync["catching_up"]), self._others_height())

    def close(self) -> None:
        self._rpc.close()

    def _others_height(self) -> int:
        try:
            return others_height(self._rpc.ask("dump_consensus_state")["peers"])
        except (EngineUnreachable, EngineRefused, KeyError, TypeError, ValueError):
            return 0


def others_height(peers: list[dict[str, Any]]) -> int:
    """The last height that two peers have decided, or the only one, from what the engine tells of its peers' rounds.

    One peer alone could say what it likes. KeyError, TypeError or ValueError where it is not in the engine's form.
    """
    deciding = sorted(
        (int(peer["peer_state"]["round_state"]["height"]) for peer in peers if peer.get("peer_state")),
        reverse=True,
    )
    return max(0, deciding[:2][-1] - 1) if deciding else 0
