"""watch, grants, reads: what happens as one may see it, letting others see something, and seeing who looked."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from counterfoil.cli.describe import fact_line
from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    AtOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    SignerOption,
    client_of,
    connected,
    socket_of,
)
from counterfoil.cli.output import say, say_json, say_json_line, say_moment, say_table
from counterfoil.cli.plain import Scales, address_text, counted, instant, shown_text, words
from counterfoil.node import reads
from counterfoil.node.clock import parse_instant
from counterfoil.node.ledger import open_ledger
from counterfoil.node.read_log import ReadEntry, Use
from counterfoil.node.reads_grants import KeyGrantLine
from counterfoil.node.reads_ledger import NameOf
from counterfoil.node.reads_log import Recording, check_read_log
from counterfoil.primitives.calendars import day_number, parse_date
from counterfoil.sdk import Client, Position, StreamItem, recipes
from counterfoil.sdk.messages import Purpose, RevokeView

_DAY_MS = 86_400_000
_SHOWN = 16
"""Hexadecimal digits of an identity in a table; JSON has all."""


class PurposeName(StrEnum):
    """Purposes as a command line names them."""

    AUDIT = "audit"
    CUSTODY = "custody"
    INVESTIGATION = "investigation"
    DISCLOSURE = "disclosure"


PeriodOption = Annotated[
    str, typer.Option(help="A date (its midnight in UTC) or an instant with its zone.", metavar="MOMENT")
]


def give(
    grantee: Annotated[str, typer.Argument(help="Who shall see it: a member's name, or an address (cfp1…).")],
    until: Annotated[
        str, typer.Option(help="When the grant ends: a date (its midnight in UTC) or an instant.")
    ],
    purpose: Annotated[PurposeName, typer.Option(help="What it is for.")] = PurposeName.AUDIT,
    party: Annotated[str, typer.Option(help="Show a member's business (default: one's own).")] = "",
    account: Annotated[str, typer.Option(help="Show one account (cfa1…).")] = "",
    instrument: Annotated[str, typer.Option(help="Show an instrument's register (ISIN, cfi1…).")] = "",
    market: Annotated[str, typer.Option(help="Show the business of a market (its code).")] = "",
    period_from: PeriodOption = "",
    period_until: PeriodOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Let another party see something, for a purpose and a time. Where several must sign, use a file of messages."""
    if sum(map(bool, (party, account, instrument, market))) > 1:
        raise UsageError("Show one of --party, --account, --instrument and --market.")
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        ask = recipes.show(
            client,
            client.party_id(grantee),
            moment_ms(until),
            purpose=Purpose[purpose.name],
            party=client.party_id(party) if party else b"",
            account=client.account_id(account) if account else b"",
            instrument=client.instrument_id(instrument) if instrument else b"",
            market=market,
            period_from_ms=moment_ms(period_from) if period_from else 0,
            period_until_ms=moment_ms(period_until) if period_until else 0,
        )
        result = client.send(ask)
    if json:
        say_json({"height": result.height, "grant": result.created})
        return
    say(f"Granted at height {result.height:,}: {result.created.hex()}")
    say(f"Ends {instant(ask.valid_until_ms)}; `counterfoil grants revoke` ends it at once.")


