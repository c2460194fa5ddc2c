"""history, instructions, instruments, members: what happened, what waits, what and who there is."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from counterfoil.cli.describe import fact_line
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    AtOption,
    CsvOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    SignerOption,
    XlsxOption,
    client_of,
    connected,
    signer_address,
)
from counterfoil.cli.output import one_of, say, say_json, say_moment, say_table, write_sheets
from counterfoil.cli.plain import (
    Scales,
    address_text,
    counted,
    date_or_nothing,
    decimal,
    identifier,
    instant,
    thousands,
    words,
)
from counterfoil.node import reads
from counterfoil.node.authors import Author
from counterfoil.node.reads_base import Moment
from counterfoil.node.reads_business import InstructionLine
from counterfoil.node.reads_history import HistoryEntry, HistoryOf
from counterfoil.node.reads_ledger import NameOf
from counterfoil.primitives.addresses import AddressKind
from counterfoil.sdk import Client

_TRANSACTION_SHOWN = 16
"""Hexadecimal digits of a transaction's id in a table; JSON has all 64."""


def history(
    of: Annotated[
        str,
        typer.Argument(
            help="Account (cfa1…), instrument (ISIN, cfi1…), member (name, cfp1…), signer (cfk1…), or a trade's,"
            " instruction's, earmark's or proposal's 64 hexadecimal digits."
        ),
    ],
    first_height: Annotated[int, typer.Option(help="Begin at this height.", min=0)] = 0,
    last_height: Annotated[int, typer.Option(help="End at this height (0: now).", min=0)] = 0,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show who did what, when, by which transaction."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        what = _asked(client, of)
        entries, moment = _entries(client, what, first_height, last_height)
        scales = _scales(client)
        names = {line.party: line.name for line in client.parties()}
    if json:
        say_json({"moment": moment, "entries": entries}, scales)
        return
    say_moment(moment)
    scales = scales.for_people()
    for entry in entries:
        who = ", ".join(_author(author, names) for author in entry.authors)
        asked = ", ".join(dict.fromkeys(entry.messages))
        by = "the ledger itself" if entry.by_ledger else who or "others"
        say(
            f"{instant(entry.time_ms)}  height {entry.height:,}  {entry.action.hex()[:_TRANSACTION_SHOWN]}…"
            f"  by {by}{f': {asked}' if asked else ''}"
        )
        known = scales.over(entry)
        for fact in entry.facts:
            say(f"    {fact_line(fact, known, names)}")
    say(counted(len(entries), "entry", "entries"))


def _entries(client: Client, what: HistoryOf, first: int, last: int) -> tuple[list[HistoryEntry], Moment]:
    """All pages."""
    entries: list[HistoryEntry] = []
    while True:
        page = client.ask(reads.history, replace(what, first_height=first, last_height=last))
        entries += page.entries
        first = page.next_height
        if not first:
            return entries, page.moment


def _asked(client: Client, of: str) -> HistoryOf:
    """Of what the history is asked: told by its form, or by what the ledger knows under the name."""
    text = of.strip()
    if len(text) == 64:
        try:
            return HistoryOf(business=bytes.fromhex(text))
        except ValueError:
            pass
    if text.startswith(f"{AddressKind.SIGNER}1"):
        return HistoryOf(signer=signer_address(text))
    found = client.ask(reads.find, NameOf(text=text))
    if found.kind == "account":
        return HistoryOf(account=found.identity)
    if found.kind == "instrument":
        return HistoryOf(instrument=found.identity)
    return HistoryOf(party=found.identity)


def _author(author: Author, names: dict[bytes, str]) -> str:
    """A party by its name, with its user where one acted for it; a signer of no known party by its address."""
    signer = address_text("signer", author.signer)
    if not author.party:
        return signer
    party = names.get(author.party) or address_text("party", author.party)
    return f"{party} (user {signer})" if author.by_user else party


def instructions(
    of: Annotated[
        str, typer.Argument(help="Account (cfa1…) or member (name, cfp1…); without: all that you may see.")
    ] = "",
    json: JsonOption = False,
    csv: CsvOption = None,
    xlsx: XlsxOption = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show live settlement instructions with their statuses and the reason why each has not settled."""
    one_of(json, csv is not None, xlsx is not None)
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        account = party = b""
        if of:
            found = client.ask(reads.find, NameOf(text=of))
            account, party = (found.identity, b"") if found.kind == "account" else (b"", found.identity)
        lines = client.instructions(account, party)
        scales = _scales(client)
        moment = client.status().moment
    if json:
        say_json({"moment": moment, "instructions": lines}, scales)
        return
    heading = (
        *(
            "instruction",
            "reference",
            "movement",
            "account",
            "counterparty_account",
            "instrument",
            "quantity",
        ),
        *("amount", "settlement_date", "matching", "settlement", "code", "reason", "remedy"),
    )
    rows = [_instruction(line, scales) for line in lines]
    if write_sheets(csv, xlsx, "Instructions", heading, rows, moment):
        return
    say_moment(moment)
    shown = [
        (r[0][:16], r[1], r[2], r[5], thousands(r[6]), thousands(r[7]), r[8], r[9], r[10], r[12])
        for r in rows
    ]
    say_table(
        (
            "instruction",
            "reference",
            "",
            "instrument",
            "quantity",
            "amount",
            "due",
            "matched",
            "status",
            "reason",
        ),
        shown,
        right=("quantity", "amount"),
    )
    say(counted(len(rows), "instruction"))


def _instruction(line: InstructionLine, scales: Scales) -> tuple[str, ...]:
    label = scales.labels.get(line.instrument_id)
    return (
        line.instruction_id.hex(),
        line.reference,
        line.movement,
        address_text("account", line.account),
        address_text("account", line.counterparty_account) if line.counterparty_account else "",
        identifier(label) if label else "",
        decimal(line.quantity, label.scale if label else 0),
        decimal(line.amount, scales.scale(line.asset) or 0) if line.asset else "",
        date_or_nothing(line.settlement_date),
        line.matching,
        line.settlement,
        line.code,
        line.words,
        line.remedy,
    )


def instruments(
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """List every instrument. Public."""
    with connected(ledger, storage_key) as connection:
        client = Client(connection)
        lines, moment = client.instruments(at), client.header(at).moment
        names = {line.party: line.name for line in client.parties()}
    if json:
        say_json({"moment": moment, "instruments": lines})
        return
    say_moment(moment)
    rows = [
        (
            line.label.isin,
            address_text("instrument", line.label.instrument_id),
            line.label.name,
            words(line.label.kind),
            line.label.currency,
            words(line.status),
            names.get(line.issuer, ""),
        )
        for line in sorted(lines, key=lambda line: (line.label.isin, line.label.name))
    ]
    say_table(("isin", "address", "name", "kind", "currency", "status", "issuer"), rows)


def members(
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """List the members of the market. Public."""
    with connected(ledger, storage_key) as connection:
        client = Client(connection)
        lines, moment = client.parties(at=at), client.header(at).moment
    if json:
        say_json({"moment": moment, "members": lines})
        return
    say_moment(moment)
    rows = [
        (
            line.name,
            address_text("party", line.party),
            ", ".join(map(words, line.roles)),
            words(line.status),
            line.lei,
        )
        for line in lines
    ]
    say_table(("name", "address", "roles", "status", "lei"), rows)


def _scales(client: Client) -> Scales:
    return Scales({line.label.instrument_id: line.label for line in client.instruments()})


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil history US4592001014 --as regulator --json")(history)
    app.command(epilog="Example: counterfoil instructions 'Broker A' --as broker-a")(instructions)
    app.command(epilog="Example: counterfoil instruments --json")(instruments)
    app.command(epilog="Example: counterfoil members")(members)
