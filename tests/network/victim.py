"""A node that is hurt, or hurts others, by order: python -m tests.network.victim FOLDER [what it does]

It serves like any node, but its application kills the process at a call, writes its store at every block, proposes
what no honest one would, or is of a later program, which knows one rule version more.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil.engine.cometbft import process as process_module
from counterfoil.engine.cometbft import snapshots as snapshots_module
from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.node.ledger import open_ledger
from counterfoil.node.network.control import NODE_SOCKET
from counterfoil.node.network.settings import socket_path
from counterfoil.node.rpc import RpcServer
from counterfoil.state.snapshot import _Restoring
from tests.model.later_program import install

CALLS = (
    "info",
    "init_chain",
    "query",
    "check_tx",
    "prepare_proposal",
    "process_proposal",
    "extend_vote",
    "verify_vote_extension",
    "finalize_block",
    "commit",
)
"""Those that a node gets which takes part from the genesis on."""
SERVING_CALLS = ("list_snapshots", "load_snapshot_chunk")
JOINING_CALLS = ("offer_snapshot", "apply_snapshot_chunk")
BOTH, APPLICATION, ENGINE = "both", "application", "engine"
WHO = (BOTH, APPLICATION, ENGINE)


def killer(engine: CometBftEngine, who: str) -> Callable[[], None]:
    """What ends this process and its engine, or one of them alone: a node's engine is bound to its process on Linux,
    and is let loose here where the process alone is to die."""
    if who == APPLICATION:
        process_module._die_with_parent = lambda: None
        return lambda: os.kill(os.getpid(), signal.SIGKILL)
    if who == ENGINE:

        def kill_engine() -> None:
            process = engine._process
            assert process is not None
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)

        return kill_engine
    return lambda: os.killpg(0, signal.SIGKILL)


def kill_at(
    application: LedgerApplication, call: str, answered: bool, times: int, kill: Callable[[], None]
) -> None:
    """Kill at the n-th call of a kind, before or after the application has done it."""
    done = getattr(application, call)
    left = times

    def hurt(ask: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not answered:
            kill()
        answer = done(ask)
        if left == 0 and answered:
            kill()
        return answer

    setattr(application, call, hurt)


def kill_while_restoring() -> None:
    """End both when a snapshot's chunks are written, before the store counts as filled."""

    def hurt(_restoring: Any) -> Any:
        os.killpg(0, signal.SIGKILL)

    _Restoring.finish = hurt  # type: ignore[method-assign]


def kill_when_restored() -> None:
    """End both when the store is filled, before the engine's height stands in it."""
    done = snapshots_module.restore_snapshot

    def hurt(*words: Any) -> Any:
        done(*words)
        os.killpg(0, signal.SIGKILL)

    snapshots_module.restore_snapshot = hurt  # type: ignore[assignment]


def propose_garbage(application: LedgerApplication) -> None:
    """Items that are no bundles, bundles of strangers, and good ones with a bit changed."""
    honest, chance = application.prepare_proposal, random.Random(1)

    def prepare(ask: abci.RequestPrepareProposal) -> abci.ResponsePrepareProposal:
        items = [bytearray(item) for item in honest(ask).txs]
        for item in items:
            item[chance.randrange(len(item))] ^= 1 << chance.randrange(8)
        items.append(bytearray(chance.randbytes(200)))
        print("garbage proposed", flush=True)
        return abci.ResponsePrepareProposal(txs=[bytes(item) for item in items])

    application.prepare_proposal = prepare  # type: ignore[method-assign]


def vote_against_all(application: LedgerApplication) -> None:
    """Whatever is proposed, this validator says that it breaks the rules."""

    def process(_ask: abci.RequestProcessProposal) -> abci.ResponseProcessProposal:
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ProposalStatus.REJECT)

    application.process_proposal = process  # type: ignore[method-assign]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kill-at", default="", help="CALL:asked|answered:TIMES:both|application|engine")
    parser.add_argument("--kill-while", choices=("restoring", "restored"), help="of a node that joins")
    parser.add_argument("--write-each-block", action="store_true")
    parser.add_argument("--garbage", action="store_true")
    parser.add_argument("--against-all", action="store_true")
    parser.add_argument("--later-program", action="store_true", help="one that knows rule version 2")
    asked = parser.parse_args()
    node = open_ledger(asked.folder, workers=0, start=False)
    engine = node.engine
    assert isinstance(engine, CometBftEngine)
    application = engine.application
    if asked.kill_at:
        call, when, times, who = asked.kill_at.split(":")
        kill_at(application, call, when == "answered", int(times), killer(engine, who))
    if asked.kill_while:
        {"restoring": kill_while_restoring, "restored": kill_when_restored}[asked.kill_while]()
    if asked.write_each_block:
        application._write_now_and_then = application.write  # type: ignore[method-assign]
    if asked.later_program:
        install(node.machine)
    if asked.garbage:
        propose_garbage(application)
    if asked.against_all:
        vote_against_all(application)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    engine.start()
    with node, RpcServer(node, path=socket_path(asked.folder, NODE_SOCKET)):
        while not stopping and engine.failure is None:
            time.sleep(0.1)
    if engine.failure is not None:
        print(f"Error {engine.failure}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
