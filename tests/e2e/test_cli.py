"""The command line as a person uses it: on a folder, on a running ledger, and when things are wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.cli.options import socket_of

SHARE = "XS0000000009"
PASSPHRASE = "correct horse battery"
COMMAND = [sys.executable, "-m", "counterfoil.cli.main"]


class Shell:
    """Runs commands in this process, in a folder, as if they were typed."""

    def __init__(self, folder: Path, ledger: str = "ledger") -> None:
        self.folder = folder
        self.environment = {
            "COLUMNS": "200",
            "COUNTERFOIL_LEDGER": str(folder / ledger),
            "COUNTERFOIL_KEYS": str(folder / "keys"),
            "COUNTERFOIL_PASSPHRASE": PASSPHRASE,
        }

    def __call__(self, *words: str | Path, code: int = Exit.DONE, given: str = "") -> Result:
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            done = CliRunner(env=self.environment).invoke(app, [str(word) for word in words], input=given)
        finally:
            os.chdir(before)
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done

    def json(self, *words: str | Path, code: int = Exit.DONE, given: str = "") -> Any:
        return json.loads(self(*words, "--json", code=code, given=given).stdout)

    def write(self, name: str, content: object) -> str:
        (self.folder / name).write_text(json.dumps(content))
        return name


def sale(
    reference: str, movement: str, party: str, counterparty: str, quantity: int = 100
) -> dict[str, object]:
    return {
        "message": "Instruct",
        "market": "XSBX",
        "party": f"party:{party}",
        "account": f"account:{party}",
        "movement": movement,
        "method": "DVP",
        "instrument_id": f"isin:{SHARE}",
        "quantity": quantity,
        "asset": "instrument:Trustee Euro",
        "amount": 125_000,
        "counterparty": f"party:{counterparty}",
        "trade_date": "2024-01-02",
        "settlement_date": "2024-01-02",
        "reference": reference,
    }


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A seeded sandbox on which Broker A has sold 100 shares to Broker B, and the day was closed."""
    run = Shell(tmp_path_factory.mktemp("cli"))
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    run(
        "submit",
        run.write("sell.json", sale("SELL-1", "DELIVER", "Broker A", "Broker B")),
        "--as",
        "broker-a",
    )
    run("submit", run.write("buy.json", sale("BUY-1", "RECEIVE", "Broker B", "Broker A")), "--as", "broker-b")
    run("sandbox", "advance", "--to", "day-close")
    return run


def test_a_sandbox_is_named_everywhere(shell: Shell) -> None:
    commands = (
        ("status",),
        ("holdings", "Broker A", "--as", "broker-a"),
        ("register", SHARE, "--as", "issuer-a"),
        ("history", SHARE, "--as", "issuer-a"),
        ("instructions", "--as", "broker-a"),
        ("instruments",),
        ("members",),
        ("sandbox", "personas"),
    )
    for words in commands:
        assert "SANDBOX" in shell(*words).output, words
        assert '"sandbox": true' in shell(*words, "--json").output, words
    assert (shell.folder / "ledger.key").stat().st_mode & 0o077 == 0


def test_the_register_now_and_as_of(shell: Shell) -> None:
    now = shell.json("register", SHARE, "--as", "issuer-a")
    held = {line["owner_name"]: line["available"] for line in now["lines"]}
    assert (held["Broker A"], held["Broker B"]) == ("99900", "100100")
    assert now["outstanding"] == "1000000"
    at_close = shell.json("register", SHARE, "--as", "issuer-a", "--at", "2024-01-02")
    assert at_close["lines"] == now["lines"]
    before = shell.json("register", SHARE, "--as", "issuer-a", "--at", "25")
    assert {line["available"] for line in before["lines"][1:]} == {"100000"}
    instant = shell.json("register", SHARE, "--as", "issuer-a", "--at", before["moment"]["time"])
    assert instant["lines"] == before["lines"]
    for wrong in ("9999", "yesterday", "2030-01-01", "2024-01-02T10:00:00"):
        assert (
            "Error" in shell("register", SHARE, "--as", "issuer-a", "--at", wrong, code=Exit.REFUSED).output
        )


