"""A ledger that is exported, imported and replayed has the same header at every height, or there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.genesis import Genesis
from counterfoil.machine.transactions import Body, Mode, Signature, Transaction, sign_prefix
from counterfoil.modules.parties.messages import EnrolParty
from counterfoil.modules.parties.records import Role
from counterfoil.node import transfer
from counterfoil.node.ledger import LedgerNode, NodeSecrets, create_ledger, open_ledger
from counterfoil.node.transfer import (
    export_ledger,
    import_ledger,
    read_head,
    replay_export,
    replay_ledger,
)
from counterfoil.node.transfer_format import ArgonCost, TransferFileError
from counterfoil.primitives.codec import encode
from counterfoil.storage.errors import FolderRefused

REGULATOR = SandboxKey.from_name(b"s" * 16, "regulator")
CHEAP = ArgonCost(1, 8192)
PASSPHRASE = "open sesame please"
NAMES = ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot")


def genesis(name: str = "test") -> Genesis:
    party = {"name": "Regulator", "roles": ["regulator"], "signer": {"keys": [REGULATOR.public_key.hex()]}}
    return Genesis(
        name=name,
        time_ms=1_700_000_000_000,
        secret_commitment="",
        sealers=(),
        sandbox=True,
        sections={"parties": {"parties": [party]}},
    )


def enrol(node: LedgerNode, name: str) -> None:
    """One transaction in a block of its own."""
    named = node.machine.wired.parties_books.names.find(b"Regulator")
    assert named is not None
    regulator = named.party
    ask = EnrolParty(regulator, (Role.NOTARY,), name, "", os.urandom(20))
    expiry_ms = node.clock() + 60_000
    body = encode(Body(expiry_ms, os.urandom(16), (REGULATOR.address,), Mode.ALL_OR_NOTHING, (ask,)))
    signature = Signature(0, REGULATOR.public_key, REGULATOR.sign(sign_prefix(node.chain_id) + body))
    height, outcome = node.engine.submit(encode(Transaction(body, (signature,)))).result(30)
    assert outcome.result.number == 0, outcome.rejects
    assert height


def headers(node: LedgerNode) -> list[bytes]:
    return [logged.header.digest() for logged in node.blocks()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of a founding and six blocks."""
    path = tmp_path / "ledger"
    create_ledger(path, genesis(), encrypted=False)
    with open_ledger(path, workers=0) as node:
        for name in NAMES:
            enrol(node, name)
    return path


