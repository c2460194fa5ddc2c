"""Real names on the command line: a registrar as a process of its own, an agent that asks it, and a store of papers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.cli.failures import Exit
from counterfoil.custody.authority import Authority
from counterfoil.realnames import registrar, vault
from tests.e2e.certified import CHEAP
from tests.e2e.test_cli import COMMAND, Shell

DEPOSITORY = ("--as", "depository")
BROKER = ("--as", "broker-a")
NUMBER = "800101-14-5566"


@contextmanager
def running(shell: Shell, *words: str, said: str) -> Iterator[str]:
    """A command that goes on until it is interrupted; what matched in what it said first."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=shell.folder,
        env={**shell.environment, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(said, line)
            if found is not None:
                yield found[1]
                break
        else:
            pytest.fail(f"{words} said nothing like {said}")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for made in (Authority.create.__func__, registrar.create, registrar.add_key, vault.create_vault):  # type: ignore[attr-defined]
        monkeypatch.setitem(made.__kwdefaults__, "cost", CHEAP)
    run = Shell(tmp_path)
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    return run


def certified(shell: Shell, name: str, party: str, *more: str) -> None:
    shell("ca", "request", f"{name}.key")
    done = shell("ca", "issue", "ca", f"{name}.key.csr", "--party", party, *more, *DEPOSITORY)
    found = re.search(r"Fingerprint: ([0-9a-f]{64})", done.output)
    assert found is not None
    shell("ca", "accept", f"{name}.key", f"ca/issued/{found[1]}.pem", "--into", f"{name}.pem")


def test_from_a_number_to_a_verified_client(shell: Shell) -> None:
    shell("keys", "new", "registrar", "--unprotected")
    enrol = {
        "message": "EnrolParty",
        "sponsor": "party:Regulator",
        "roles": ["IDENTITY_REGISTRAR"],
        "name": "Registrar",
        "lei": "",
        "signer": "key:registrar",
        "activate": True,
    }
    shell("submit", shell.write("enrol.json", enrol), "--as", "regulator")
    shell("registrar", "init", "registrar", "--party", "Registrar", "--regulator", "Regulator")
    shell("submit", "registrar/appoint.json", "--as", "regulator")
    licence = {
        "message": "RecordLicence",
        "regulator": "party:Regulator",
        "agent": "party:Broker A",
        "reference": "FCA 123",
    }
    shell("submit", shell.write("licence.json", licence), "--as", "regulator")
    shell("ca", "init", "ca", "--name", "Market CA", *DEPOSITORY)
    certified(shell, "registrar", "Registrar", "--purpose", "service", "--host", "127.0.0.1")
    certified(shell, "broker", "Broker A")
    with (
        running(shell, "start", "ledger", "--workers", "0", said=r"(Listening on)"),
        running(
            shell,
            *("registrar", "start", "registrar", "--listen", "127.0.0.1:0", "--certificate", "registrar.pem"),
            *("--party", "Registrar", "--key", "registrar"),
            said=r"Answering on 127\.0\.0\.1:(\d+)",
        ) as port,
    ):
        address = {
            "host": "127.0.0.1",
            "port": int(port),
            "certificate": "broker.pem",
            "authorities": ["ca/authority.pem"],
        }
        shell.write("registrar.json", address)
        asked = ("registrar", "ask", "registrar.json", "--scheme", "MY-NRIC", "--case", "2024/17")
        done = shell(*asked, given=f"{NUMBER}\n")
        found = re.search(r"Handle:\s+([0-9a-f]{64})", done.output)
        assert found is not None
        assert "800101" not in done.output
        wrong = shell(*asked, given="???\n", code=Exit.REFUSED)
        assert "14902" in wrong.output
        lines = shell.json("identity", "clients", "Broker A", *BROKER)["identities"]
        assert [(line["handle"], line["status"]) for line in lines] == [(found[1], "UNUSED")]
    told = shell("registrar", "log", "registrar", "--scheme", "MY-NRIC", given=f"{NUMBER}\n").output
    assert "2024/17" in told
    assert "The trail holds" in told


@pytest.fixture
def papers(shell: Shell) -> Shell:
    """A vault of Broker A's with one record, put there for Investor A."""
    agent = shell.json("members")["members"]
    address = next(line["party"] for line in agent if line["name"] == "Broker A")
    store = f"file://{shell.folder / 'blobs'}"
    shell("vault", "init", "vault", "--store", store, "--agent", str(address))
    (shell.folder / "passport.txt").write_text(f"Ann Tan {NUMBER}")
    shell.environment["PARTY"] = str(address)
    return shell


def test_papers_are_kept_held_and_erased(papers: Shell) -> None:
    party = papers.environment["PARTY"]
    put = ("vault", "put", "vault", "passport.txt", "--party", party, "--class")
    stored = papers.json(*put, "customer-due-diligence")
    assert len(bytes.fromhex(stored["evidence_hash"])) == 32
    record = stored["record"]
    papers("vault", "get", "vault", record, "--into", "copy.txt", "--purpose", "A question")
    assert (papers.folder / "copy.txt").read_text() == f"Ann Tan {NUMBER}"
    papers("vault", "hold", "vault", record, "--reference", "Court 1/26", "--reason", "Fraud")
    waits = papers("vault", "erase", "vault", record, "--reason", "She asks for it").output
    assert "Court 1/26" in waits
    assert "the end of the relationship" in waits
    assert "1 record counts" in papers("vault", "end", "vault", "--party", party, "--on", "2001-01-31").output
    assert "0 records erased" in papers("vault", "sweep", "vault").output
    papers("vault", "release", "vault", record, "--reference", "Court 1/26")
    assert "1 record erased" in papers("vault", "sweep", "vault").output
    assert (
        "was erased"
        in papers(
            "vault", "get", "vault", record, "--into", "again.txt", "--purpose", "why", code=Exit.USAGE
        ).output
    )
    (line,) = papers.json("vault", "list", "vault")
    assert line["state"] == "erased"
    actions = [one["action"] for one in papers.json("vault", "trail", "vault", "--record", record)]
    assert actions[0] == "storing"
    assert actions[-1] == "erased"
    papers("vault", "rotate", "vault")
    assert "The trail holds" in papers("vault", "check", "vault").output


def test_after_an_erasure_the_ledger_is_whole_and_its_hash_says_nothing(papers: Shell) -> None:
    """The hash stays on the ledger, every block of which still leads to its header; what it was a hash of is gone."""
    put = ("vault", "put", "vault", "passport.txt", "--class", "customer-due-diligence", "--party")
    papers("keys", "new", "registrar", "--unprotected")
    investor = str(
        next(
            one["party"]
            for one in papers.json("sandbox", "personas")["personas"]
            if one["name"] == "investor-a"
        )
    )
    stored = papers.json(*put, investor)
    enrol = {
        "message": "EnrolParty",
        "sponsor": "party:Regulator",
        "roles": ["IDENTITY_REGISTRAR"],
        "name": "Registrar",
        "lei": "",
        "signer": "key:registrar",
        "activate": True,
    }
    papers("submit", papers.write("enrol.json", enrol), "--as", "regulator")
    papers("registrar", "init", "registrar", "--party", "Registrar", "--regulator", "Regulator")
    licence = {
        "message": "RecordLicence",
        "regulator": "party:Regulator",
        "agent": "party:Broker A",
        "reference": "FCA 123",
    }
    for name in ("registrar/appoint.json", papers.write("licence.json", licence)):
        papers("submit", name, "--as", "regulator")
    attested = {
        "message": "AttestIdentity",
        "registrar": "party:Registrar",
        "key_version": 1,
        "tag": "77" * 32,
        "agent": "party:Broker A",
        "handle": "88" * 32,
    }
    papers("submit", papers.write("attest.json", attested), "--as", "Registrar", "--key", "registrar")
    recorded = ("identity", "record", investor, "--handle", "88" * 32, "--days", "30", *BROKER)
    papers(*recorded, "--evidence", stored["evidence_hash"], "--pointer", stored["pointer"])
    before = papers.json("identity", "show", investor, *BROKER)
    assert before["evidence_hash"] == stored["evidence_hash"]

    papers("vault", "hold", "vault", stored["record"], "--reference", "Court 1/26", "--reason", "Fraud")
    papers("vault", "end", "vault", "--party", investor, "--on", "2001-01-31")
    assert "0 records erased" in papers("vault", "sweep", "vault").output, "the order stands"
    papers("vault", "release", "vault", stored["record"], "--reference", "Court 1/26")
    assert "1 record erased" in papers("vault", "sweep", "vault").output
    papers("vault", "rotate", "vault")

    assert papers.json("identity", "show", investor, *BROKER) == before, "the ledger is as it was"
    papers("replay", "ledger", "--check")
    read = ("vault", "get", "vault", stored["record"], "--into", "again.txt", "--purpose", "why")
    assert "was erased" in papers(*read, code=Exit.USAGE).output
    content = (papers.folder / "passport.txt").read_bytes()
    left = b"".join(
        file.read_bytes()
        for place in ("vault", "blobs", "ledger")
        for file in (papers.folder / place).rglob("*")
        if file.is_file()
    )
    assert content not in left
    assert sha256(content).hexdigest() != stored["evidence_hash"], (
        "whoever guesses the papers cannot test the guess"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("put", "vault", "none.txt", "--party", "PARTY", "--class", "consent"), Exit.USAGE),
        (("put", "vault", "passport.txt", "--party", "nobody", "--class", "consent"), Exit.USAGE),
        (("put", "vault", "passport.txt", "--party", "PARTY", "--class", "none"), Exit.USAGE),
        (("get", "vault", "xyz", "--into", "x", "--purpose", "why"), Exit.USAGE),
        (("get", "vault", "00" * 16, "--into", "x", "--purpose", "why"), Exit.USAGE),
        (("end", "vault", "--party", "PARTY", "--on", "yesterday"), Exit.USAGE),
        (("list", "none"), Exit.UNAVAILABLE),
    ],
)
def test_what_cannot_be_done_is_said(papers: Shell, words: tuple[str, ...], code: int) -> None:
    party = papers.environment["PARTY"]
    papers("vault", *(party if word == "PARTY" else word for word in words), code=code)


def test_damage_is_a_failed_check(papers: Shell) -> None:
    party = papers.environment["PARTY"]
    papers("vault", "put", "vault", "passport.txt", "--party", party, "--class", "consent")
    for blob in (papers.folder / "blobs").iterdir():
        blob.write_bytes(b"x")
    assert "missing or damaged" in papers("vault", "check", "vault", code=Exit.NOT_PROVEN).output


def test_the_next_key_comes_with_its_appointment(shell: Shell) -> None:
    names = ("--party", "Registrar", "--regulator", "Regulator")
    shell("registrar", "init", "registrar", *names)
    first = json.loads((shell.folder / "registrar" / "appoint.json").read_text())
    shell("registrar", "add-key", "registrar", *names)
    second = json.loads((shell.folder / "registrar" / "appoint.json").read_text())
    assert (first["key_version"], second["key_version"]) == (1, 2)
    assert first["public_key"] != second["public_key"]
