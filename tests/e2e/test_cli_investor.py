"""Four investors on the command line, with a key of each kind: admitted under their real names by a registrar that is a
process of its own, their keys lost and replaced by approvals, their papers run out. (One alone, with her agent's vault:
docs/how-to/admit-an-investor.md, which `test_documents.py` types.)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from counterfoil.cli import key_stores
from counterfoil.cli.failures import Exit
from counterfoil.custody.authority import Authority
from counterfoil.custody.service.server import CustodyServer
from counterfoil.realnames import registrar
from tests.e2e.certified import CHEAP
from tests.e2e.test_cli import SHARE, Shell, sale
from tests.e2e.test_cli_keys import said
from tests.e2e.test_cli_realnames import certified, running
from tests.unit.custody.custodians import PASSWORD, Desk

ALDER = ("--as", "Alder Securities", "--key", "alder")
BIRCH = ("--as", "Birch Operations", "--key", "birch")
MADE = {
    "file": (),
    "words": ("--words",),
    "password": ("--from-password", "--ledger-name", "market", "--user", "ann"),
    "custody": (),
}
"""Way → what `keys new` is told; of a key in custody the administrator makes it."""
OWNERS = {"users": ["@owner"], "keys": ["*"], "messages": ["*"], "reading": True}


class Investor(NamedTuple):
    way: str
    address: str
    key: tuple[str, ...]
    handle: str


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A sandbox with a registrar whose word is demanded, a licensed agent, and an operator."""
    for made in (Authority.create.__func__, registrar.create):  # type: ignore[attr-defined]
        monkeypatch.setitem(made.__kwdefaults__, "cost", CHEAP)
    monkeypatch.setattr(key_stores, "SESSIONS", tmp_path / "sessions")
    run = Shell(tmp_path)
    run.environment["COUNTERFOIL_PASSWORD"] = "copper lantern drifts over seven"
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    for name in ("registrar", "alder", "birch"):
        run("keys", "new", name, "--unprotected")
    members = (
        ("IDENTITY_REGISTRAR", "Registrar", "registrar"),
        ("SECURITIES_COMPANY", "Alder Securities", "alder"),
        ("OPERATOR", "Birch Operations", "birch"),
    )
    regulator = {"sponsor": "party:Regulator", "lei": "", "activate": True}
    enrol = [
        {"message": "EnrolParty", "roles": [role], "name": name, "signer": f"key:{key}", **regulator}
        for role, name, key in members
    ]
    run("submit", run.write("members.json", enrol), "--as", "regulator")
    run("registrar", "init", "registrar", "--party", "Registrar", "--regulator", "Regulator")
    appoint = (run.folder / "registrar" / "appoint.json").read_text()
    begins = re.sub(r'("demanded_from_ms": )\d+', r'\1"2024-01-02T08:00:00Z"', appoint)
    (run.folder / "appoint.json").write_text(begins)
    licence = {
        "message": "RecordLicence",
        "regulator": "party:Regulator",
        "agent": "party:Alder Securities",
        "reference": "FCA 123",
    }
    for name in ("appoint.json", run.write("licence.json", licence)):
        run("submit", name, "--as", "regulator")
    return run


@pytest.fixture
def desk(shell: Shell) -> Iterator[Desk]:
    chain_id = shell.json("status")["status"]["moment"]["chain_id"]
    made = Desk(shell.folder / "custody", chain_id)
    made.add("iris")
    made.key("savings", "iris")
    made.rules(OWNERS)
    with CustodyServer(made.custodian, path=shell.folder / "socket"):
        shell.environment["COUNTERFOIL_CUSTODIAN_PASSWORD"] = PASSWORD
        shell.environment["COUNTERFOIL_CODE"] = made.code("iris")
        shell("custodian", "login", "--user", "iris", "--custodian", "socket")
        yield made
    made.close()


