"""The key that is to sign a validator's votes next: a file beside the present one until the ledger has it in force.

It is there before anything is asked of the ledger, and the node itself puts it in the other's place at the right height
(`engine/cometbft/engine.py`). So whatever ends in between, command or node, is only started again.
"""

from __future__ import annotations

import os
from pathlib import Path

from counterfoil.node.network.homes import (
    VALIDATOR_KEY_NAME,
    consensus_key,
    consensus_secret,
    possession_of,
    validator_key_file,
)
from counterfoil.node.network.settings import ENGINE_FOLDER
from counterfoil.primitives.signatures import SECRET_BYTES
from counterfoil.storage import files
from counterfoil.storage.errors import CorruptStorage

NEXT_KEY_NAME = f"{VALIDATOR_KEY_NAME}.next"


class NextKeyFile:
    """Of one node. folder: the node's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / ENGINE_FOLDER / "config" / NEXT_KEY_NAME

    def waiting(self) -> bytes | None:
        """The tagged public key; None where none waits. CorruptStorage where the file is damaged."""
        try:
            return consensus_key(self._folder, NEXT_KEY_NAME)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            what = "it holds no key; delete it, and let the consortium put another key of this validator in force"
            raise CorruptStorage(self._path, what) from None

    def made(self) -> bytes:
        """The key that waits, made where none does. It is durable when this returns."""
        if (key := self.waiting()) is not None:
            return key
        beside = self._path.with_name(f"{NEXT_KEY_NAME}.new")
        beside.unlink(missing_ok=True)
        files.write_new(beside, validator_key_file(os.urandom(SECRET_BYTES)))
        os.replace(beside, self._path)
        files.sync_directory(self._path.parent)
        return consensus_key(self._folder, NEXT_KEY_NAME)

    def possession(self, chain_id: str, party: bytes) -> bytes:
        """The statement of the key that waits, that it is to be this party's on this ledger."""
        return possession_of(consensus_secret(self._folder, NEXT_KEY_NAME), chain_id, party)

    def take(self) -> None:
        """In the present key's place, which is gone then. Not while the engine runs."""
        os.replace(self._path, self._path.with_name(VALIDATOR_KEY_NAME))
        files.sync_directory(self._path.parent)

    def give_up(self) -> None:
        """Where it may have signed elsewhere."""
        self._path.unlink(missing_ok=True)
