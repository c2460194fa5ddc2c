"""submit: messages from a file, signed, sent, and what became of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import Exit, UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption, open_store
from counterfoil.cli.messages import MessageFileError, read_messages
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
from counterfoil.cli.output import say, say_json, say_moment
from counterfoil.custody.signers import Signer
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import MESSAGES_MAX
from counterfoil.node.reads_base import Moment
from counterfoil.primitives.addresses import ADDRESS_LENGTH, AddressKind, address_of, to_text
from counterfoil.primitives.codec import Message
from counterfoil.primitives.frames import Problem
from counterfoil.sdk import Client, LedgerError, Mode, Result, recipes
from counterfoil.sdk.rejects import problem_of_number

_CREATES = {
    "ApplyForAdmission": AddressKind.PARTY,
    "EnrolParty": AddressKind.PARTY,
    "OpenAccount": AddressKind.ACCOUNT,
    "AnnounceInstrument": AddressKind.INSTRUMENT,
}
"""What the first identity is that a message creates; all others have no address."""
_DAY_MS = 86_400_000


def submit(
    file: Annotated[
        Path, typer.Argument(help="JSON file with one message or a list; - for the input stream.")
    ],
    as_: AsOption = "",
    cosign: Annotated[
        list[str] | None,
        typer.Option("--cosign", help="In a sandbox: another persona or member that signs too."),
    ] = None,
    key: KeyOption = None,
    signer: SignerOption = "",
    each: Annotated[
        bool, typer.Option("--each/--all", help="Each message on its own, or all of them or none.")
    ] = False,
    motion: Annotated[
        int,
        typer.Option(
            "--motion",
            min=0,
            max=90,
            help="Put them before the consortium as one motion, which lapses after so many days.",
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of them, and do nothing.")
    ] = False,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Sign messages and send them; return when they are durable. Exit code 1 where any was rejected.

    The file is described in docs/reference/message-files.md. Keys sign together: every --key and --cosign signs the
    same transaction.
    """
    data = _read(file)
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        if not client.keys:
            raise UsageError("Nobody signs: say --as MEMBER or --key NAME.")
        found = read_messages(data, lambda kind, name: _identity(client, keys, kind, name), file.parent)
        if motion and each:
            raise UsageError("The messages of a motion are carried together: leave --each out.")
        if not each and len(found) > MESSAGES_MAX:
            raise UsageError(
                f"All or none is possible for {MESSAGES_MAX:,} messages at most, and the file has"
                f" {len(found):,}; say --each or split it."
            )
        parts = [found[at : at + MESSAGES_MAX] for at in range(0, len(found), MESSAGES_MAX)]
        if cosign and not connection.sandbox:
            raise UsageError(
                "--cosign is for a sandbox, whose keys everybody can compute; say --key NAME for each key."
            )
        if motion:
            found = [moved(client, cosign or [], found, motion)]
            parts = [found]
        cosigners = tuple(held for name in cosign or () for held in sandbox_keys(name))
        address = signer_address(signer) if signer else b""
        results = [send(client, cosigners, part, each, dry_run, address) for part in parts]
        moment = client.status().moment
    tell_all(results, parts, moment, dry_run, json)


def tell_all(
    results: list[Result], parts: list[list[Message]], moment: Moment, dry_run: bool, json: bool
) -> None:
    """What became of each transaction and its messages; exit code 1 where any was rejected."""
    rejected = sum(1 for result in results for message in result.messages if message.number)
    rejected += sum(1 for result in results if result.number and not result.messages)
    if json:
        told = [_plain(result, part) for result, part in zip(results, parts, strict=True)]
        say_json({"moment": moment, "dry_run": dry_run, "results": told})
    else:
        say_moment(moment)
        for result, part in zip(results, parts, strict=True):
            _tell(result, part, dry_run)
    if rejected:
        raise typer.Exit(Exit.REFUSED)


def moved(client: Client, others: list[str], messages: list[Message], days: int) -> Message:
    """The messages as one motion, brought by the member that signs and by those who sign with it."""
    if not client.party:
        raise UsageError("Say which member brings the motion: --as MEMBER.")
    members = (client.party, *(party_named(client, name) for name in others))
    return recipes.motion(members, *messages, expires_ms=client.time_ms() + days * _DAY_MS)


