"""A process that keeps a ledger under load until it is killed: python -m tests.faults.victim FOLDER TRANSACTIONS

Reads signed transactions from a file, feeds them to the ledger in the folder, and writes a line (id, height, number) to
standard output for each that was acknowledged, no earlier. Ends with 3, and the reason on standard error, where the
ledger stops by itself.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from counterfoil.engine.port import EngineStopped
from counterfoil.engine.submission import Submission
from counterfoil.node.ledger import open_ledger
from counterfoil.storage.folder import LedgerFolder

AT_ONCE = 12
"""So many transactions are under way; several share a block now and then."""
STOPPED = 3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("transactions", type=Path)
    parser.add_argument("--segment-bytes", type=int, default=0)
    parser.add_argument("--file-bytes", type=int, default=0, help="let no file grow beyond this")
    parser.add_argument("--workers", type=int, default=0)
    asked = parser.parse_args()
    if asked.segment_bytes:
        defaults: Any = LedgerFolder.open_log
        defaults.__kwdefaults__["segment_size"] = asked.segment_bytes
    raws: list[bytes] = msgspec.msgpack.decode(asked.transactions.read_bytes())
    node = open_ledger(asked.folder, workers=asked.workers, scheduled=False)
    if asked.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.file_bytes, asked.file_bytes))
    os.write(1, b"open\n")
    under_way: deque[Submission] = deque()
    try:
        for raw in raws:
            under_way.append(node.engine.submit(raw))
            if len(under_way) >= AT_ONCE:
                acknowledge(under_way.popleft())
        while under_way:
            acknowledge(under_way.popleft())
    except EngineStopped as stopped:
        print(stopped, stopped.__cause__ or "", file=sys.stderr)
        return STOPPED
    node.close()
    os.write(1, b"closed\n")
    return 0


def acknowledge(answer: Submission) -> None:
    height, outcome = answer.result()
    os.write(1, f"{outcome.result.id.hex()} {height} {outcome.result.number}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
