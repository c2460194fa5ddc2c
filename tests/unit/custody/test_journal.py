"""The custodian's store: read back as written, torn ends cut off, anything else that was changed found out."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.journal import Journal
from counterfoil.custody.service.logins import Logins
from tests.unit.custody.custodians import CHEAP, PASSPHRASE, Desk

RECORDS = [b"first", b"second" * 100, b"", b"fourth"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "journal"
    journal = Journal.create(file, PASSPHRASE, CHEAP)
    for record in RECORDS:
        journal.append(record)
    journal.close()
    return file


def read(path: Path, passphrase: str = PASSPHRASE) -> list[bytes]:
    journal = Journal.open(path, passphrase)
    try:
        return list(journal.records())
    finally:
        journal.close()


def test_it_is_read_back_and_goes_on(path: Path) -> None:
    assert read(path) == RECORDS
    journal = Journal.open(path, PASSPHRASE)
    assert list(journal.records()) == RECORDS
    journal.append(b"fifth")
    journal.close()
    assert read(path) == [*RECORDS, b"fifth"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(record in path.read_bytes() for record in RECORDS if record)


def test_wherever_it_is_cut_off_a_whole_beginning_is_left(path: Path) -> None:
    whole = path.read_bytes()
    head = 4 + int.from_bytes(whole[:4], "big")
    for size in range(head, len(whole)):
        path.write_bytes(whole[:size])
        found = read(path)
        assert found == RECORDS[: len(found)]
        assert len(found) < len(RECORDS)
        assert path.stat().st_size <= size, "what was torn is gone"


def test_any_byte_that_was_changed_is_found_out(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        try:
            found = read(path)
        except KeyStoreError:
            continue
        assert found == RECORDS[:-1], f"byte {at}: only a torn end is taken for one"


def test_records_cannot_change_places_or_be_left_out(path: Path) -> None:
    whole = path.read_bytes()
    at = 4 + int.from_bytes(whole[:4], "big")
    frames = []
    while at < len(whole):
        size = 8 + int.from_bytes(whole[at : at + 4], "big")
        frames.append(whole[at : at + size])
        at += size
    head = whole[: len(whole) - sum(map(len, frames))]
    for others in ([1, 0, 2, 3], [0, 2, 3], [0, 0, 1, 2, 3]):
        path.write_bytes(head + b"".join(frames[number] for number in others))
        with pytest.raises(KeyStoreError):
            read(path)


def test_a_wrong_passphrase_is_told(path: Path) -> None:
    with pytest.raises(KeyStoreError, match="passphrase does not open") as refused:
        read(path, "another passphrase")
    assert "another" not in str(refused.value)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no custodian's store"):
        CustodianBooks.open(tmp_path / "none", PASSPHRASE)
    (tmp_path / "journal").write_bytes(os.urandom(100))
    with pytest.raises(KeyStoreError, match="is not a custodian's store"):
        CustodianBooks.open(tmp_path, PASSPHRASE)
    with pytest.raises(KeyStoreError, match="already"):
        CustodianBooks.create(tmp_path, PASSPHRASE, "chain", cost=CHEAP)
    with pytest.raises(KeyStoreError, match="at least 8"):
        Journal.create(tmp_path / "weak", "short", CHEAP)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(KeyStoreError, match="running already"):
        CustodianBooks.open(tmp_path, PASSPHRASE)
    desk.close()
    CustodianBooks.open(tmp_path, PASSPHRASE).close()


def test_a_full_disk_leaves_no_half_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(path, PASSPHRASE)
    assert list(journal.records()) == RECORDS
    from counterfoil.storage import files

    written = files.write_at

    def half(descriptor: int, parts: list[bytes], offset: int) -> int:
        return written(descriptor, [parts[0][: len(parts[0]) // 2]], offset)

    monkeypatch.setattr(files, "write_at", half)
    with pytest.raises(KeyStoreError, match="cannot be written"):
        journal.append(b"fifth")
    monkeypatch.undo()
    journal.append(b"sixth")
    journal.close()
    assert read(path) == [*RECORDS, b"sixth"]


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    books = CustodianBooks.create(tmp_path, PASSPHRASE, "chain", cost=CHEAP)
    monkeypatch.setitem(sys.modules, "pyotp", None)
    with pytest.raises(KeyStoreError, match=r"counterfoil\[custodian\]"):
        Logins(books, threading.RLock(), cost=CHEAP)
    books.close()
