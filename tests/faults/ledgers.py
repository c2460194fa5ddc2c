"""Ledgers on disk that are to be hurt, and what must be true of them afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from counterfoil.engine.decided import LoggedBlock
from counterfoil.machine.genesis import Genesis, Parameters
from counterfoil.node.ledger import LAYOUTS, LedgerNode, create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import encode
from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.model.desk import SECRETS, Desk, by
from tests.model.opening import Opening

PROJECT = Path(__file__).resolve().parents[2]
KEY = "5a" * 32
ENVIRONMENT = {**os.environ, VARIABLE: KEY}
PARAMETERS = Parameters(id_window_ms=3_600_000)


class Acknowledged(NamedTuple):
    id: bytes
    height: int
    number: int


class Hurt(NamedTuple):
    """What became of a victim: its acknowledgements, how it ended, and its last words."""

    acknowledged: list[Acknowledged]
    status: int
    words: str


def draft(sealed: bool = True) -> Genesis:
    return msgspec.structs.replace(sandbox_genesis(parameters=PARAMETERS), sealed=sealed)


def make_ledger(folder: Path, *, encrypted: bool = True, sealed: bool = True) -> None:
    """A market in the middle of a morning."""
    os.environ[VARIABLE] = KEY
    create_ledger(folder, draft(sealed), encrypted=encrypted, secrets=SECRETS)
    with opened(folder) as node:
        Opening(Desk(node)).everything()


@contextmanager
def opened(folder: Path) -> Iterator[LedgerNode]:
    """The ledger in this process; nothing runs by itself."""
    os.environ[VARIABLE] = KEY
    with open_ledger(folder, workers=0, scheduled=False, start=False) as node:
        yield node


def transactions(folder: Path, count: int, seed: int, *, sealed: bool = True) -> list[bytes]:
    """Deals between the two brokers; some are for more than there is, and two of each hundred are repeated."""
    opening = Opening(Desk(genesis=draft(sealed))).everything()
    desk = opening.desk
    with opened(folder) as node:
        assert node.chain_id == desk.chain_id
        expiry_ms = node.clock() + 3_000_000
    desk.nonce = seed * 1_000_000
    keys = by("broker-a", "broker-b")
    made = []
    for number in range(count):
        quantity = 10**9 if number % 17 == 16 else 1 + number % 5
        deal = opening.both(f"{seed}/{number}", quantity)
        made.append(desk.transaction(deal, *keys, expiry_ms=expiry_ms))
        if number % 50 == 49:
            made.append(made[-20])
    return made


def hurt(
    folder: Path,
    raws: list[bytes],
    *options: str,
    point: str = "",
    kill_after: Callable[[int], bool] = lambda acknowledged: False,
) -> Hurt:
    """Run a victim on the folder until it ends, or is killed at a fault point or once `kill_after` says so."""
    file = folder.with_name(folder.name + ".transactions")
    file.write_bytes(encode(raws))
    environment = {**ENVIRONMENT, **({"COUNTERFOIL_FAULT_POINT": point} if point else {})}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.victim", str(folder), str(file), *options],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        acknowledged = []
        for line in process.stdout:
            words = line.split()
            if line.endswith(b"\n") and len(words) == 3:
                acknowledged.append(
                    Acknowledged(bytes.fromhex(words[0].decode()), int(words[1]), int(words[2]))
                )
                if kill_after(len(acknowledged)):
                    process.kill()
        words_ = process.stderr.read().decode()
    return Hurt(acknowledged, process.returncode, words_)


def check_sound(folder: Path, acknowledged: list[Acknowledged]) -> int:
    """Everything acknowledged is there, once, with its result; the root is a replay's. The last height."""
    with opened(folder) as node:
        seen: Counter[bytes] = Counter()
        results: dict[bytes, tuple[int, int]] = {}
        for height in range(1, node.height + 1):
            for result in node.machine.block_results(height).results:
                seen[result.id] += 1
                results[result.id] = (height, result.number)
        assert not [identity for identity, times in seen.items() if times > 1]
        for one in acknowledged:
            assert results.get(one.id) == (one.height, one.number), "an acknowledged transaction is lost"
        node.machine.check_everything()
        again = LedgerNode(
            node.genesis_bytes, node.secrets, MemoryStore(LAYOUTS), MemoryLog(), workers=0, scheduled=False
        )
        blocks: list[LoggedBlock] = list(node.blocks())
        for block in blocks:
            again.engine.replay(block)
        assert again.machine.last == node.machine.last
        assert len(blocks) == node.height == node.log.last_height()
        return node.height


def content(node: LedgerNode) -> dict[str, Any]:
    """Everything that a ledger on disk would say of itself, every page of its store read."""
    machine, state = node.machine, node.state
    last = machine.last
    rows = {
        number: [(key, state.find(table, key), list(state.versions(table, key))) for key in state.keys(table)]
        for number, table in state.tables.items()
    }
    return {
        "last": last,
        "headers": [machine.header(number) for number in range(machine.history.size)],
        "results": [machine.block_results(height) for height in range(1, node.height + 1)],
        "rows": {
            number: msgspec.msgpack.encode([(k, r, v) for k, r, v in found]) for number, found in rows.items()
        },
        "tree": [bytes(level) for level in state.tree.levels],
        "free": list(state.free),
        "blocks": list(node.blocks()),
        "genesis": node.genesis_bytes,
        "secrets": node.secrets,
        "window": sorted(machine.window._expiry.items()),
    }
