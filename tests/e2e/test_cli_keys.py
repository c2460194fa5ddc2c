"""Keys on the command line: from chance, words and what a person knows, in files and on a token."""

from __future__ import annotations

import re
from pathlib import Path

import pkcs11
import pytest

from counterfoil.cli.failures import Exit
from tests.e2e.test_cli import Shell
from tests.unit.custody.name_servers import NameServer
from tests.unit.custody.tokens import PIN, configure, make_token, module

PASSWORD = "copper lantern drifts over seven"
KNOWN = ("--from-password", "--ledger-name", "market", "--user", "ann")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def said(output: str, what: str) -> str:
    found = re.search(rf"^{what}: +(.*)$", output, re.M)
    assert found, output
    return found.group(1)


def test_a_key_from_words_is_made_again_elsewhere(shell: Shell, tmp_path: Path) -> None:
    made = shell("keys", "new", "savings", "--words").stdout
    words, address = said(made, "Words"), said(made, "Address")
    assert len(words.split()) == 24
    shell.environment["COUNTERFOIL_KEYS"] = str(tmp_path / "another machine")
    again = shell("keys", "restore", "savings", "--words", "--expect", address, given=f"{words}\n").stdout
    assert said(again, "Address") == address
    shell.environment["COUNTERFOIL_WORDS"] = words
    second = shell("keys", "restore", "second", "--words", "--index", "1").stdout
    assert said(second, "Address") != address
    refused = shell(
        "keys", "restore", "third", "--words", "--index", "2", "--expect", address, code=Exit.UNAVAILABLE
    )
    assert "nothing was written" in refused.output
    assert [key["name"] for key in shell.json("keys", "list")] == ["savings", "second"]
    assert not any(words in file.read_text() for file in tmp_path.rglob("*.json")), "words are kept nowhere"


def test_an_extra_word_is_part_of_the_seed(shell: Shell) -> None:
    made = shell("keys", "new", "savings", "--words", "--extra-word", given="plum\nplum\n").stdout
    shell.environment["COUNTERFOIL_WORDS"] = said(made, "Words")
    expect = ("--expect", said(made, "Address"))
    shell("keys", "restore", "again", "--words", "--extra-word", *expect, given="plum\n")
    shell("keys", "restore", "bare", "--words", *expect, code=Exit.UNAVAILABLE)
    shell(
        "keys", "restore", "wrong", "--words", "--extra-word", *expect, given="plun\n", code=Exit.UNAVAILABLE
    )


def test_a_key_from_what_is_known_is_made_again_from_nothing_kept(shell: Shell, tmp_path: Path) -> None:
    made = shell("keys", "new", "savings", *KNOWN, given=f"{PASSWORD}\n{PASSWORD}\n").stdout
    address, salt = said(made, "Address"), said(made, "Salt")
    shell.environment.update(COUNTERFOIL_KEYS=str(tmp_path / "elsewhere"), COUNTERFOIL_PASSWORD=PASSWORD)
    again = shell("keys", "restore", "savings", *KNOWN, "--salt", salt, "--expect", address).stdout
    assert said(again, "Address") == address
    shell.environment["COUNTERFOIL_PASSWORD"] = PASSWORD + "!"
    wrong = shell(
        "keys", "restore", "other", *KNOWN, "--salt", salt, "--expect", address, code=Exit.UNAVAILABLE
    )
    assert PASSWORD not in wrong.output
    assert not any(
        PASSWORD in file.read_text() or salt in file.read_text() for file in tmp_path.rglob("*.json")
    )


@pytest.mark.parametrize(
    ("words", "tells"),
    [
        (("new", "a", "--words", "--from-password"), "not from both"),
        (("restore", "a"), "--words or --from-password"),
        (("new", "a", "--from-password"), "--ledger-name and --user"),
        (("restore", "a", *KNOWN), "--salt"),
        (("restore", "a", "--words", "--expect", "cfk1nonsense"), "Not an address"),
        (("new", "a", "--words", "--keys", "pkcs11:token=t?module-path=/x.so"), "outside any module"),
    ],
)
def test_what_cannot_be_asked_for_is_told(shell: Shell, words: tuple[str, ...], tells: str) -> None:
    assert tells in shell("keys", *words, code=Exit.USAGE).output


def test_a_key_on_a_token_signs_for_the_ledger(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(tmp_path / "softhsm")
    make_token(file, "market")
    monkeypatch.setenv("SOFTHSM2_CONF", str(file))
    pkcs11.lib(str(module())).reinitialize()
    shell.environment.update(
        COUNTERFOIL_KEYS=f"pkcs11:token=market?module-path={module()}", COUNTERFOIL_PIN=PIN
    )
    made = shell("keys", "new", "authority").stdout
    (listed,) = shell.json("keys", "list")
    assert listed["address"] == said(made, "Address")
    assert (listed["protection"], listed["place"]) == ("PIN", "token market")
    founded = ("--name", "hardware-market", "--regulator", "Authority", "--key", "authority")
    shell("init", tmp_path / "ledger", *founded, "--unencrypted")
    shell.write("four.json", {"message": "NameFourEyes", "party": "party:Authority", "message_types": [204]})
    done = shell("submit", "four.json", "--as", "Authority", "--key", "authority")
    assert "done" in done.stdout
    shell.environment["COUNTERFOIL_PIN"] = "wrong-pin"
    refused = shell("submit", "four.json", "--as", "Authority", "--key", "authority", code=Exit.UNAVAILABLE)
    assert "tried once" in refused.output
    assert "wrong-pin" not in refused.output


def test_keys_are_published_and_looked_up(
    shell: Shell, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From the command's own line in a signed zone of a real name server, and back."""
    made = {name: shell("keys", "new", name, "--unprotected").stdout for name in ("one", "two", "three")}
    third = ("--public", said(made["three"], "Public"))
    signing = ("--key", "one", "--key", "two", "--threshold", "2", *third)
    line = shell("keys", "publish", "alder.good.test", *signing).stdout.strip()
    plain = shell("keys", "publish", "alder.plain.test", "--key", "one").stdout.strip()
    refused = shell("keys", "publish", "alder.good.test", "--key", "one", *signing[4:], code=Exit.UNAVAILABLE)
    assert "not signed by 2 of its keys" in refused.output
    server = NameServer(tmp_path_factory.mktemp("names"), {"good": [line], "plain": [plain]})
    try:
        (tmp_path / "anchors").write_text(server.anchor)
        at = ("--server", "127.0.0.1", "--port", str(server.port), "--anchor", "anchors")
        found = shell.json("keys", "resolve", "alder.good.test", *at, "--secure")
        assert (found["dnssec"], found["threshold"], found["own_address"]) == ("secure", 2, True)
        assert sorted(found["keys"]) == sorted(said(text, "Public") for text in made.values())
        expect = ("--expect", said(made["one"], "Address"))
        assert "secure" in shell("keys", "resolve", "alder.good.test", *at).stdout
        other = shell("keys", "resolve", "alder.good.test", *at, *expect, code=Exit.UNAVAILABLE)
        assert "not for the expected address" in other.output
        assert "UNSIGNED" in shell("keys", "resolve", "alder.plain.test", *at, *expect).stdout
        shell("keys", "resolve", "alder.plain.test", *at, "--secure", code=Exit.UNAVAILABLE)
        shell("keys", "resolve", "none.good.test", *at, code=Exit.UNAVAILABLE)
        shell("keys", "resolve", "alder.good.test", *at[:4], "--anchor", "none", code=Exit.USAGE)
    finally:
        server.close()
