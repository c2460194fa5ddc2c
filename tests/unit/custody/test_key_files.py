"""Key files: what was written is read back, by whom it should, and nothing else is taken for a key."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from nacl.pwhash import argon2id

from counterfoil.custody.key_files import (
    UNPROTECTED,
    ArgonCost,
    KeyFileError,
    Unprotected,
    list_keys,
    load_key,
    new_key,
)
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.signers import Signer
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.signatures import verify

PASSPHRASE = "correct horse battery staple"
CHEAP = ArgonCost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)


def file_of(folder: Path, name: str = "desk") -> Path:
    return folder / f"{name}.key.json"


def change(path: Path, field: str, value: Any) -> None:
    content = json.loads(path.read_text())
    target = content
    *outer, last = field.split(".")
    for part in outer:
        target = target[part]
    target[last] = value
    path.write_text(json.dumps(content))


@pytest.fixture(params=[PASSPHRASE, UNPROTECTED], ids=["passphrase", "unprotected"])
def passphrase(request: pytest.FixtureRequest) -> str | Unprotected:
    chosen: str | Unprotected = request.param
    return chosen


def test_a_key_is_read_back(tmp_path: Path, passphrase: str | Unprotected) -> None:
    made: Signer = new_key(tmp_path / "keys", "desk", passphrase, cost=CHEAP)
    read = load_key(tmp_path / "keys", "desk", passphrase)
    assert (read.name, read.public_key, read.address) == (
        "desk",
        made.public_key,
        address_of(made.public_key),
    )
    assert read.sign(b"message") == made.sign(b"message")
    assert verify(read.public_key, b"message", read.sign(b"message"))


def test_the_standard_cost_opens_too(tmp_path: Path) -> None:
    made = new_key(tmp_path, "desk", PASSPHRASE)
    assert load_key(tmp_path, "desk", PASSPHRASE).public_key == made.public_key


def test_two_keys_are_never_the_same(tmp_path: Path) -> None:
    assert new_key(tmp_path, "a", UNPROTECTED).public_key != new_key(tmp_path, "b", UNPROTECTED).public_key


def test_only_the_owner_can_read_the_file_and_its_folder(
    tmp_path: Path, passphrase: str | Unprotected
) -> None:
    folder = tmp_path / "keys"
    mask = os.umask(0)
    try:
        new_key(folder, "desk", passphrase, cost=CHEAP)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(file_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    new_key(tmp_path, "desk", UNPROTECTED)
    before = file_of(tmp_path).read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        new_key(tmp_path, "desk", UNPROTECTED)
    assert file_of(tmp_path).read_bytes() == before


def test_a_file_that_could_not_be_written_whole_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        new_key(tmp_path, "desk", UNPROTECTED)
    assert list(tmp_path.iterdir()) == []


def test_a_protected_file_does_not_show_the_secret(tmp_path: Path) -> None:
    new_key(tmp_path, "open", UNPROTECTED)
    made = new_key(tmp_path, "desk", PASSPHRASE, cost=CHEAP)
    content = json.loads(file_of(tmp_path).read_text())
    assert content["address"] == to_text(AddressKind.SIGNER, made.address)
    assert content["public_key"] == made.public_key.hex()
    assert content["protection"]["method"] == "passphrase"
    assert len(bytes.fromhex(content["secret"])) == 32 + 16
    assert len(bytes.fromhex(json.loads(file_of(tmp_path, "open").read_text())["secret"])) == 32


def test_the_wrong_passphrase_is_refused(tmp_path: Path) -> None:
    new_key(tmp_path, "desk", PASSPHRASE, cost=CHEAP)
    for wrong in (PASSPHRASE + " ", PASSPHRASE.upper(), ""):
        with pytest.raises(KeyFileError, match="does not open"):
            load_key(tmp_path, "desk", wrong)


def test_a_passphrase_is_the_same_however_it_was_typed(tmp_path: Path) -> None:
    composed, decomposed = "Straße nach Zürich", "Straße nach Zu\u0308rich"
    assert composed != decomposed
    new_key(tmp_path, "desk", composed, cost=CHEAP)
    load_key(tmp_path, "desk", decomposed)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="at least 8"):
        new_key(tmp_path, "desk", "1234567", cost=CHEAP)
    assert not file_of(tmp_path).exists()


def test_protection_is_what_was_asked_for(tmp_path: Path) -> None:
    new_key(tmp_path, "open", UNPROTECTED)
    new_key(tmp_path, "shut", PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="has no passphrase"):
        load_key(tmp_path, "open", PASSPHRASE)
    with pytest.raises(KeyFileError, match="is protected"):
        load_key(tmp_path, "shut", UNPROTECTED)


@pytest.mark.parametrize(
    "name", ["", "A", "../desk", "a/b", ".hidden", "a" * 65, "-a", "a.", "é", "a b", "desk\n"]
)
def test_names_that_are_no_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyStoreError):
        new_key(tmp_path, name, UNPROTECTED)
    with pytest.raises(KeyFileError):
        load_key(tmp_path, name, UNPROTECTED)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    new_key(tmp_path, "desk", UNPROTECTED)
    file_of(tmp_path).chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(tmp_path, "desk", UNPROTECTED)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "other"),
        ("version", 2),
        ("name", "another"),
        ("algorithm", "p-256"),
        ("public_key", "01" + "00" * 32),
        ("public_key", "xyz"),
        ("address", "cfk1"),
        ("secret", "00"),
        ("secret", "00" * 48),
        ("secret", "no hex"),
        ("secret", 5),
        ("protection.method", "none"),
        ("protection.method", "other"),
        ("protection.derivation", "scrypt"),
        ("protection.cipher", "none"),
        ("protection.operations", 2),
        ("protection.operations", 0),
        ("protection.operations", 10**9),
        ("protection.memory_bytes", 9_216),
        ("protection.memory_bytes", 0),
        ("protection.memory_bytes", 1 << 40),
        ("protection.salt", "00" * 16),
        ("protection.salt", "00"),
        ("protection.nonce", "00" * 24),
        ("protection.nonce", "00"),
        ("protection.comment", "more"),
        ("comment", "more"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    new_key(tmp_path, "desk", PASSPHRASE, cost=CHEAP)
    change(file_of(tmp_path), field, value)
    with pytest.raises(KeyFileError):
        load_key(tmp_path, "desk", PASSPHRASE)


@pytest.mark.parametrize("value", ["00" * 32, "00", ""])
def test_an_unprotected_secret_must_belong_to_its_public_key(tmp_path: Path, value: str) -> None:
    new_key(tmp_path, "desk", UNPROTECTED)
    change(file_of(tmp_path), "secret", value)
    with pytest.raises(KeyFileError, match="damaged"):
        load_key(tmp_path, "desk", UNPROTECTED)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 5_000, b" " * 70_000, b"null"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = file_of(tmp_path)
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not a key file"):
        load_key(tmp_path, "desk", UNPROTECTED)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="desk"):
        load_key(tmp_path, "desk", UNPROTECTED)


def test_keys_are_listed_by_name_with_their_problems(tmp_path: Path) -> None:
    assert list_keys(tmp_path / "nowhere") == []
    open_key = new_key(tmp_path, "b-open", UNPROTECTED)
    new_key(tmp_path, "a-shut", PASSPHRASE, cost=CHEAP)
    new_key(tmp_path, "c-broken", UNPROTECTED)
    change(file_of(tmp_path, "c-broken"), "version", 9)
    (tmp_path / "notes.txt").write_text("no key")
    shut, open_, broken = list_keys(tmp_path)
    assert (shut.name, shut.protection, shut.problem) == ("a-shut", "passphrase", "")
    assert (open_.name, open_.protection, open_.public_key) == ("b-open", "none", open_key.public_key)
    assert open_.address == to_text(AddressKind.SIGNER, open_key.address)
    assert broken.name == "c-broken"
    assert "version 9" in broken.problem


def test_a_key_does_not_print_its_secret(tmp_path: Path) -> None:
    made = new_key(tmp_path, "desk", UNPROTECTED)
    secret = json.loads(file_of(tmp_path).read_text())["secret"]
    assert secret not in repr(made)
    assert "cfk1" in repr(made)
