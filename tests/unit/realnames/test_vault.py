"""Personal data: stored, read, held, let go; on a folder and on an S3-compatible server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.custody.key_files import KeyFileError
from counterfoil.realnames.blobs import BlobError, Blobs
from counterfoil.realnames.retention import DAY_MS, RetentionClass, due_ms, read_classes
from counterfoil.realnames.vault import (
    CLASSES_NAME,
    CONTENT_BYTES_MAX,
    PAGE_BYTES,
    Vault,
    VaultError,
    create_vault,
    open_vault,
)
from tests.e2e.certified import CHEAP, PASSPHRASE
from tests.unit.realnames.buckets import SETTINGS, bucket

AGENT, ANN, BEN = b"a" * 20, b"1" * 20, b"2" * 20
CONTENT = b"Ann Tan, born 1980-01-01, NRIC 800101-14-5566"
CLASSES = {
    "kyc": RetentionClass(10, "end of relationship", True, "The law."),
    "application": RetentionClass(5, "storage", False, "Another law."),
    "consent": RetentionClass(0, "storage", False, "None."),
}


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_days(self, days: int) -> None:
        self.now_ms += days * DAY_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with bucket("names") as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return f"file://{tmp_path / 'blobs'}"
    endpoint = request.getfixturevalue("server")
    for name, value in {**SETTINGS, "AWS_ENDPOINT": endpoint}.items():
        monkeypatch.setenv(name, value)
    return f"s3://names/{tmp_path.name}"


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    create_vault(tmp_path / "vault", url, AGENT, PASSPHRASE, classes=CLASSES, cost=CHEAP)
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path, clock: Clock) -> Iterator[Vault]:
    with open_vault(folder, PASSPHRASE, clock) as made:
        yield made


def put(vault: Vault, class_name: str = "kyc", party: bytes = ANN, content: bytes = CONTENT) -> bytes:
    return vault.put(content, "text/plain", party, class_name, "clerk").record


def actions(vault: Vault, record: bytes) -> list[str]:
    return [one.action for one in vault.trail.entries(record.hex())]


def state(vault: Vault, record: bytes) -> str:
    return next(row.state for row in vault.rows() if row.record == record)


# ---- in and out ----


def test_what_is_stored_is_read_again_after_a_restart(folder: Path, clock: Clock) -> None:
    with open_vault(folder, PASSPHRASE, clock) as vault:
        stored = vault.put(CONTENT, "text/plain", ANN, "kyc", "clerk")
        assert len(stored.evidence_hash) == 32
    with open_vault(folder, PASSPHRASE, clock) as vault:
        assert vault.get(stored.record, "officer", "a supervisor's question") == ("text/plain", CONTENT)
        (row,) = vault.rows(ANN)
        assert (row.party, row.class_name, row.state) == (ANN, "kyc", "live")
        assert row.evidence_hash == stored.evidence_hash
        assert vault.rows(BEN) == []
        assert vault.check() == []
        assert actions(vault, stored.record) == ["storing", "stored", "read"]


def test_a_hash_is_of_no_use_to_guessers(vault: Vault) -> None:
    """The same content twice: two hashes, two blobs, two pointers."""
    one, other = (vault.put(CONTENT, "text/plain", ANN, "kyc", "clerk") for _ in range(2))
    assert one.evidence_hash != other.evidence_hash
    assert one.pointer != other.pointer


def test_pointers_have_one_length_and_lead_this_vault_alone(
    vault: Vault, tmp_path: Path, clock: Clock
) -> None:
    small, large = (vault.put(content, "x", ANN, "kyc", "clerk").pointer for content in (b"", b"x" * 9_000))
    assert len(small) == len(large) <= 512
    assert vault.follow(small) != vault.follow(large)
    path = vault.follow(small).rpartition("/")[2]
    assert path in set(vault._blobs.paths())
    create_vault(tmp_path / "other", f"file://{tmp_path / 'b2'}", AGENT, PASSPHRASE, cost=CHEAP)
    with open_vault(tmp_path / "other", PASSPHRASE, clock) as other, pytest.raises(VaultError):
        other.follow(small)
    with pytest.raises(VaultError):
        vault.follow(small[:-1])
    with pytest.raises(VaultError):
        vault.follow(b"")


def test_the_store_sees_pages_of_noise(vault: Vault) -> None:
    for size in (0, 1, 3_000, 5_000, 100_000):
        put(vault, content=b"NRIC 800101-14-5566 " * (size // 20))
    for path in vault._blobs.paths():
        blob = vault._blobs.get(path)
        assert blob is not None
        assert len(blob) % PAGE_BYTES == 0
        assert b"800101" not in blob
        assert len(path) == 32


def test_nothing_of_it_is_in_the_vaults_own_files(folder: Path, vault: Vault) -> None:
    put(vault)
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"800101" not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "class_name", "words"),
    [(b"x", "unknown", "no retention class"), (bytes(CONTENT_BYTES_MAX + 1), "kyc", "at most")],
)
def test_what_is_not_taken(vault: Vault, content: bytes, class_name: str, words: str) -> None:
    with pytest.raises(VaultError, match=words):
        put(vault, class_name, content=content)
    assert vault.rows() == []


def test_what_is_not_there_and_reading_without_a_purpose(vault: Vault) -> None:
    with pytest.raises(VaultError, match="no such record"):
        vault.get(bytes(16), "officer", "why")
    with pytest.raises(VaultError, match="reason"):
        vault.get(put(vault), "officer", "")


# ---- damage ----


def test_damage_is_found_and_never_served(vault: Vault) -> None:
    damaged, swapped, other, missing = (put(vault) for _ in range(4))
    paths = {one: vault._row(one)["path"] for one in (damaged, swapped, other, missing)}
    blobs = vault._blobs
    content = {one: blobs.get(path) for one, path in paths.items()}
    for path in paths.values():
        blobs.delete(path)
    flipped = bytearray(content[damaged] or b"")
    flipped[100] ^= 1
    blobs.put(paths[damaged], bytes(flipped))
    blobs.put(paths[swapped], content[other] or b"")
    blobs.put(paths[other], content[swapped] or b"")
    blobs.put("somebody's", b"x")
    for one in (damaged, swapped, other, missing):
        with pytest.raises(VaultError, match="damaged|not in its store"):
            vault.get(one, "officer", "why")
    problems = vault.check()
    assert len(problems) == 5
    assert sum("belongs to no record" in problem for problem in problems) == 1


def test_a_blob_is_never_overwritten(vault: Vault) -> None:
    vault._blobs.put("once", b"1")
    with pytest.raises(BlobError):
        vault._blobs.put("once", b"2")
    assert vault._blobs.get("once") == b"1"


# ---- retention and orders ----


def test_data_go_by_themselves_when_the_law_lets_them(vault: Vault, clock: Clock) -> None:
    record = put(vault)
    clock.pass_days(1_000)
    assert vault.sweep("nightly") == []
    assert vault.end_relationship(ANN, clock(), "clerk") == 1
    clock.pass_days(9)
    assert vault.sweep("nightly") == []
    clock.pass_days(1)
    assert vault.sweep("nightly") == [record]
    assert state(vault, record) == "erased"
    assert actions(vault, record) == ["storing", "stored", "erasing", "key destroyed", "erased"]
    with pytest.raises(VaultError, match="was erased"):
        vault.get(record, "officer", "why")
    assert list(vault._blobs.paths()) == []
    assert vault.check() == []


def test_a_request_waits_for_the_law_and_for_every_order(vault: Vault, clock: Clock) -> None:
    record = put(vault, "application")
    vault.hold(record, "Court 1/26", "Fraud proceedings.", "counsel")
    vault.hold(record, "Tax 7", "An audit.", "counsel")
    row = vault.request_erasure(record, "The person asks for it.", "dpo")
    assert (row.state, row.requested_ms, row.holds) == ("live", clock(), ("Court 1/26", "Tax 7"))
    clock.pass_days(5)
    assert vault.sweep("nightly") == []
    vault.release(record, "Tax 7", "counsel")
    assert vault.sweep("nightly") == []
    assert vault.get(record, "counsel", "the proceedings")[1] == CONTENT
    vault.release(record, "Court 1/26", "counsel")
    assert vault.sweep("nightly") == [record]
    assert actions(vault, record) == [
        *("storing", "stored", "held", "held", "erasure requested", "released", "read", "released"),
        *("erasing", "key destroyed", "erased"),
    ]


def test_without_a_request_a_class_that_waits_for_one_stays(vault: Vault, clock: Clock) -> None:
    record = put(vault, "application")
    clock.pass_days(50)
    assert vault.sweep("nightly") == []
    assert vault.request_erasure(record, "Please.", "dpo").state == "erased"


def test_consent_is_withdrawn_at_once(vault: Vault) -> None:
    assert vault.request_erasure(put(vault, "consent"), "Please.", "dpo").state == "erased"


def test_the_end_of_one_relationship_is_not_that_of_another(vault: Vault, clock: Clock) -> None:
    anns, bens = put(vault), put(vault, party=BEN)
    assert vault.end_relationship(ANN, clock(), "clerk") == 1
    clock.pass_days(10)
    assert vault.sweep("nightly") == [anns]
    assert state(vault, bens) == "live"


def test_an_erased_record_is_neither_held_nor_erased_again(vault: Vault) -> None:
    record = put(vault, "consent")
    vault.request_erasure(record, "Please.", "dpo")
    with pytest.raises(VaultError, match="erased, or was"):
        vault.hold(record, "Court 1", "Too late.", "counsel")
    with pytest.raises(VaultError, match="erased, or was"):
        vault.request_erasure(record, "Again.", "dpo")


def test_orders_are_named_once(vault: Vault) -> None:
    record = put(vault)
    vault.hold(record, "Court 1", "An order.", "counsel")
    for wrong in (
        lambda: vault.hold(record, "Court 1", "Again.", "counsel"),
        lambda: vault.release(record, "Court 2", "counsel"),
        lambda: vault.hold(record, "", "No reference.", "counsel"),
        lambda: vault.hold(bytes(16), "Court 1", "No record.", "counsel"),
    ):
        with pytest.raises(VaultError):
            wrong()


def test_while_the_store_is_away_an_erasure_has_destroyed_the_key_and_goes_on_later(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_vault(folder, PASSPHRASE, clock) as vault:
        record = put(vault, "consent")
        path = vault._row(record)["path"]
        with monkeypatch.context() as away, pytest.raises(BlobError):

            def gone(*_: Any) -> None:
                raise BlobError("away")

            away.setattr(Blobs, "delete", gone)
            vault.request_erasure(record, "Please.", "dpo")
        assert state(vault, record) == "erasing"
        with pytest.raises(VaultError, match="was erased"):
            vault.get(record, "officer", "why")
        assert vault._blobs.get(path) is not None
        assert vault.sweep("nightly") == [record]
        assert vault._blobs.get(path) is None


# ---- copies ----


def test_a_backup_of_the_blobs_opens_nothing_after_an_erasure(vault: Vault) -> None:
    record = put(vault, "consent")
    path = vault._row(record)["path"]
    backup = vault._blobs.get(path)
    vault.request_erasure(record, "Please.", "dpo")
    assert backup is not None
    vault._blobs.put(path, backup)
    with pytest.raises(VaultError, match="was erased"):
        vault.get(record, "officer", "why")
    assert any("still there" in problem for problem in vault.check())


def test_a_backup_of_everything_opens_nothing_after_the_key_was_replaced(
    folder: Path, tmp_path: Path, clock: Clock
) -> None:
    """Somebody kept the register and the blobs as they were before the erasure. The present secrets open neither."""
    with open_vault(folder, PASSPHRASE, clock) as vault:
        record, kept = put(vault, "consent"), put(vault)
        path = vault._row(record)["path"]
        blob = vault._blobs.get(path)
        register = (folder / "register.sqlite").read_bytes()
        vault.request_erasure(record, "Please.", "dpo")
        assert vault.rotate(PASSPHRASE, "dpo", cost=CHEAP) == 1
        assert vault.get(kept, "officer", "why")[1] == CONTENT
    (folder / "register.sqlite").write_bytes(register)
    with open_vault(folder, PASSPHRASE, clock) as vault:
        assert blob is not None
        vault._blobs.put(path, blob)
        for one in (record, kept):
            with pytest.raises(VaultError, match="does not open"):
                vault.get(one, "thief", "curiosity")


def test_the_register_keeps_no_remains_of_a_destroyed_key(folder: Path, vault: Vault) -> None:
    record = put(vault, "consent")
    wrapped = vault._row(record)["wrapped"]
    assert wrapped in (folder / "register.sqlite").read_bytes()
    vault.request_erasure(record, "Please.", "dpo")
    for path in folder.iterdir():
        assert wrapped not in path.read_bytes()


# ---- secrets and settings ----


def test_a_vault_opens_with_its_passphrase_in_one_process_alone(folder: Path, clock: Clock) -> None:
    with pytest.raises(KeyFileError, match="passphrase"):
        open_vault(folder, "another passphrase", clock)
    with open_vault(folder, PASSPHRASE, clock), pytest.raises(VaultError, match="another process"):
        open_vault(folder, PASSPHRASE, clock)
    with open_vault(folder, PASSPHRASE, clock) as vault:
        with pytest.raises(KeyFileError):
            vault.rotate("another passphrase", "dpo", cost=CHEAP)
        assert vault.check() == []


def test_a_changed_trail_is_found(folder: Path, clock: Clock) -> None:
    with open_vault(folder, PASSPHRASE, clock) as vault:
        vault.get(put(vault), "officer", "curiosity")
    database = sqlite3.connect(folder / "register.sqlite")
    database.execute("DELETE FROM trail WHERE action = 'read'")
    database.execute("UPDATE trail SET detail = '{}'")
    database.commit()
    database.close()
    with open_vault(folder, PASSPHRASE, clock) as vault, pytest.raises(Exception, match="trail"):
        vault.check()


def test_classes_are_data(folder: Path, clock: Clock) -> None:
    (folder / CLASSES_NAME).write_text(
        json.dumps({"short": {"days": 1, "counts_from": "storage", "automatic": True, "law": "A new law."}})
    )
    with open_vault(folder, PASSPHRASE, clock) as vault:
        record = put(vault, "short")
        clock.pass_days(1)
        assert vault.sweep("nightly") == [record]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '{"a": {"days": -1, "counts_from": "storage", "automatic": true, "law": ""}}',
        '{"a": {"days": 40000, "counts_from": "storage", "automatic": true, "law": ""}}',
        '{"a": {"days": 1, "counts_from": "birth", "automatic": true, "law": ""}}',
        '{"a": {"days": 1, "counts_from": "storage", "automatic": true, "law": "", "x": 1}}',
    ],
)
def test_classes_of_a_wrong_form(tmp_path: Path, text: str) -> None:
    (tmp_path / CLASSES_NAME).write_text(text)
    with pytest.raises(KeyFileError):
        read_classes(tmp_path / CLASSES_NAME)
    with pytest.raises(KeyFileError):
        read_classes(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("kept", "ended", "expected"),
    [
        (RetentionClass(2, "storage", True, ""), None, 100 + 2 * DAY_MS),
        (RetentionClass(2, "storage", True, ""), 999, 100 + 2 * DAY_MS),
        (RetentionClass(2, "end of relationship", True, ""), None, None),
        (RetentionClass(2, "end of relationship", True, ""), 999, 999 + 2 * DAY_MS),
    ],
)
def test_when_a_period_is_over(kept: RetentionClass, ended: int | None, expected: int | None) -> None:
    assert due_ms(kept, 100, ended) == expected


@pytest.mark.parametrize("url", ["", "ftp://x", "names", "http://127.0.0.1:1/x"])
def test_what_names_no_store(tmp_path: Path, url: str) -> None:
    with pytest.raises(KeyFileError, match="names no store"):
        create_vault(tmp_path / "vault", url, AGENT, PASSPHRASE, cost=CHEAP)


def test_a_vault_is_made_once(folder: Path, url: str) -> None:
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_vault(folder, url, AGENT, PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="vault init"):
        open_vault(folder / "none", PASSPHRASE, Clock())
