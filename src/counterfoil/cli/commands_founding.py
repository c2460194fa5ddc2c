"""network keys, and what `network create` and `join` do with keys that each node's operator drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.options import lock_of
from counterfoil.cli.output import say
from counterfoil.cli.prompts import ask_passphrase
from counterfoil.node.network.creating import KEYS_FOLDER, Place
from counterfoil.node.network.joining import join
from counterfoil.node.network.node_keys import (
    PUBLIC_NAME,
    SECRET_NAME,
    Claim,
    PublicKeys,
    read_keys,
    read_public,
    write_keys,
)
from counterfoil.node.network.settings import NetworkSettings

PublicOption = Annotated[
    Path | None,
    typer.Option(
        "--public",
        help="With --hosts: folder with NODE.json for each node whose operator drew its keys (`counterfoil network"
        " keys`). They are invited, and no folder is made for them.",
    ),
]
OwnKeysOption = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        help="Folder of `counterfoil network keys`: take the place of the node that the network names with these keys.",
    ),
]


def keys(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    network: Annotated[
        str, typer.Option(help="Name of the network, as `network create --name` is to have it.")
    ],
    party: Annotated[
        str,
        typer.Option(
            help="The founding party whose validator the node is to be, as its line of the host list has it; the node's"
            " name where that has none."
        ),
    ],
) -> None:
    """Draw your node's keys for a network that somebody else makes; who makes it is given the public file alone.

    The validator's key signs for which network and party it is: it is founded with no other.
    """
    passphrase = ask_passphrase("New passphrase of the node's keys", new=True)
    public = write_keys(folder, passphrase, network, party)
    say(f"Secret:      {folder / SECRET_NAME} (under its passphrase; it stays with you)")
    say(f"Public:      {folder / PUBLIC_NAME} (for whoever makes the network, who names it NODE.json)")
    say(f"Node id:     {public.node_id} (compare it in the network.json that you are given)")
    say(f"Next:        counterfoil network join INVITATION NODE --keys {folder}")


def given_keys(
    folder: Path | None, places: Sequence[Place], *, listed: bool, grown: bool
) -> dict[str, PublicKeys]:
    """What `--public` has. UsageError where it does not fit what else was said, or a file is not good."""
    if folder is None:
        return {}
    if grown:
        raise UsageError("--public is for a new network; the validators of one with --grow are on record.")
    if not listed:
        raise UsageError("--public needs --hosts FILE, which says where each of the nodes is.")
    try:
        return read_public(folder, [place.name for place in places if not place.follows])
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def say_invited(
    folder: Path, made: NetworkSettings, others: Mapping[str, PublicKeys], *, encrypted: bool
) -> None:
    """How the nodes come in whose keys are not here."""
    if not others:
        return
    own = next(node.name for node in made.nodes if node.name not in others)
    key = f" --storage-key {folder / KEYS_FOLDER / own}.key" if encrypted else ""
    say(f"Invite:      {', '.join(others)}, before the start or from a node that is stopped:")
    say(f"             counterfoil network invite {folder / own} INVITATION{key}")
    say("             and each of them: counterfoil network join INVITATION NODE --keys DIR")


def take_place(
    file: Path,
    folder: Path,
    drawn: Path,
    transport_key: Path | None,
    *,
    name: str,
    encrypted: bool,
    key_file: Path | None,
) -> None:
    """Make the folder of a node that the network was made with, from its operator's own keys."""
    own = read_keys(drawn, ask_passphrase(f"Passphrase of {drawn / SECRET_NAME}"))
    lock = lock_of(transport_key, f"Passphrase of {file}")
    with Claim(drawn, folder):
        joined = join(
            file,
            folder,
            lock,
            name=name or folder.name,
            port=0,
            encrypted=encrypted,
            key_file=key_file,
            keys=own,
        )
    node = joined.settings.node(joined.name)
    does = f"validator, power {node.power}" if node.power else "full node"
    say(f"Node {node.name} of {joined.settings.chain_id}, {does}, {node.where}: {folder}")
    say(f"Next:        counterfoil start {folder}")


def add_to(group: typer.Typer) -> None:
    group.command(epilog="Example: counterfoil network keys south-keys --network market --party south")(keys)