def send(
    client: Client,
    cosigners: tuple[Signer, ...],
    messages: list[Message],
    each: bool,
    dry_run: bool,
    signer: bytes,
) -> Result:
    own = (signer,) if signer else tuple(held.address for held in client.keys)
    mode = Mode.EACH_ON_ITS_OWN if each else Mode.ALL_OR_NOTHING
    draft = client.draft(*messages, signers=(*own, *(held.address for held in cosigners)), mode=mode)
    draft.sign(*client.keys, signer=signer or None).sign(*cosigners)
    if dry_run:
        return client.try_out(draft)
    return client.submit_many([draft])[0]


def _tell(result: Result, messages: list[Message], dry_run: bool) -> None:
    where = "tried out" if dry_run else f"height {result.height:,}" if result.height else "in no block"
    say(f"Transaction {result.id.hex()}, {where}")
    problems = iter(result.problems)
    if not result.messages:
        say(f"  rejected  {_words(next(problems, None) or problem_of_number(result.number))}")
    for number, (message, answer) in enumerate(zip(messages, result.messages, strict=False), start=1):
        name = f"{number}. {type(message).__name__}"
        if answer.number == MachineReject.MESSAGE_WAS_NOT_EXECUTED.number:
            say(f"  not done  {name}: another message of the file was rejected")
        elif answer.number:
            problem = problem_of_number(answer.number)
            if result.problems and any(one.number == answer.number for one in result.problems):
                problem = next((one for one in problems if one.number == answer.number), problem)
            say(f"  rejected  {name}: {_words(problem)}")
        else:
            created = ", ".join(_created(message, identity) for identity in answer.objects)
            say(f"  done      {name}{f', created {created}' if created else ''}")


def _created(message: Message, identity: bytes) -> str:
    kind = _CREATES.get(type(message).__name__)
    return to_text(kind, identity) if kind is not None and len(identity) == ADDRESS_LENGTH else identity.hex()


def _words(problem: Problem) -> str:
    return str(LedgerError(problem))


def _plain(result: Result, messages: list[Message]) -> dict[str, object]:
    return {
        "transaction": result.id.hex(),
        "height": result.height,
        "number": result.number,
        "messages": [
            {"number": answer.number, "created": [_created(message, identity) for identity in answer.objects]}
            for message, answer in zip(messages, result.messages, strict=False)
        ],
        "problems": list(result.problems),
    }


def _identity(client: Client, keys: str, kind: str, name: str) -> bytes:
    """What a name in the file stands for. LookupError in words where there is none."""
    try:
        if kind == "key":
            return _signer(keys, name)
        if kind == "party":
            return client.find(name, "party")
        if kind == "isin":
            return client.find(name, "instrument")
        if kind == "instrument":
            return _instrument(client, name)
        if kind == "account":
            return client.account_id(name)
        if kind == "note":
            receiver, _, text = name.partition(":")
            return client.note_for(receiver, text)
    except (LedgerError, ValueError) as error:
        raise LookupError(str(error)) from None
    raise LookupError(
        f"there is no kind of name {kind!r}; there are party, isin, instrument, account, key, file and note."
    )


def _signer(keys: str, name: str) -> bytes:
    """The address of a key in the store of keys."""
    described = next(
        (key for key in open_store(keys).entries() if key.name == name and not key.problem), None
    )
    if described is None:
        raise LookupError(
            f"there is no key {name!r} in {keys}; `counterfoil keys list` shows those there are."
        )
    return address_of(described.public_key)


def _instrument(client: Client, name: str) -> bytes:
    """By its name in the terms, which must be one instrument's alone."""
    found = [line.label.instrument_id for line in client.instruments() if line.label.name == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} instruments are named {name!r}; say its ISIN or its address.")
    return found[0]


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise MessageFileError(f"{file} cannot be read: {error.strerror}.") from None


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil submit mint.json --as trustee --dry-run")(submit)
