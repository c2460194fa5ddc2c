"""The nodes of a network that live on this machine: started, stopped and looked at, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.node.network.creating import KEYS_FOLDER
from counterfoil.node.network.homes import RPC_SOCKET
from counterfoil.node.network.settings import (
    ENGINE_FOLDER,
    ENGINE_LOG,
    NODE_SOCKET,
    NetworkNode,
    NetworkSettings,
    read_network,
    socket_path,
)
from counterfoil.storage.errors import FolderInUse, FolderRefused
from counterfoil.storage.folder_lock import LOCK_NAME, FolderLock

NODE_LOG = "node.log"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1


class NetworkFailed(Exception):
    """A node that could not be started or stopped; the text says which and why."""


class NodeState(NamedTuple):
    """A node that executes, as it is now. height: of its engine's last block, 0 where it does not answer; hash: of the
    application."""

    node: NetworkNode
    pid: int | None
    height: int = 0
    application_hash: str = ""
    peers: int = 0
    catching_up: bool = False


class Control:
    """Of one network's folder. Errors: FolderRefused where it is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        network = read_network(self.folder)
        if network is None:
            raise FolderRefused(
                f"There is no network in {folder}; make one with: counterfoil network create {folder}"
            )
        self.network: NetworkSettings = network

    def names(self, wanted: Sequence[str] = ()) -> list[str]:
        """The nodes whose folders are here, followers last, or those of them that are wanted. NetworkFailed where one
        is not."""
        named = [*(node.name for node in self.network.nodes), *self.network.followers]
        here = [name for name in named if self.path(name).is_dir()]
        for name in wanted:
            if name not in here:
                raise NetworkFailed(f"There is no node {name!r} here; there are {', '.join(here) or 'none'}.")
        return list(wanted) or here

    def follows(self, name: str) -> bool:
        """Whether a node is a follower, which has no engine."""
        return name in self.network.followers

    def path(self, name: str) -> Path:
        return self.folder / name

    def socket(self, name: str) -> Path:
        """Where the node serves its clients."""
        return socket_path(self.path(name), NODE_SOCKET)

    def pid(self, name: str) -> int | None:
        """Of the process that works on the node's folder."""
        path = self.path(name)
        if not (path / LOCK_NAME).exists():
            return None
        try:
            FolderLock(path).release()
        except FolderInUse:
            text = (path / LOCK_NAME).read_text(errors="replace").strip()
            return int(text) if text.isdigit() else None
        return None

    # Starting and stopping

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a node, not waiting for it. It goes on when this process ends."""
        path = self.path(name)
        key = self.folder / KEYS_FOLDER / f"{name}.key"
        verb = "follow" if self.follows(name) else "start"
        command = [sys.executable, "-m", "counterfoil.cli.main", verb, str(path), *options]
        if key.exists():
            command += ["--storage-key", str(key)]
        with (path / NODE_LOG).open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )

    def up(
        self,
        names: Sequence[str],
        *options: str,
        is_serving: Callable[[str], bool],
        progress: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Start nodes, and return when each serves its clients. One that runs already is left as it is."""
        started = {name: self.start(name, *options) for name in names if self.pid(name) is None}
        give_up = time.monotonic() + START_SECONDS
        waiting = list(names)
        while waiting:
            for name in list(waiting):
                if is_serving(name):
                    progress(name)
                    waiting.remove(name)
                elif name in started and started[name].poll() is not None:
                    raise NetworkFailed(f"The node {name} ended: {self.last_words(name)}")
                elif time.monotonic() > give_up:
                    raise NetworkFailed(f"The node {name} does not serve: {self.last_words(name)}")
            time.sleep(POLL_SECONDS)

    def down(self, names: Sequence[str], progress: Callable[[str], None] = lambda name: None) -> None:
        """Ask nodes to stop, and return when they have; what they acknowledged is safe in any case."""
        pids = {name: pid for name in names if (pid := self.pid(name)) is not None}
        for pid in pids.values():
            _signal(pid, signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS
        for name in pids:
            while self.pid(name) is not None:
                if time.monotonic() > give_up:
                    raise NetworkFailed(f"The node {name} (process {pids[name]}) does not stop.")
                time.sleep(POLL_SECONDS)
            progress(name)

    def kill(self, name: str) -> None:
        """End a node and its engine at once, as a power cut would."""
        pid = self.pid(name)
        if pid is None:
            return
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        while self.pid(name) is not None:
            time.sleep(POLL_SECONDS)

    # Looking

    def states(self, names: Sequence[str] = ()) -> list[NodeState]:
        """Of those that execute."""
        return [self._state(self.network.node(name)) for name in self.names(names) if not self.follows(name)]

    def _state(self, node: NetworkNode) -> NodeState:
        pid = self.pid(node.name)
        if pid is None:
            return NodeState(node, None)
        rpc = self.rpc(node.name)
        try:
            status, peers = rpc.status(), rpc.ask("net_info")
        except (EngineUnreachable, EngineRefused):
            return NodeState(node, pid)
        finally:
            rpc.close()
        sync: dict[str, Any] = status["sync_info"]
        return NodeState(
            node,
            pid,
            int(sync["latest_block_height"]),
            str(sync["latest_app_hash"]).lower(),
            int(peers["n_peers"]),
            bool(sync["catching_up"]),
        )

    def rpc(self, name: str) -> EngineRpc:
        """To the engine of a node here."""
        return EngineRpc(socket_path(self.path(name) / ENGINE_FOLDER, RPC_SOCKET), timeout_seconds=5.0)

    def logs(self, name: str) -> list[Path]:
        own = self.path(name) / NODE_LOG
        return [own] if self.follows(name) else [own, self.path(name) / ENGINE_LOG]

    def last_words(self, name: str) -> str:
        lines = [line for path in self.logs(name) for line in tail(path, 3)]
        return " / ".join(lines)[-1_000:] or "it said nothing"


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a file; none where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 400 * count))
            return file.read().decode(errors="replace").splitlines()[-count:] if count else []
    except OSError:
        return []


def follow(paths: Sequence[Path], seconds: float = 0.5) -> Iterator[tuple[Path, str]]:
    """New lines of several files as they are written, for ever."""
    at = {path: path.stat().st_size if path.exists() else 0 for path in paths}
    while True:
        for path in paths:
            if path.exists() and path.stat().st_size > at[path]:
                with path.open("rb") as file:
                    file.seek(at[path])
                    data = file.read()
                at[path] += len(data)
                for line in data.decode(errors="replace").splitlines():
                    yield path, line
        time.sleep(seconds)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
