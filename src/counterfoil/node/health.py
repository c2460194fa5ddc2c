"""What is watched of a node that executes, under either engine, and of a follower."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from counterfoil.node.follower import Follower
from counterfoil.node.keeping_up import KeepingUp
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.monitoring import Check, Figure
from counterfoil.node.reads_base import now_ms, policy_of
from counterfoil.policy.policy import ANYBODY, is_public
from counterfoil.policy.subjects import BusinessCounts, Subject
from counterfoil.state.headers import Header

DISK_LEAST_BYTES = 512 * 1024 * 1024
"""With less free room than this a node is not ready: there is time left to make room before a write fails."""
ASKED_SECONDS_MAX = 0.2
"""So long whoever watches waits for the policy; of a ledger that is busy for longer no sums are told."""
UNWRITTEN_BLOCKS_MAX = 200
"""So many blocks may be in the log and not in the record store; it is written every ten."""
BEHIND_BLOCKS_MAX = 10
"""So far the other nodes may be ahead for a moment. An engine to which nobody gives the next block any more says itself
that it has all of them."""


class EngineState(Protocol):
    """A network's engine as its own RPC tells of it."""

    @property
    def answers(self) -> bool: ...
    @property
    def height(self) -> int: ...
    @property
    def peers(self) -> int: ...
    @property
    def catching_up(self) -> bool: ...
    @property
    def others_height(self) -> int: ...


class NodeWatch:
    """Of a node that executes. clients: connections that its door has open. engine: of a network's node, asked anew at
    each call. alone: it is the only node of its network. operator: the party that it is run for, `ANYBODY` where that
    is not said; it counts while the party's mandate for the node's own key is in force."""

    def __init__(
        self,
        node: LedgerNode,
        clients: Callable[[], int],
        engine: Callable[[], EngineState] | None = None,
        *,
        alone: bool = False,
        operator: bytes = ANYBODY,
    ) -> None:
        self._node = node
        self._clients = clients
        self._engine = engine
        self._alone = alone
        self._operator = operator
        self._asking = ThreadPoolExecutor(1, "counterfoil-monitor-policy")

    @property
    def failure(self) -> BaseException | None:
        return self._node.engine.failure

    def may_see(self, subject: Subject) -> bool:
        """What is not for everybody, where the ledger can be asked at once: whoever watches must not wait for it."""
        if is_public(subject):
            return True
        asked = self._asking.submit(self._operator_may_see, subject)
        try:
            return asked.result(ASKED_SECONDS_MAX)
        except TimeoutError:
            asked.cancel()
            return False

    def _operator_may_see(self, subject: Subject) -> bool:
        node = self._node
        with node.engine.lock:
            if node.engine.failure is not None:
                return False
            policy = policy_of(node)
            mandated = policy.speaks_for(node.sealer.address, self._operator, now_ms(node))
            return mandated and policy.may_see(self._operator, subject)

    def checks(self) -> list[Check]:
        node = self._node
        last, failure = node.machine.last, node.engine.failure
        checks = [
            Check("working", failure is None, "yes" if failure is None else type(failure).__name__),
            Check(
                "ledger", last is not None, f"block {last.height}" if last is not None else "not taken up yet"
            ),
        ]
        unwritten = self._unwritten_blocks()
        checks.append(
            Check("store", unwritten <= UNWRITTEN_BLOCKS_MAX, f"{unwritten} blocks are not written yet")
        )
        if node.folder is not None:
            checks.append(disk_check(node.folder.path))
        if self._engine is not None:
            engine = self._engine()
            checks += [
                Check("engine", engine.answers, f"block {engine.height}" if engine.answers else "no answer"),
                Check("caught_up", _is_caught_up(engine), _caught_up(engine)),
                Check("peers", self._alone or engine.peers > 0, f"{engine.peers} connected"),
            ]
        return checks

    def figures(self) -> list[Figure]:
        node, engine = self._node, self._node.engine
        counts = engine.counts
        kind = "embedded" if self._engine is None else "cometbft"
        decided = "Transactions in decided blocks since the start, by outcome."
        figures = [
            info(node.chain_id, kind),
            *of_header(node.machine.last),
            Figure("held_from_height", "Moments before this block are not held here.", node.state.held_from),
            Figure("stored_height", "Last block that the record store has.", node.store.height()),
            Figure("waits", "Whether any transaction waits for a block.", engine.waiting > 0),
            Figure("decided_blocks", "Blocks decided since the start.", counts.blocks, True),
            Figure(
                "deciding_cpu_seconds", "Processor time of the deciding thread.", engine.cpu_seconds(), True
            ),
            *_of_business(
                Figure("waiting_transactions", "Transactions that wait for a block.", engine.waiting),
                Figure("transactions", decided, counts.accepted, True, (("outcome", "accepted"),)),
                Figure("transactions", decided, counts.rejected, True, (("outcome", "rejected"),)),
                Figure("clients", "Connections that the node's door has open.", self._clients()),
            ),
        ]
        if node.folder is not None:
            figures += of_folder(node.folder.path)
        if self._engine is not None:
            told = self._engine()
            figures += [
                Figure("engine_height", "Last block of the node's engine.", told.height),
                Figure("engine_others_height", "Last block of the other nodes' engines.", told.others_height),
                Figure("engine_peers", "Nodes to which the engine is connected.", told.peers),
                Figure("engine_catching_up", "Whether the engine still takes old blocks.", told.catching_up),
            ]
        return figures

    def _unwritten_blocks(self) -> int:
        """Headers since the one that the record store has; heights have gaps on a network."""
        last, stored = self._node.machine.last, self._node.store.height()
        if last is None or stored >= last.height:
            return 0
        return min(last.height - stored, last.number + 1)


