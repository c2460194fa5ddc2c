"""identity: how parties are verified, and recording that they are."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError, hexadecimal
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    AtOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.cli.plain import address_text, counted, instant
from counterfoil.node import reads
from counterfoil.node.reads_names import IdentityOf
from counterfoil.sdk import messages, recipes

_DAY_MS = 86_400_000
_SHOWN = 16
"""Hexadecimal digits of a handle in a table; JSON has all 64."""

PartyArgument = Annotated[str, typer.Argument(help="Party: cfp1…, or a public name.")]


def show(
    party: PartyArgument,
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show how a party is verified: at which level, by whom, until when."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        found = client.ask(reads.identity, IdentityOf(party=client.party_id(party), at=at))
    if json:
        say_json(found)
        return
    say_moment(found.moment)
    rows = [
        ("state", found.status.lower().replace("_", " ")),
        ("level", found.level.lower()),
        ("agent", address_text("party", found.agent)),
        ("verified", instant(found.verified_ms)),
        ("until", instant(found.expires_ms)),
        ("evidence", found.evidence_hash.hex()),
        ("handle", found.handle.hex()),
    ]
    say_table(("identity", address_text("party", found.party)), [row for row in rows if row[1]])


def clients(
    agent: Annotated[str, typer.Argument(help="Agent: public name, or cfp1….")],
    days: Annotated[int, typer.Option(help="Only what expires or lapses within so many days.", min=0)] = 0,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show everybody whom an agent has asked the registrar about, and whose verification runs out soon."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        before_ms = client.time_ms() + days * _DAY_MS if days else 0
        lines = client.identities(agent, before_ms=before_ms)
        moment = client.status().moment
    if json:
        say_json({"moment": moment, "identities": lines})
        return
    say_moment(moment)
    rows = [
        (
            line.handle.hex()[:_SHOWN],
            address_text("party", line.party) if line.party else "-",
            line.status.lower().replace("_", " "),
            line.level.lower(),
            instant(line.expires_ms),
        )
        for line in lines
    ]
    say_table(("handle", "party", "state", "level", "until"), rows)
    say(counted(len(rows), "person", "persons"))


def person(
    party: PartyArgument,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show every party that is the same person, as the identity registrar and regulators see it."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        lines = client.person(party)
        moment = client.status().moment
    if json:
        say_json({"moment": moment, "parties": lines})
        return
    say_moment(moment)
    rows = [
        (
            address_text("party", line.party),
            address_text("party", line.agent),
            line.status.lower().replace("_", " "),
            line.level.lower(),
            instant(line.expires_ms),
        )
        for line in lines
    ]
    say_table(("party", "agent", "state", "level", "until"), rows)


def record(
    party: PartyArgument,
    handle: Annotated[str, typer.Option(help="As the registrar gave it: 64 hexadecimal digits.")],
    evidence: Annotated[str, typer.Option(help="Hash of the evidence, as `vault put` gave it.")],
    days: Annotated[int, typer.Option(help="For how many days it holds.", min=1, max=3_660)],
    level: Annotated[str, typer.Option(help="simplified, standard or enhanced.")] = "standard",
    pointer: Annotated[
        str, typer.Option(help="Sealed pointer to the evidence, as `vault put` gave it.")
    ] = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Record that a client is the person of a handle, as its licensed agent."""
    degree = next((one for one in messages.Level if one.name.lower() == level), None)
    if degree is None:
        raise UsageError(f"{level!r} is no level: simplified, standard or enhanced.")
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        expires_ms = client.time_ms() + days * _DAY_MS
        client.send(
            recipes.verification(
                client,
                client.party_id(party),
                _bytes(handle),
                _bytes(evidence),
                expires_ms,
                level=degree,
                pointer=_bytes(pointer),
            )
        )
        say_moment(client.status().moment)
    say(f"{party} is verified until {instant(expires_ms)}.")


def _bytes(text: str) -> bytes:
    return hexadecimal(text, f"{text!r} is not hexadecimal.")


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Real names: who is verified, by whom, until when.",
        no_args_is_help=True,
        epilog="Example: counterfoil identity clients 'Broker A' --as broker-a --days 30",
    )
    group.command(epilog="Example: counterfoil identity show cfp1… --as broker-a")(show)
    group.command(epilog="Example: counterfoil identity clients 'Broker A' --as broker-a --days 30")(clients)
    group.command(epilog="Example: counterfoil identity person cfp1… --as regulator")(person)
    group.command(
        epilog="Example: counterfoil identity record cfp1… --handle 5f3c… --evidence 77ab… --days 365 --as broker-a"
    )(record)
    app.add_typer(group, name="identity")
