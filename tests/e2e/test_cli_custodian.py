"""The custodian's commands where no custodian runs, and with one in another thread: what they do and what they say."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pkcs11
import pytest

from counterfoil.cli import key_stores
from counterfoil.cli.failures import Exit
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.custodian import SERVICE_KEY
from counterfoil.custody.service.server import CustodyServer
from counterfoil.sdk import Sandbox
from tests.e2e.test_cli import PASSPHRASE, Shell
from tests.e2e.test_cli_keys import said
from tests.unit.custody.custodians import PASSWORD, Desk, document
from tests.unit.custody.tokens import PIN, configure, make_token, module


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(key_stores, "SESSIONS", tmp_path / "sessions")
    made = Shell(tmp_path)
    made.environment["COUNTERFOIL_CUSTODIAN_PASSWORD"] = PASSWORD
    return made


@pytest.mark.parametrize("vault", [False, True])
def test_a_store_is_made_for_one_ledger(
    shell: Shell, tmp_path: Path, vault: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sandbox(folder=tmp_path / "ledger").close()
    more: tuple[str, ...] = ()
    if vault:
        file = configure(tmp_path / "softhsm")
        make_token(file, "vault")
        monkeypatch.setenv("SOFTHSM2_CONF", str(file))
        pkcs11.lib(str(module())).reinitialize()
        shell.environment["COUNTERFOIL_PIN"] = PIN
        more = ("--vault", f"pkcs11:token=vault?module-path={module()}")
    made = shell("custodian", "init", "custody", "--administrator", "ann", *more).stdout
    assert parse_qs(urlsplit(said(made, "Codes")).query)["secret"]
    assert said(made, "Own key").startswith("cfk1")
    again = shell("custodian", "init", "custody", "--administrator", "ann", *more, code=Exit.UNAVAILABLE)
    assert "already" in again.output
    books = CustodianBooks.open(tmp_path / "custody", PASSPHRASE)
    assert books.founded.chain_id.startswith("sandbox-")
    assert books.administrators() == ["ann"]
    assert bool(books.keys[SERVICE_KEY].secret) != vault, "with a vault the store holds no secret"
    books.close()


def test_without_the_package_nothing_is_made(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sandbox(folder=tmp_path / "ledger").close()
    monkeypatch.setitem(sys.modules, "pyotp", None)
    refused = shell("custodian", "init", "custody", "--administrator", "ann", code=Exit.UNAVAILABLE)
    assert "counterfoil[custodian]" in refused.output
    assert not (tmp_path / "custody").exists()


@pytest.mark.parametrize(
    ("words", "code", "tells"),
    [
        (("start", "custody", "--as", "X"), Exit.UNAVAILABLE, "no custodian's store"),
        (
            ("start", "custody", "--as", "X", "--socket", "s", "--port", "0"),
            Exit.USAGE,
            "not on several of them",
        ),
        (("login", "--user", "ann", "--custodian", "none"), Exit.UNAVAILABLE, "No answer from the custodian"),
        (("requests", "--custodian", "none"), Exit.UNAVAILABLE, "not logged in"),
        (("logout", "--custodian", "none"), Exit.UNAVAILABLE, "not logged in"),
        (("approve", "xyz", "--custodian", "none"), Exit.USAGE, "is no request"),
        (("policy", "none.json", "--custodian", "none"), Exit.USAGE, "cannot be read"),
        (("init", "custody", "--administrator", "No Name"), Exit.USAGE, "1331"),
        (("init", "custody", "--administrator", "ann", "--vault", "keys"), Exit.USAGE, "a vault is a token"),
    ],
)
def test_what_cannot_be_done_is_told(
    shell: Shell, tmp_path: Path, words: tuple[str, ...], code: Exit, tells: str
) -> None:
    if words[0] == "init":
        Sandbox(folder=tmp_path / "ledger").close()
    assert tells in shell("custodian", *words, code=code).output
    assert not (tmp_path / "custody").exists(), "nothing is left half-made"


def test_a_password_that_is_too_short_leaves_no_store(shell: Shell, tmp_path: Path) -> None:
    Sandbox(folder=tmp_path / "ledger").close()
    shell.environment["COUNTERFOIL_CUSTODIAN_PASSWORD"] = "too short"
    refused = shell("custodian", "init", "custody", "--administrator", "ann", code=Exit.USAGE)
    assert "1335" in refused.output
    assert not (tmp_path / "custody").exists()


def test_from_login_to_logout(shell: Shell, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "custody")
    shell.environment["COUNTERFOIL_CUSTODIAN"] = str(tmp_path / "socket")
    with CustodyServer(desk.custodian, path=tmp_path / "socket"):
        shell.environment["COUNTERFOIL_CODE"] = desk.code("ann")
        shell("custodian", "login", "--user", "ann")
        (file,) = (tmp_path / "sessions").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        code = said(shell("custodian", "add-user", "ben").stdout, "Code")
        shell.environment["COUNTERFOIL_ENROLMENT"] = code
        codes = said(shell("custodian", "enrol", "--user", "ben").stdout, "Codes")
        desk.secrets["ben"] = parse_qs(urlsplit(codes).query)["secret"][0]
        address = said(shell("custodian", "new-key", "savings", "--owner", "ben").stdout, "Address")
        rules = document({"users": ["@owner"], "messages": ["*"], "reading": True})
        (tmp_path / "policy.json").write_bytes(rules)
        shell("custodian", "policy", "policy.json")
        (tmp_path / "broken.json").write_text("{}")
        assert "1332" in shell("custodian", "policy", "broken.json", code=Exit.REFUSED).output
        assert "Nothing waits" in shell("custodian", "requests").stdout
        assert shell.json("custodian", "requests") == []
        refused = shell("custodian", "refuse", "00" * 16, code=Exit.REFUSED)
        assert "1315" in refused.output
        shell("custodian", "logout")
        shell("custodian", "requests", code=Exit.UNAVAILABLE)

        shell.environment["COUNTERFOIL_CODE"] = desk.code("ben")
        shell("custodian", "login", "--user", "ben")
        shell.environment["COUNTERFOIL_KEYS"] = f"custodian:{tmp_path / 'socket'}"
        (key,) = shell.json("keys", "list")
        assert (key["name"], key["address"], key["protection"]) == ("savings", address, "login")
        assert "1330" in shell("keys", "new", "more", code=Exit.REFUSED).output
        assert "1330" in shell("custodian", "remove-user", "ann", code=Exit.REFUSED).output
        wrong = shell("custodian", "login", "--user", "ben", code=Exit.REFUSED)
        assert "1303" in wrong.output, "a code serves once"
        assert PASSWORD not in wrong.output
    desk.close()
