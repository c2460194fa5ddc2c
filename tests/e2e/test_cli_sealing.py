"""The commands of the sealed ledger as a person uses them: roots, view keys, and the copy that anybody checks."""

from __future__ import annotations

import re
import shutil

import pytest

from counterfoil.cli.failures import Exit
from counterfoil.node.personas import party_key
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.signatures import SigningKey
from counterfoil.sealing.opening_keys import OpeningKey
from tests.e2e.test_cli import Shell, sale
from tests.model.desk import party

OTHER = to_text(AddressKind.SIGNER, address_of(SigningKey(b"\x05" * 32).public_key))
OTHER_KEY = OpeningKey(b"\x05" * 32).public_key.hex()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A seeded sandbox; broker-a has recorded its opening key, and sells something to broker-b with a note."""
    run = Shell(tmp_path_factory.mktemp("sealing"))
    run("init", run.folder / "ledger", "--sandbox", "--seeded")
    run("sealing", "record-opening", "--as", "broker-a")
    noted = {
        "message": "InstructWithNote",
        "instruction": {**sale("SELL-1", "DELIVER", "Broker A", "Broker B")},
        "note": "note:Broker B:The rest on Thursday.",
    }
    del noted["instruction"]["message"]  # type: ignore[attr-defined]
    run("submit", run.write("sell.json", noted), "--as", "broker-a", code=Exit.USAGE)
    run("sealing", "record-opening", "--as", "broker-b")
    run("submit", run.write("sell.json", noted), "--as", "broker-a")
    buy = sale("BUY-1", "RECEIVE", "Broker B", "Broker A")
    run("submit", run.write("buy.json", buy), "--as", "broker-b")
    return run


def test_epochs_begin_and_nodes_come_and_go(shell: Shell) -> None:
    before = shell.json("sealing", "status")
    assert [one["number"] for one in before["epochs"]] == [1]
    assert before["waiting"] == 0
    own = before["holders"][0]["node"]
    assert before["node"] == own
    begun = shell("sealing", "new-epoch", "--as", "regulator")
    assert "Key epoch 2 is in force from block" in begun.output
    shell("sealing", "admit", OTHER, OTHER_KEY, "--as", "depository")
    assert len(shell.json("sealing", "status")["holders"]) == 2
    shell("sealing", "admit", OTHER, OTHER_KEY, "--as", "depository", code=Exit.REFUSED)
    shell("sealing", "remove", OTHER, "--as", "regulator")
    again = shell("sealing", "new-epoch", "--as", "regulator")
    assert "Key epoch 3 is in force" in again.output
    text = shell("sealing", "status").output
    assert "Key epochs" in text
    assert OTHER not in text


def test_what_only_the_operator_may_do(shell: Shell) -> None:
    shell("sealing", "new-epoch", "--as", "broker-a", code=Exit.REFUSED)
    shell("sealing", "admit", OTHER, OTHER_KEY, "--as", "broker-a", code=Exit.REFUSED)
    shell("sealing", "admit", OTHER, "zz", "--as", "regulator", code=Exit.USAGE)
    shell("sealing", "admit", OTHER, "00" * 32, "--as", "regulator", code=Exit.REFUSED)
    shell("sealing", "admit", "cfk1qqqq", OTHER_KEY, "--as", "regulator", code=Exit.USAGE)
    shell("sealing", "remove", "nobody", "--as", "regulator", code=Exit.USAGE)
    shell("sealing", "remove", OTHER, "--as", "regulator", code=Exit.REFUSED)


def test_a_member_takes_its_keys_home_and_opens_its_part_of_a_copy(shell: Shell) -> None:
    shell("sealing", "view-keys", "--as", "broker-a", "-o", "broker.keys")
    shell("sealing", "view-keys", "--as", "broker-a", "-o", "broker.keys", code=Exit.UNAVAILABLE)
    refused = shell("sealing", "view-keys", "--as", "issuer-a", "-o", "other.keys", code=Exit.REFUSED)
    assert "record-opening" in refused.output
    shell("continuity", "copy", "copy", "--as", "broker-b")
    anybody = shell("continuity", "check", "copy")
    whole = re.search(
        r"blocks up to (\d+), in their order\.\nVouched for:  up to block (\d+), by seals", anybody.output
    )
    assert whole is not None, anybody.output
    assert whole[1] == whole[2], "every block is vouched for"
    assert "Opened:" not in anybody.output
    own = shell.json("continuity", "check", "copy", "--view-keys", "broker.keys", "--as", "broker-a")
    assert own["opened"] > 5
    assert own["receipts"] > own["opened"]
    assert own["height"] == own["receipts_to"]
    told = shell("continuity", "check", "copy", "--view-keys", "broker.keys", "--as", "broker-a")
    assert "Opened:" in told.output
    wrong = shell(
        *("continuity", "check", "copy", "--view-keys", "broker.keys", "--as", "broker-b"),
        code=Exit.UNAVAILABLE,
    )
    assert "handed to another" in wrong.output
    shell("continuity", "check", "copy", "--view-keys", "broker.keys", code=Exit.USAGE)
    shell.write("no.keys", {"format": "something"})
    shell("continuity", "check", "copy", "--view-keys", "no.keys", "--as", "broker-a", code=Exit.UNAVAILABLE)
    shell("continuity", "check", "copy", "--view-keys", "none", "--as", "broker-a", code=Exit.UNAVAILABLE)


def test_view_keys_are_granted_listed_raised_and_ended(shell: Shell) -> None:
    grant = ("sealing", "grant", "Broker A", "--to", "Auditor", "--until", "2024-12-31", "--reason", "Audit.")
    assert "Granted at height" in shell(*grant, "--as", "broker-a").output
    shell(*grant, "--as", "broker-a", code=Exit.REFUSED)
    client = to_text(AddressKind.PARTY, party("investor-a"))
    lent = ("sealing", "grant", client, "--at", "Broker A", "--to", "Broker B", "--until", "2024-12-31")
    custody = (*lent, "--reason", "A second custodian.", "--purpose", "custody", "--past")
    refused = shell(*custody, "--as", "broker-a", code=Exit.REFUSED)
    assert "HOLDER_HAS_NOT_CONSENTED" in refused.output
    assert shell.json(*custody, "--as", "investor-a")["height"] > 1
    for name, expected in (("auditor", ["Audit."]), ("investor-a", ["A second custodian."])):
        listed = shell.json("grants", "list", "--as", name)["keys"]
        assert [line["reason"] for line in listed] == expected
    told = shell("grants", "list", "--as", "broker-a").output
    assert "2 granted view keys" in told
    assert f"{client} at Broker A" in " ".join(told.split())
    ended = ("sealing", "end-grant", "Broker A", "--to", "Auditor")
    shell(*ended, "--as", "broker-b", code=Exit.REFUSED)
    assert "Ended at height" in shell(*ended, "--as", "auditor").output
    assert shell.json("grants", "list", "--as", "auditor")["keys"] == []
    (line,) = shell.json("grants", "list", "--past", "--as", "auditor")["keys"]
    assert line["ended_height"] > line["granted_height"]
    assert "ended in block" in " ".join(shell("grants", "list", "--past", "--as", "auditor").output.split())
    shell("grants", "list", "--past", "--at", "2", "--as", "auditor", code=Exit.USAGE)
    signer = party_key("broker-a").address
    for whose in ((client, "--at", "Broker A"), ("Broker A",), (to_text(AddressKind.SIGNER, signer),)):
        assert "Another view key is in force" in shell("sealing", "raise", *whose, "--as", "broker-a").output
    shell("sealing", "raise", "Broker B", "--as", "broker-a", code=Exit.REFUSED)
    shell("sealing", "raise", "cfk1qqqq", "--as", "broker-a", code=Exit.USAGE)


def test_the_folder_of_a_validator_is_a_copy_too(shell: Shell) -> None:
    shutil.copytree(shell.folder / "ledger", shell.folder / "taken")
    report = shell.json("continuity", "check", "taken")
    assert report["height"] == shell.json("status")["status"]["moment"]["height"]
    for file in (shell.folder / "taken").rglob("*"):
        if file.is_file() and file.name != "genesis.json":
            assert not any(text in file.read_bytes() for text in (b"SELL-1", b"The rest on Thursday"))


def test_a_copy_that_was_tampered_with_fails_the_check(shell: Shell) -> None:
    shell("continuity", "copy", "mine", "--as", "broker-b")
    log = next((shell.folder / "mine" / "log").glob("*.log"))
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    done = shell("continuity", "check", "mine", code=Exit.UNAVAILABLE)
    assert "not what was written" in done.output
    shell("continuity", "check", "nothing", code=Exit.NOT_PROVEN)


def test_a_ledger_that_is_not_sealed_has_none_of_it(shell: Shell) -> None:
    genesis = {
        "name": "open",
        "time_ms": 1_704_182_400_000,
        "sandbox": True,
        "sealed": False,
        "sections": {
            "parties": {
                "parties": [
                    {
                        "name": "Regulator",
                        "roles": ["regulator"],
                        "signer": {"keys": [SigningKey(b"\x06" * 32).public_key.hex()]},
                    }
                ]
            }
        },
    }
    shell("init", "open", "--genesis", shell.write("open.json", genesis))
    done = shell("sealing", "status", "--ledger", "open", code=Exit.REFUSED)
    assert "not sealed" in done.output
    shell("continuity", "check", "open", code=Exit.NOT_PROVEN)
    shell("replay", "open")
