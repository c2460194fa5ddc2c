"""network add-validator, remove-validator, rotate-key, observe: who takes part in consensus, and what votes tell."""

from __future__ import annotations

import time
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
from counterfoil.node.network.homes import consensus_key, consensus_secret, possession_of
from counterfoil.node.network.next_key import NextKeyFile
from counterfoil.node.network.observing import note
from counterfoil.primitives.codec import Message
from counterfoil.sdk import Client, messages

PartyArgument = Annotated[str, typer.Argument(help="Public name of the member whose validator it is.")]
CosignOption = Annotated[
    list[str] | None,
    typer.Option("--cosign", help="In a sandbox: another member of the consortium that signs too."),
]
NOBODY_SIGNS = "Nobody signs: say --as MEMBER or --key NAME."
CHANGE_SECONDS = 60.0
CHANGE_POLL_SECONDS = 0.2
DaysOption = Annotated[int, typer.Option(help="After so many days the motion lapses.", min=1, max=90)]


def add_validator(
    node: Annotated[
        Path, typer.Argument(help="Folder of the node, which has joined and follows the network.")
    ],
    party: PartyArgument,
    power: Annotated[int, typer.Option(help="Its voting power.", min=1)] = 1,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key", help="With a key that the node makes now, where its own was in use before."
        ),
    ] = False,
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

    A member that is suspended is readmitted, with a new key of its node's, which takes it up by itself.
    """
    consensus = _key_of(node)
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found = party_named(client, party)
        suspended = any(
            line.party == found and line.status == ValidatorStatus.SUSPENDED.name
            for line in client.validators().validators
        )
        chain_id, change = connection.chain_id, NextKeyFile(node)
        if suspended or new_key:
            consensus, possession = change.made(), change.possession(chain_id, found)
        else:
            possession = possession_of(consensus_secret(node), chain_id, found)
        kind = messages.ReadmitValidator if suspended else messages.AddValidator
        _bring(client, kind(found, consensus, power, possession), days, cosign or [], signer, json)


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


def rotate_key(
    node: Annotated[Path, typer.Argument(help="Folder of the validator's node, on this machine.")],
    party: Annotated[
        str,
        typer.Argument(
            help="Public name of the member whose validator it is; found by the node's present key if none is given."
        ),
    ] = "",
    motion: Annotated[
        int,
        typer.Option(
            "--motion", min=0, max=90, help="Put it before the consortium, which lapses after so many days."
        ),
    ] = 0,
    as_: AsOption = "",
    cosign: CosignOption = None,
    key: KeyOption = None,
    signer: SignerOption = "",
    json: JsonOption = False,
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger", "-l", help="Folder of the node that it is sent to; NODE itself if none is named."
        ),
    ] = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Let a validator's node make a new consensus key, put it on the ledger, and sign with it from two blocks later on.

    The node changes its key by itself when it is in force, and goes on with the old one until then. Run it again
    whenever it was interrupted. Two pairs of eyes sign for the member, or the consortium decides (--motion).
    """
    present, change = _key_of(node), NextKeyFile(node)
    with connected(ledger or node, storage_key, writing=True) as connection:
        known = {line.key: line for line in Client(connection).validators().validators}
        waiting = change.waiting()
        if waiting not in known:
            client = client_of(connection, as_, key, keys, signer)
            if party:
                whose = party_named(client, party)
            elif present in known:
                whose = known[present].party
            else:
                raise UsageError(
                    f"No validator on the ledger has the key of {node}: say whose it is, or add it with"
                    " `counterfoil network add-validator`."
                )
            if not client.keys:
                raise UsageError(NOBODY_SIGNS)
            made = change.made()
            possession = change.possession(connection.chain_id, whose)
            ask = messages.RotateConsensusKey(whose, made, possession)
            if motion:
                _bring(client, ask, motion, cosign or [], signer, json)
                say("The node changes its key by itself once the motion is carried.")
                return
            address = signer_address(signer) if signer else b""
            result = send(client, (), [ask], False, False, address)
            tell_all([result], [[ask]], client.status().moment, False, json)
        _wait_for_change(node, change, json)


def _wait_for_change(node: Path, change: NextKeyFile, json: bool) -> None:
    """Until the node has done it, which takes two blocks and a moment."""
    give_up = time.monotonic() + CHANGE_SECONDS
    while change.waiting() is not None:
        if time.monotonic() > give_up:
            raise UsageError(
                f"The new key is on the ledger, and {node} has not taken it up within {CHANGE_SECONDS:g} s: it does as"
                " soon as it runs and has caught up; this command run again tells."
            )
        time.sleep(CHANGE_POLL_SECONDS)
    if not json:
        say(f"{node} signs with its new key, {_key_of(node).hex()}; the old one is gone.")


def _key_of(node: Path) -> bytes:
    try:
        return consensus_key(node)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{node} is not the folder of a network's node: {error}.") from None


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
        raise UsageError(NOBODY_SIGNS)
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
    group.command(epilog="Example: counterfoil network rotate-key our-node --as exchange")(rotate_key)
    group.command(epilog="Example: counterfoil network observe our-node USD/EUR 0.9200")(observe)
