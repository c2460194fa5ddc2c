"""The log of reads by itself: durable before it returns, one unbroken chain, bounded in size, and tampering shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants.interface import Purpose
from counterfoil.node.ledger import create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.read_log import (
    PARAMS_BYTES_MAX,
    SUBJECTS_NAMED_MAX,
    Head,
    LogTampered,
    ReadEntry,
    ReadLog,
    first_head,
    next_head,
)
from counterfoil.node.read_log_volumes import FolderVolumes, MemoryVolumes, Volumes
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.storage_key import finish_changes
from counterfoil.node.viewer import Viewer
from counterfoil.policy.rights import Basis, Right
from counterfoil.policy.subjects import AccountContents, Business, PublicFact, QueueCounts, Side
from counterfoil.primitives.codec import decode_exact, encode
from counterfoil.storage.at_rest import VARIABLE, AtRest, new_storage_key
from counterfoil.storage.errors import StorageFailed, StorageFull
from counterfoil.storage.folder import create_folder, open_folder
from counterfoil.storage.key_change import ask_for_change
from counterfoil.storage.log_format import SEGMENT_HEAD_SIZE, parse_segment_head
from counterfoil.storage.log_segments import records

BEGIN = first_head("chain-1", b"n" * 20)


def viewer(*subjects: object, basis: Basis = Basis.SUPERVISION) -> Viewer:
    asked = Viewer(b"v" * 20, b"s" * 20)
    for subject in subjects or (AccountContents(b"a" * 20),):
        asked.uses(Right(basis), subject)
    return asked


def log(volumes: Volumes | None = None, begin: Head = BEGIN, **more: int) -> ReadLog:
    return ReadLog(volumes or MemoryVolumes(), begin, lambda: 1_000, lambda: 7, **more)


def fill(made: ReadLog, count: int) -> None:
    for number in range(count):
        made.note(viewer(AccountContents(number.to_bytes(20, "big"))), "holdings", b"")


def test_an_entry_says_who_what_when_and_by_which_right() -> None:
    made = log()
    asked = Viewer(b"v" * 20, b"s" * 20)
    granted = Right(Basis.GRANT, b"g" * 32, Purpose.AUDIT)
    asked.uses(granted, AccountContents(b"a" * 20))
    asked.uses(granted, Business((Side(b"p" * 20, b"a" * 20),), "XMKT"))
    asked.uses(Right(Basis.CUSTODY), AccountContents(b"b" * 20))
    made.note(asked, "holdings", b"params")
    (entry,) = made.entries()
    assert (entry.number, entry.previous, entry.time_ms, entry.height) == (1, BEGIN.digest, 1_000, 7)
    assert (entry.viewer, entry.signer, entry.read, entry.params) == (
        b"v" * 20,
        b"s" * 20,
        "holdings",
        b"params",
    )
    grant, custody = entry.uses
    assert (grant.basis, grant.purpose, grant.grant, grant.count) == ("GRANT", "AUDIT", b"g" * 32, 2)
    assert [(one.kind, one.about) for one in grant.looked] == [
        ("AccountContents", (b"a" * 20,)),
        ("Business", (b"p" * 20, b"a" * 20, b"XMKT")),
    ]
    assert (custody.basis, custody.purpose, custody.grant, custody.count) == ("CUSTODY", "", b"", 1)


@pytest.mark.parametrize("basis", [Basis.PUBLIC, Basis.OWN])
def test_what_is_public_or_ones_own_is_not_logged(basis: Basis) -> None:
    made = log()
    made.note(viewer(PublicFact(), basis=basis), "status", b"")
    made.note(viewer(QueueCounts("XMKT")), "status", b"")
    made.note(Viewer(), "status", b"")
    assert made.head == BEGIN


def test_an_entry_is_bounded() -> None:
    made = log()
    many = [AccountContents(number.to_bytes(20, "big")) for number in range(500)]
    params = b"p" * (PARAMS_BYTES_MAX + 1)
    made.note(viewer(*many, *many), "accounts", params)
    (entry,) = made.entries()
    (use,) = entry.uses
    assert (use.count, len(use.looked)) == (500, SUBJECTS_NAMED_MAX)
    assert entry.params == sha256(params).digest()


def test_each_entry_commits_to_all_before_it() -> None:
    made = log()
    fill(made, 5)
    head = BEGIN
    for entry in made.entries():
        assert (entry.number, entry.previous) == (head.entries + 1, head.digest)
        head = next_head(head, encode(entry))
    assert made.head == head
    assert made.check([Head(0, BEGIN.digest), head]) == BEGIN
    assert [entry.number for entry in made.entries(4)] == [4, 5]


def test_many_at_once_make_one_chain() -> None:
    class Counted(MemoryVolumes):
        syncs = 0

        def begin(self, number: int) -> None:
            super().begin(number)
            sync = self.newest.sync
            self.newest.sync = lambda: (setattr(Counted, "syncs", Counted.syncs + 1), sync())[1]  # type: ignore

    made = log(Counted())
    threads = [threading.Thread(target=fill, args=(made, 50)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.head.entries == 400
    assert made.check([made.head]) == BEGIN
    assert Counted.syncs <= 400


# ---- what cannot be written is not shown ----


class Failing(MemoryVolumes):
    """Disks that are full for some entries, or whose syncs fail."""

    def __init__(self, full: tuple[int, ...] = (), unsynced: bool = False) -> None:
        super().__init__()
        self.full, self.unsynced = full, unsynced

    def begin(self, number: int) -> None:
        super().begin(number)
        volume = self.newest
        append = volume.append

        def appended(height: int, payload: bytes) -> None:
            if height in self.full:
                raise StorageFull(Path("reads"))
            append(height, payload)

        def synced() -> None:
            if self.unsynced:
                raise StorageFailed(Path("reads"), "the disk is gone")

        volume.append, volume.sync = appended, synced  # type: ignore[method-assign]


def test_a_full_disk_refuses_the_read_and_goes_on_when_there_is_room() -> None:
    volumes = Failing(full=(3,))
    made = log(volumes)
    fill(made, 2)
    head = made.head
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            fill(made, 1)
        assert refused.value.code is NodeRefusal.READ_CANNOT_BE_LOGGED
    assert made.head == head
    volumes.full = ()
    fill(made, 1)
    assert made.check([head, made.head]) == BEGIN


def test_a_failed_sync_refuses_every_read_that_shared_it() -> None:
    made = log(Failing(unsynced=True))
    refused: list[Refused] = []

    def read() -> None:
        try:
            fill(made, 1)
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 6
    assert made.head == BEGIN
    assert list(made.entries()) == []


# ---- tampering ----


def changed(volumes: MemoryVolumes, number: int, **fields: object) -> None:
    blocks = volumes.newest._blocks
    entry = replace(decode_exact(blocks[number - 1][1], ReadEntry), **fields)
    blocks[number - 1] = (blocks[number - 1][0], encode(entry))


def forget_who(volumes: MemoryVolumes) -> None:
    changed(volumes, 2, viewer=b"x" * 20)


def forget_what(volumes: MemoryVolumes) -> None:
    changed(volumes, 3, uses=())


def leave_one_out(volumes: MemoryVolumes) -> None:
    del volumes.newest._blocks[1]


def leave_the_first_out(volumes: MemoryVolumes) -> None:
    del volumes.newest._blocks[0]


def swap_two(volumes: MemoryVolumes) -> None:
    blocks = volumes.newest._blocks
    blocks[1], blocks[2] = blocks[2], blocks[1]


def cut_the_end_off(volumes: MemoryVolumes) -> None:
    del volumes.newest._blocks[-1]


def empty_it(volumes: MemoryVolumes) -> None:
    volumes.newest._blocks.clear()


def write_it_all_anew(volumes: MemoryVolumes) -> None:
    """A chain without fault, of other entries."""
    empty_it(volumes)
    fill(log(volumes), 4)
    changed_chain = log(volumes)
    changed_chain.note(viewer(AccountContents(b"innocent")), "holdings", b"")


def write_no_entry(volumes: MemoryVolumes) -> None:
    volumes.newest._blocks[1] = (2, b"\xc1")


def write_another_form(volumes: MemoryVolumes) -> None:
    number, payload = volumes.newest._blocks[1]
    volumes.newest._blocks[1] = (number, payload + b"\x00")


TAMPERING = (forget_who, forget_what, leave_one_out, leave_the_first_out, swap_two, cut_the_end_off)
TAMPERING += (empty_it, write_it_all_anew, write_no_entry, write_another_form)


@pytest.mark.parametrize("tamper", TAMPERING)
def test_tampering_shows_against_what_the_ledger_says(tamper: Callable[[MemoryVolumes], None]) -> None:
    volumes = MemoryVolumes()
    made = log(volumes)
    fill(made, 3)
    recorded = [made.head]
    fill(made, 2)
    recorded.append(made.head)
    assert made.check(recorded) == BEGIN
    tamper(volumes)
    with pytest.raises(LogTampered):
        made.check(recorded)


@pytest.mark.parametrize("tamper", [cut_the_end_off, write_it_all_anew])
def test_what_was_not_recorded_yet_can_be_changed_by_whoever_runs_the_node(
    tamper: Callable[[MemoryVolumes], None],
) -> None:
    """The limit of the design: what is recorded, and how often, decides how much an operator could still rewrite."""
    volumes = MemoryVolumes()
    made = log(volumes)
    fill(made, 5)
    tamper(volumes)
    made.check([])


def test_a_log_of_another_node_or_ledger_is_none_of_this_one() -> None:
    volumes = MemoryVolumes()
    fill(log(volumes), 2)
    for begin in (first_head("chain-1", b"m" * 20), first_head("chain-2", b"n" * 20)):
        with pytest.raises(LogTampered, match="another"):
            log(volumes, begin).check()


# ---- size ----


def test_old_volumes_make_room_and_the_rest_is_still_checked() -> None:
    volumes = MemoryVolumes()
    made = log(volumes, volume_bytes=1_000, volumes_kept=3)
    recorded = []
    for _ in range(10):
        fill(made, 10)
        recorded.append(made.head)
    numbers = volumes.numbers()
    assert len(numbers) == 3
    first = made.check(recorded)
    assert first.entries == numbers[0] - 1 > 10
    assert [entry.number for entry in made.entries()] == list(range(numbers[0], 101))
    assert [entry.number for entry in made.entries(numbers[1] + 1)] == list(range(numbers[1] + 1, 101))
    again = log(volumes, volume_bytes=1_000, volumes_kept=3)
    assert again.head == made.head
    fill(again, 5)
    assert again.check(recorded).entries >= first.entries


# ---- on disk ----


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_folder(tmp_path / "ledger", key_file=tmp_path / "key")
    return tmp_path / "ledger"


def test_on_disk_it_is_taken_up_where_it_ended(folder: Path) -> None:
    heads = []
    for _ in range(3):
        with open_folder(folder) as opened:
            made = log(FolderVolumes(opened), volume_bytes=1_000, volumes_kept=4)
            assert [made.head] == (heads[-1:] or [BEGIN])
            fill(made, 7)
            heads.append(made.head)
            made.check(heads)
            made.close()
    assert len(list((folder / "reads").iterdir())) <= 4


def test_on_disk_nothing_of_it_can_be_read(folder: Path) -> None:
    with open_folder(folder) as opened:
        made = log(FolderVolumes(opened))
        made.note(viewer(AccountContents(b"account of somebody!")), "holdings", b"")
        made.close()
    for file in folder.rglob("*"):
        if file.is_file():
            assert b"account of somebody!" not in file.read_bytes()
            assert b"holdings" not in file.read_bytes()


def test_the_remains_of_an_interrupted_write_are_no_entry(folder: Path) -> None:
    """Nobody was shown anything of it: what is shown was synced before."""
    with open_folder(folder) as opened:
        made = log(FolderVolumes(opened))
        fill(made, 3)
        head = made.head
        made.close()
    (file,) = folder.glob("reads/*/*.log")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[-40:-8])
    with open_folder(folder) as opened:
        made = log(FolderVolumes(opened))
        assert made.head == head
        fill(made, 1)
        assert made.check([head, made.head]) == BEGIN
        made.close()


def test_a_volume_without_entries_is_filled(folder: Path) -> None:
    """A crash between making the volume and its first entry."""
    with open_folder(folder) as opened:
        made = log(FolderVolumes(opened))
        fill(made, 2)
        FolderVolumes(opened).begin(3)
        made.close()
        again = log(FolderVolumes(opened))
        assert again.head == made.head
        fill(again, 1)
        assert again.check([again.head]) == BEGIN
        again.close()


def test_a_volume_that_did_not_have_to_make_room_is_missed() -> None:
    volumes = MemoryVolumes()
    made = log(volumes, volume_bytes=1_000, volumes_kept=9)
    fill(made, 20)
    assert 1 < len(volumes.numbers()) < 9
    volumes.drop(1)
    with pytest.raises(LogTampered, match="missing"):
        made.check()


def test_every_volume_is_sealed_anew_when_the_storage_key_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is read on, what comes follows it, and nothing is left under the older key."""
    keys = [new_storage_key(), new_storage_key()]
    monkeypatch.setenv(VARIABLE, keys[0].hex())
    path = tmp_path / "ledger"
    create_ledger(path, sandbox_genesis("reads"))
    with open_ledger(path, workers=0, start=False) as node:
        node.read_log._volume_bytes = 2_000
        fill(node.read_log, 40)
        before = list(node.read_log.entries())
        ask_for_change(path, *keys, None)
        finish_changes(node)
        fill(node.read_log, 5)
        entries = list(node.read_log.entries())
        assert entries[: len(before)] == before
        assert len(entries) == 45
        assert node.read_log.check() == first_head(node.chain_id, node.sealer.address)
    monkeypatch.setenv(VARIABLE, keys[1].hex())
    at_rest = AtRest.load(path)
    alone = at_rest.store_cipher(keys[1], at_rest.newest)
    opened = []
    for segment in sorted((path / "reads").glob("*/*.log")):
        head = parse_segment_head(segment.read_bytes()[:SEGMENT_HEAD_SIZE])
        assert head is not None
        found = [record for record in records(segment, head) if not record.head.is_mark]
        opened += [decode_exact(record.opened(segment, alone), ReadEntry) for record in found]
    assert sorted(opened, key=lambda entry: entry.number) == entries
    assert len(list((path / "reads").iterdir())) > 2
    with open_ledger(path, workers=0, start=False) as node:
        assert list(node.read_log.entries()) == entries
