"""continuity …: a copy of the sealed ledger that any member keeps, and anybody checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.commands_sealing import opening_key_of
from counterfoil.cli.failures import UsageError, read_file
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption, open_key
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
    sandbox_keys,
)
from counterfoil.cli.output import bar, say, say_json
from counterfoil.cli.plain import instant
from counterfoil.custody.signers import Signer
from counterfoil.machine.genesis import chain_id, decode_genesis, genesis_digest
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.sdk.continuity import CopyReport, check_copy, keep
from counterfoil.sdk.own_receipts import OwnKeys, hang_founders
from counterfoil.sdk.view_key_files import read_view_keys


def copy(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the copy; one that is there is brought up to date.")
    ],
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Keep a copy of the sealed blocks and receipts, for everybody's continuity. Every block is checked."""
    genesis = read_file(ledger / GENESIS_NAME)
    with bar("Copying") as progress, connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        height = keep(client, genesis, folder, progress.at)
    say(f"{folder} is complete up to block {height:,}.")
    say(f"Check:  counterfoil continuity check {folder}")


def check(
    folder: Annotated[Path, typer.Argument(help="A copy, or a copy of a validator's folder.")],
    view_keys: Annotated[
        Path | None, typer.Option("--view-keys", help="File of view keys: open what is its owner's.")
    ] = None,
    as_: AsOption = "",
    key: Annotated[str, typer.Option("--key", "-k", help="Key whose opening key opens that file.")] = "",
    keys: KeysOption = DEFAULT_KEYS,
    proof: Annotated[
        Path | None,
        typer.Option(
            help="Of its last header, for a copy of a network node's folder (counterfoil prove header)."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check order, signatures and headers of a copy: no key and no ledger are needed. Exit code 4 where it fails."""
    own = _own_keys(folder, view_keys, as_, key, keys) if view_keys is not None else None
    with bar("Checking") as progress:
        report = check_copy(folder, own, progress.at, read_file(proof) if proof is not None else None)
    if json:
        say_json(_plain(report, own is not None))
        return
    last = report.last
    say(f"{report.chain_id}: {report.blocks:,} blocks up to {report.height:,}, in their order.")
    say(
        f"Vouched for:  up to block {report.vouched_to:,}, by seals of the genesis file's sealers or by its validators"
    )
    if last is not None:
        say(f"Last block:   {instant(last.time_ms)}, application hash {last.digest().hex()}")
    say(f"Bundles:      {report.bundles:,}, {report.sealed_bytes:,} bytes; each signed by who gathered it:")
    for node, count in sorted(report.gatherers.items()):
        say(f"              {count:,} by {to_text(AddressKind.SIGNER, node)}")
    say(
        f"Key epochs:   {', '.join(f'{number} ({count:,})' for number, count in sorted(report.epochs.items()))}"
    )
    say(
        f"Receipts:     {report.receipts:,}, {report.receipt_bytes:,} bytes, up to block {report.receipts_to:,}"
    )
    if own is not None:
        newest = report.own[-1][0] if report.own else 0
        say(f"Opened:       {len(report.own):,} receipts, the newest of block {newest:,}")
        if own.changed_at:
            say(f"A view key was raised in block {own.changed_at:,}; fetch your own again if it was yours.")


def _own_keys(folder: Path, file: Path, as_: str, key: str, keys: str) -> OwnKeys:
    genesis = read_file(folder / GENESIS_NAME)
    try:
        chain = chain_id(decode_genesis(genesis).name, genesis_digest(genesis))
    except ValueError as error:
        raise UsageError(f"{folder / GENESIS_NAME}: {error}.") from None
    held: tuple[Signer, ...] = (open_key(keys, key),) if key else sandbox_keys(as_) if as_ else ()
    own = OwnKeys(read_view_keys(file, chain, opening_key_of(held)))
    hang_founders(own, genesis)
    return own


def _plain(report: CopyReport, opened: bool) -> dict[str, object]:
    last = report.last
    return {
        "chain_id": report.chain_id,
        "blocks": report.blocks,
        "height": report.height,
        "vouched_to": report.vouched_to,
        "last_header": last.digest().hex() if last is not None else "",
        "bundles": report.bundles,
        "sealed_bytes": report.sealed_bytes,
        "receipts": report.receipts,
        "receipt_bytes": report.receipt_bytes,
        "receipts_to": report.receipts_to,
        "gatherers": {node.hex(): count for node, count in sorted(report.gatherers.items())},
        "key_epochs": {str(number): count for number, count in sorted(report.epochs.items())},
        "opened": len(report.own) if opened else None,
    }


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Copies of the sealed ledger that any member keeps and anybody checks.",
        epilog="Example: counterfoil continuity check copy",
    )
    group.command("copy", epilog="Example: counterfoil continuity copy copy --as broker-a")(copy)
    group.command(
        "check", epilog="Example: counterfoil continuity check copy --view-keys broker.keys --as broker-a"
    )(check)
    app.add_typer(group, name="continuity")
