"""The storage key is changed by a command: on a ledger that lies still, and on one that runs and is talked to."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from counterfoil.cli.failures import Exit
from counterfoil.cli.options import socket_of
from counterfoil.storage.key_change import REQUEST_NAME
from tests.e2e.test_cli import COMMAND, Shell, sale, wait_for


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made("init", tmp_path / "ledger", "--sandbox", "--seeded")
    return made


def test_the_key_of_a_ledger_that_lies_still(shell: Shell) -> None:
    before = shell.json("status")["status"]
    shutil.copytree(shell.folder / "ledger", shell.folder / "backup")
    told = shell("storage-key", "change", "--new", "second.key").output
    assert "Storage key 2 is in" in told
    assert (shell.folder / "second.key").stat().st_mode & 0o077 == 0
    assert shell.json("status")["status"] == before, "the new key's file is found by itself"
    assert "storage key 2" in shell("status").output
    refused = shell("status", "--storage-key", "ledger.key", code=Exit.UNAVAILABLE)
    assert "was changed; this is an older one" in refused.output
    shell("replay", shell.folder / "ledger", "--check")
    shell("storage-key", "change", "--new", "third.key")
    shell("storage-key", "older", "1", "-o", "first-again.key")
    assert (shell.folder / "first-again.key").read_text() == (shell.folder / "ledger.key").read_text()
    (shell.folder / "ledger.key").unlink()
    shell("status", "--ledger", "backup", code=Exit.UNAVAILABLE)
    assert "aes-256-gcm" in shell("status", "--ledger", "backup", "--storage-key", "first-again.key").output


def test_what_is_no_new_key_is_refused(shell: Shell) -> None:
    for words, why in (
        (("change", "--new", "ledger.key"), "taken once"),
        (("change", "--new", "ledger/inside.key"), "inside"),
        (("change", "--new", "new.key", "--storage-key", "none.key"), "There is no key file"),
        (("older", "1", "-o", "older.key"), "had no storage key 1"),
    ):
        assert why in shell("storage-key", *words, code=Exit.UNAVAILABLE).output
    shell("init", "clear", "--sandbox", "--unencrypted")
    told = shell("storage-key", "change", "--ledger", "clear", "--new", "new.key", code=Exit.UNAVAILABLE)
    assert "kept in clear" in told.output
    assert not (shell.folder / "ledger" / REQUEST_NAME).exists()


def test_the_key_of_a_ledger_that_runs(shell: Shell) -> None:
    folder = shell.folder / "ledger"
    with subprocess.Popen(
        [*COMMAND, "start", str(folder), "--workers", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            wait_for(socket_of(folder))
            assert process.stdout is not None
            for number, name in ((2, "second.key"), (3, "third.key")):
                sold = sale(f"SELL-{number}", "DELIVER", "Broker A", "Broker B")
                bought = sale(f"BUY-{number}", "RECEIVE", "Broker B", "Broker A")
                shell("submit", shell.write("sell.json", sold), "--as", "broker-a")
                assert f"Storage key {number} is in" in shell("storage-key", "change", "--new", name).output
                shell("submit", shell.write("buy.json", bought), "--as", "broker-b")
            asked = shell("storage-key", "change", "--new", "fourth.key", "--no-wait").output
            assert "takes storage key 4" in asked
            for _ in range(300):
                if "storage key 4" in (status := shell("status").output) and "moving" not in status:
                    break
                time.sleep(0.1)
            held = {line["owner_name"]: line["available"] for line in _register(shell)}
            assert held["Broker B"] == "100200"
        finally:
            process.terminate()
            told, _ = process.communicate(timeout=60)
    assert "Storage key 2 was taken" in told
    for number in (3, 4):
        assert f"Nothing is left under a storage key before {number}." in told
    shell("replay", folder, "--check")
    assert [path.name for path in folder.iterdir() if path.name.startswith("store")] == ["store-4"]


def _register(shell: Shell) -> list[dict[str, str]]:
    found: list[dict[str, str]] = shell.json("register", "XS0000000009", "--as", "issuer-a")["lines"]
    return found
