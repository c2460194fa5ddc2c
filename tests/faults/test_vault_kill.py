"""kill -9 at every step of a record's way into the vault, out of it, and under another key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.node.clock import system_clock_ms
from counterfoil.realnames import vault as vaults
from counterfoil.realnames.vault import Vault, VaultError, create_vault
from counterfoil.storage import fault_points as points
from tests.e2e.certified import CHEAP, PASSPHRASE
from tests.faults.vault_victim import PARTY

AGENT = b"a" * 20
STEPS = {
    points.VAULT_ROW_WRITTEN: "put",
    points.VAULT_BLOB_WRITTEN: "put",
    points.VAULT_ERASURE_BEGUN: "erase",
    points.VAULT_KEY_DESTROYED: "erase",
    points.VAULT_BLOB_DELETED: "erase",
    points.VAULT_KEY_DRAWN: "rotate",
    points.VAULT_KEYS_WRAPPED: "rotate",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vault with one record, "the first"."""
    monkeypatch.setattr(vaults, "STANDARD_COST", CHEAP)
    folder = tmp_path / "vault"
    create_vault(folder, f"file://{tmp_path / 'blobs'}", AGENT, PASSPHRASE, cost=CHEAP)
    with Vault(folder, PASSPHRASE, system_clock_ms) as vault:
        vault.put(b"the first", "text/plain", PARTY, "consent", "clerk")
    return folder


def run(folder: Path, what: str, point: str = "") -> int:
    command = [sys.executable, "-m", "tests.faults.vault_victim", str(folder), what]
    environment = {**os.environ, points.VARIABLE: point} if point else dict(os.environ)
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_every_point_is_tried() -> None:
    assert set(STEPS) == set(points.VAULT_POINTS)


@pytest.mark.parametrize("point", STEPS)
def test_killed_there_nothing_is_left_halfway(folder: Path, point: str) -> None:
    what = STEPS[point]
    assert run(folder, what, point) == -signal.SIGKILL
    with Vault(folder, PASSPHRASE, system_clock_ms) as vault:
        assert vault.check() == []
        states = [row.state for row in vault.rows()]
        contents = {
            vault.get(row.record, "officer", "a test")[1] for row in vault.rows() if row.state == "live"
        }
        if point == points.VAULT_ROW_WRITTEN:
            assert (states, contents) == (["live"], {b"the first"})
        elif point == points.VAULT_BLOB_WRITTEN:
            assert (states, contents) == (["live", "live"], {b"the first", b"the second"})
        elif what == "erase":
            assert (states, contents) == (["erased"], set())
            assert not list(vault._blobs.paths())
            with pytest.raises(VaultError, match="was erased"):
                vault.get(vault.rows()[0].record, "officer", "a test")
        else:
            assert (states, contents) == (["live"], {b"the first"})
            assert len(vault._secrets.wrapping) == 1
            assert max(vault._secrets.wrapping) == 2
    assert run(folder, "put") == 0


def test_without_a_kill_each_is_done(folder: Path) -> None:
    for what in ("put", "rotate", "erase"):
        assert run(folder, what) == 0
    with Vault(folder, PASSPHRASE, system_clock_ms) as vault:
        assert [row.state for row in vault.rows()] == ["erased", "live"]
        assert vault.check() == []
