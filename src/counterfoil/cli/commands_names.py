"""keys publish, keys resolve: public keys and threshold policies under names of DNS."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError, hexadecimal
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption, open_key
from counterfoil.cli.options import JsonOption, signer_address
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.cli.plain import instant
from counterfoil.custody.name_lookup import (
    ROOT_ANCHORS,
    Anchors,
    NameLookupError,
    Security,
    Server,
    default_server,
    look_up,
)
from counterfoil.custody.names import DAY_SECONDS, make_record, zone_lines
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.primitives.signatures import KeyPolicy

_SAID = {
    Security.SECURE: "secure: signed from the trust anchor down to this record",
    Security.UNSIGNED: "UNSIGNED: its zone has no DNSSEC, so that somebody on the way may have put it there",
    Security.UNCHECKED: "UNCHECKED: no trust anchor stands above the name, so that anybody may have put it there",
}


def publish(
    domain: Annotated[str, typer.Argument(help="The name, such as alder.example.")],
    key: Annotated[
        list[str], typer.Option("--key", "-k", help="Name of a key that signs; several are possible.")
    ],
    public: Annotated[
        list[str] | None,
        typer.Option(
            "--public", help="Public key (hexadecimal) that belongs to the policy and does not sign here."
        ),
    ] = None,
    threshold: Annotated[
        int, typer.Option("--threshold", min=1, help="So many keys must sign for the address.")
    ] = 1,
    address: Annotated[
        str, typer.Option("--address", help="The address (cfk1...), where its keys were rotated to these.")
    ] = "",
    days: Annotated[int, typer.Option("--days", min=1, help="So long the record may be used.")] = 90,
    keys: KeysOption = DEFAULT_KEYS,
) -> None:
    """Print the line of a zone file that publishes keys under a name, signed by the keys themselves.

    Put the line into the zone, and again before the days are over. Whoever looks it up trusts it as far as the zone is
    signed (DNSSEC), or the address is known.
    """
    signers = [open_key(keys, name) for name in key]
    others = [_public(text) for text in public or ()]
    named = tuple(sorted({*(one.public_key for one in signers), *others}))
    now = int(time.time())
    record = make_record(
        domain,
        KeyPolicy(threshold, named),
        signers,
        begins_s=now,
        expires_s=now + days * DAY_SECONDS,
        address=signer_address(address) if address else b"",
    )
    say(zone_lines(record))


def resolve(
    domain: Annotated[str, typer.Argument(help="The name, such as alder.example.")],
    server: Annotated[str, typer.Option("--server", help="IP address of the server to ask.")] = "",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Its port.")] = 53,
    anchor: Annotated[
        Path | None,
        typer.Option("--anchor", help="File of trust anchors (DS or DNSKEY lines); by default the root's."),
    ] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="Refuse what is not signed from the trust anchor down.")
    ] = False,
    expect: Annotated[str, typer.Option("--expect", help="The address (cfk1...) that you know.")] = "",
    json: JsonOption = False,
) -> None:
    """Look up the keys under a name, check their signatures, and DNSSEC wherever the zone is signed."""
    expected = signer_address(expect) if expect else b""
    found = look_up(domain, Server(server, port) if server else default_server(), Anchors(_lines(anchor)))
    record = found.record
    if secure and found.security is not Security.SECURE:
        raise NameLookupError(f"The record is {_SAID[found.security]}.")
    if expected and record.address != expected:
        raise NameLookupError(
            f"The record is for {to_text(AddressKind.SIGNER, record.address)}, not for the expected address."
        )
    if json:
        say_json(
            {
                "name": record.name,
                "address": to_text(AddressKind.SIGNER, record.address),
                "own_address": record.is_own_address,
                "threshold": record.policy.threshold,
                "keys": [key.hex() for key in record.policy.keys],
                "signed_by": [place for place, _ in record.signatures],
                "expires_ms": record.expires_s * 1_000,
                "dnssec": str(found.security),
            }
        )
        return
    whose = "" if record.is_own_address else " (its keys were rotated: only the ledger says whether to these)"
    rows = [
        ("address", to_text(AddressKind.SIGNER, record.address) + whose),
        ("policy", f"{record.policy.threshold} of {len(record.policy.keys)} keys must sign"),
        *((f"key {place}", key.hex()) for place, key in enumerate(record.policy.keys)),
        ("may be used until", instant(record.expires_s * 1_000)),
        ("dnssec", _SAID[found.security]),
    ]
    say_table(("name", record.name), rows)


def _lines(anchor: Path | None) -> tuple[str, ...]:
    if anchor is None:
        return ROOT_ANCHORS
    try:
        return tuple(anchor.read_text(encoding="ascii").splitlines())
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{anchor} cannot be read as a file of trust anchors.") from None


def _public(text: str) -> bytes:
    return hexadecimal(text, f"{text!r} is no public key in hexadecimal digits.")
