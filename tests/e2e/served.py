"""Serves a sandbox ledger's folder on a unix socket until it is killed: the process that tests talk to.

Arguments: the ledger's folder, which is made where it is missing, and the socket's path.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from counterfoil.node.ledger import open_ledger
from counterfoil.node.rpc import RpcServer
from counterfoil.sdk import Sandbox


def main(folder: Path, path: Path) -> None:
    if not folder.exists():
        Sandbox(folder=folder).close()
    with open_ledger(folder, workers=0) as node, RpcServer(node, path=path):
        print("serving", flush=True)
        while True:
            time.sleep(3_600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