def handles(shell: Shell) -> dict[str, str]:
    """What the agent is told to call each investor, asked of the registrar's process over TLS."""
    shell("ca", "init", "ca", "--name", "Market CA", "--as", "depository")
    certified(shell, "registrar", "Registrar", "--purpose", "service", "--host", "127.0.0.1")
    certified(shell, "agent", "Alder Securities")
    listens = ("--listen", "127.0.0.1:0", "--certificate", "registrar.pem")
    with (
        running(shell, "start", "ledger", "--workers", "0", said=r"(Listening on)"),
        running(
            shell,
            *("registrar", "start", "registrar", *listens, "--party", "Registrar", "--key", "registrar"),
            said=r"Answering on 127\.0\.0\.1:(\d+)",
        ) as port,
    ):
        address = {"host": "127.0.0.1", "port": int(port)}
        shown = {"certificate": "agent.pem", "authorities": ["ca/authority.pem"]}
        shell.write("registrar.json", address | shown)
        asked = ("registrar", "ask", "registrar.json", "--scheme", "MY-NRIC", "--case")
        return {
            way: shell.json(*asked, way, given=f"80010{number}-14-5566\n")["handle"]
            for number, way in enumerate(MADE)
        }


def test_admitted_lost_recovered_and_lapsed(shell: Shell, desk: Desk) -> None:
    known = {line["name"]: line["address"] for line in shell.json("keys", "list")}
    asked = handles(shell)
    for way in MADE:
        investor = made(shell, way, asked[way])
        shell(
            *("recovery", "name", *investor.key, "--threshold", "2"),
            *("--approver", known["alder"], "--approver", known["birch"]),
        )
        party, account = admitted(shell, investor)
        buy(shell, account, f"{way}-1", "2024-01-02")
        assert held(shell, party, account, investor.key) == "100", way
        recovered = lost_and_recovered(shell, investor, party, account, known["alder"])
        assert held(shell, party, account, recovered) == "100", way
        renamed = {"message": "NameFourEyes", "party": party, "message_types": []}
        shell("submit", shell.write("own.json", renamed), "--as", party, *recovered)
        refused = shell("submit", "own.json", "--as", party, *investor.key, code=Exit.REFUSED).output
        assert "NOT_RECOGNISED" in refused, "the lost key speaks for nobody any more"
        shell.environment[way] = account
    shell("sandbox", "advance", "--to", "2024-02-06")
    states = {
        line["status"] for line in shell.json("identity", "clients", "Alder Securities", *ALDER)["identities"]
    }
    assert states == {"LAPSED"}
    for way in MADE:
        account = shell.environment[way]
        buy(shell, account, f"{way}-2", "2024-02-06")
        sell(shell, account, f"{way}-3", "2024-02-06")
        assert held_by_agent(shell, account) == "60", f"{way}: sold, and not bought"
        withdraw = {
            "message": "RequestRedemption",
            "instrument_id": "instrument:Trustee Euro",
            "account_id": account,
            "amount": 100_000,
            "reference": "OUT",
        }
        done = shell("submit", shell.write("withdraw.json", withdraw), *ALDER).output
        assert "done" in done
    waiting = shell.json("instructions", *ALDER)["instructions"]
    assert sorted(line["reference"] for line in waiting) == sorted(f"{way}-2" for way in MADE)
    assert {line["code"] for line in waiting} == {"BLOC"}


def made(shell: Shell, way: str, handle: str) -> Investor:
    """The investor's key, and how a command is told to sign with it."""
    if way == "custody":
        keys = ("--keys", f"custodian:{shell.folder / 'socket'}")
        (line,) = shell.json("keys", "list", *keys)
        return Investor(way, line["address"], ("--key", "savings", *keys), handle)
    name = f"savings-{way}"
    address = said(shell("keys", "new", name, *MADE[way]).stdout, "Address")
    return Investor(way, address, ("--key", name), handle)


