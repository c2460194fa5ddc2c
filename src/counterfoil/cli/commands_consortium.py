"""consortium, motions, approve, validators, feeds: the ledger's own affairs."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.commands_submit import send, tell_all
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
    signer_address,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.cli.plain import address_text, counted, decimal, instant, words
from counterfoil.node.reads_consortium import ConsortiumAnswer, FeedLine, MotionLine, ValidatorList
from counterfoil.sdk import Client, messages

MOTION_DIGITS = 64


def consortium(
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """Show who runs the ledger together, how they decide, and which rules are in force and scheduled. Public."""
    with connected(ledger, storage_key) as connection:
        found = Client(connection).consortium(at)
    if json:
        say_json(found)
        return
    say_moment(found.moment)
    _say_members(found)
    _say_rules(found)
    say(f"Rule version {found.in_force.version} in force since block {found.in_force.from_height:,}.")
    if found.scheduled is not None:
        ready = (
            "knows it"
            if found.scheduled.version in found.known_versions
            else "does not know it: install another"
        )
        say(
            f"Rule version {found.scheduled.version} is scheduled from block {found.scheduled.from_height:,} on;"
            f" this node's program {ready}."
        )


def _say_members(found: ConsortiumAnswer) -> None:
    rows = [
        (
            line.name,
            address_text("party", line.party),
            ", ".join(map(words, line.roles)),
            f"{line.weight:,}",
            "" if line.active else "not active",
        )
        for line in found.members
    ]
    say_table(("member", "address", "roles", "weight", "status"), rows, right=("weight",))


def _say_rules(found: ConsortiumAnswer) -> None:
    names = {line.party: line.name for line in found.members}
    rows = [
        (
            rule.message,
            f"more than {rule.numerator}/{rule.denominator}",
            f"{rule.approvals}",
            ", ".join(map(words, rule.roles)),
            ", ".join(names.get(one, "") for one in rule.indispensable),
        )
        for rule in found.rules
    ]
    say_table(("to carry", "weight", "members at least", "one of each role", "cannot be without"), rows)


def motions(
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """List what is before the consortium and who has approved it, for a member of it."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found, moment = client.motions(), client.status().moment
        names = {line.party: line.name for line in client.parties()}
    if json:
        say_json({"moment": moment, "motions": found})
        return
    say_moment(moment)
    for line in found:
        _say_motion(line, names)
    say(counted(len(found), "motion"))


def _say_motion(line: MotionLine, names: dict[bytes, str]) -> None:
    say(f"{line.motion_id.hex()}  {', '.join(line.messages)}")
    given = [f"{names.get(one.party, '')}{'' if one.counts else ' (no longer counts)'}" for one in line.given]
    say(f"  brought by {names.get(line.brought_by, '')}, lapses {instant(line.expires_ms)}")
    say(f"  approved   {', '.join(given)}: weight {line.weight:,} of {line.all_weight:,}")
    say(f"  awaited    {', '.join(names.get(one, '') for one in line.awaited)}")


def approve(
    motion: Annotated[
        str, typer.Argument(help="The motion's 64 hexadecimal digits, as `motions` lists them.")
    ],
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take the member's approval back instead.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of it, and do nothing.")
    ] = False,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Approve a motion in a member's name; the approval that is enough carries it. Exit code 1 where it is rejected."""
    motion_id = _motion_id(motion)
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys, signer)
        if not client.keys or not client.party:
            raise UsageError("Say for which member, and who signs: --as MEMBER, or --as MEMBER --key NAME.")
        message = (
            messages.WithdrawApproval(client.party, motion_id)
            if withdraw
            else messages.ApproveMotion((client.party,), motion_id)
        )
        address = signer_address(signer) if signer else b""
        result = send(client, (), [message], False, dry_run, address)
        moment = client.status().moment
    tell_all([result], [[message]], moment, dry_run, json)


def _motion_id(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if 2 * len(found) != MOTION_DIGITS:
        raise UsageError(f"A motion is named by {MOTION_DIGITS} hexadecimal digits, not by {text[:80]!r}.")
    return found


def validators(
    height: Annotated[
        int,
        typer.Option(
            "--height", min=0, help="Whose nodes decide the block of this height (0: the next one)."
        ),
    ] = 0,
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    storage_key: KeyFileOption = None,
) -> None:
    """List the validators: in force at a height, by the present records, and what misbehaviour is on record. Public."""
    with connected(ledger, storage_key) as connection:
        found = Client(connection).validators(height, at)
    if json:
        say_json(found)
        return
    say_moment(found.moment)
    _say_validators(found)


def _say_validators(found: ValidatorList) -> None:
    names = {line.party: line.name for line in found.validators}

    def named(party: bytes) -> str:
        return names.get(party) or address_text("party", party)

    in_force = [
        (named(line.party), f"{line.power:,}", line.consensus_address.hex(), line.key.hex())
        for line in found.in_force
    ]
    say_table(
        ("member", "power", "consensus address", "key"), in_force, ("power",), f"Of block {found.height:,}"
    )
    present = [
        (line.name, words(line.status), f"{line.power:,}", f"{line.since_height:,}", line.key.hex())
        for line in found.validators
    ]
    say_table(
        ("member", "status", "power", "since block", "key"),
        present,
        ("power", "since block"),
        "By the present records",
    )
    reported = [
        (
            named(line.party),
            words(line.kind),
            f"{line.height:,}",
            instant(line.time_ms),
            f"{line.reported_height:,}",
            "suspended" if line.suspended else "on record",
        )
        for line in found.misbehaviours
    ]
    if reported:
        heading = ("member", "misbehaviour", "block", "time", "reported in block", "consequence")
        say_table(heading, reported, ("block", "reported in block"))


def feeds(
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    at: AtOption = "",
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """List every feed with its last value (public), and one's own observations that wait for the next one."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        found, moment = client.feeds(at), client.header(at).moment
    if json:
        say_json({"moment": moment, "feeds": found})
        return
    say_moment(moment)
    rows = [_feed(line) for line in found]
    heading = ("feed", "unit", "value", "observed", "by", "quorum", "status", "waiting")
    say_table(heading, rows, right=("value", "by", "quorum"))


def _feed(line: FeedLine) -> tuple[str, ...]:
    made = bool(line.made_by)
    return (
        line.name,
        line.unit,
        decimal(line.value, line.scale) if made else "",
        instant(line.observed_ms) if made else "",
        f"{line.made_by}" if made else "",
        f"{line.quorum} of {len(line.observers) or 'the validators'}",
        ("stale" if line.stale else "holds") if made else "no value yet",
        ", ".join(decimal(one.value, line.scale) for one in line.waiting),
    )


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: counterfoil consortium")(consortium)
    app.command(epilog="Example: counterfoil motions --as exchange")(motions)
    example = f"Example: counterfoil approve {'ab' * 32} --as depository"
    app.command(epilog=example)(approve)
    app.command(epilog="Example: counterfoil validators --height 1200 --json")(validators)
    app.command(epilog="Example: counterfoil feeds --as exchange")(feeds)
