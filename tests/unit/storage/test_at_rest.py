from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from counterfoil.storage import files
from counterfoil.storage.at_rest import (
    ENCRYPTED,
    FILE_NAMES,
    OFF,
    VARIABLE,
    AtRest,
    create_key_file,
    find_storage_key,
    new_storage_key,
    read_key_file,
)
from counterfoil.storage.cipher import AesGcm, Checksums, Damaged
from counterfoil.storage.errors import CorruptStorage, StorageFull, StorageKeyRefused, WrongStorageKey

KEY = new_storage_key()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    made = tmp_path / "ledger"
    made.mkdir()
    return made


def test_the_key_comes_from_the_environment(ledger: Path) -> None:
    assert find_storage_key(ledger, None, {VARIABLE: KEY.hex()}) == KEY
    assert find_storage_key(ledger, None, {VARIABLE: f" {KEY.hex().upper()}\n"}) == KEY


def test_the_key_comes_from_a_file_that_only_its_owner_may_read(ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "ledger.key"
    key = create_key_file(ledger, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert find_storage_key(ledger, file, {}) == key
    assert find_storage_key(ledger, file, {VARIABLE: key.hex()}) == key
    with pytest.raises(StorageKeyRefused, match="never overwritten"):
        create_key_file(ledger, file)
    file.chmod(0o640)
    with pytest.raises(StorageKeyRefused, match="chmod 600"):
        read_key_file(ledger, file)


def test_two_sources_that_disagree_are_refused(ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "ledger.key"
    create_key_file(ledger, file)
    with pytest.raises(StorageKeyRefused, match="different keys"):
        find_storage_key(ledger, file, {VARIABLE: KEY.hex()})


@pytest.mark.parametrize("text", ["", "abc", "0" * 63, "0" * 65, "g" * 64, "0" * 128])
def test_what_is_no_key_is_refused_without_being_shown(ledger: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "ledger.key"
    file.write_text(text)
    file.chmod(0o600)
    for ask in (
        lambda: find_storage_key(ledger, None, {VARIABLE: text}),
        lambda: read_key_file(ledger, file),
    ):
        with pytest.raises(StorageKeyRefused, match="64 hex digits") as refusal:
            ask()
        assert len(text) < 60 or text not in str(refusal.value)


def test_no_key_at_all_says_what_to_do(ledger: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageKeyRefused, match=VARIABLE):
        find_storage_key(ledger, None, {})
    with pytest.raises(StorageKeyRefused, match="There is no key file"):
        find_storage_key(ledger, tmp_path / "none", {})


def test_a_key_file_inside_the_ledgers_folder_is_refused_through_links_too(
    ledger: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "into").symlink_to(ledger)
    alias = tmp_path / "alias"
    alias.symlink_to(ledger)
    real = outside / "real.key"
    create_key_file(ledger, real)
    (ledger / "looks-inside").symlink_to(real)
    (ledger / "sub").mkdir()
    for place in (
        ledger / "key",
        ledger / "sub" / "key",
        outside / "into" / "key",
        outside / ".." / "ledger" / "key",
        ledger / "looks-inside",
    ):
        for folder in (ledger, alias):
            with pytest.raises(StorageKeyRefused, match="inside"):
                create_key_file(folder, place)
            with pytest.raises(StorageKeyRefused, match="inside"):
                find_storage_key(folder, place, {VARIABLE: KEY.hex()})
    inner = ledger / "hidden.key"
    inner.write_text(KEY.hex())
    inner.chmod(0o600)
    (outside / "link.key").symlink_to(inner)
    with pytest.raises(StorageKeyRefused, match="inside"):
        read_key_file(ledger, outside / "link.key")


def test_encryption_is_recorded_with_neither_key_nor_anything_that_tells_it(ledger: Path) -> None:
    AtRest.create(ledger, KEY, Path("/somewhere/ledger.key"))
    loaded = AtRest.load(ledger)
    assert loaded.encryption == ENCRYPTED
    assert loaded.key_file == Path("/somewhere/ledger.key")
    assert isinstance(loaded.cipher(KEY), AesGcm)
    text = b"".join((ledger / name).read_bytes() for name in FILE_NAMES)
    assert KEY not in text
    assert KEY.hex().encode() not in text


def test_encryption_off_is_recorded_by_name(ledger: Path) -> None:
    AtRest.create(ledger, None)
    loaded = AtRest.load(ledger)
    assert loaded.encryption == OFF
    assert isinstance(loaded.cipher(None), Checksums)
    assert b'"encryption":"off"' in (ledger / FILE_NAMES[0]).read_bytes()


def test_a_wrong_key_is_told_at_open(ledger: Path) -> None:
    AtRest.create(ledger, KEY, Path("/somewhere/ledger.key"))
    for wrong in (bytes(32), None):
        with pytest.raises(WrongStorageKey, match="not the one .* made with .*/somewhere/ledger.key"):
            AtRest.load(ledger).cipher(wrong)


def test_each_start_draws_a_fresh_subkey_and_keeps_the_older_ones(ledger: Path) -> None:
    AtRest.create(ledger, KEY)
    stored = []
    for start in range(1, 5):
        cipher = AtRest.load(ledger).cipher(KEY)
        stored.append(cipher.seal(b"place", b"same"))
        assert [cipher.open(b"place", value) for value in stored] == [b"same"] * start
    assert len({value[12:] for value in stored}) == 4
    assert len({subkey.salt for subkey in AtRest.load(ledger).subkeys.values()}) == 4


def test_either_copy_is_enough_whatever_byte_of_the_other_is_damaged(ledger: Path) -> None:
    AtRest.create(ledger, KEY, Path("/somewhere/ledger.key"))
    for _ in range(2):
        AtRest.load(ledger).cipher(KEY).seal(b"", b"")
    whole = (ledger / FILE_NAMES[0]).read_bytes()
    expected = AtRest.load(ledger).subkeys
    for name in FILE_NAMES:
        for at in range(len(whole)):
            (ledger / name).write_bytes(whole[:at] + bytes([whole[at] ^ 0x21]) + whole[at + 1 :])
            assert AtRest.load(ledger).subkeys == expected
            assert (ledger / name).read_bytes() == whole, "and the damaged one is made whole"
            (ledger / name).write_bytes(whole[:at])
            assert AtRest.load(ledger).subkeys == expected
        (ledger / name).unlink()
        assert AtRest.load(ledger).subkeys == expected


def test_damage_to_both_copies_is_named(ledger: Path) -> None:
    AtRest.create(ledger, KEY)
    for _ in range(2):
        AtRest.load(ledger).cipher(KEY).seal(b"", b"")
    whole = (ledger / FILE_NAMES[0]).read_bytes()
    start = 0
    for number, line in enumerate(whole.splitlines(keepends=True), 1):
        for name in FILE_NAMES:
            (ledger / name).write_bytes(whole[: start + 9] + b"!" + whole[start + 10 :])
        with pytest.raises(CorruptStorage, match=f"line {number}"):
            AtRest.load(ledger)
        start += len(line)
    for name in FILE_NAMES:
        (ledger / name).write_bytes(b"")
    with pytest.raises(CorruptStorage, match="missing or empty"):
        AtRest.load(ledger)


def test_copies_of_two_ledgers_are_not_mixed(ledger: Path, tmp_path: Path) -> None:
    AtRest.create(ledger, KEY)
    AtRest.create(tmp_path, KEY)
    (ledger / FILE_NAMES[1]).write_bytes((tmp_path / FILE_NAMES[1]).read_bytes())
    with pytest.raises(CorruptStorage, match="do not belong together"):
        AtRest.load(ledger)


def test_nothing_is_sealed_before_the_subkeys_salt_is_on_disk(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AtRest.create(ledger, KEY)
    cipher = AtRest.load(ledger).cipher(KEY)

    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", full)
        for _ in range(2):
            with pytest.raises(StorageFull):
                cipher.seal(b"", b"x")
    stored = cipher.seal(b"", b"x")
    assert AtRest.load(ledger).cipher(KEY).open(b"", stored) == b"x"


def test_a_crash_between_the_two_copies_does_no_harm(ledger: Path) -> None:
    AtRest.create(ledger, KEY)
    before = (ledger / FILE_NAMES[0]).read_bytes()
    old = AtRest.load(ledger).cipher(KEY).seal(b"", b"x")
    for name in FILE_NAMES:
        after = (ledger / FILE_NAMES[0]).read_bytes()
        (ledger / name).write_bytes(before)
        new = AtRest.load(ledger).cipher(KEY).seal(b"", b"y")
        assert AtRest.load(ledger).cipher(KEY).open(b"", old) == b"x"
        assert AtRest.load(ledger).cipher(KEY).open(b"", new) == b"y"
        assert after != before


def test_a_value_of_a_lost_subkey_is_damaged_not_wrong(ledger: Path) -> None:
    AtRest.create(ledger, KEY)
    before = (ledger / FILE_NAMES[0]).read_bytes()
    stored = AtRest.load(ledger).cipher(KEY).seal(b"", b"x")
    for name in FILE_NAMES:
        (ledger / name).write_bytes(before)
    reader = AtRest.load(ledger).cipher(KEY)
    with pytest.raises(Damaged):
        reader.open(b"", stored)
    reader.seal(b"", b"takes the lost number again, with a salt of its own")
    with pytest.raises(Damaged):
        reader.open(b"", stored)
