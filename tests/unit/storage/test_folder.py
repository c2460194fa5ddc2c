from __future__ import annotations

import stat
from pathlib import Path

import pytest

from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.errors import (
    CorruptStorage,
    FolderInUse,
    FolderRefused,
    StorageKeyRefused,
    WrongStorageKey,
)
from counterfoil.storage.folder import (
    LedgerFolder,
    create_folder,
    encryption_of,
    is_ledger_folder,
    open_folder,
)
from tests.unit.storage.support import HOLDINGS, LAYOUTS, batch, holding_key

KEYS = {VARIABLE: "ab" * 32}


def fill(folder: LedgerFolder) -> None:
    """What making a ledger may add: a file of its own, the first block, the first rows."""
    (folder.path / "genesis.json").write_text("{}")
    log = folder.open_log()
    log.append(1, b"genesis block")
    log.sync()
    log.close()
    store = folder.open_store(LAYOUTS)
    store.write(batch(1, [(HOLDINGS, holding_key(1, 1), b"row")]))
    store.close()


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_ledger_is_made_and_opened(tmp_path: Path, encrypted: bool) -> None:
    path = tmp_path / "some" / "ledger"
    create_folder(path, encrypted=encrypted, environment=KEYS, fill=fill)
    assert is_ledger_folder(path)
    assert encryption_of(path) == ("aes-256-gcm" if encrypted else "off")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["ledger"]
    with open_folder(path, environment=KEYS if encrypted else {}) as folder:
        assert folder.encryption == encryption_of(path)
        log, store = folder.open_log(), folder.open_store(LAYOUTS)
        assert list(log.read_from(1)) == [(1, b"genesis block")]
        assert store.row(HOLDINGS, holding_key(1, 1)) == b"row"
        log.close()
        store.close()
        folder.discard_store()
        store = folder.open_store(LAYOUTS)
        assert store.height() == 0
        store.close()


def test_an_empty_folder_may_become_a_ledger_and_a_used_one_not(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.mkdir()
    create_folder(path, encrypted=False)
    with pytest.raises(FolderRefused, match="something in"):
        create_folder(path, encrypted=False)
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderRefused, match="something in"):
        create_folder(tmp_path / "file", encrypted=False)


def test_the_key_file_is_made_outside_and_found_again_by_itself(tmp_path: Path) -> None:
    path, key_file = tmp_path / "ledger", tmp_path / "keys" / "ledger.key"
    create_folder(path, key_file=key_file, environment={}, fill=fill)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    open_folder(path, environment={}).close()
    moved = key_file.rename(tmp_path / "moved.key")
    with pytest.raises(StorageKeyRefused, match=f"At its creation the key file was {key_file}"):
        open_folder(path, environment={})
    open_folder(path, key_file=moved, environment={}).close()
    with pytest.raises(WrongStorageKey):
        open_folder(path, environment=KEYS)


def test_an_existing_key_file_serves_a_further_ledger(tmp_path: Path) -> None:
    key_file = tmp_path / "ledger.key"
    for name in ("one", "two"):
        create_folder(tmp_path / name, key_file=key_file, environment={}, fill=fill)
        open_folder(tmp_path / name, environment={}).close()


def test_a_key_file_inside_leaves_neither_key_nor_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with pytest.raises(StorageKeyRefused, match="inside"):
        create_folder(path, key_file=path / "ledger.key", environment={})
    assert list(tmp_path.iterdir()) == []


def test_no_key_makes_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StorageKeyRefused, match=VARIABLE):
        create_folder(tmp_path / "ledger", environment={})
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: LedgerFolder) -> None:
        fill(folder)
        raise RuntimeError("genesis is wrong")

    with pytest.raises(RuntimeError, match="genesis"):
        create_folder(tmp_path / "ledger", encrypted=False, fill=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_opened_once_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    create_folder(path, encrypted=False)
    (tmp_path / "alias").symlink_to(path)
    folder = open_folder(path)
    for name in (path, tmp_path / "alias"):
        with pytest.raises(FolderInUse, match="this very process"):
            open_folder(name)
    folder.close()
    folder.close()
    open_folder(tmp_path / "alias").close()


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderRefused, match="There is no ledger in"):
        open_folder(tmp_path)
    (tmp_path / "FORMAT").write_text("counterfoil ledger folder, format 2\n")
    with pytest.raises(FolderRefused, match="another version"):
        open_folder(tmp_path)
    (tmp_path / "FORMAT").write_text("something else")
    with pytest.raises(CorruptStorage, match="FORMAT"):
        open_folder(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["FORMAT"], "asking changes nothing"


def test_a_refused_opening_lets_the_next_one_in(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    create_folder(path, environment=KEYS)
    with pytest.raises(WrongStorageKey):
        open_folder(path, environment={VARIABLE: "cd" * 32})
    open_folder(path, environment=KEYS).close()
