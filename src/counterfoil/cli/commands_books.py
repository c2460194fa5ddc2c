"""holdings, register, statement: the books of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    AtOption,
    CsvOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    MarketOption,
    SignerOption,
    XlsxOption,
    client_of,
    connected,
)
from counterfoil.cli.output import one_of, say, say_json, say_moment, say_table, write_sheets
from counterfoil.cli.plain import (
    address_text,
    counted,
    decimal,
    grouped,
    identifier,
    instant,
    thousands,
    words,
)
from counterfoil.node import reads
from counterfoil.node.reads_accounts import AccountsOf, BalanceLine, HoldingsOfAccount, Label
from counterfoil.node.reads_ledger import NameOf
from counterfoil.node.reads_statement import PostingLine, Statement


def holdings(
    of: Annotated[
        str, typer.Argument(help="Account (cfa1…), or a member's name or address for all its accounts.")
    ],
    at: AtOption = "",
    clients: Annotated[
        bool, typer.Option("--clients", help="Of a member: the accounts that it keeps for others as well.")
    ] = False,
    market: MarketOption = "",
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
    """Show what an account, or every account of a member, holds: now or at any past moment."""
    one_of(json, csv is not None, xlsx is not None)
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found = client.ask(reads.find, NameOf(text=of))
        accounts = [found.identity]
        if found.kind == "party":
            listed = client.ask(reads.accounts, AccountsOf(owner=found.identity, at=at, market=market))
            at = at and str(listed.moment.height)
            accounts = [line.account_id for line in listed.accounts]
            if clients:
                served = client.accounts(servicer=found.identity, at=at)
                accounts += [line.account_id for line in served if line.account_id not in accounts]
        shown = [client.holdings(account, at, market) for account in accounts]
        moment = shown[-1].moment if shown else client.status().moment
    if json:
        say_json(shown[0] if found.kind == "account" else {"moment": moment, "accounts": shown})
        return
    heading = ("account", "kind", "isin", "instrument", "available", "earmarked", "currency")
    rows = [row for one in shown for row in _balances(one)]
    if write_sheets(csv, xlsx, f"Holdings {of}", heading, rows, moment):
        return
    say_moment(moment)
    if not rows:
        say("Nothing is held there." if shown else "It owns no account that you may see.")
        if found.kind == "party" and not clients:
            say("--clients shows the accounts that a member keeps for others.")
        return
    people = [(*row[:4], thousands(row[4]), thousands(row[5]), row[6]) for row in rows]
    say_table(heading, people, right=("available", "earmarked"))


def _balances(found: HoldingsOfAccount) -> Iterable[tuple[str, ...]]:
    account = address_text("account", found.account.account_id)
    for line in found.balances:
        label = line.instrument
        amounts = (decimal(line.available, label.scale), decimal(line.earmarked, label.scale))
        yield (account, words(found.account.kind), identifier(label), label.name, *amounts, label.currency)


def register(
    instrument: Annotated[str, typer.Argument(help="ISIN, or an instrument's address (cfi1…).")],
    at: AtOption = "",
    market: MarketOption = "",
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
    """Show who holds an instrument, the largest holding first: now or at any past moment."""
    one_of(json, csv is not None, xlsx is not None)
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        page = client.whole_register(instrument, at, market)
    label = page.instrument
    if json:
        say_json(page)
        return
    heading = ("holder", "account", "servicer", "kind", "available", "earmarked", "total")
    rows = [
        (
            line.owner_name or address_text("owner", line.owner),
            address_text("account", line.account_id),
            address_text("servicer", line.servicer),
            words(line.kind),
            decimal(line.available, label.scale),
            decimal(line.earmarked, label.scale),
            decimal(line.available + line.earmarked, label.scale),
        )
        for line in page.lines
    ]
    if write_sheets(csv, xlsx, f"Register {identifier(label)}", heading, rows, page.moment):
        return
    say_moment(page.moment)
    say(f"{label.name}, {identifier(label)}, {words(label.kind)} in {label.currency}")
    people = [(row[0], row[1], row[3], *(thousands(cell) for cell in row[4:])) for row in rows]
    say_table(
        ("holder", "account", "kind", "available", "earmarked", "total"),
        people,
        right=("available", "earmarked", "total"),
    )
    say(f"{counted(page.holders, 'holder')}, {grouped(page.outstanding, label.scale)} outstanding")


def statement(
    account: Annotated[str, typer.Argument(help="Account (cfa1…), or the member who owns a single one.")],
    since: Annotated[
        str,
        typer.Option(
            help="Moment as of --at; a date stands for that day's beginning. Without: from the opening."
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(help="Moment as of --at; a date stands for its close. Without: to now.")
    ] = "",
    instrument: Annotated[str, typer.Option(help="Of one instrument alone: ISIN or address.")] = "",
    market: MarketOption = "",
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
    """Show an account's opening balances, every posting, and its closing balances."""
    one_of(json, csv is not None, xlsx is not None)
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found = client.statement(account, since, until, market, instrument or b"")
    if json:
        say_json(found)
        return
    labels = {label.instrument_id: label for label in found.instruments}
    heading = (
        *("entry", "time", "height", "isin", "instrument", "sub_balance", "change", "balance", "reason"),
        *("reference", "transaction"),
    )
    rows = [*_balance_rows("opening", found, labels), *(_posting(line, labels) for line in found.postings)]
    rows += _balance_rows("closing", found, labels)
    if write_sheets(csv, xlsx, "Statement", heading, rows, found.moment):
        return
    say_moment(found.moment)
    say(f"Account {address_text('account', found.account.account_id)}, {words(found.account.kind)}")
    shown = [
        (
            row[0],
            row[1],
            row[3] or row[4],
            row[5],
            thousands(row[6]),
            thousands(row[7]),
            row[8],
            row[10][:16],
        )
        for row in rows
    ]
    say_table(
        ("entry", "time", "instrument", "sub-balance", "change", "balance", "reason", "transaction"),
        shown,
        right=("change", "balance"),
    )
    balanced = (
        "Opening + postings = closing."
        if found.balanced
        else "Opening + postings do NOT give the closing balances."
    )
    say(f"{len(found.postings):,} postings. {balanced}")


