"""vault: an agent's store of personal data, encrypted and off the ledger."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import Exit, UsageError, hexadecimal, read_file
from counterfoil.cli.options import JsonOption
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.cli.plain import address_text, counted, instant
from counterfoil.cli.prompts import ask_passphrase
from counterfoil.node.clock import system_clock_ms
from counterfoil.primitives.addresses import AddressKind, from_text
from counterfoil.primitives.calendars import parse_date
from counterfoil.realnames.vault import Row, Vault, create_vault, open_vault

_WHAT = "Passphrase of the store of personal data"

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the vault.")]
RecordArgument = Annotated[str, typer.Argument(help="Record: 32 hexadecimal digits.")]
PartyOption = Annotated[str, typer.Option(help="Whose data they are: cfp1….")]
ByOption = Annotated[
    str, typer.Option("--by", help="Who does it, for the trail.", show_default="the user of this machine")
]


def init(
    folder: FolderArgument,
    store: Annotated[str, typer.Option(help="Where the blobs lie: file:///folder, s3://bucket/prefix.")],
    agent: Annotated[str, typer.Option(help="The agent whose vault it is: cfp1….")],
) -> None:
    """Make a vault, with example retention classes: hold FOLDER/retention.json against the law of the place."""
    create_vault(folder, store, _party(agent), ask_passphrase(_WHAT, new=True))
    say(f"Vault:   {folder} (its register and keys: back it up by itself, and for as long as you must)")
    say(f"Blobs:   {store}")
    say(f"Classes: {folder / 'retention.json'} (examples: say there what the law demands)")


def put(
    folder: FolderArgument,
    file: Annotated[Path, typer.Argument(help="What shows who the client is.")],
    party: PartyOption,
    class_: Annotated[str, typer.Option("--class", help="Retention class, as retention.json names it.")],
    content_type: Annotated[
        str, typer.Option("--type", help="What the file is.")
    ] = "application/octet-stream",
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Store a file, and print what the ledger is to be told of it: its hash, and where it lies, sealed."""
    content = read_file(file)
    with _opened(folder) as vault:
        stored = vault.put(content, content_type, _party(party), class_, _actor(by))
    if json:
        say_json({"record": stored.record, "evidence_hash": stored.evidence_hash, "pointer": stored.pointer})
        return
    say(f"Record:   {stored.record.hex()}")
    say(f"Evidence: {stored.evidence_hash.hex()}")
    say(f"Pointer:  {stored.pointer.hex()}")


def get(
    folder: FolderArgument,
    record: RecordArgument,
    into: Annotated[Path, typer.Option(help="File to write, readable by you alone.")],
    purpose: Annotated[str, typer.Option(help="Why it is looked at, for the trail.")],
    by: ByOption = "",
) -> None:
    """Take a copy of a record. That it was looked at, by whom and why, stays in the trail."""
    with _opened(folder) as vault:
        content_type, content = vault.get(_record(record), _actor(by), purpose)
    try:
        into.touch(mode=0o600, exist_ok=False)
        into.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{into} cannot be written: {error.strerror}.") from None
    say(f"Written: {into} ({content_type}, {len(content):,} bytes)")


def list_(folder: FolderArgument, party: PartyOption = "", json: JsonOption = False) -> None:
    """Show the records with their periods and what holds them; nothing of their content."""
    with _opened(folder) as vault:
        rows = vault.rows(_party(party) if party else b"")
    if json:
        say_json([row._asdict() for row in rows])
        return
    say_table(
        ("record", "party", "class", "state", "stored", "may go from", "holds"), [_row(row) for row in rows]
    )
    say(counted(len(rows), "record"))