def test_the_register_as_sheets(shell: Shell) -> None:
    rows = list(csv.reader(io.StringIO(shell("register", SHARE, "--as", "issuer-a", "--csv", "-").stdout)))
    assert rows[0][:2] == ["holder", "account"]
    assert len(rows) == 6
    assert all("(sandbox)" in row[-2] for row in rows[1:])
    shell("register", SHARE, "--as", "issuer-a", "--csv", "register.csv")
    assert list(csv.reader((shell.folder / "register.csv").open(newline=""))) == rows
    shell("register", SHARE, "--as", "issuer-a", "--xlsx", "register.xlsx")
    book = load_workbook(shell.folder / "register.xlsx")
    assert [cell.value for cell in book.worksheets[0][1]] == rows[0][:-2]
    assert "(sandbox)" in str(book.worksheets[1]["B2"].value)
    assert (
        "already"
        in shell(
            "register", SHARE, "--as", "issuer-a", "--xlsx", "register.xlsx", code=Exit.UNAVAILABLE
        ).output
    )
    both = ("register", SHARE, "--as", "issuer-a", "--csv", "a.csv", "--json")
    assert "one of" in shell(*both, code=Exit.USAGE).output


def test_holdings_and_statement_agree(shell: Shell) -> None:
    found = shell.json("holdings", "Broker A", "--as", "broker-a")["accounts"][0]
    account = found["account"]["account_id"]
    now = {line["instrument"]["name"]: line["available"] for line in found["balances"]}
    assert now == {
        "Sandbox Share": "99900",
        "Sandbox Bond 3 % 2034": "100000.00",
        "Trustee Euro": "10001250.00",
    }
    told = shell.json("statement", account, "--as", "broker-a")
    assert told["balanced"] is True
    assert {line["instrument"]["name"]: line["available"] for line in told["closing"]} == now
    assert [line["change"] for line in told["postings"][-2:]] == ["-100", "1250.00"]
    day = shell.json("statement", account, "--as", "broker-a", "--since", "25", "--until", "2024-01-02")
    assert len(day["postings"]) == 2
    rows = list(csv.reader(io.StringIO(shell("statement", account, "--as", "broker-a", "--csv", "-").stdout)))
    assert [row[0] for row in rows].count("posting") == len(told["postings"])
    assert "Opening + postings = closing" in shell("statement", account, "--as", "broker-a").output
    assert "2 postings" in shell("statement", account, "--as", "broker-a", "--since", "25").output
    named = shell.json("statement", "Broker A", "--as", "broker-a")
    assert named["postings"] == told["postings"]
    nobodys = shell("statement", "Depository", "--as", "broker-a", code=Exit.REFUSED).output
    assert "NAME_IS_UNKNOWN" in nobodys
    assert "found=party" in nobodys


def test_what_is_not_yours_is_not_shown(shell: Shell) -> None:
    other = shell.json("holdings", "Broker B", "--as", "broker-b")["accounts"][0]["account"]["account_id"]
    assert "1090" in shell("holdings", other, "--as", "broker-a", code=Exit.REFUSED).output
    assert "1090" in shell("register", SHARE, "--as", "broker-a", code=Exit.REFUSED).output
    by_nobody = shell("register", SHARE, code=Exit.REFUSED).output
    assert "1090" in by_nobody
    assert "--as MEMBER" in by_nobody
    assert "--as MEMBER" not in shell("register", SHARE, "--as", "broker-a", code=Exit.REFUSED).output
    hidden = shell("register", SHARE, "--as", "broker-a", "--json", code=Exit.REFUSED)
    assert json.loads(hidden.stderr)["error"]["number"] == 1090
    assert hidden.stdout == ""
    assert shell.json("holdings", "Broker B", "--as", "broker-a")["accounts"] == []
    assert "NAME_IS_UNKNOWN" in shell("register", SHARE, "--as", "nobody", code=Exit.REFUSED).output