def revoke(
    grant: Annotated[str, typer.Argument(help="The grant's 64 hexadecimal digits.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """End a grant at once: that one gave, that one has, or that shows what one holds jointly."""
    try:
        identity = bytes.fromhex(grant)
    except ValueError:
        raise UsageError(f"{grant[:70]!r} is no identity of 64 hexadecimal digits.") from None
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        result = client.send(RevokeView(client.party, identity))
    say(f"Revoked at height {result.height:,}.")


def list_grants(
    at: AtOption = "",
    past: Annotated[bool, typer.Option("--past", help="All that there ever were, ended ones too.")] = False,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """List the views and view keys that one granted, that one was granted, and that show what is one's own."""
    if past and at:
        raise UsageError("Say --past for all that there ever were, or --at for those of a moment.")
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found, moment = client.grants(at, past=past), client.header(at).moment
        key_grants = client.key_grants(at, past=past)
        names = _names(client)
    if json:
        say_json({"moment": moment, "grants": found, "keys": key_grants})
        return
    say_moment(moment)
    rows = [
        (
            line.grant_id.hex(),
            _name(names, line.grantor),
            _name(names, line.grantee),
            words(line.purpose),
            f"{words(line.scope)} {shown_text(line.scope, line.shown)}",
            _period(line.period_from_ms, line.period_until_ms),
            _end(line.valid_until_ms, line.ended_height),
        )
        for line in found
    ]
    say_table(("grant", "by", "to", "purpose", "shows", "data of", "until"), rows)
    say(counted(len(rows), "grant"))
    if not key_grants:
        return
    keys_shown = [
        (
            _whose_key(names, line),
            _name(names, line.grantor),
            _name(names, line.grantee),
            words(line.purpose),
            line.reason,
            f"block {line.from_height:,}" if line.from_height else "the beginning",
            _end(line.valid_until_ms, line.ended_height),
        )
        for line in key_grants
    ]
    say_table(("view key of", "by", "to", "purpose", "reason", "opens from", "until"), keys_shown)
    say(counted(len(keys_shown), "granted view key"))


def list_reads(
    first: Annotated[int, typer.Option(help="Begin with this entry.", min=1)] = 1,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show who read what is another's at this node; for the data protection role."""
    entries: list[ReadEntry] = []
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        while first:
            page = client.read_log(first)
            entries += page.entries
            first = page.next
        names = _names(client)
    if json:
        say_json({"moment": page.moment, "node": page.node, "recorded": page.recorded, "entries": entries})
        return
    say_moment(page.moment)
    rows = [
        (
            str(entry.number),
            instant(entry.time_ms),
            _name(names, entry.viewer),
            entry.read,
            words(use.purpose or use.basis),
            str(use.count),
            _looked(use),
        )
        for entry in entries
        for use in entry.uses
    ]
    say_table(("entry", "time", "who", "read", "by", "things", "the first of them"), rows, right=("things",))
    say(
        f"{counted(len(entries), 'entry', 'entries')}, {counted(len(page.recorded), 'recording')} on the ledger."
    )


def verify_reads(
    ledger: LedgerOption = DEFAULT_LEDGER, json: JsonOption = False, storage_key: KeyFileOption = None
) -> None:
    """Check a stopped node's log of reads: that no entry was changed, added or left out since it was recorded on the
    ledger. Exit code 4 where one was."""
    if socket_of(ledger).exists():
        raise UsageError("The ledger runs; stop it first, so that its log stands still.")
    with open_ledger(ledger, key_file=storage_key, workers=0, scheduled=False, start=False) as node:
        first, last, recorded = check_read_log(node)
    if json:
        told = {"first": first.entries + 1, "last": last.entries, "head": last.digest, "recorded": recorded}
        say_json(told)
        return
    kept = f"entries {first.entries + 1:,} to {last.entries:,}" if last.entries else "no entries"
    say(f"The log of reads holds {kept}, and none was changed.")
    say(_until(recorded, last.entries))


def watch(
    about: Annotated[
        str,
        typer.Argument(
            help="Account (cfa1…), instrument (ISIN, cfi1…), member, or a trade's or instruction's 64 hexadecimal"
            " digits; without: everything that you may see."
        ),
    ] = "",
    after: Annotated[
        str,
        typer.Option(
            help="Go on after this position, such as 1234 or 1234.5 (0: from the beginning); without: now."
        ),
    ] = "",
    count: Annotated[int, typer.Option(help="End after so many (0: never).", min=0)] = 0,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for more, or end with what there is.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show what happens, as it happens and as far as you may see it, until Ctrl-C.

    Each line begins with its position: name the last one with --after to go on from there. What one transaction told
    may come in parts; until the last one the position ends with a +, and cannot be gone on from.
    """
    running = socket_of(ledger).exists()
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        identity = _identity_of(client, about)
        labels = {line.label.instrument_id: line.label for line in client.instruments()}
        scales = Scales(labels, feeds={line.name: line.scale for line in client.feeds()})
        names = _names(client)
        if not json:
            scales = scales.for_people()
            say_moment(client.status().moment)
        told = 0
        with client.watch(_position(after), identity, follow=follow and running) as stream:
            for item in stream:
                if json:
                    say_json_line(item, scales)
                else:
                    _tell(item, scales, names)
                told += 1
                if told == count:
                    return
    if not json:
        why = "" if running else " The ledger does not run: more comes only once it is started."
        say(f"{counted(told, 'action')}.{why}")


def _tell(item: StreamItem, scales: Scales, names: dict[bytes, str]) -> None:
    more = "+" if item.has_more else ""
    say(f"{item.height}.{item.place}{more}  {instant(item.time_ms)}  {item.action.hex()[:_SHOWN]}…")
    known = scales.over(item)
    for fact in item.facts:
        say(f"    {fact_line(fact, known, names)}")


def _position(text: str) -> Position | None:
    if not text:
        return None
    height, point, place = text.partition(".")
    if not height.isdigit() or (point and not place.isdigit()):
        raise UsageError(f"{text[:40]!r} is no position, such as 1234 or 1234.5.")
    return Position(int(height[:18]), int(place[:9])) if point else Position(int(height[:18]))


def _identity_of(client: Client, text: str) -> bytes:
    if len(text) == 64:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    return client.ask(reads.find, NameOf(text=text)).identity if text else b""


def _until(recorded: tuple[Recording, ...], last: int) -> str:
    if not recorded:
        return "The ledger holds no recording of it: `counterfoil start --for MEMBER` records it from now on."
    newest = recorded[-1]
    later = last - newest.entries
    return (
        f"{counted(len(recorded), 'recording')} on the ledger, the last at height {newest.height:,} of"
        f" {newest.entries:,} entries; {later:,} came after it."
    )


def _names(client: Client) -> dict[bytes, str]:
    return {line.party: line.name for line in client.parties()}


def _name(names: dict[bytes, str], party: bytes) -> str:
    return names.get(party) or address_text("party", party)


def _period(begins_ms: int, ends_ms: int) -> str:
    if not begins_ms and not ends_ms:
        return "all times"
    begins = instant(begins_ms) if begins_ms else "the beginning"
    return f"{begins} to {instant(ends_ms) if ends_ms else 'now'}"


def _end(until_ms: int, ended_height: int) -> str:
    return f"ended in block {ended_height:,}" if ended_height else instant(until_ms)


def _whose_key(names: dict[bytes, str], line: KeyGrantLine) -> str:
    if line.signer:
        return address_text("signer", line.signer)
    if line.party:
        return _name(names, line.party)
    return f"{_name(names, line.owner)} at {_name(names, line.servicer)}"


def _looked(use: Use) -> str:
    first = use.looked[0] if use.looked else None
    if first is None:
        return ""
    about = ", ".join(one.decode() if len(one) <= 4 else one.hex()[:_SHOWN] for one in first.about if one)
    return f"{first.kind} {about}"


def moment_ms(text: str) -> int:
    try:
        if "T" not in text:
            return day_number(parse_date(text)) * _DAY_MS
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"{error}") from None


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil watch XS0000000009 --as issuer-a")(watch)
    grants = typer.Typer(
        no_args_is_help=True,
        help="Let others see something, for a purpose and a time.",
        epilog="Example: counterfoil grants list --as auditor",
    )
    grants.command(
        "give",
        epilog="Example: counterfoil grants give Auditor --until 2026-12-31 --instrument XS0000000009 --as issuer-a",
    )(give)
    grants.command("revoke", epilog="Example: counterfoil grants revoke 9c11… --as issuer-a")(revoke)
    grants.command("list", epilog="Example: counterfoil grants list --past --as auditor --json")(list_grants)
    app.add_typer(grants, name="grants")
    reads = typer.Typer(
        no_args_is_help=True,
        help="See who read what is another's at a node, and check that its log is whole.",
        epilog="Example: counterfoil reads list --as data-protection",
    )
    reads.command("list", epilog="Example: counterfoil reads list --as data-protection --json")(list_reads)
    reads.command("verify", epilog="Example: counterfoil reads verify --ledger my-ledger")(verify_reads)
    app.add_typer(reads, name="reads")