class FollowerWatch:
    """Of a follower that keeps up."""

    def __init__(
        self, follower: Follower, keeping_up: KeepingUp, folder: Path, clients: Callable[[], int]
    ) -> None:
        self._follower = follower
        self._keeping_up = keeping_up
        self._folder = folder
        self._clients = clients

    @property
    def failure(self) -> BaseException | None:
        return self._keeping_up.failure

    def may_see(self, subject: Subject) -> bool:
        """A follower has no state by which it could ask for more than is everybody's. Its door knows its owner alone,
        so that how many connections it has open is nobody else's."""
        return is_public(subject)

    def checks(self) -> list[Check]:
        keeping_up, failure = self._keeping_up, self._keeping_up.failure
        return [
            Check("working", failure is None, "yes" if failure is None else type(failure).__name__),
            Check("caught_up", keeping_up.is_caught_up, f"block {self._follower.height} is checked"),
            Check("source", not keeping_up.trouble, keeping_up.trouble or "answers"),
            Check("receipts", not keeping_up.receipts_trouble, keeping_up.receipts_trouble or "fetched"),
            disk_check(self._folder),
        ]

    def figures(self) -> list[Figure]:
        follower, keeping_up = self._follower, self._keeping_up
        return [
            info(follower.trust.chain_id, "follower"),
            *of_header(follower.vouched_header),
            Figure("checked_height", "Last block that was checked and kept.", follower.height),
            Figure(
                "receipts_height", "Up to here the owner's receipts were asked for.", keeping_up.fetched_to
            ),
            Figure("clients", "Connections that the follower's door has open.", self._clients()),
            *of_folder(self._folder),
        ]


def _of_business(*figures: Figure) -> Iterator[Figure]:
    return (figure._replace(subject=BusinessCounts()) for figure in figures)


def info(chain_id: str, kind: str) -> Figure:
    labels = (("program", program_version()), ("chain_id", chain_id), ("kind", kind))
    return Figure("info", "Which program runs which ledger, and how.", 1, labels=labels)


def program_version() -> str:
    try:
        return version("counterfoil")
    except PackageNotFoundError:
        return "unknown"


def of_header(header: Header | None) -> list[Figure]:
    if header is None:
        return []
    return [
        Figure("height", "Last block with an effect.", header.height),
        Figure("blocks", "Blocks with an effect since the founding.", header.number + 1),
        Figure("block_time_seconds", "Time of the last block, since 1970 UTC.", header.time_ms / 1_000),
        Figure("records", "Slots of the state's tree.", header.slot_count),
        Figure("rule_version", "Rules in force.", header.rule_version),
    ]


def of_folder(folder: Path) -> list[Figure]:
    sizes = {name: _size(folder / name) for name in ("log", "store", "engine", "snapshots", "receipts")}
    text = "Bytes on disk, by what they hold."
    return [
        Figure("disk_free_bytes", "Free room where the folder lies.", shutil.disk_usage(folder).free),
        *(Figure("disk_bytes", text, size, labels=(("of", name),)) for name, size in sizes.items() if size),
    ]


def disk_check(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= DISK_LEAST_BYTES, f"{free >> 20} MiB are free")


def _size(path: Path) -> int:
    total = 0
    for file in path.rglob("*") if path.is_dir() else ():
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue  # removed meanwhile
    return total


def _is_caught_up(engine: EngineState) -> bool:
    return (
        engine.answers
        and not engine.catching_up
        and engine.others_height - engine.height <= BEHIND_BLOCKS_MAX
    )


def _caught_up(engine: EngineState) -> str:
    if not engine.answers:
        return "unknown"
    behind = engine.others_height - engine.height
    if behind > BEHIND_BLOCKS_MAX:
        return (
            f"{behind} blocks behind the others; where it stays at block {engine.height}, nobody has the next one any"
            " more: restore a newer copy of its folder, or join it anew from a snapshot (how-to: operate a node, a"
            " node is behind)"
        )
    return "takes old blocks" if engine.catching_up else "yes"
