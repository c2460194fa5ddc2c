"""grants give, list, revoke; watch: as somebody at a terminal meets them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.sdk import Sandbox, SocketConnection, messages, persona_client
from tests.e2e.test_watch import serve

RUNNER = CliRunner()


def run(*arguments: str) -> tuple[int, str]:
    result = RUNNER.invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Sandbox(folder=tmp_path / "ledger").close()
    return tmp_path / "ledger"


def test_a_grant_is_given_used_listed_and_revoked(folder: Path) -> None:
    where = ("--ledger", str(folder))
    code, _ = run("register", "XS0000000009", "--as", "auditor", *where)
    assert code == Exit.REFUSED
    give = ("grants", "give", "Auditor", "--until", "2024-12-31", "--instrument", "XS0000000009")
    code, text = run(*give, "--as", "issuer-a", "--json", *where)
    assert code == Exit.DONE, text
    grant = json.loads(text)["grant"]
    code, text = run("register", "XS0000000009", "--as", "auditor", *where)
    assert code == Exit.DONE
    assert "Broker A" in text
    code, text = run("grants", "list", "--as", "auditor", *where)
    assert (code, "1 grant" in text, "register cfi1" in text, "audit" in text) == (
        Exit.DONE,
        True,
        True,
        True,
    )
    code, text = run("grants", "list", "--as", "issuer-a", "--json", *where)
    (line,) = json.loads(text)["grants"]
    assert (line["grant_id"], line["scope"], line["purpose"]) == (grant, "REGISTER", "AUDIT")
    assert line["shown"].startswith("cfi1")
    assert line["valid_until"] == "2024-12-31T00:00:00.000Z"
    code, _ = run("grants", "revoke", grant, "--as", "issuer-b", *where)
    assert code == Exit.REFUSED
    code, _ = run("grants", "revoke", grant, "--as", "issuer-a", *where)
    assert code == Exit.DONE
    code, _ = run("register", "XS0000000009", "--as", "auditor", *where)
    assert code == Exit.REFUSED


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ((), "broker-a"),
        (("--party", "Broker B"), "regulator"),
        (("--market", "XSBX"), "depository"),
        (("--period-from", "2023-01-01", "--period-until", "2023-12-31T00:00:00+01:00"), "broker-a"),
        (("--purpose", "investigation", "--party", "Broker A"), "regulator"),
    ],
)
def test_everything_that_can_be_shown(folder: Path, what: tuple[str, ...], by: str) -> None:
    give = ("grants", "give", "Auditor", "--until", "2024-06-01T12:00:00Z", *what, "--as", by)
    code, text = run(*give, "--ledger", str(folder))
    assert code == Exit.DONE, text
    assert "Ends 2024-06-01T12:00:00.000Z" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--until", "soon"), Exit.USAGE, "soon"),
        (("--until", "2024-06-01T12:00:00"), Exit.USAGE, "zone"),
        (("--until", "2023-01-01"), Exit.REFUSED, "VALIDITY_IS_INVALID"),
        (("--until", "2024-06-01", "--market", "XSBX", "--party", "Broker A"), Exit.USAGE, "one of"),
        (("--until", "2024-06-01", "--party", "Broker B"), Exit.REFUSED, "NOTHING_TO_SHOW"),
        (("--until", "2024-06-01", "--purpose", "disclosure"), Exit.REFUSED, "NOTHING_TO_SHOW"),
    ],
)
def test_what_cannot_be_given(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    found, text = run("grants", "give", "Auditor", *arguments, "--as", "broker-a", "--ledger", str(folder))
    assert found == code
    assert words in text
    assert run("grants", "revoke", "xyz", "--as", "broker-a", "--ledger", str(folder))[0] == Exit.USAGE


def test_watch_what_there_is(folder: Path) -> None:
    where = ("--ledger", str(folder))
    code, text = run("watch", "--as", "broker-a", "--after", "0", *where)
    assert code == Exit.DONE
    assert "does not run" in text
    assert "minted" in text
    result = RUNNER.invoke(app, ["watch", "--as", "issuer-a", "--after", "0", "--json", *where])
    items = [json.loads(line) for line in result.output.splitlines()]
    assert items
    assert {"height", "place", "time", "action", "facts", "part", "has_more", "measured"} == set(items[0])
    last = items[-2]
    again = RUNNER.invoke(
        app, ["watch", "--as", "issuer-a", "--after", f"{last['height']}.{last['place']}", "--json", *where]
    )
    assert [json.loads(line) for line in again.output.splitlines()] == items[-1:]
    counted = RUNNER.invoke(
        app, ["watch", "--as", "issuer-a", "--after", "0", "--count", "2", "--json", *where]
    )
    assert len(counted.output.splitlines()) == 2
    about = RUNNER.invoke(
        app, ["watch", "XS0000000017", "--as", "broker-a", "--after", "0", "--json", *where]
    )
    told = {
        fact.get("instrument_id") for line in about.output.splitlines() for fact in json.loads(line)["facts"]
    }
    assert len(told - {None}) == 1
    for bad in ("x", "1.y", "-5"):
        assert run("watch", "--as", "broker-a", "--after", bad, *where)[0] == Exit.USAGE
    assert run("watch", "--as", "broker-a", "--after", "100000", *where)[0] == Exit.REFUSED


def test_watch_a_running_ledger_until_it_is_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "l"
    process = serve(folder, folder / "socket")
    watching: subprocess.Popen[str] | None = None
    try:
        command = [sys.executable, "-m", "counterfoil.cli.main", "watch", "--json", "--as", "broker-a"]
        watching = subprocess.Popen(
            [*command, "--ledger", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # a job in the background ignores it
        )
        broker = persona_client(SocketConnection(folder / "socket"), "broker-a")
        own = broker.accounts(owner=broker.party)[0].account_id
        share = broker.instrument_id("XS0000000009")
        lines: list[str] = []
        threading.Thread(target=lambda: lines.extend(iter(watching.stdout.readline, "")), daemon=True).start()
        give_up = time.monotonic() + 30
        while len(lines) < 2:
            assert time.monotonic() < give_up
            broker.send(messages.PlaceEarmark(own, share, 1))
            time.sleep(0.2)
        kinds = [fact["kind"] for line in lines for fact in json.loads(line)["facts"]]
        assert "EarmarkPlaced" in kinds
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == Exit.INTERRUPTED
    finally:
        for one in (process, watching):
            if one is not None:
                one.kill()
                one.wait()
