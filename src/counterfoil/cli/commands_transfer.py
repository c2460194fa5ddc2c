"""export, import, replay: a whole ledger out, in, and again from its genesis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    WorkersOption,
    key_file_for,
    lock_of,
)
from counterfoil.cli.output import bar, say, say_json
from counterfoil.cli.plain import instant
from counterfoil.node.ledger import open_ledger, rebuild_store
from counterfoil.node.transfer import (
    export_ledger,
    import_ledger,
    read_head,
    replay_export,
    replay_ledger,
)

TransportKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--transport-key", help="File with 64 hexadecimal digits to lock it with instead of a passphrase."
    ),
]


def export(
    file: Annotated[Path, typer.Argument(help="New file.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    transport_key: TransportKeyOption = None,
    storage_key: KeyFileOption = None,
) -> None:
    """Write a whole ledger to one encrypted file. Stop the ledger first."""
    with open_ledger(ledger, key_file=storage_key, workers=0, scheduled=False, start=False) as node:
        lock = lock_of(transport_key, "New passphrase of the export", new=True)
        with bar("Exporting") as progress:
            report = export_ledger(node, file, lock, progress=progress.at)
    say(
        f"{_marked(report.chain_id, report.sandbox)}: {report.height:,} blocks in {report.file_bytes:,} bytes."
    )
    say(f"Written: {file}")
    say("It holds the network secret and the sealing key under its lock: guard it as the ledger itself.")


def import_(
    file: Annotated[Path, typer.Argument(help="Exported ledger.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    transport_key: TransportKeyOption = None,
    storage_key: Annotated[
        Path | None,
        typer.Option("--storage-key", help="Key file of the encryption at rest, made if it is not there."),
    ] = None,
    unencrypted: Annotated[bool, typer.Option("--unencrypted", help="Keep the folder in clear.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Make a ledger folder from an export: every block is applied again and its header compared."""
    head = read_head(file)
    lock = lock_of(transport_key, f"Passphrase of {file}")
    folder = folder.absolute()
    key_file = key_file_for(folder, storage_key, unencrypted)
    with bar("Importing") as progress:
        last = import_ledger(
            file,
            folder,
            lock,
            encrypted=not unencrypted,
            key_file=key_file,
            workers=workers,
            progress=progress.at,
        )
    ledger = _marked(head.chain_id, head.sandbox)
    say(f"{ledger}: {last.height:,} blocks replayed, each header and seal as in the export.")
    say(f"State root:  {last.state_root.hex()}")
    say(f"Ledger:      {folder}")
    if key_file is not None:
        say(f"Storage key: {key_file}")
    say("It is the same ledger with the same sealing key: let only one of the two go on.")


def replay(
    what: Annotated[
        Path, typer.Argument(help="Folder of a ledger, or an export.", envvar="COUNTERFOIL_LEDGER")
    ] = (DEFAULT_LEDGER),
    check: Annotated[
        bool, typer.Option("--check", help="Look over the whole state at the end, every rule.")
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Make a ledger's record store again from its block log, where it is damaged."
        ),
    ] = False,
    transport_key: TransportKeyOption = None,
    storage_key: KeyFileOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Apply every block again from the genesis and compare every header."""
    if rebuild:
        with bar("Rebuilding") as progress:
            rebuild_store(what, key_file=storage_key, progress=progress.at)
    with bar("Replaying") as progress:
        if what.is_file():
            lock = lock_of(transport_key, f"Passphrase of {what}")
            report = replay_export(what, lock, check=check, workers=workers, progress=progress.at)
        else:
            report = replay_ledger(
                what, key_file=storage_key, check=check, workers=workers, progress=progress.at
            )
    header = report.header
    if json:
        say_json(
            {
                "chain_id": report.chain_id,
                "sandbox": report.sandbox,
                "height": report.height,
                "blocks": report.blocks,
                "transactions": report.transactions,
                "seconds": f"{report.seconds:.3f}",
                "state_root": header.state_root.hex(),
                "application_hash": header.digest().hex(),
                "checked": report.checked,
            }
        )
        return
    seconds = max(report.seconds, 0.001)
    say(f"{_marked(report.chain_id, report.sandbox)}: height {report.height:,} of {instant(header.time_ms)}")
    say(
        f"{report.blocks:,} blocks with {report.transactions:,} transactions in {report.seconds:.1f} s"
        f" ({report.blocks / seconds:,.0f} blocks a second)."
    )
    say(f"State root {header.state_root.hex()}: the same at every height.")
    if report.checked:
        say("Every rule that must always hold, holds.")


def _marked(chain_id: str, sandbox: bool) -> str:
    return f"SANDBOX {chain_id}" if sandbox else chain_id


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil export backup.counterfoil --ledger my-ledger")(export)
    app.command("import", epilog="Example: counterfoil import backup.counterfoil restored-ledger")(import_)
    app.command(epilog="Example: counterfoil replay my-ledger --check")(replay)
