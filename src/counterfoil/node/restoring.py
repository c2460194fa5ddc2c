"""A node's folder made from a backup: put back, made fit for its new place, opened, and compared.

A validator that comes back must not sign a second time what it signed after the copy was made. So its signing key is
put aside unless it is said after which height it may sign; the node then follows the network as a full node does.
"""

from __future__ import annotations

import json
import os
import shutil
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from counterfoil.node.backup import ENGINE_DATA, BackupFailed, Manifest, put_back, read_manifest
from counterfoil.node.follower import open_follower
from counterfoil.node.ledger import LedgerNode, open_ledger
from counterfoil.node.network.homes import (
    VALIDATOR_KEY_NAME,
    settle_home,
    validator_key_file,
)
from counterfoil.node.network.next_key import NextKeyFile
from counterfoil.node.network.settings import ENGINE_FOLDER
from counterfoil.primitives.signatures import SECRET_BYTES
from counterfoil.state.headers import Header
from counterfoil.storage import files

VALIDATOR_KEY = Path(ENGINE_FOLDER) / "config" / VALIDATOR_KEY_NAME
KEPT_ASIDE = VALIDATOR_KEY.with_name(f"{VALIDATOR_KEY_NAME}.set-aside")
LAST_SIGNED = ENGINE_DATA / "priv_validator_state.json"
PRECOMMIT = 3
"""The last step of a height in which a validator signs, as its engine counts them."""


class Restored(NamedTuple):
    """height, application_hash, state_root: of the last block of the restored folder. signs_after: the height after
    which the node signs again; None where its key was set aside, or it has none."""

    manifest: Manifest
    height: int
    application_hash: bytes
    state_root: bytes
    signs_after: int | None = None


def restore(
    backup: Path,
    folder: Path,
    *,
    key_file: Path | None = None,
    signs_after: int | None = None,
    check: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Restored:
    """Make a folder from a backup and prove it good, or leave none.

    signs_after: of a validator, the last height that it may have signed: the network's own height now, as any other
    node shows it. check: let every module look over the whole state too. Errors: BackupFailed, StorageError,
    InvariantViolation.
    """
    folder = folder.absolute()
    manifest = read_manifest(backup)
    if signs_after is not None and manifest.kind != "network":
        raise BackupFailed("Only a network's validator signs after a height.")
    if signs_after is not None and signs_after < manifest.height:
        raise BackupFailed(
            f"The copy was made at block {manifest.height}; the network cannot be at {signs_after} now."
        )
    existed = folder.exists()
    try:
        put_back(backup, folder, manifest, progress)
        if manifest.kind == "network":
            _take_to(folder, signs_after)
        progress("verified")
        found = _verified(folder, manifest, key_file, check)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if existed:
            folder.mkdir(mode=0o700)
        raise
    return found._replace(signs_after=signs_after)


def _verified(folder: Path, manifest: Manifest, key_file: Path | None, check: bool) -> Restored:
    if manifest.kind == "follower":
        with open_follower(folder, key_file=key_file) as follower:
            then = follower.header_of(manifest.height) if follower.height >= manifest.height else None
            _compare(then, manifest)
            last = follower.vouched_header
            blocks = sum(1 for _ in follower.blocks())
            if last is None or blocks != follower.height + 1 - follower.blocks_from:
                raise BackupFailed("The restored folder lacks blocks.")
            return Restored(manifest, follower.height, last.digest(), last.state_root)
    with open_ledger(folder, key_file=key_file, workers=0, scheduled=False, start=False) as node:
        last = node.machine.last
        if last is None:
            raise BackupFailed("The restored folder holds no block.")
        if node.chain_id != manifest.chain_id:
            raise BackupFailed(
                f"The restored folder is of {node.chain_id}, the backup names {manifest.chain_id}."
            )
        _compare(_header_at(node, manifest.height), manifest)
        if node.state.root() != last.state_root:
            raise BackupFailed(f"The restored state has another root than the header of block {last.height}.")
        if check:
            node.machine.check_everything()
        return Restored(manifest, last.height, last.digest(), last.state_root)


def _header_at(node: LedgerNode, height: int) -> Header | None:
    """As the record store has it or, where that is behind (a network's is written lazily), the log."""
    machine = node.machine
    number = bisect_right(
        range(machine.history.size), height, key=lambda at: machine.header(at).header.height
    )
    found = machine.header(number - 1).header if number else None
    if found is not None and found.height == height:
        return found
    for logged in node.blocks(machine.history.size + 1):
        if logged.block.height == height:
            return logged.header
    return None


def _compare(then: Header | None, manifest: Manifest) -> None:
    if then is None or then.height != manifest.height or then.digest().hex() != manifest.application_hash:
        raise BackupFailed(
            f"The restored folder does not hold block {manifest.height} as it was when the copy was made."
        )


def _take_to(folder: Path, signs_after: int | None) -> None:
    """The engine's home in its new place, and its signing key in use or aside."""
    settle_home(folder / ENGINE_FOLDER)
    state = folder / LAST_SIGNED
    if signs_after is not None:
        state.write_text(json.dumps({"height": str(signs_after), "round": 0, "step": PRECOMMIT}) + "\n")
        return
    NextKeyFile(folder).give_up()
    os.replace(folder / VALIDATOR_KEY, folder / KEPT_ASIDE)
    files.write_new(folder / VALIDATOR_KEY, validator_key_file(os.urandom(SECRET_BYTES)))
    state.write_text(json.dumps({"height": "0", "round": 0, "step": 0}) + "\n")
