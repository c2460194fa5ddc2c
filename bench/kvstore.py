"""CometBFT's own example application, kvstore, on the same machine with the same settings: what the engine alone does."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from counterfoil.engine.cometbft.process import find_engine
from counterfoil.engine.cometbft.rpc import EngineRpc, EngineUnreachable
from counterfoil.node.network.creating import NetworkNode, places_here
from counterfoil.node.network.homes import (
    EngineKeys,
    Peering,
    configuration,
    genesis_document,
    public_of,
    write_home,
)

BATCH = 10
"""As many calls as the engine takes in one request."""


def measure(folder: Path, validators: int, item_bytes: int, seconds: float, port: int) -> float:
    """Items a second in decided blocks, each of so many bytes, offered one by one (in batches of RPC calls)."""
    places = places_here(validators, 0, port)
    keys = [EngineKeys(os.urandom(32), os.urandom(32)) for _ in places]
    nodes = [
        NetworkNode(
            place.name,
            place.host,
            place.port,
            "127.0.0.1",
            place.port + 1,
            0,
            own.node_id,
            public_of(own.validator).hex(),
            1,
        )
        for place, own in zip(places, keys, strict=True)
    ]
    genesis = genesis_document("kvstore", time.time_ns() // 1_000_000, 1, bytes(32), nodes)
    processes = []
    try:
        for node, own in zip(nodes, keys, strict=True):
            home = folder / f"kvstore-{node.name}"
            others = Peering([one for one in nodes if one is not node])
            write_home(home, home, own, genesis, node, others)
            text = configuration(home, node, others, None)
            start = text.index("proxy_app")
            text = text[:start] + 'proxy_app = "kvstore"' + text[text.index("\n", start) :]
            (home / "config" / "config.toml").write_text(text)
            with (home / "log").open("wb") as output:
                processes.append(
                    subprocess.Popen(
                        [find_engine(), "start", "--home", str(home)], stdout=output, stderr=output
                    )
                )
        return _rate(nodes, item_bytes, seconds)
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for node in nodes:
            shutil.rmtree(folder / f"kvstore-{node.name}", ignore_errors=True)


def _rate(nodes: list[NetworkNode], item_bytes: int, seconds: float) -> float:
    rpc = EngineRpc(("127.0.0.1", nodes[0].rpc_port))
    while True:
        try:
            if int(rpc.status()["sync_info"]["latest_block_height"]) > 0:
                break
        except EngineUnreachable:
            pass
        time.sleep(0.2)
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_load, args=(node, number, item_bytes, stopping), daemon=True)
        for number, node in enumerate(nodes)
    ]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    before, began = _total(rpc), time.monotonic()
    time.sleep(seconds)
    rate = (_total(rpc) - before) / (time.monotonic() - began)
    stopping.set()
    for thread in threads:
        thread.join()
    return rate


def _total(rpc: EngineRpc) -> int:
    last = int(rpc.status()["sync_info"]["latest_block_height"])
    total = 0
    for top in range(last, 0, -20):
        found = rpc.ask("blockchain", minHeight=str(max(1, top - 19)), maxHeight=str(top))
        total += sum(int(meta["num_txs"]) for meta in found["block_metas"])
    return total


def _load(node: NetworkNode, number: int, item_bytes: int, stopping: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.rpc_port)
    count = 0
    while not stopping.is_set():
        calls = []
        for _ in range(BATCH):
            count += 1
            item = f"{number}/{count}=".encode().ljust(item_bytes, b"x")
            calls.append(
                {
                    "jsonrpc": "2.0",
                    "id": count,
                    "method": "broadcast_tx_async",
                    "params": {"tx": base64.b64encode(item).decode()},
                }
            )
        try:
            connection.request("POST", "/", json.dumps(calls), {"Content-Type": "application/json"})
            answers = json.loads(connection.getresponse().read())
        except OSError:
            return
        if any("error" in answer for answer in answers):
            time.sleep(0.1)  # the pool is full
