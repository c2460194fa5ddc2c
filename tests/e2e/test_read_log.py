"""A node that is killed while it answers: whatever it showed of others stands in its log of reads. And the commands."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.node.ledger import open_ledger
from counterfoil.node.read_log_recording import Recorder
from counterfoil.node.reads_log import check_read_log
from counterfoil.sdk import NodeUnreachable, Sandbox, SocketConnection, persona_client, recipes
from tests.e2e.test_watch import serve

RUNNER = CliRunner()


def run(*arguments: str) -> tuple[int, str]:
    result = RUNNER.invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.mark.parametrize("kills", [3])
def test_what_a_killed_node_showed_is_in_its_log(tmp_path: Path, kills: int) -> None:
    """Several readers look at others' accounts and at streams while the node is killed, again and again."""
    folder, path = tmp_path / "ledger", tmp_path / "s"
    shown: list[int] = []
    for _ in range(kills):
        process = serve(folder, path)
        stop = threading.Event()

        def read(who: str, stop: threading.Event = stop) -> None:
            count = 0
            try:
                client = persona_client(SocketConnection(path, attempts=1), who)
                accounts = [
                    line.account_id
                    for party in ("Broker A", "Broker B")
                    for line in client.accounts(owner=client.party_id(party))
                ]
                count += 2
                while not stop.is_set():
                    for account in accounts:
                        client.holdings(account)
                        count += 1
            except NodeUnreachable:
                pass
            finally:
                shown.append(count)

        threads = [threading.Thread(target=read, args=("regulator",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        threading.Event().wait(1.0)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        stop.set()
        for thread in threads:
            thread.join()
    with open_ledger(folder, workers=0, scheduled=False, start=False) as node:
        _, last, _ = check_read_log(node)
        reads = sum(1 for entry in node.read_log.entries() if entry.read in ("holdings", "accounts"))
        assert reads >= sum(shown) > 50
        assert last.entries >= reads


def test_the_log_is_shown_and_checked_by_commands(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    with Sandbox(folder=folder) as ledger:
        ledger.client("regulator").holdings(ledger.account("broker-a"))
        broker = ledger.client("broker-a")
        broker.send(recipes.node_of(broker, ledger.node.sealer.address))
        Recorder(ledger.node, broker.party).record()
        ledger.client("broker-a").holdings(ledger.account("investor-a"))
    where = ("--ledger", str(folder))
    code, text = run("reads", "list", "--as", "data-protection", "--json", *where)
    assert code == Exit.DONE
    told = json.loads(text)
    assert [(entry["read"], entry["uses"][0]["basis"]) for entry in told["entries"]] == [
        ("holdings", "SUPERVISION"),
        ("holdings", "CUSTODY"),
    ]
    assert told["recorded"][0]["entries"] == 1
    code, text = run("reads", "list", "--as", "data-protection", *where)
    assert code == Exit.DONE
    assert "supervision" in text
    assert "Broker A" in text
    for persona in ("regulator", "broker-a", "depository", "auditor"):
        assert run("reads", "list", "--as", persona, *where)[0] == Exit.REFUSED
    code, text = run("reads", "verify", *where)
    assert code == Exit.DONE
    assert "none was changed" in text
    assert "1 recording on the ledger" in text
    code, text = run("reads", "verify", "--json", *where)
    assert json.loads(text)["recorded"][0]["entries"] == 1


def test_a_log_that_was_taken_away_is_missed(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    with Sandbox(folder=folder) as ledger:
        ledger.client("regulator").holdings(ledger.account("broker-a"))
        broker = ledger.client("broker-a")
        broker.send(recipes.node_of(broker, ledger.node.sealer.address))
        Recorder(ledger.node, broker.party).record()
    for file in sorted((folder / "reads").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    code, text = run("reads", "verify", "--ledger", str(folder))
    assert code == Exit.NOT_PROVEN
    assert "1 were recorded" in text


def test_start_for_a_member_asks_for_its_mandate(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    Sandbox(folder=folder).close()
    code, text = run("start", str(folder), "--for", "Broker A")
    assert code == Exit.USAGE
    assert "has not mandated this node" in " ".join(text.split())
    code, text = run("start", str(folder), "--for", "Nobody")
    assert code == Exit.REFUSED


def test_reads_verify_wants_a_log_that_stands_still(tmp_path: Path) -> None:
    folder = tmp_path / "l"
    Sandbox(folder=folder).close()
    process = serve(folder, folder / "socket")
    try:
        code, text = run("reads", "verify", "--ledger", str(folder))
        assert code == Exit.USAGE
        assert "stop it first" in " ".join(text.split())
    finally:
        process.kill()
        process.wait()
