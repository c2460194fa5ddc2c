"""Everything that a command writes as a sheet or a file, for everybody: nothing in it of what the reader may not see.

A meta-test finds every command that exports something; one without a row here fails.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.custody.signers import SandboxKey
from counterfoil.node.personas import party_key
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.sdk import Client, Sandbox, messages, recipes

RUNNER = CliRunner()
NAMES = (
    "regulator",
    "depository",
    "exchange",
    "trustee",
    "broker-a",
    "broker-b",
    "issuer-a",
    "investor-a",
    "auditor",
)
NAMES += ("data-protection",)
OPTIONS = {"csv", "xlsx", "json", "out"}

ACCOUNTS: dict[str, str] = {
    # Whose account it is; who services it; and who stands above
    "broker-a": "broker-a depository regulator",
    "broker-b": "broker-b depository regulator",
    "investor-a": "investor-a broker-a regulator",
    "investor-b": "investor-b broker-b regulator",
}
REGISTERS: dict[str, str] = {
    "XS0000000009": "issuer-a depository regulator",
    "XS0000000017": "issuer-b depository regulator",
}
SIGNER = "investor-a broker-b issuer-a regulator"
"""Keys of investor-a, which broker-b and issuer-a together may replace."""
AMOUNT = re.compile(r"(?<![0-9a-f])31337(00)?(?![0-9a-f])")
"""Of a piece of business, with or without decimal places, and not inside a digest."""
BUSINESS = "broker-a depository regulator"
"""An instruction of broker-a, which the depository's market settles."""

KEY_GRANT = "broker-a auditor regulator data-protection"
"""Of broker-a's view key, to the auditor."""

SECRETS: dict[str, tuple[bytes, str]] = {
    # What must not be shown, and to whom it may be
    "evidence": (b"the hash of investor-a's papers..", "investor-a broker-a depository regulator"),
    "handle": (b"what broker-a calls investor-a...", "broker-a depository regulator"),
    "pointer": (b"where broker-a keeps the papers", "broker-a depository regulator"),
    "tag": (b"the person behind investor-a.....", "regulator"),
    "certificate": (b"the certificate of broker-a.....", "broker-a depository regulator"),
}

EXPORTS: dict[str, tuple[str, ...]] = {
    # Command → what it is asked about; "" for a command without an argument
    "holdings": ("{account}", "Broker A --clients", "Broker B --clients"),
    "register": ("XS0000000009", "XS0000000017"),
    "statement": ("{account}",),
    "history": ("{account}", "XS0000000009", "Broker A", "{instruction}"),
    "instructions": ("", "Broker A"),
    "prove": ("account --account {account}", "register --instrument XS0000000009"),
    "watch": ("--after 0 --no-follow",),
    "recovery show": ("{signer}",),
    "grants list": ("", "--past"),
    "reads list": ("",),
    "instruments": ("",),
    "members": ("",),
    "status": ("",),
    "sealing view-keys": ("",),
    "motions": ("",),
    "feeds": ("",),
    "identity show": ("{investor}",),
    "identity clients": ("Broker A",),
    "identity person": ("{investor}",),
    "ca list": ("",),
}
NOT_OF_A_VIEWER = {
    # What works on the whole folder, on files of one's own, or acts and tells what became of that
    *(
        "init",
        "start",
        "demo",
        "export",
        "import",
        "replay",
        "verify",
        "reads verify",
        "continuity check",
        "submit",
        "trust",
    ),
    *("keys new", "keys list", "sandbox advance", "sandbox personas", "grants give", "grants revoke"),
    *("sealing raise", "sealing grant", "sealing end-grant"),
    *(
        "approve",
        "network add-validator",
        "network remove-validator",
        "network rotate-key",
        "network observe",
    ),
    # What everybody knows, known or not
    *("consortium", "validators", "sealing status"),
    *("backup", "network status", "keys resolve", "custodian requests"),
    # What one's own key opens: see tests/unit/sdk/test_own_receipts.py
    "sealing notes",
    # Of a store or a process that one runs oneself
    *("registrar ask", "registrar log", "vault put", "vault list", "vault trail"),
}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, f"{prefix}{name} ")
            else:
                yield prefix + name, command

    yield from walk(get_command(app), "")


