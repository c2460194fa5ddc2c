"""A custodian as a process of its own behind TLS, and a user on a machine with a certificate, on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from counterfoil.cli import key_stores
from counterfoil.cli.failures import Exit
from counterfoil.custody.authority import Authority
from tests.e2e.certified import CHEAP
from tests.e2e.test_cli import Shell
from tests.e2e.test_cli_certificates import certified
from tests.e2e.test_cli_keys import said
from tests.e2e.test_cli_realnames import running
from tests.unit.custody.custodians import PASSWORD, document

DEPOSITORY = ("--as", "depository")
REACHED = ("--custodian", "custodian.json")


class Codes:
    """A user's authenticator; a code serves once, so the next one is waited for where it has to be."""

    def __init__(self, address: str) -> None:
        self._totp = pyotp.TOTP(parse_qs(urlsplit(address).query)["secret"][0])
        self._used: set[str] = set()

    def next(self) -> str:
        now = int(time.time())
        code = next(code for ahead in (0, 30, -30) if (code := self._totp.at(now + ahead)) not in self._used)
        self._used.add(code)
        return code


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setitem(Authority.create.__func__.__kwdefaults__, "cost", CHEAP)  # type: ignore[attr-defined]
    monkeypatch.setattr(key_stores, "SESSIONS", tmp_path / "sessions")
    run = Shell(tmp_path)
    run.environment["COUNTERFOIL_CUSTODIAN_PASSWORD"] = PASSWORD
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    return run


@pytest.fixture
def custodian(shell: Shell) -> Iterator[tuple[Shell, Codes, str]]:
    """It runs; custodian.json says how the machine of `member.pem`, whose fingerprint is given, reaches it."""
    made = shell("custodian", "init", "custody", "--administrator", "ann").stdout
    enrol = {
        "message": "EnrolParty",
        "sponsor": "party:Regulator",
        "roles": ["OPERATOR"],
        "name": "Example Custody",
        "lei": "",
        "signer": said(made, "Own key").split()[0],
        "activate": True,
    }
    shell("submit", shell.write("enrol.json", enrol), "--as", "regulator")
    shell("ca", "init", "ca", "--name", "Market CA", *DEPOSITORY)
    certified(shell, "service", "Example Custody", "--purpose", "service", "--host", "127.0.0.1")
    fingerprint = certified(shell, "member", "Broker A")
    started = ("custodian", "start", "custody", "--as", "Example Custody")
    with (
        running(shell, "start", "ledger", "--workers", "0", said=r"(Listening on)"),
        running(
            shell,
            *(*started, "--listen", "127.0.0.1:0", "--certificate", "service.pem"),
            said=r"Listening with TLS on 127\.0\.0\.1:(\d+)",
        ) as port,
    ):
        shell.write("custodian.json", described(port, "member.pem"))
        yield shell, Codes(said(made, "Codes")), fingerprint


def described(port: str, certificate: str) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": int(port),
        "certificate": certificate,
        "authorities": ["ca/authority.pem"],
    }


def log_in(shell: Shell, user: str, codes: Codes, reached: tuple[str, ...] = REACHED) -> None:
    shell.environment["COUNTERFOIL_CODE"] = codes.next()
    shell("custodian", "login", "--user", user, *reached)


def test_a_user_signs_from_another_machine_until_it_is_revoked(custodian: tuple[Shell, Codes, str]) -> None:
    shell, ann, fingerprint = custodian
    log_in(shell, "ann", ann)
    code = said(shell("custodian", "add-user", "ben", *REACHED).stdout, "Code")
    shell.environment["COUNTERFOIL_ENROLMENT"] = code
    ben = Codes(said(shell("custodian", "enrol", "--user", "ben", *REACHED).stdout, "Codes"))
    made = shell("custodian", "new-key", "savings", "--owner", "ben", *REACHED).stdout
    rules = document({"users": ["@owner"], "messages": ["*"], "reading": True})
    (shell.folder / "policy.json").write_bytes(rules)
    shell("custodian", "policy", "policy.json", *REACHED)
    shell("custodian", "logout", *REACHED)

    enrol = {
        "message": "EnrolParty",
        "sponsor": "party:Broker A",
        "roles": ["INVESTOR"],
        "name": "",
        "lei": "",
        "signer": said(made, "Address"),
        "identity_hash": "11" * 32,
        "activate": True,
    }
    done = shell.json("submit", shell.write("investor.json", enrol), "--as", "broker-a")
    party = str(done["results"][0]["messages"][0]["created"][0])
    log_in(shell, "ben", ben)
    signs = ("--as", party, "--key", "savings", "--keys", "custodian:custodian.json")
    eyes = {"message": "NameFourEyes", "party": party, "message_types": []}
    assert "done" in shell("submit", shell.write("eyes.json", eyes), *signs).output

    shell("ca", "revoke", fingerprint, "--reason", "The machine was stolen.", *DEPOSITORY)
    for words in (("submit", "eyes.json", *signs), ("custodian", "login", "--user", "ben", *REACHED)):
        refused = shell(*words, code=Exit.REFUSED).output
        assert "1307" in refused, "logged in or not: the machine is let in no more"
        assert PASSWORD not in refused


def test_a_machine_without_a_certificate_of_the_ledgers_is_turned_away(
    custodian: tuple[Shell, Codes, str],
) -> None:
    shell, ann, _ = custodian
    port = str(json.loads((shell.folder / "custodian.json").read_text())["port"])
    certified_elsewhere(shell)
    shell.write("stranger.json", described(port, "stranger.pem"))
    shell.environment["COUNTERFOIL_CODE"] = ann.next()
    words = ("custodian", "login", "--user", "ann")
    assert "No answer" in shell(*words, "--custodian", "stranger.json", code=Exit.UNAVAILABLE).output
    assert "No answer" in shell(*words, "--custodian", f"127.0.0.1:{port}", code=Exit.UNAVAILABLE).output
    log_in(shell, "ann", ann)


def certified_elsewhere(shell: Shell) -> None:
    """A certificate of an authority that this ledger does not know."""
    elsewhere = Shell(shell.folder / "elsewhere")
    elsewhere.folder.mkdir()
    elsewhere("init", elsewhere.folder / "ledger", "--sandbox", "--seeded")
    elsewhere("ca", "init", "ca", "--name", "Another CA", *DEPOSITORY)
    certified(elsewhere, "stranger", "Broker A")
    (elsewhere.folder / "stranger.pem").rename(shell.folder / "stranger.pem")
