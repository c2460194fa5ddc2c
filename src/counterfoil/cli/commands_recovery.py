"""recovery name, request, begin, approve, withdraw, show: an address gets new keys when its own are lost."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
    signer_address,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.cli.plain import instant
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.sdk import Client, recovery

AddressArgument = Annotated[str, typer.Argument(help="The address whose keys are lost (cfk1...).")]
NewKeyOption = Annotated[
    str,
    typer.Option("--new-key", help="The new public key (hexadecimal), as its owner told you by another way."),
]
OneKeyOption = Annotated[str, typer.Option("--key", "-k", help="Name of the key to sign with.")]


def name(
    approver: Annotated[
        list[str], typer.Option("--approver", help="Address of one who may help (cfk1...); up to eight.")
    ],
    threshold: Annotated[int, typer.Option("--threshold", min=1, help="So many of them must agree.")],
    key: OneKeyOption,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Register a key with those who may replace it when it is lost. The address stays the key's own."""
    named = [signer_address(text) for text in approver]
    with connected(ledger, storage_key, writing=True) as connection:
        address = recovery.name_approvers(client_of(connection, "", [key], keys), named, threshold)
    say(f"Registered {_text(address)}: {threshold} of {len(named)} approvers can replace its keys.")


def request(
    address: AddressArgument,
    approver: Annotated[
        str, typer.Option("--approver", help="Address of the approver who shall begin (cfk1...).")
    ],
    key: OneKeyOption,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Ask for a new key to replace lost ones. Sign with the new key; then tell the approver its public key yourself."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, "", [key], keys)
        proposal = recovery.request(client, signer_address(address), signer_address(approver))
        public_key = client.keys[0].public_key
    say(f"Request: {proposal.hex()}")
    say(f"New key: {public_key.hex()}")
    say(
        "Tell both to the approver in person or by telephone: whoever asks in your name looks the same on the ledger."
    )


def begin(
    address: AddressArgument,
    proposal: Annotated[str, typer.Option("--request", help="The request, as its owner told you.")],
    new_key: NewKeyOption,
    key: OneKeyOption,
    as_: AsOption = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Approve first, as the approver whom the owner asked."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, [key], keys)
        recovery.begin(client, _bytes(proposal, 32), signer_address(address), _bytes(new_key, 33))
        _tell(client, signer_address(address))


def approve(
    address: AddressArgument,
    new_key: NewKeyOption,
    key: OneKeyOption,
    as_: AsOption = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Approve a recovery that another approver began; the last approval puts the new key in force."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, [key], keys)
        recovery.approve(client, signer_address(address), _bytes(new_key, 33))
        _tell(client, signer_address(address))


def withdraw(
    address: AddressArgument,
    key: OneKeyOption,
    as_: AsOption = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Take your approval back; or, with a key of the address itself, end a recovery that nobody needs."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, [key], keys)
        recovery.withdraw(client, signer_address(address))
    say("Withdrawn.")


def show(
    address: AddressArgument,
    as_: AsOption = "",
    key: Annotated[str, typer.Option("--key", "-k", help="Name of the key to read with.")] = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show the keys in force, who may replace them, and who has approved which new ones."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, [key] if key else None, keys)
        found = client.signer(signer_address(address))
        if json:
            say_json(found)
            return
        say_moment(found.moment)
        _tell(client, found.signer)


def _tell(client: Client, address: bytes) -> None:
    found = client.signer(address)
    rows = [
        ("keys in force", f"{found.threshold} of {', '.join(key.hex() for key in found.keys)}"),
        ("replaced so far", f"{found.rotations} times"),
        ("approvers", f"{found.recovery_threshold} of {', '.join(map(_text, found.recovery)) or 'none'}"),
    ]
    for vote in found.votes:
        wanted = ", ".join(f"{_text(address_of(key))} ({key.hex()})" for key in vote.keys)
        state = f"until {instant(vote.lapses_ms)}" if vote.counts else "counts no longer"
        rows.append((f"approved by {_text(vote.approver)}", f"{wanted}, {state}"))
    say_table(("address", _text(address)), rows)


def _text(address: bytes) -> str:
    return to_text(AddressKind.SIGNER, address)


def _bytes(text: str, size: int) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != size:
        raise UsageError(f"{text!r} is not {2 * size} hexadecimal digits.")
    return found


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Replace lost keys, with the approvals that their owner named.",
        epilog="Example: counterfoil recovery show cfk1... --as broker-a",
    )
    for word, command, example in (
        ("name", name, "name --key savings --approver cfk1... --approver cfk1... --threshold 2"),
        ("request", request, "request cfk1... --key new --approver cfk1..."),
        (
            "begin",
            begin,
            "begin cfk1... --request 0f1e... --new-key 01ab... --key desk --as 'Alder Securities'",
        ),
        ("approve", approve, "approve cfk1... --new-key 01ab... --key desk --as 'Birch Custody'"),
        ("withdraw", withdraw, "withdraw cfk1... --key savings"),
        ("show", show, "show cfk1... --as 'Alder Securities' --key desk"),
    ):
        group.command(word, epilog=f"Example: counterfoil recovery {example}")(command)
    app.add_typer(group, name="recovery")