@pytest.fixture
def export(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ledger.export"
    with open_ledger(folder, workers=0) as node:
        export_ledger(node, path, PASSPHRASE, cost=CHEAP)
    return path


@pytest.fixture
def own_headers(folder: Path) -> list[bytes]:
    with open_ledger(folder, workers=0) as node:
        return headers(node)


def test_an_imported_ledger_has_the_same_header_at_every_height(
    folder: Path, export: Path, tmp_path: Path, own_headers: list[bytes]
) -> None:
    told: list[tuple[int, int]] = []
    target, key_file = tmp_path / "copy", tmp_path / "copy.key"
    last = import_ledger(
        export, target, PASSPHRASE, key_file=key_file, workers=0, progress=lambda *at: told.append(at)
    )
    assert last.height == len(NAMES) + 1
    assert told[-1] == (last.height, last.height)
    with open_ledger(target, workers=0) as node:
        assert headers(node) == own_headers
        assert node.machine.last == last
        enrol(node, "Golf")
    assert replay_ledger(target, workers=0).height == last.height + 1


def test_an_export_says_what_it_is_and_hides_the_rest(export: Path) -> None:
    head = read_head(export)
    assert head.sandbox
    assert head.height == len(NAMES) + 1
    assert head.chain_id.startswith("test-")
    data = export.read_bytes()
    assert b'"name": "Regulator"' in data or b'\\"name\\": \\"Regulator\\"' in data
    assert b"Alpha" not in data
    assert export.stat().st_mode & 0o077 == 0


def test_a_running_ledger_can_be_exported(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "running.export"
    with open_ledger(folder, workers=0) as node:

        def one_more(height: int, _last: int) -> None:
            if height == 3:
                enrol(node, "Golf")

        report = export_ledger(node, path, bytes(32), progress=one_more)
        assert node.height == report.height + 1
    assert report.file_bytes == path.stat().st_size
    assert replay_export(path, bytes(32), workers=0).height == report.height


@pytest.mark.parametrize("memory_limit", [1 << 20, 0])
def test_replay_compares_every_header(
    folder: Path, own_headers: list[bytes], memory_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MEMORY_LOG_BYTES", memory_limit)
    report = replay_ledger(folder, workers=0, check=True)
    assert report.header.digest() == own_headers[-1]
    assert (report.blocks, report.transactions) == (len(NAMES) + 1, len(NAMES))
    assert report.checked


def test_replay_of_an_export(export: Path) -> None:
    report = replay_export(export, PASSPHRASE, workers=0)
    assert (report.height, report.blocks) == (len(NAMES) + 1, len(NAMES) + 1)


def test_blocks_of_another_ledger_do_not_replay(folder: Path, tmp_path: Path) -> None:
    """The same genesis text, another network secret: found out at once."""
    with open_ledger(folder, workers=0) as node:
        other = NodeSecrets(bytes(32), node.secrets.sealer, node.secrets.opening)
        node.secrets = other
        path = tmp_path / "mixed.export"
        export_ledger(node, path, bytes(32))
    with pytest.raises(TransferFileError, match="network secret"):
        replay_export(path, bytes(32), workers=0)
    with pytest.raises(TransferFileError, match="network secret"):
        import_ledger(path, tmp_path / "copy", bytes(32), encrypted=False, workers=0)
    assert not (tmp_path / "copy").exists()


def test_a_block_that_was_changed_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "changed.export"
    with open_ledger(folder, workers=0) as node:
        blocks = dict(node.log.read_from(1))
        swapped = {**blocks, 4: blocks[5]}
        monkeypatch.setattr(node.log, "read_from", lambda _height: iter(swapped.items()))
        export_ledger(node, path, bytes(32))
    with pytest.raises(TransferFileError, match="does not replay"):
        import_ledger(path, tmp_path / "copy", bytes(32), encrypted=False, workers=0)
    assert list(tmp_path.glob("*copy*")) == []


def test_missing_blocks_at_the_end_are_noticed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "short.export"
    with open_ledger(folder, workers=0) as node:
        blocks = list(node.log.read_from(1))[:-1]
        monkeypatch.setattr(node.log, "read_from", lambda _height: iter(blocks))
        export_ledger(node, path, bytes(32))
    for work in (
        lambda: import_ledger(path, tmp_path / "copy", bytes(32), encrypted=False, workers=0),
        lambda: replay_export(path, bytes(32), workers=0),
    ):
        with pytest.raises(TransferFileError, match="does not end with the block"):
            work()
    assert list(tmp_path.glob("*copy*")) == []


@pytest.mark.parametrize("keep", [0, 5, 19, 30, 400, -40, -1])
def test_a_file_that_was_cut_off_opens_nothing(export: Path, tmp_path: Path, keep: int) -> None:
    cut = tmp_path / "cut.export"
    cut.write_bytes(export.read_bytes()[:keep])
    with pytest.raises(TransferFileError):
        import_ledger(cut, tmp_path / "copy", PASSPHRASE, encrypted=False, workers=0)
    assert list(tmp_path.glob("*copy*")) == []


def test_any_byte_that_was_changed_is_noticed(export: Path, tmp_path: Path) -> None:
    data = export.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        changed = tmp_path / f"changed-{place}.export"
        changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(TransferFileError):
            replay_export(changed, PASSPHRASE, workers=0)
    longer = tmp_path / "longer.export"
    longer.write_bytes(data + b"\0")
    with pytest.raises(TransferFileError):
        replay_export(longer, PASSPHRASE, workers=0)


@pytest.mark.parametrize("lock", ["another passphrase", bytes(32)])
def test_a_wrong_lock_is_refused(export: Path, lock: str | bytes) -> None:
    with pytest.raises(TransferFileError, match=r"does not open|opens with a passphrase"):
        replay_export(export, lock, workers=0)


def test_weak_locks_and_taken_names_are_refused(folder: Path, export: Path, tmp_path: Path) -> None:
    with open_ledger(folder, workers=0) as node:
        with pytest.raises(TransferFileError, match="at least 8"):
            export_ledger(node, tmp_path / "weak", "short")
        with pytest.raises(TransferFileError, match="32 bytes"):
            export_ledger(node, tmp_path / "weak", b"short")
        with pytest.raises(TransferFileError, match="already"):
            export_ledger(node, export, PASSPHRASE, cost=CHEAP)
    with pytest.raises(FolderRefused):
        import_ledger(export, folder, PASSPHRASE, workers=0)
    with pytest.raises(TransferFileError, match="no file"):
        read_head(tmp_path / "absent")
    with pytest.raises(TransferFileError, match="not an exported ledger"):
        read_head(Path(__file__))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ledger", "ledger.export"]