def end(
    folder: FolderArgument,
    party: PartyOption,
    on: Annotated[str, typer.Option(help="Date on which the relationship ended (2024-01-31).")],
    by: ByOption = "",
) -> None:
    """State when the relationship with a client has ended: from then its records count."""
    try:
        date = parse_date(on)
    except ValueError as error:
        raise UsageError(str(error)) from None
    day = datetime(date // 10_000, date // 100 % 100, date % 100, tzinfo=UTC)
    with _opened(folder) as vault:
        count = vault.end_relationship(_party(party), int(day.timestamp()) * 1_000, _actor(by))
    say(f"{counted(count, 'record counts', 'records count')} from {on}.")


def hold(
    folder: FolderArgument,
    record: RecordArgument,
    reference: Annotated[str, typer.Option(help="Of the order, such as a court's file number.")],
    reason: Annotated[str, typer.Option(help="Why the record must stay.")],
    by: ByOption = "",
) -> None:
    """Note an order that a record must not go, whatever its period."""
    with _opened(folder) as vault:
        vault.hold(_record(record), reference, reason, _actor(by))
    say(f"Record {record} is held by {reference}.")


def release(
    folder: FolderArgument,
    record: RecordArgument,
    reference: Annotated[str, typer.Option(help="Of the order that no longer stands.")],
    by: ByOption = "",
) -> None:
    """Note that an order no longer stands."""
    with _opened(folder) as vault:
        vault.release(_record(record), reference, _actor(by))
    say(f"Record {record} is no longer held by {reference}.")


def erase(
    folder: FolderArgument,
    record: RecordArgument,
    reason: Annotated[str, typer.Option(help="Why, such as the person's request.")],
    by: ByOption = "",
) -> None:
    """Have a record erased: now, or as soon as its period is over and no order holds it."""
    with _opened(folder) as vault:
        row = vault.request_erasure(_record(record), reason, _actor(by))
    if row.erased_ms is not None:
        say(f"Record {record} is erased: its key is destroyed, and its blob deleted.")
        return
    waits = [f"the orders {', '.join(row.holds)}"] if row.holds else []
    if row.due_ms is None:
        waits.append("the end of the relationship")
    elif row.due_ms > system_clock_ms():
        waits.append(f"{instant(row.due_ms)}")
    say(f"Record {record} will be erased; it waits for {' and '.join(waits)}.")


def sweep(folder: FolderArgument, by: ByOption = "") -> None:
    """Erase whatever may and shall go now. To be run every day."""
    with _opened(folder) as vault:
        gone = vault.sweep(_actor(by))
    say(counted(len(gone), "record erased", "records erased"))


def rotate(folder: FolderArgument, by: ByOption = "") -> None:
    """Replace the vault's key: after that, no older copy of the vault opens anything that was erased before."""
    passphrase = ask_passphrase(_WHAT)
    with open_vault(folder, passphrase, system_clock_ms) as vault:
        count = vault.rotate(passphrase, _actor(by))
    say(
        f"The key is replaced, and {counted(count, 'record key is', 'record keys are')} wrapped under the new one."
    )


def check(folder: FolderArgument) -> None:
    """Read everything, and say what is missing, damaged, or still there though it was erased."""
    with _opened(folder) as vault:
        problems = vault.check()
        count, head = vault.trail.check()
    for problem in problems:
        say(problem)
    say(f"The trail holds: {counted(count, 'entry', 'entries')}, head {head.hex()}.")
    if problems:
        raise typer.Exit(Exit.NOT_PROVEN)


def trail(
    folder: FolderArgument,
    record: Annotated[str, typer.Option(help="Only of this record.")] = "",
    json: JsonOption = False,
) -> None:
    """Show who did what with which record, when and why."""
    with _opened(folder) as vault:
        entries = list(vault.trail.entries(record))
    if json:
        say_json([one._asdict() for one in entries])
        return
    rows = [
        (
            instant(one.time_ms),
            one.actor,
            one.action,
            one.subject,
            ", ".join(f"{name} {value}" for name, value in one.detail.items()),
        )
        for one in entries
    ]
    say_table(("when", "who", "what", "record", ""), rows)


@contextmanager
def _opened(folder: Path) -> Iterator[Vault]:
    with open_vault(folder, ask_passphrase(_WHAT), system_clock_ms) as vault:
        yield vault


def _row(row: Row) -> tuple[str, ...]:
    due = instant(row.due_ms) if row.due_ms is not None else "-"
    return (
        row.record.hex(),
        address_text("party", row.party),
        row.class_name,
        row.state,
        instant(row.stored_ms),
        due,
        ", ".join(row.holds),
    )


def _party(text: str) -> bytes:
    try:
        return from_text(text, AddressKind.PARTY)
    except ValueError as error:
        raise UsageError(f"{text!r} is no party: {error}") from None


def _record(text: str) -> bytes:
    return hexadecimal(text, f"{text!r} is no record: 32 hexadecimal digits.")


def _actor(by: str) -> str:
    return by or getpass.getuser()


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Personal data of clients, encrypted and off the ledger.",
        no_args_is_help=True,
        epilog="Example: counterfoil vault list my-vault",
    )
    group.command(epilog="Example: counterfoil vault init my-vault --store s3://names/kyc --agent cfp1…")(
        init
    )
    group.command(
        epilog="Example: counterfoil vault put my-vault passport.pdf --party cfp1… --class customer-due-diligence"
    )(put)
    group.command(
        epilog="Example: counterfoil vault get my-vault 5f3c… --into copy.pdf --purpose 'Question of the supervisor'"
    )(get)
    group.command("list", epilog="Example: counterfoil vault list my-vault")(list_)
    group.command(epilog="Example: counterfoil vault end my-vault --party cfp1… --on 2024-01-31")(end)
    group.command(
        epilog="Example: counterfoil vault hold my-vault 5f3c… --reference 'Court 1/26' --reason 'Fraud proceedings'"
    )(hold)
    group.command(epilog="Example: counterfoil vault release my-vault 5f3c… --reference 'Court 1/26'")(
        release
    )
    group.command(epilog="Example: counterfoil vault erase my-vault 5f3c… --reason 'The person asks for it'")(
        erase
    )
    group.command(epilog="Example: counterfoil vault sweep my-vault")(sweep)
    group.command(epilog="Example: counterfoil vault rotate my-vault")(rotate)
    group.command(epilog="Example: counterfoil vault check my-vault")(check)
    group.command(epilog="Example: counterfoil vault trail my-vault --record 5f3c…")(trail)
    app.add_typer(group, name="vault")