def admitted(shell: Shell, investor: Investor) -> tuple[str, str]:
    """Party and account. Nothing of it works before the registrar's word is recorded."""
    enrol = {
        "message": "EnrolParty",
        "sponsor": "party:Alder Securities",
        "roles": ["INVESTOR"],
        "name": "",
        "lei": "",
        "signer": investor.address,
    }
    party = created(shell, enrol)
    activate = {"message": "ActivateParty", "authority": "party:Alder Securities", "party": party}
    shell.write("activate.json", activate)
    assert "2025" in shell("submit", "activate.json", *ALDER, code=Exit.REFUSED).output
    papers = ("--evidence", "11" * 32, "--days", "30")
    shell("identity", "record", party, "--handle", investor.handle, *papers, *ALDER)
    shell("submit", "activate.json", *ALDER)
    opening = {
        "message": "OpenAccount",
        "owner": party,
        "servicer": "party:Alder Securities",
        "kind": "SEGREGATED",
    }
    account = created(shell, opening)
    mint = {
        "message": "Mint",
        "instrument_id": "instrument:Trustee Euro",
        "account_id": account,
        "amount": 500_000,
        "bank_entry": investor.way,
        "booking_date": "2024-01-02",
    }
    shell("submit", shell.write("mint.json", mint), "--as", "trustee")
    return party, account


def created(shell: Shell, message: dict[str, object]) -> str:
    done = shell.json("submit", shell.write("one.json", message), *ALDER)
    return str(done["results"][0]["messages"][0]["created"][0])


def lost_and_recovered(
    shell: Shell, investor: Investor, party: str, account: str, approver: str
) -> tuple[str, ...]:
    """How a command signs with the new key. One approval of two gives it no power."""
    fresh = f"fresh-{investor.way}"
    shell("keys", "new", fresh)
    new = ("--signer", investor.address, "--key", fresh)
    told = shell("recovery", "request", investor.address, "--approver", approver, "--key", fresh).stdout
    key = said(told, "New key")
    begin = ("recovery", "begin", investor.address, "--request", said(told, "Request"))
    shell(*begin, "--new-key", key[:-2] + ("00" if key[-2:] != "00" else "01"), *ALDER, code=Exit.NOT_PROVEN)
    shell(*begin, "--new-key", key, *ALDER)
    shell("holdings", account, "--as", party, *new, code=Exit.REFUSED)
    shell("recovery", "approve", investor.address, "--new-key", key, *BIRCH)
    return new


def side(shell: Shell, reference: str, movement: str, account: str, date: str, quantity: int) -> None:
    """Alder's instruction for its client against Broker A, and Broker A's own."""
    other = {"DELIVER": "RECEIVE", "RECEIVE": "DELIVER"}[movement]
    dates = {"trade_date": date, "settlement_date": date}
    ours = sale(reference, movement, "Alder Securities", "Broker A", quantity) | dates | {"account": account}
    theirs = sale(f"{reference}-A", other, "Broker A", "Alder Securities", quantity) | dates
    shell("submit", shell.write("theirs.json", theirs), "--as", "broker-a")
    shell("submit", shell.write("ours.json", ours), *ALDER)


def buy(shell: Shell, account: str, reference: str, date: str) -> None:
    side(shell, reference, "RECEIVE", account, date, 100)


def sell(shell: Shell, account: str, reference: str, date: str) -> None:
    side(shell, reference, "DELIVER", account, date, 40)


def held(shell: Shell, party: str, account: str, key: tuple[str, ...]) -> str:
    return _shares(shell, account, "--as", party, *key)


def held_by_agent(shell: Shell, account: str) -> str:
    return _shares(shell, account, *ALDER)


def _shares(shell: Shell, account: str, *who: str) -> str:
    found = shell.json("holdings", account, *who)
    return str(next(one["available"] for one in found["balances"] if one["instrument"]["isin"] == SHARE))
