"""A certificate authority on the command line, a node behind TLS as a process of its own, and a member who uses it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.cli.failures import Exit
from counterfoil.custody.authority import Authority
from tests.e2e.certified import CHEAP
from tests.e2e.test_cli import COMMAND, Shell

DEPOSITORY = ("--as", "depository")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A seeded sandbox with a certificate authority of the depository's."""
    monkeypatch.setitem(Authority.create.__func__.__kwdefaults__, "cost", CHEAP)  # type: ignore[attr-defined]
    run = Shell(tmp_path)
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    run("ca", "init", "ca", "--name", "Market CA", *DEPOSITORY)
    return run


def certified(shell: Shell, name: str, party: str, *more: str) -> str:
    """Make NAME.pem; returns the fingerprint."""
    shell("ca", "request", f"{name}.key", "--name", name)
    done = shell("ca", "issue", "ca", f"{name}.key.csr", "--party", party, *more, *DEPOSITORY)
    found = re.search(r"Fingerprint: ([0-9a-f]{64})", done.output)
    assert found is not None
    shell("ca", "accept", f"{name}.key", f"ca/issued/{found[1]}.pem", "--into", f"{name}.pem")
    return found[1]


@pytest.fixture
def node(shell: Shell) -> Iterator[Shell]:
    """The ledger runs; node.json says how Broker A's programs reach it."""
    certified(shell, "node", "Broker A", "--purpose", "node", "--host", "127.0.0.1")
    certified(shell, "member", "Broker A")
    process = subprocess.Popen(
        [
            *(*COMMAND, "start", str(shell.folder / "ledger"), "--workers", "0"),
            *("--listen", "127.0.0.1:0", "--certificate", str(shell.folder / "node.pem")),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**shell.environment, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )
    try:
        assert process.stdout is not None
        port = 0
        for line in process.stdout:
            found = re.search(r"Listening with TLS on 127\.0\.0\.1:(\d+)", line)
            if found is not None:
                port = int(found[1])
                break
        assert port
        described = {
            "host": "127.0.0.1",
            "port": port,
            "certificate": "member.pem",
            "authorities": ["ca/authority.pem"],
        }
        shell.write("node.json", described)
        yield shell
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_member_works_over_the_network(node: Shell) -> None:
    there = node.json("holdings", "Broker A", "--as", "broker-a", "--ledger", "node.json")
    here = node.json("holdings", "Broker A", "--as", "broker-a")
    assert there == here
    refused = node("holdings", "Broker B", "--as", "broker-b", "--ledger", "node.json", code=Exit.REFUSED)
    assert "1092 CERTIFICATE_IS_ANOTHERS" in refused.output


def test_a_certificate_is_renewed_and_the_old_one_revoked_while_the_node_runs(node: Shell) -> None:
    (old,) = [
        one["fingerprint"]
        for one in node.json("ca", "list", *DEPOSITORY)["certificates"]
        if one["purpose"] == "MEMBER"
    ]
    node("ca", "request", "fresh.key")
    done = node("ca", "renew", "ca", old, "fresh.key.csr", *DEPOSITORY)
    found = re.search(r"Fingerprint: ([0-9a-f]{64})", done.output)
    assert found is not None
    node("ca", "revoke", old, "--reason", "Renewed.", *DEPOSITORY)
    refused = node("status", "--ledger", "node.json", code=Exit.REFUSED)
    assert "1091 CERTIFICATE_IS_NOT_IN_FORCE" in refused.output
    node("ca", "accept", "fresh.key", f"ca/issued/{found[1]}.pem", "--into", "member.pem")
    assert "Broker A" in node("members", "--ledger", "node.json").output
    states = {
        one["fingerprint"]: one["status"] for one in node.json("ca", "list", *DEPOSITORY)["certificates"]
    }
    assert states[old] == "REVOKED"
    assert states[found[1]] == "IN_FORCE"


def test_what_was_signed_and_not_recorded_is_found_again(shell: Shell) -> None:
    """The authority signed, and the ledger refused, or nobody came to ask it."""
    shell("ca", "request", "late.key")
    words = ("ca", "issue", "ca", "late.key.csr", "--party", "Broker A")
    refused = shell(*words, "--as", "broker-b", code=Exit.REFUSED)
    assert "2003 SIGNER_IS_NOT_AUTHORISED" in refused.output
    listed = shell.json("ca", "list", "--folder", "ca", *DEPOSITORY)
    assert listed["certificates"] == []
    assert len(listed["not_on_the_ledger"]) == 1
    assert "not on the ledger" in shell("ca", "list", "--folder", "ca", *DEPOSITORY).output
    assert "1 certificate recorded" in shell("ca", "record", "ca", *DEPOSITORY).output
    listed = shell.json("ca", "list", "--folder", "ca", *DEPOSITORY)
    assert [one["status"] for one in listed["certificates"]] == ["IN_FORCE"]
    assert listed["not_on_the_ledger"] == []


def test_an_authority_is_named_once_however_often_it_is_asked(shell: Shell) -> None:
    shell("ca", "init", "ca", "--name", "Market CA", *DEPOSITORY)
    assert len(shell.json("ca", "list", *DEPOSITORY)["authorities"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ca", "request", "node.key"), Exit.UNAVAILABLE, "never overwritten"),
        (("ca", "issue", "ca", "none.csr", "--party", "Broker A"), Exit.USAGE, "cannot be read"),
        (
            ("ca", "issue", "ca", "ca/authority.pem", "--party", "Broker A"),
            Exit.UNAVAILABLE,
            "no certificate",
        ),
        (("ca", "issue", "ca", "node.key.csr", "--party", "Nobody"), Exit.REFUSED, "NAME_IS_UNKNOWN"),
        (
            ("ca", "issue", "ca", "node.key.csr", "--party", "Broker A", "--purpose", "node"),
            Exit.UNAVAILABLE,
            "names the hosts",
        ),
        (
            ("ca", "issue", "ca", "node.key.csr", "--party", "Broker A", "--purpose", "king"),
            Exit.UNAVAILABLE,
            "no purpose",
        ),
        (("ca", "renew", "ca", "00" * 32, "node.key.csr"), Exit.USAGE, "has issued no certificate"),
        (("ca", "revoke", "xyz", "--reason", "Why not."), Exit.USAGE, "no fingerprint"),
        (("ca", "revoke", "00" * 32, "--reason", "Why not."), Exit.REFUSED, "18013"),
    ],
)
def test_what_cannot_be_done_is_said(shell: Shell, words: tuple[str, ...], code: int, said: str) -> None:
    shell("ca", "request", "node.key")
    as_ = () if words[1] == "request" else DEPOSITORY
    assert said in " ".join(shell(*words, *as_, code=code).output.split())


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        json.dumps({"host": "127.0.0.1", "port": 7443, "certificate": "m.pem", "authorities": []}),
        json.dumps({"host": "127.0.0.1", "port": 0, "certificate": "m.pem", "authorities": ["a"]}),
        json.dumps({"host": "127.0.0.1", "port": 7443, "certificate": "m.pem", "password": "x"}),
    ],
)
def test_a_file_that_does_not_say_how_to_reach_a_node(shell: Shell, content: str) -> None:
    (shell.folder / "node.json").write_text(content)
    shell("status", "--ledger", "node.json", code=Exit.USAGE)


def test_listening_needs_a_certificate(shell: Shell) -> None:
    for words in (("--listen", "127.0.0.1:0"), ("--certificate", "node.pem")):
        shell("start", "ledger", *words, code=Exit.USAGE)
    shell("start", "ledger", "--listen", "nowhere", "--certificate", "node.pem", code=Exit.USAGE)