def test_history_of_accounts_instruments_members_and_instructions(shell: Shell) -> None:
    entries = shell.json("history", SHARE, "--as", "regulator")["entries"]
    kinds = [fact["kind"] for entry in entries for fact in entry["facts"]]
    assert {"InstrumentAnnounced", "IssueRegistered", "AllotmentMade", "Posting"} <= set(kinds)
    assert entries[1]["messages"] == ["RegisterIssue"]
    account = shell.json("holdings", "Broker A", "--as", "broker-a")["accounts"][0]["account"]["account_id"]
    mine = shell.json("history", account, "--as", "broker-a")["entries"]
    accepted = next(f for e in mine for f in e["facts"] if f["kind"] == "InstructionAccepted")
    assert (accepted["quantity"], accepted["amount"], accepted["movement"]) == ("100", "1250.00", "DELI")
    of_one = shell.json("history", accepted["instruction_id"], "--as", "broker-a")["entries"]
    assert {"InstructionAccepted", "InstructionMatched"} <= {f["kind"] for e in of_one for f in e["facts"]}
    told = shell("history", account, "--as", "broker-a").output
    assert "by Broker A: Instruct" in told
    assert "-100 available of Sandbox Share, delivered, balance 99,900" in told
    late = shell.json("history", account, "--as", "broker-a", "--first-height", "26")["entries"]
    assert late == [entry for entry in mine if entry["height"] >= 26]


def test_submit_tells_what_became_of_each_message(shell: Shell) -> None:
    account = shell.json("holdings", "Broker A", "--as", "broker-a")["accounts"][0]["account"]["account_id"]
    good = {
        "message": "Mint",
        "instrument_id": "instrument:Trustee Euro",
        "account_id": account,
        "amount": 1,
        "bank_entry": "CLI-1",
        "booking_date": "2024-01-02",
    }
    mints = shell.write("mints.json", [good, {**good, "amount": 0, "bank_entry": "CLI-2"}])
    dry = shell.json("submit", mints, "--as", "trustee", "--each", "--dry-run", code=Exit.REFUSED)
    assert [one["number"] for one in dry["results"][0]["messages"]] == [0, 4003]
    none = shell("submit", mints, "--as", "trustee", code=Exit.REFUSED).output
    assert "4003 QUANTITY_IS_NOT_POSITIVE" in none
    assert "not done  1. Mint" in none
    some = shell("submit", mints, "--as", "trustee", "--each", code=Exit.REFUSED).output
    assert "done      1. Mint" in some
    again = shell("submit", "-", "--as", "trustee", code=Exit.REFUSED, given=json.dumps(good)).output
    assert "BANK_ENTRY_IS_USED" in again
    shell(
        "submit",
        "-",
        "--as",
        "broker-a",
        code=Exit.REFUSED,
        given=json.dumps({**good, "bank_entry": "CLI-3"}),
    )


def test_what_is_wrong_before_anything_is_sent(shell: Shell) -> None:
    height = shell.json("status")["status"]["moment"]["height"]
    assert "Nobody signs" in shell("submit", "sell.json", code=Exit.USAGE).output
    assert "cannot be read" in shell("submit", "absent.json", "--as", "trustee", code=Exit.USAGE).output
    wrong = json.dumps({"message": "Mnit"})
    assert "no message" in shell("submit", "-", "--as", "trustee", code=Exit.USAGE, given=wrong).output
    assert "no key 'k'" in shell("submit", "sell.json", "--key", "k", code=Exit.UNAVAILABLE).output
    assert shell.json("status")["status"]["moment"]["height"] == height


def test_a_proof_is_checked_without_the_ledger(shell: Shell, tmp_path: Path) -> None:
    proof, genesis = tmp_path / "register.proof", tmp_path / "genesis.json"
    shell(
        "prove", "register", "--instrument", SHARE, "--as", "issuer-a", "--at", "2024-01-02", "--out", proof
    )
    genesis.write_bytes((shell.folder / "ledger" / "genesis.json").read_bytes())
    away = Shell(tmp_path, "nowhere")
    told = away("verify", proof, "--genesis", genesis).output
    assert "The proof holds." in told
    assert "99,900" in told
    assert "sandbox" in told
    assert away.json("verify", proof, "--genesis", genesis)["records"] == 6
    proof.write_text(proof.read_text().replace('"value": "9', '"value": "8', 1))
    assert "proves nothing" in away("verify", proof, "--genesis", genesis, code=Exit.NOT_PROVEN).output
    away("verify", tmp_path / "absent", "--genesis", genesis, code=Exit.USAGE)
    assert "not a genesis file" in away("verify", genesis, "--genesis", proof, code=Exit.USAGE).output
    again = ("prove", "register", "--instrument", SHARE, "--as", "issuer-a", "--out", proof)
    assert "already" in shell(*again, code=Exit.USAGE).output
    assert "no proof of" in shell("prove", "everything", code=Exit.USAGE).output