def _balance_rows(entry: str, found: Statement, labels: dict[bytes, Label]) -> list[tuple[str, ...]]:
    opening = entry == "opening"
    lines: tuple[BalanceLine, ...] = found.opening if opening else found.closing
    height = found.opened_height if opening else found.moment.height
    time_ms = found.opened_time_ms if opening else found.moment.time_ms
    rows: list[tuple[str, ...]] = []
    for line in lines:
        label = line.instrument
        for part, amount in (("available", line.available), ("earmarked", line.earmarked)):
            if amount or part == "available":
                place = (
                    instant(time_ms) if height else "",
                    str(height),
                    identifier(label),
                    label.name,
                    part,
                )
                rows.append((entry, *place, "", decimal(amount, label.scale), "", "", ""))
    return rows


def _posting(line: PostingLine, labels: dict[bytes, Label]) -> tuple[str, ...]:
    label = labels.get(line.instrument_id)
    scale = label.scale if label is not None else 0
    return (
        "posting",
        instant(line.time_ms),
        str(line.height),
        identifier(label) if label is not None else "",
        label.name if label is not None else line.instrument_id.hex(),
        words(line.sub_balance),
        decimal(line.change, scale),
        decimal(line.balance_after, scale),
        words(line.reason),
        line.reference.hex(),
        line.action.hex(),
    )


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil holdings 'Broker A' --as broker-a --clients")(holdings)
    app.command(
        epilog="Example: counterfoil register US4592001014 --as regulator --at 2013-10-10 --xlsx ibm.xlsx"
    )(register)
    app.command(
        epilog="Example: counterfoil statement cfa1… --since 2013-10-07 --until 2013-10-10 --csv october.csv"
    )(statement)
