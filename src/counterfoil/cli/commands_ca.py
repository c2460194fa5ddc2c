"""ca: the certificate authority of whoever runs the infrastructure, and certificates on the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError, hexadecimal, read_file
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.cli.plain import address_text, counted, instant
from counterfoil.cli.prompts import ask_passphrase
from counterfoil.custody.authority import (
    ALGORITHMS,
    AUTHORITY_DAYS,
    CERTIFICATE_DAYS,
    ED25519,
    PURPOSES,
    Authority,
    Issued,
    is_authority_folder,
    join,
    new_request,
)
from counterfoil.custody.tls import Identity
from counterfoil.node.reads_certificates import CertificateLine
from counterfoil.sdk import Client, LedgerError, messages

_WHAT = "Passphrase of the authority's key"
_FINGERPRINT_SHOWN = 16
"""Hexadecimal digits of a fingerprint in a table; JSON has all 64."""

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the authority.")]
AlgorithmOption = Annotated[str, typer.Option(help=f"Kind of the key: {' or '.join(ALGORITHMS)}.")]
IntoOption = Annotated[Path | None, typer.Option(help="File for the certificate, to give back.")]
FingerprintArgument = Annotated[str, typer.Argument(help="Fingerprint: 64 hexadecimal digits.")]


def init(
    folder: FolderArgument,
    name: Annotated[str, typer.Option(help="Name of the authority, as certificates show it.")],
    algorithm: AlgorithmOption = ED25519,
    days: Annotated[int, typer.Option(help="How long it is good.", min=1, max=7_320)] = AUTHORITY_DAYS,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Make a certificate authority and name it on the ledger. Run it again where the second half is missing."""
    if is_authority_folder(folder):
        authority = Authority.open(folder, ask_passphrase(_WHAT))
    else:
        authority = Authority.create(
            folder, name, ask_passphrase(_WHAT, new=True), algorithm=algorithm, days=days
        )
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        if all(one.fingerprint != authority.fingerprint for one in client.authorities()):
            client.send(
                messages.NameAuthority(
                    client.party,
                    authority.certificate,
                    authority.valid_from_ms,
                    authority.valid_until_ms,
                )
            )
        say_moment(client.status().moment)
    say(f"Authority:   {folder} (its key opens with the passphrase alone; keep a copy of the folder)")
    say(f"Certificate: {folder / 'authority.pem'} (give it to whoever shall know nodes by it)")
    say(f"Fingerprint: {authority.fingerprint.hex()}")


def request(
    key_file: Annotated[Path, typer.Argument(help="File of the new key, readable by you alone.")],
    name: Annotated[str, typer.Option(help="What the key is for, in words.")] = "",
    algorithm: AlgorithmOption = ED25519,
) -> None:
    """Make a key and the request to have it certified, in KEY_FILE and KEY_FILE.csr. The key stays where it is."""
    asked = new_request(Identity(key_file, key_file), name or key_file.stem, algorithm=algorithm)
    csr = key_file.with_name(key_file.name + ".csr")
    csr.write_bytes(asked)
    say(f"Key:     {key_file}")
    say(f"Request: {csr} (send it to whoever runs the certificate authority)")


