"""network add-validator, remove-validator, observe: who takes part in consensus, and what votes tell of feeds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.commands_submit import moved, send, tell_all
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
    party_named,
    sandbox_keys,
    signer_address,
)
from counterfoil.cli.output import say, say_json
from counterfoil.cli.plain import instant
from counterfoil.modules.validators.records import ValidatorStatus
from counterfoil.node.network.homes import consensus_key
from counterfoil.node.network.observing import note
from counterfoil.primitives.codec import Message
from counterfoil.sdk import Client, messages

PartyArgument = Annotated[str, typer.Argument(help="Public name of the member whose validator it is.")]
CosignOption = Annotated[
    list[str] | None,
    typer.Option("--cosign", help="In a sandbox: another member of the consortium that signs too."),
]
DaysOption = Annotated[int, typer.Option(help="After so many days the motion lapses.", min=1, max=90)]


def add_validator(
    node: Annotated[
        Path, typer.Argument(help="Folder of the node, which has joined and follows the network.")
    ],
    party: PartyArgument,
    power: Annotated[int, typer.Option(help="Its voting power.", min=1)] = 1,
    days: DaysOption = 30,
    as_: AsOption = "",
    cosign: CosignOption = None,
    key: KeyOption = None,
    signer: SignerOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Put before the consortium that a member's node takes part in consensus; it does two blocks after it is carried.

    A member that is suspended is readmitted, which takes a key that was never in use.
    """
    try:
        consensus = consensus_key(node)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{node} is not the folder of a network's node: {error}.") from None
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found = party_named(client, party)
        suspended = any(
            line.party == found and line.status == ValidatorStatus.SUSPENDED.name
            for line in client.validators().validators
        )
        kind = messages.ReadmitValidator if suspended else messages.AddValidator
        _bring(client, kind(found, consensus, power), days, cosign or [], signer, json)


def remove_validator(
    party: PartyArgument,
    days: DaysOption = 30,
    as_: AsOption = "",
    cosign: CosignOption = None,
    key: KeyOption = None,
    signer: SignerOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Put before the consortium that a member's node takes part in consensus no more; it goes on as a full node."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        ask = messages.RemoveValidator(party_named(client, party))
        _bring(client, ask, days, cosign or [], signer, json)


def observe(
    node: Annotated[Path, typer.Argument(help="Folder of a validator's node, on this machine.")],
    feed: Annotated[str, typer.Argument(help="Name of the feed, as `counterfoil feeds` lists it.")],
    value: Annotated[str, typer.Argument(help="What was observed, as a decimal number.")],
    json: JsonOption = False,
    storage_key: KeyFileOption = None,
) -> None:
    """Let a node's votes tell what its owner observed of a feed, until something newer is observed.

    The next block records the median of what the validators tell, where enough of them agree.
    """
    with connected(node, storage_key) as connection:
        client = Client(connection)
        scale, now_ms = client.feed(feed).scale, client.time_ms()
    try:
        units = Decimal(value).scaleb(scale)
    except InvalidOperation:
        raise UsageError(f"{value!r} is no decimal number.") from None
    if units != units.to_integral_value():
        raise UsageError(f"{feed} has {scale} decimal places, and {value} has more.")
    note(node, feed, int(units), now_ms)
    if json:
        say_json({"feed": feed, "value": int(units), "observed_ms": now_ms})
        return
    say(f"{node} tells {feed} {value}, as of {instant(now_ms)}, with its next votes.")


def _bring(client: Client, message: Message, days: int, cosign: list[str], signer: str, json: bool) -> None:
    if not client.keys:
        raise UsageError("Nobody signs: say --as MEMBER or --key NAME.")
    if cosign and not client.connection.sandbox:
        raise UsageError("--cosign is for a sandbox; elsewhere each member approves the motion itself.")
    motion = moved(client, cosign, [message], days)
    cosigners = tuple(held for name in cosign for held in sandbox_keys(name))
    result = send(client, cosigners, [motion], False, False, signer_address(signer) if signer else b"")
    tell_all([result], [[motion]], client.status().moment, False, json)


def add_to(group: typer.Typer) -> None:
    example = "Example: counterfoil network add-validator our-node operator-5 --as exchange --ledger our-node"
    group.command(epilog=example)(add_validator)
    example = "Example: counterfoil network remove-validator operator-5 --as exchange --ledger our-node"
    group.command(epilog=example)(remove_validator)
    group.command(epilog="Example: counterfoil network observe our-node USD/EUR 0.9200")(observe)