def test_a_whole_ledger_travels(shell: Shell, tmp_path: Path) -> None:
    export, copy = tmp_path / "ledger.export", tmp_path / "copy"
    shell("export", export)
    shell("import", export, copy)
    own, other = (
        shell.json("status", "--ledger", folder)["status"] for folder in (shell.folder / "ledger", copy)
    )
    assert own["state_root"] == other["state_root"]
    assert own["application_hash"] == other["application_hash"]
    for what in (shell.folder / "ledger", copy, export):
        report = shell.json("replay", what, "--check")
        assert report["application_hash"] == own["application_hash"]
        assert report["checked"] is True
    assert "already" in shell("import", export, copy, code=Exit.UNAVAILABLE).output
    wrong = Shell(tmp_path)
    wrong.environment["COUNTERFOIL_PASSPHRASE"] = "something else"
    assert "does not open" in wrong("replay", export, code=Exit.NOT_PROVEN).output


def test_a_damaged_store_is_named_and_made_again_from_the_log(shell: Shell) -> None:
    height = shell.json("status")["status"]["moment"]["height"]
    for file in sorted((shell.folder / "ledger" / "store").iterdir()):
        data = bytearray(file.read_bytes())
        for at in range(0, len(data), 97):
            data[at] ^= 0x40
        file.write_bytes(data)
    assert "--rebuild" in shell("status", code=Exit.UNAVAILABLE).output
    assert shell.json("replay", shell.folder / "ledger", "--rebuild", "--check")["height"] == height
    assert shell.json("status")["status"]["moment"]["height"] == height


def test_keys_are_made_and_listed(shell: Shell) -> None:
    assert "cfk1" in shell("keys", "new", "mine", "--unprotected").output
    assert "never overwritten" in shell("keys", "new", "mine", code=Exit.UNAVAILABLE).output
    assert "cannot name a key" in shell("keys", "new", "No Name", code=Exit.UNAVAILABLE).output
    assert [key["name"] for key in shell.json("keys", "list")] == ["mine"]
    assert "mine" in shell("keys", "list").output


