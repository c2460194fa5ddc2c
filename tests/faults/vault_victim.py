"""Does one thing with a vault, and is killed on the way where COUNTERFOIL_FAULT_POINT says so.

Arguments: the vault's folder, and what to do: put, erase or rotate.
"""

from __future__ import annotations

import sys
from pathlib import Path

from counterfoil.node.clock import system_clock_ms
from counterfoil.realnames.vault import Vault
from tests.e2e.certified import CHEAP, PASSPHRASE

PARTY = b"1" * 20


def main(folder: Path, what: str) -> None:
    with Vault(folder, PASSPHRASE, system_clock_ms) as vault:
        if what == "put":
            vault.put(b"the second", "text/plain", PARTY, "consent", "victim")
        elif what == "erase":
            vault.request_erasure(vault.rows()[0].record, "Please.", "victim")
        else:
            vault.rotate(PASSPHRASE, "victim", cost=CHEAP)
    print("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