def test_every_command_that_exports_has_a_row() -> None:
    exporting = {
        name for name, command in commands() if OPTIONS & {parameter.name for parameter in command.params}
    }
    assert exporting - NOT_OF_A_VIEWER == set(EXPORTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "ledger"
    with Sandbox(folder=path) as ledger:
        a, b, made = ledger.client("broker-a"), ledger.client("broker-b"), ledger.seeded
        a.send(
            messages.Instruct(
                market=made.market,
                party=a.party,
                account=ledger.account("broker-a"),
                movement=messages.Movement.DELIVER,
                method=messages.Method.DVP,
                instrument_id=made.share,
                quantity=31_337,
                counterparty=b.party,
                trade_date=ledger.today,
                settlement_date=ledger.today,
                reference="SECRET-REFERENCE",
                asset=made.euro,
                amount=31_337_00,
            )
        )
        a.send(messages.RecordOpeningKey(a.party, party_key("broker-a").opening_key().public_key))
        until_ms = ledger.time_ms + 10**9
        auditor = ledger.client("auditor").party
        a.send(
            messages.GrantViewKey(
                a.party, a.party, auditor, messages.Purpose.AUDIT, "SECRET-REASON", until_ms
            )
        )
        owner = ledger.client("investor-a")
        recovers = (ledger.client(name).keys[0].address for name in ("broker-b", "issuer-a"))
        key = owner.keys[0].public_key
        owner.send(messages.RegisterSigner(messages.single_key(key), tuple(sorted(recovers)), 2))
        _know(ledger)
        facts = {
            "investor": owner.party,
            "signer": owner.keys[0].address,
            "key": key,
            "accounts": {name: ledger.account(name) for name in ACCOUNTS},
            "instruction": a.instructions()[0].instruction_id,
        }
    FACTS.update(facts)
    return path


FACTS: dict[str, Any] = {}


def _secret(name: str) -> bytes:
    return SECRETS[name][0][:32]


def _know(ledger: Sandbox) -> None:
    """Investor A is a person whom broker-a verified on a registrar's word; broker-a has a certificate."""
    regulator, broker, depository = ledger.clients("regulator", "broker-a", "depository")
    key, now_ms = SandboxKey("registrar", sha256(b"registrar").digest()), ledger.time_ms
    far_ms = now_ms + 10**10
    roles = (messages.Role.IDENTITY_REGISTRAR,)
    enrolled = regulator.send(
        messages.EnrolParty(regulator.party, roles, "Registrar", "", key.address, b"", True)
    )
    registrar = Client(regulator.connection, key, party=enrolled.created)
    suite = messages.Suite.RISTRETTO255_SHA512
    regulator.send(
        messages.AppointIdentityRegistrar(regulator.party, registrar.party, suite, bytes(32), 1, far_ms)
    )
    regulator.send(messages.RecordLicence(regulator.party, broker.party, "licence"))
    registrar.send(
        messages.AttestIdentity(registrar.party, 1, _secret("tag"), broker.party, _secret("handle"))
    )
    investor = ledger.client("investor-a").party
    handle, evidence, pointer = _secret("handle"), _secret("evidence"), _secret("pointer")
    broker.send(recipes.verification(broker, investor, handle, evidence, far_ms, pointer=pointer))
    depository.send(messages.NameAuthority(depository.party, b"authority", now_ms, far_ms))
    depository.send(
        messages.RecordCertificate(
            sha256(b"authority").digest(),
            broker.party,
            messages.CertificatePurpose.MEMBER,
            _secret("certificate"),
            b"\x01",
            now_ms,
            far_ms,
        )
    )


def everything(output: str, written: Path) -> str:
    """What the screen shows and what the file holds, taken out of its package."""
    found = output
    if written.is_file():
        if zipfile.is_zipfile(written):
            with zipfile.ZipFile(written) as package:
                found += "".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
        else:
            data = written.read_bytes()
            found += data.decode("utf-8", "replace") + data.hex()
    return found


def asked(command: str, persona: str) -> Iterator[list[str]]:
    for arguments in EXPORTS[command]:
        accounts = ACCOUNTS if "{account}" in arguments else {"": ""}
        for name in accounts:
            account = to_text(AddressKind.ACCOUNT, FACTS["accounts"][name]) if name else ""
            filled = arguments.replace("{account}", account)
            filled = filled.replace("{instruction}", FACTS["instruction"].hex())
            filled = filled.replace("{investor}", to_text(AddressKind.PARTY, FACTS["investor"]))
            filled = filled.replace("{signer}", to_text(AddressKind.SIGNER, FACTS["signer"]))
            yield [*command.split(), *_split(filled), *(("--as", persona) if persona else ())]


def _split(arguments: str) -> list[str]:
    """Names of members have a blank."""
    for member in ("Broker A", "Broker B"):
        if arguments.startswith(member):
            return [member, *arguments.removeprefix(member).split()]
    return arguments.split()


def may_show(persona: str, arguments: list[str]) -> set[str]:
    """Whose accounts may stand in what a persona is shown: of its own right, or on a register that it asked for."""
    seen = {name for name, row in ACCOUNTS.items() if persona in row.split()}
    registers = [isin for isin, row in REGISTERS.items() if persona in row.split()]
    if "watch" in arguments or any(isin in arguments for isin in registers):
        seen |= set(ACCOUNTS) if registers else set()
    if persona == "data-protection" and "reads" in arguments:
        seen = set(ACCOUNTS)  # identities that somebody looked at, and nothing of what was there
    if persona in ("depository", "trustee"):
        seen |= set(ACCOUNTS)  # it keeps the registers of shares, or that of the money that everybody holds
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("command", EXPORTS)
def test_no_export_shows_what_the_reader_may_not_see(folder: Path, tmp_path: Path, command: str) -> None:
    options = {name: {one.name for one in found.params} for name, found in commands()}[command]
    shown = 0
    for persona in ("", *NAMES):
        for arguments in asked(command, persona if "as_" in options else ""):
            for form in sorted(OPTIONS & options):
                target = tmp_path / f"{shown}.{form}"
                flag = [f"--{form}"] if form == "json" else [f"--{form}", str(target)]
                result = RUNNER.invoke(app, [*arguments, *flag, "--ledger", str(folder)])
                assert result.exit_code in (Exit.DONE, Exit.REFUSED), result.output
                text = everything(result.output, target)
                hidden = set(ACCOUNTS) - may_show(persona, arguments)
                for name in hidden:
                    account = FACTS["accounts"][name]
                    own = to_text(AddressKind.ACCOUNT, account)
                    if own not in arguments:
                        assert own not in text, f"{persona or 'a stranger'} sees {name}: {arguments}"
                        assert account.hex() not in text, f"{persona} sees {name}: {arguments}"
                    else:
                        assert result.exit_code == Exit.REFUSED, f"{persona} is answered: {arguments}"
                if persona not in SIGNER.split():
                    assert FACTS["key"].hex() not in text, f"{persona} sees the keys: {arguments}"
                for name, (_, row) in SECRETS.items():
                    if persona not in row.split():
                        assert _secret(name).hex() not in text, f"{persona} sees the {name}: {arguments}"
                        assert _secret(name).hex()[:16] not in text, f"{persona} sees the {name}: {arguments}"
                if persona not in BUSINESS.split():
                    assert "SECRET-REFERENCE" not in text, f"{persona} sees the business: {arguments}"
                    said = result.output.replace(",", "").replace(".", "")
                    assert not AMOUNT.search(said), f"{persona} sees the amount: {arguments}"
                if persona not in KEY_GRANT.split():
                    assert "SECRET-REASON" not in text, f"{persona} sees the grant of a key: {arguments}"
                elif command == "grants list":
                    assert "SECRET-REASON" in text, f"{persona} does not see the grant of a key: {arguments}"
                shown += result.exit_code == Exit.DONE
    assert shown


@pytest.mark.slow
@pytest.mark.parametrize("persona", NAMES)
def test_every_persona_is_answered(folder: Path, persona: str) -> None:
    """An investor too, whose name is not public: else nothing would be compared above."""
    result = RUNNER.invoke(app, ["grants", "list", "--as", persona, "--ledger", str(folder)])
    assert result.exit_code == Exit.DONE, result.output
