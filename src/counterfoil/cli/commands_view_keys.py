"""sealing raise, grant, end-grant: another view key in force, or letting others be handed one."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.commands_views import PurposeName, moment_ms
from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    SignerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json
from counterfoil.cli.plain import instant
from counterfoil.sdk import Client
from counterfoil.sdk.messages import EndViewGrant, GrantViewKey, Purpose, RaiseViewKey

WhoseArgument = Annotated[
    str, typer.Argument(help="Whose key: a member's name, a party (cfp1…), or a signer (cfk1…).")
]
AtServicerOption = Annotated[
    str, typer.Option("--at", help="The key of its accounts with this servicer, instead of its own.")
]
GranteeOption = Annotated[str, typer.Option("--to", help="Who has it handed out: a member's name, or cfp1…")]


def raise_key(
    whose: WhoseArgument,
    at: AtServicerOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Put another view key in force: after a leak.

    The ledger does so by itself where a grant ends, a member is stopped, and a client leaves."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        result = client.send(RaiseViewKey(client.party, _node(client, whose, at)))
    if json:
        say_json({"height": result.height})
        return
    say(f"Another view key is in force from block {result.height:,} on, for it and everything below.")
    say("What was handed before goes on opening what came before. Next: counterfoil sealing view-keys")


def grant(
    whose: WhoseArgument,
    to: GranteeOption,
    until: Annotated[
        str, typer.Option(help="When the grant ends: a date (its midnight in UTC) or an instant.")
    ],
    reason: Annotated[str, typer.Option(help="Why, in words; whoever is read may see it.")],
    purpose: Annotated[PurposeName, typer.Option(help="What it is for.")] = PurposeName.AUDIT,
    at: AtServicerOption = "",
    past: Annotated[bool, typer.Option("--past", help="Let it open what came before, too.")] = False,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Let another party be handed a view key, for a purpose and a time.

    Where several must sign, use a file of messages. `counterfoil grants list` shows it beside granted views.
    """
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        ask = GrantViewKey(
            client.party,
            _node(client, whose, at),
            client.party_id(to),
            Purpose[purpose.name],
            reason,
            moment_ms(until),
            past,
        )
        result = client.send(ask)
    if json:
        say_json({"height": result.height})
        return
    say(f"Granted at height {result.height:,}, until {instant(ask.until_ms)}.")
    say("The grantee fetches it with its own: counterfoil sealing view-keys")


def end_grant(
    whose: WhoseArgument,
    to: GranteeOption,
    at: AtServicerOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """End the grant of a view key before its time, and put another key in force: one that one gave, or has."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        result = client.send(EndViewGrant(client.party, _node(client, whose, at), client.party_id(to)))
    if json:
        say_json({"height": result.height})
        return
    say(
        f"Ended at height {result.height:,}: what is sealed from then on, the key that was handed does not open."
    )


def _node(client: Client, whose: str, at: str) -> bytes:
    try:
        return client.view_node(whose, at)
    except ValueError as error:
        raise UsageError(f"{whose[:70]!r} is no signer's address: {error}") from None


def add_to(group: typer.Typer) -> None:
    group.command(
        "raise",
        epilog="Example: counterfoil sealing raise cfp1… --at 'Broker A' --as broker-a",
    )(raise_key)
    group.command(
        "grant",
        epilog="Example: counterfoil sealing grant 'Broker A' --to Auditor --until 2026-12-31 --reason 'Audit of 2026.'"
        " --as broker-a",
    )(grant)
    group.command(
        "end-grant", epilog="Example: counterfoil sealing end-grant 'Broker A' --to Auditor --as broker-a"
    )(end_grant)
