"""Records a small chain of real CometBFT nodes that run a ledger of ours which grew up from the embedded engine.

    python -m tests.vectors.cometbft.record_chain PATH/OF/cometbft

writes `grown_up.json` anew (a minute). Four validators and one full node that becomes the fifth; one of the first
four leaves, the powers change, one node is stopped. What the nodes answer to `/commit` and `/validators` stands in
the file as they said it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from counterfoil.machine.transactions import BundleContent, bundle_sign_prefix, encode_bundle
from counterfoil.modules.holdings.messages import OpenAccount
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import ED25519, SigningKey
from counterfoil.state.light_blocks import Validator
from tests.model.desk import Desk, by, party
from tests.vectors.cometbft.puppet_app import PuppetApp, serve

FILE = Path(__file__).with_name("grown_up.json")
NODES = 5
BASE_PORT = 36_600
EMBEDDED_BLOCKS = 4
GATHERER = SigningKey(sha256(b"gatherer of the recorded chain").digest())
JOINS, LEAVES, STOPS, ENDS = 4, 8, 11, 16
"""Blocks after the handover at which things happen."""


def main() -> None:
    binary = sys.argv[1]
    start_ms = int(time.time() * 1_000) - 60_000
    desks = [_grown(start_ms) for _ in range(NODES)]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        recorded = _run(binary, Path(scratch), desks)
    FILE.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"{FILE} written")


def _grown(start_ms: int) -> Desk:
    """The ledger as the embedded engine left it."""
    desk = Desk(genesis=replace(sandbox_genesis("grown", start_ms), sealed=False))
    for number in range(EMBEDDED_BLOCKS):
        desk.advance_to(start_ms + 1_000 * (number + 1))
        desk.do(_account(number), *by("depository", _owner(number)))
    return desk


def _owner(number: int) -> str:
    return ("broker-a", "broker-b", "issuer-a")[number % 3]


def _account(number: int) -> OpenAccount:
    return OpenAccount(party(_owner(number)), party("depository"), AccountKind.OWN)


def _bundle(desk: Desk, numbers: range) -> bytes:
    expiry_ms = int(time.time() * 1_000) + 300_000
    raws = tuple(
        [
            desk.transaction(_account(number), *by("depository", _owner(number)), expiry_ms=expiry_ms)
            for number in numbers
        ]
    )
    content = encode(BundleContent(address_of(GATHERER.public_key), expiry_ms, 0, raws))
    signature = GATHERER.sign(bundle_sign_prefix(desk.chain_id) + content)
    return encode_bundle(content, GATHERER.public_key, signature)


def _run(binary: str, scratch: Path, desks: list[Desk]) -> dict[str, Any]:
    first = desks[0].height + 1
    keys = _configure(binary, scratch, desks[0], first)
    changes = {
        first + JOINS: [Validator(keys[4], 10)],
        first + LEAVES: [Validator(keys[0], 0), Validator(keys[1], 30)],
    }
    apps = [PuppetApp(desk, changes) for desk in desks]
    sockets = [serve(scratch / f"app{node}.sock", app) for node, app in enumerate(apps)]
    processes = [
        subprocess.Popen(
            [binary, "start", "--home", str(scratch / f"node{node}"), "--log_level", "error"],
            stdout=subprocess.DEVNULL,
        )
        for node in range(NODES)
    ]
    try:
        for step in range(ENDS):
            _wait_for(first + step)
            if step == STOPS:
                processes[2].terminate()
            if step % 3 != 2:
                _rpc("broadcast_tx_sync", tx=_bundle(desks[0], range(10 * step, 10 * step + 1 + step % 2)))
        _wait_for(first + ENDS + 1)
        last = first + ENDS
        return {
            "genesis": desks[0].node.genesis_bytes.decode(),
            "sealed": [encode(block).hex() for block in desks[0].node.blocks()],
            "validators": [{"key": key.hex(), "power": 10} for key in keys[:4]],
            "decided": [
                {
                    "block": encode(one.block).hex(),
                    "header": encode(one.header).hex() if one.header is not None else None,
                }
                for one in list(apps[0].decided)
                if one.block.height <= last
            ],
            "light_blocks": [
                {
                    "commit": _rpc("commit", height=height),
                    "validators": _rpc("validators", height=height, per_page=100),
                }
                for height in range(first, last + 1)
            ],
        }
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        for listening in sockets:
            listening.close()


def _configure(binary: str, scratch: Path, desk: Desk, first: int) -> list[bytes]:
    """Homes for every node; the last one does not vote yet. Returns tagged keys."""
    options = ["--v", str(NODES - 1), "--n", "1", "--o", str(scratch), "--initial-height", str(first)]
    subprocess.run([binary, "testnet", *options], check=True, stdout=subprocess.DEVNULL)
    keys, peers = [], []
    for node in range(NODES):
        home = scratch / f"node{node}"
        public = json.loads((home / "config/priv_validator_key.json").read_text())["pub_key"]["value"]
        keys.append(ED25519 + b64decode(public))
        name = subprocess.run(
            [binary, "show-node-id", "--home", str(home)], check=True, capture_output=True, text=True
        )
        peers.append(f"{name.stdout.strip()}@127.0.0.1:{BASE_PORT + 10 * node}")
    genesis = json.loads((scratch / "node0/config/genesis.json").read_text())
    genesis["chain_id"] = desk.chain_id
    genesis["app_hash"] = ""
    for one in genesis["validators"]:
        one["power"] = "10"
    for node in range(NODES):
        config = scratch / f"node{node}/config"
        (config / "genesis.json").write_text(json.dumps(genesis))
        _edit(config / "config.toml", node, peers, scratch)
    return keys


def _edit(file: Path, node: int, peers: list[str], scratch: Path) -> None:
    port = BASE_PORT + 10 * node
    settings = {
        "proxy_app": f'"unix://{scratch}/app{node}.sock"',
        "persistent_peers": f'"{",".join(peer for peer in peers if not peer.endswith(str(port)))}"',
        "timeout_commit": '"400ms"',
        "allow_duplicate_ip": "true",
        "addr_book_strict": "false",
        "pprof_laddr": '""',
    }
    section, lines = "", []
    for line in file.read_text().splitlines():
        name = line.split(" = ")[0]
        if line.startswith("["):
            section = line
        if name == "laddr":
            line = f'laddr = "tcp://127.0.0.1:{port + (1 if section == "[rpc]" else 0)}"'
        elif name in settings:
            line = f"{name} = {settings[name]}"
        lines.append(line)
    file.write_text("\n".join(lines) + "\n")


def _wait_for(height: int) -> None:
    for _ in range(1_200):
        try:
            if int(_rpc("status")["sync_info"]["latest_block_height"]) >= height:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"no block {height}")


def _rpc(method: str, **params: Any) -> Any:
    """A call to the fourth node."""
    fields = {name: _param(value) for name, value in params.items()}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": fields}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{BASE_PORT + 31}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        content = json.loads(answer.read())
    if "error" in content:
        raise RuntimeError(f"{method}: {content['error']}")
    return content["result"]


def _param(value: Any) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    main()
