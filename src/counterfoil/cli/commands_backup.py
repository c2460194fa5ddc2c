"""backup, restore, prune: a copy of a node's folder while it runs, a folder from a copy, and a folder made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.options import JsonOption, KeyFileOption, connected, socket_of
from counterfoil.cli.output import bar, say, say_json
from counterfoil.node.backup import Known, back_up, kind_of
from counterfoil.node.follower import open_follower
from counterfoil.node.network.settings import read_follower
from counterfoil.node.pruning import CannotPrune, prune_follower, prune_ledger
from counterfoil.node.restoring import KEPT_ASIDE, restore
from counterfoil.sdk import Client


def backup(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a ledger, a network's node or a follower; it may run.")
    ],
    target: Annotated[Path, typer.Argument(help="New folder for the copy, on another disk.")],
    storage_key: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Copy a node's folder while the node runs. The copy is encrypted as the folder is; the key is not in it."""
    known = _known(folder, storage_key)
    made = back_up(folder, target, known)
    if json:
        say_json({"height": made.height, "files": len(made.files), "bytes": made.size_bytes})
        return
    say(
        f"{made.chain_id}: block {made.height:,} and what came meanwhile, {len(made.files)} files, {made.size_bytes:,}"
        " bytes."
    )
    say(f"Written: {target}. Keep the storage key apart from it, with a copy.")


def _known(folder: Path, storage_key: Path | None) -> Known:
    if kind_of(folder) == "follower" and not socket_of(folder).exists():
        with open_follower(folder, key_file=storage_key) as follower:
            header = follower.vouched_header
            if header is None:
                raise UsageError(f"{folder} holds no block yet; there is nothing to copy.")
            return Known(follower.trust.chain_id, header.height, header.digest())
    with connected(folder, storage_key) as connection:
        told = Client(connection).status()
        return Known(connection.chain_id, told.moment.height, told.application_hash)


def restore_(
    backup: Annotated[Path, typer.Argument(help="Folder that `counterfoil backup` made.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    storage_key: KeyFileOption = None,
    signs_after: Annotated[
        int | None,
        typer.Option(
            help="Of a validator whose old folder is gone for good: the network's height now, up to which it may have"
            " signed. Without it the signing key is set aside, and the node votes no more.",
            min=1,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Look over the whole state too, every rule.")
    ] = False,
) -> None:
    """Make a folder from a backup; its root is computed again and compared before it is yours."""
    found = restore(backup, folder, key_file=storage_key, signs_after=signs_after, check=check)
    say(
        f"{found.manifest.chain_id}: block {found.height:,}, application hash {found.application_hash.hex()}."
    )
    say(f"State root:  {found.state_root.hex()}, as computed from the records")
    say(f"Folder:      {folder}")
    if found.manifest.kind == "network" and found.signs_after is None:
        say(
            f"The signing key is set aside in {KEPT_ASIDE.name}: the node follows the network and does not vote."
        )
    if found.manifest.kind == "embedded":
        say("It is the same ledger with the same sealing key: let only one of the two go on.")


def prune(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a ledger, of a network's node or of a follower, stopped.")
    ],
    below: Annotated[int, typer.Option("--below", help="Height below which blocks and receipts go.", min=1)],
    storage_key: KeyFileOption = None,
) -> None:
    """Let go of old blocks and receipts. What was on the ledger then stays readable and provable.

    The last 1,000 blocks stay in any case. A pruned folder cannot be exported or replayed: keep a backup from before. A
    follower keeps every header, and all receipts of its owner.
    """
    try:
        if read_follower(folder) is not None:
            found = prune_follower(folder, below, key_file=storage_key)
            say("Receipts:  all stay, and every header.")
        else:
            with bar("Pruning") as progress:
                found = prune_ledger(folder, below, key_file=storage_key, progress=progress.at)
            say(f"Receipts:  none below block {found.below:,}; those of {found.blocks:,} blocks went now.")
    except CannotPrune as refused:
        raise UsageError(str(refused)) from None
    say(f"Block log: begins with block {found.log_from:,}; {found.segments} of its files went now.")
    if found.blocks:
        say("Freed room in the record store is used again; a backup of it is smaller at once.")


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil backup my-ledger /backups/my-ledger-monday")(backup)
    app.command(epilog="Example: counterfoil prune my-ledger --below 500000")(prune)
    app.command("restore", epilog="Example: counterfoil restore /backups/my-ledger-monday restored")(restore_)