def issue(
    folder: FolderArgument,
    request_file: Annotated[Path, typer.Argument(help="Certificate signing request (PEM).")],
    party: Annotated[str, typer.Option(help="Member in whose name it speaks: public name, or cfp1….")],
    purpose: Annotated[str, typer.Option(help=f"One of {', '.join(PURPOSES)}.")] = "member",
    host: Annotated[
        list[str] | None,
        typer.Option(help="DNS name or IP address of a node or service; several are possible."),
    ] = None,
    days: Annotated[int, typer.Option(help="How long it is good.", min=1, max=825)] = CERTIFICATE_DAYS,
    into: IntoOption = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Sign a certificate for a member's key, and bind it to the member on the ledger: only then is it good."""
    asked = read_file(request_file)
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        identity = client.party_id(party)
        authority = Authority.open(folder, ask_passphrase(_WHAT))
        issued = authority.issue(
            asked,
            connection.chain_id,
            identity,
            party,
            purpose=purpose,
            hosts=tuple(host or ()),
            days=days,
        )
        _record(client, authority, issued)
    _say_issued(authority, issued, into)


def renew(
    folder: FolderArgument,
    fingerprint: FingerprintArgument,
    request_file: Annotated[Path, typer.Argument(help="Certificate signing request of the new key (PEM).")],
    days: Annotated[int, typer.Option(help="How long it is good.", min=1, max=825)] = CERTIFICATE_DAYS,
    into: IntoOption = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Issue a new certificate in place of another: same member, purpose and hosts, another key.

    The old one stays good until it ends or is revoked, so that nothing stops meanwhile.
    """
    asked, old = read_file(request_file), _fingerprint(fingerprint)
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        authority = Authority.open(folder, ask_passphrase(_WHAT))
        before = next((one for one in authority.issued() if one.fingerprint == old), None)
        if before is None:
            raise UsageError(f"The authority in {folder} has issued no certificate {fingerprint}.")
        issued = authority.issue(
            asked,
            connection.chain_id,
            before.party,
            address_text("party", before.party),
            purpose=before.purpose,
            hosts=before.hosts,
            days=days,
        )
        _record(client, authority, issued)
    _say_issued(authority, issued, into)


def record(
    folder: FolderArgument,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Put on the ledger what the authority has signed and nobody has recorded, as after a crash in between."""
    authority = Authority.open(folder, ask_passphrase(_WHAT))
    count = 0
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        now_ms = client.time_ms()
        for issued in authority.issued():
            if issued.valid_until_ms > now_ms and not _is_recorded(client, issued):
                _record(client, authority, issued)
                count += 1
    say(counted(count, "certificate recorded", "certificates recorded"))


def accept(
    key_file: Annotated[Path, typer.Argument(help="File of the key, as `ca request` made it.")],
    certificate: Annotated[Path, typer.Argument(help="Its certificate, as the authority issued it (PEM).")],
    into: Annotated[Path, typer.Option(help="File for both, replaced whole: what programs show.")],
) -> None:
    """Put a key and its certificate into one file. A running node or client shows it from its next connection on."""
    shown = join(into, key_file, certificate)
    say(f"Certificate {shown.hex()} and its key are in {into}.")


def revoke(
    fingerprint: FingerprintArgument,
    reason: Annotated[str, typer.Option(help="Why, for everybody whom it concerns.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """End a certificate at once: its connections are cut in the block, and no further one is let in."""
    with connected(ledger, storage_key, writing=True) as connection:
        client = client_of(connection, as_, key, keys)
        client.send(messages.RevokeCertificate(client.party, _fingerprint(fingerprint), reason))
        say_moment(client.status().moment)
    say(f"Certificate {fingerprint} is revoked.")


def list_(
    party: Annotated[str, typer.Option(help="Only those of this member.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Folder of the authority: shows too what is not on the ledger."),
    ] = None,
    json: JsonOption = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Show authorities and certificates, as far as you may see them, with their states."""
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys)
        authorities = client.authorities()
        lines = client.certificates(party or b"")
        names = {line.party: line.name for line in client.parties()}
        moment = client.status().moment
    missing = _not_among(folder, lines) if folder is not None else []
    if json:
        say_json(
            {
                "moment": moment,
                "authorities": authorities,
                "certificates": lines,
                "not_on_the_ledger": [one.fingerprint for one in missing],
            }
        )
        return
    say_moment(moment)
    rows = [_row(line, names) for line in lines]
    rows += [
        (
            one.fingerprint.hex()[:_FINGERPRINT_SHOWN],
            names.get(one.party) or address_text("party", one.party),
            one.purpose,
            instant(one.valid_until_ms),
            "not on the ledger",
        )
        for one in missing
    ]
    say_table(("certificate", "member", "purpose", "until", "state"), rows)
    say(counted(len(rows), "certificate"))
    for authority in authorities:
        state = "withdrawn" if authority.withdrawn_ms else f"good until {instant(authority.valid_until_ms)}"
        say(f"Authority {authority.fingerprint.hex()} of {names.get(authority.party, '?')}: {state}")


def _row(line: CertificateLine, names: dict[bytes, str]) -> tuple[str, ...]:
    return (
        line.fingerprint.hex()[:_FINGERPRINT_SHOWN],
        names.get(line.party) or address_text("party", line.party),
        line.purpose.lower(),
        instant(line.valid_until_ms),
        line.status.lower().replace("_", " "),
    )


def _not_among(folder: Path, lines: list[CertificateLine]) -> list[Issued]:
    known = {line.fingerprint for line in lines}
    authority = Authority.open(folder, ask_passphrase(_WHAT))
    return [one for one in authority.issued() if one.fingerprint not in known]


def _is_recorded(client: Client, issued: Issued) -> bool:
    try:
        client.certificate(issued.fingerprint)
    except LedgerError:
        return False
    return True


def _record(client: Client, authority: Authority, issued: Issued) -> None:
    client.send(
        messages.RecordCertificate(
            authority.fingerprint,
            issued.party,
            messages.CertificatePurpose[issued.purpose.upper()],
            issued.fingerprint,
            issued.serial,
            issued.valid_from_ms,
            issued.valid_until_ms,
        )
    )


def _say_issued(authority: Authority, issued: Issued, into: Path | None) -> None:
    path = authority.path_of(issued.fingerprint)
    if into is not None:
        into.write_bytes(path.read_bytes())
    say(f"Certificate: {into or path} (give it back to whoever made the request)")
    say(f"Fingerprint: {issued.fingerprint.hex()}")
    say(f"Good until:  {instant(issued.valid_until_ms)}")


def _fingerprint(text: str) -> bytes:
    return hexadecimal(text, f"{text!r} is no fingerprint: 64 hexadecimal digits.", 32)


def add_to(app: typer.Typer) -> None:
    ca = typer.Typer(
        help="Certificates: who may connect, in whose name.",
        no_args_is_help=True,
        epilog="Example: counterfoil ca list --as depository",
    )
    ca.command(epilog="Example: counterfoil ca init my-ca --name 'Market CA' --as depository")(init)
    ca.command(epilog="Example: counterfoil ca request node.key --name 'node of Broker A'")(request)
    ca.command(
        epilog="Example: counterfoil ca issue my-ca node.key.csr --party 'Broker A' --purpose node --host 127.0.0.1"
        " --as depository"
    )(issue)
    ca.command(epilog="Example: counterfoil ca renew my-ca 5f3c… new.key.csr --as depository")(renew)
    ca.command(epilog="Example: counterfoil ca record my-ca --as depository")(record)
    ca.command(epilog="Example: counterfoil ca accept node.key 5f3c….pem --into node.pem")(accept)
    ca.command(epilog="Example: counterfoil ca revoke 5f3c… --reason 'The key was stolen.' --as depository")(
        revoke
    )
    ca.command("list", epilog="Example: counterfoil ca list --as depository --folder my-ca")(list_)
    app.add_typer(ca, name="ca")