def test_a_ledger_in_earnest_has_no_sandbox(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("keys", "new", "regulator", "--unprotected")
    founding = ("--name", "earnest", "--regulator", "Authority", "--key", "regulator")
    shell("init", tmp_path / "ledger", *founding, "--unencrypted")
    assert "SANDBOX" not in shell("status").output
    assert shell.json("status")["status"]["moment"]["sandbox"] is False
    assert "NO_SANDBOX" in shell("sandbox", "personas", code=Exit.REFUSED).output
    for to in ("day-close", "2099-01-01"):
        told = shell("sandbox", "advance", "--to", to, code=Exit.REFUSED).output
        assert "NO_SANDBOX" in told
        assert "OpenDay and CloseDay" in told
    assert "--key" in shell("register", SHARE, "--as", "Authority", code=Exit.USAGE).output
    later = ("sandbox", "advance", "--to", "2099-01-01T00:00:00Z")
    assert "NO_SANDBOX" in shell(*later, code=Exit.REFUSED).output
    asked = {
        "message": "EnrolParty",
        "sponsor": "party:Authority",
        "roles": ["NOTARY"],
        "name": "Notary",
        "lei": "",
        "signer": "key:regulator",
        "activate": True,
    }
    file = shell.write("enrol.json", asked)
    done = shell("submit", file, "--as", "Authority", "--key", "regulator").output
    assert "created cfp1" in done
    assert {line["name"] for line in shell.json("members")["members"]} == {"Authority", "Notary"}
    assert "NAME_IS_TAKEN" in shell("submit", file, "--key", "regulator", code=Exit.REFUSED).output


def test_init_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    target = tmp_path / "ledger"
    assert "--sandbox" in shell("init", target, code=Exit.USAGE).output
    assert "--seeded" in shell("init", target, "--seeded", code=Exit.USAGE).output
    shell("init", target, "--sandbox", "--regulator", "R", code=Exit.USAGE)
    inside = ("init", target, "--sandbox", "--storage-key", target / "key")
    assert "inside" in shell(*inside, code=Exit.UNAVAILABLE).output
    assert not target.exists()
    shell("init", target, "--sandbox", "--unencrypted")
    assert "already" in shell("init", target, "--sandbox", code=Exit.UNAVAILABLE).output
    genesis = json.loads((target / "genesis.json").read_text())
    personas_in_earnest = shell.write("genesis.json", {**genesis, "sandbox": False})
    told = shell("init", tmp_path / "other", "--genesis", personas_in_earnest, code=Exit.USAGE).output
    assert "everybody can compute" in told
    again = shell.write(
        "again.json", {k: v for k, v in genesis.items() if k not in ("sealers", "secret_commitment")}
    )
    shell("init", tmp_path / "other", "--genesis", again, "--unencrypted")
    assert "no ledger" in shell("status", "--ledger", tmp_path / "absent", code=Exit.UNAVAILABLE).output


def test_the_clock_of_a_sandbox(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("init", tmp_path / "ledger", "--sandbox", "--seeded", "--unencrypted")
    assert "business day 2024-01-02, closed" in shell("sandbox", "advance", "--to", "day-close").output
    assert "business day 2024-01-05, open" in shell("sandbox", "advance", "--to", "2024-01-05").output
    assert "business day 2024-01-05, closed" in shell("sandbox", "advance", "--to", "2024-01-06").output
    shell("sandbox", "advance", "--to", "2024-01-08T12:00:00+00:00")
    assert shell.json("status")["markets"][0]["business_date"] == "2024-01-08"
    for wrong in ("soon", "2024-01-09T12:00:00", "2024-02-30"):
        assert "Error" in shell("sandbox", "advance", "--to", wrong, code=Exit.USAGE).output


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Shell, subprocess.Popen[str]]]:
    """A seeded sandbox that another process keeps running."""
    shell = Shell(tmp_path)
    shell("init", tmp_path / "ledger", "--sandbox", "--seeded", "--unencrypted")
    process = subprocess.Popen(
        [*COMMAND, "start", str(tmp_path / "ledger"), "--workers", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(socket_of(tmp_path / "ledger"))
        yield shell, process
    finally:
        process.kill()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} does not appear")


def test_a_running_ledger_is_talked_to(running: tuple[Shell, subprocess.Popen[str]]) -> None:
    shell, process = running
    assert shell.json("status")["running"] is True
    shell(
        "submit", shell.write("sell.json", sale("S", "DELIVER", "Broker A", "Broker B")), "--as", "broker-a"
    )
    assert "UMTCH" in shell("instructions", "--as", "broker-a").output
    shell("submit", shell.write("buy.json", sale("B", "RECEIVE", "Broker B", "Broker A")), "--as", "broker-b")
    assert shell.json("register", SHARE, "--as", "issuer-a")["lines"][1]["available"] == "100100"
    shell("sandbox", "advance", "--to", "2024-01-04")
    height = shell.json("status")["status"]["moment"]["height"]
    for words in (
        ("replay", shell.folder / "ledger"),
        ("export", "x.export"),
        ("start", shell.folder / "ledger"),
    ):
        told = shell(*words, code=Exit.UNAVAILABLE).output
        assert "in use by process" in told
        assert "counterfoil backup copies it" in told
        assert "passphrase" not in told, "asked for nothing that it has no use for"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert shell.json("status")["running"] is False
    assert shell.json("replay", shell.folder / "ledger")["height"] == height


def test_after_a_kill_everything_acknowledged_is_there(running: tuple[Shell, subprocess.Popen[str]]) -> None:
    shell, process = running
    shell(
        "submit", shell.write("sell.json", sale("S", "DELIVER", "Broker A", "Broker B")), "--as", "broker-a"
    )
    process.kill()
    process.wait(30)
    live = shell.json("instructions", "--as", "broker-a")["instructions"]
    assert [line["reference"] for line in live] == ["S"]
    assert shell.json("replay", shell.folder / "ledger", "--check")["checked"] is True


def test_what_listens_must_be_the_folders_own_ledger(
    running: tuple[Shell, subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Somebody else's socket in a folder could serve anything, and collect signatures."""
    shell, _ = running
    other = tmp_path / "other"
    shell("init", other, "--sandbox", "--unencrypted")
    socket_of(other).symlink_to(socket_of(tmp_path / "ledger"))
    assert "its genesis file is that of" in shell("status", "--ledger", other, code=Exit.USAGE).output


# The consortium


def test_a_motion_is_brought_approved_and_carried(tmp_path: Path) -> None:
    run = Shell(tmp_path)
    run("init", tmp_path / "ledger", "--sandbox", "--seeded")
    define = {
        "message": "DefineFeed",
        "name": "USD/EUR",
        "unit": "EUR per USD",
        "scale": 4,
        "observers": [],
        "quorum": 3,
        "age_max_ms": 60_000,
        "interval_ms": 60_000,
        "stale_after_ms": 600_000,
        "deviation_bps": 500,
    }
    file = run.write("define.json", define)
    refused = run("submit", file, "--as", "exchange", code=Exit.REFUSED)
    assert "2040 CONSORTIUM_DECIDES" in refused.output
    assert "Propose it as a motion" in refused.output
    brought = run.json("submit", file, "--as", "exchange", "--motion", "7", "--cosign", "central-bank")
    (motion,) = brought["results"][0]["messages"][0]["created"]
    shown = run("motions", "--as", "depository").output
    assert motion in shown
    assert "weight 2 of 4" in shown
    assert "awaited" in shown
    assert "0 motions" in run("motions", "--as", "broker-a").output
    run("approve", motion, "--as", "central-bank", "--withdraw")
    assert "weight 1 of 4" in run("motions", "--as", "exchange").output
    assert "done" in run("approve", motion, "--as", "depository", "--dry-run").output
    run("approve", motion, "--as", "depository")
    again = run("approve", motion, "--as", "depository", code=Exit.REFUSED)
    assert "19012 MEMBER_HAS_APPROVED" in again.output
    assert "no value yet" not in run("feeds").output
    done = run.json("approve", motion, "--as", "regulator")
    assert done["results"][0]["number"] == 0
    assert run.json("motions", "--as", "exchange")["motions"] == []
    assert "no value yet" in run("feeds").output
    assert [line["name"] for line in run.json("feeds")["feeds"]] == ["USD/EUR"]
    for words in (("approve", "abc", "--as", "exchange"), ("approve", motion)):
        run(*words, code=Exit.USAGE)
    run("submit", file, "--as", "exchange", "--motion", "7", "--each", code=Exit.USAGE)
    run("submit", file, "--motion", "7", code=Exit.USAGE)


def test_who_runs_the_ledger_is_shown_to_anybody(shell: Shell) -> None:
    shown = shell("consortium").output
    assert "Central Bank" in shown
    assert "more than 2/3" in shown
    assert "Rule version 1 in force since block 1" in shown
    told = shell.json("consortium")
    assert [line["weight"] for line in told["members"]] == [1, 1, 1, 1]
    assert told["rules"][0]["indispensable"] == []
    assert shell.json("validators")["in_force"] == []
    assert "By the present records" in shell("validators", "--height", "5").output


def test_an_upgrade_is_scheduled_and_says_whether_the_program_is_ready(tmp_path: Path) -> None:
    run = Shell(tmp_path)
    run("init", tmp_path / "ledger", "--sandbox", "--seeded")
    schedule = {
        "message": "ScheduleUpgrade",
        "party": "party:Regulator",
        "version": 2,
        "from_height": 100_000,
    }
    file = run.write("schedule.json", schedule)
    cosign = ("--cosign", "depository", "--cosign", "exchange")
    run("submit", file, "--as", "regulator", *cosign, "--motion", "1")
    shown = run("consortium").output
    assert "Rule version 2 is scheduled from block 100,000 on" in shown
    assert "does not know it: install another" in shown


@pytest.mark.parametrize("words", [("register", SHARE, "--as", "issuer-a", "--json"), ("members",)])
def test_a_reader_that_has_read_enough(shell: Shell, words: tuple[str, ...]) -> None:
    """`counterfoil ... | head` is no error, of the program or of anybody."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **shell.environment},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), told) == (Exit.DONE, b"")
