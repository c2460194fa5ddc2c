"""A pruned ledger: what went, what still proves, what is refused by name, and a crash in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.node import pruning
from counterfoil.node.ledger import create_ledger, open_ledger, rebuild_store
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.pruning import CannotPrune, Pruned, prune_ledger
from counterfoil.node.refusals import NodeRefusal
from counterfoil.node.transfer import TransferFileError, export_ledger, replay_ledger
from counterfoil.sdk import Client, Fixtures, LedgerError, LocalConnection, persona_client, seed
from counterfoil.sdk.draft import Draft
from counterfoil.sdk.recipes import dvp
from counterfoil.storage import folder as folders
from counterfoil.storage.block_log import PRUNED_NAME, BlockLog
from counterfoil.storage.cipher import Checksums
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.fault_points import PRUNING_POINTS
from counterfoil.storage.folder import LedgerFolder
from counterfoil.verify import Trust, check_sealed_receipts, verify_proof
from tests.faults.ledgers import ENVIRONMENT, PROJECT

DEALS = 60
KEPT = 10
SEGMENT = 8_192


def open_small_log(
    self: LedgerFolder, name: str = folders.LOG_NAME, *, clear: bool = False, segment_size: int = SEGMENT
) -> BlockLog:
    return BlockLog(self.path / name, Checksums() if clear else self.cipher, segment_size=segment_size)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LedgerFolder, "open_log", open_small_log)


class World:
    """A ledger on which the seeded share changed hands in many blocks. balances: of the seller after each height."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        create_ledger(folder, sandbox_genesis("pruned"), encrypted=False)
        self.balances: dict[int, int] = {}
        self.drafts: list[tuple[Draft, int]] = []
        with open_ledger(folder, workers=0) as node:
            self.made: Fixtures = seed(lambda: LocalConnection(node))
            a, b = (persona_client(LocalConnection(node), name) for name in ("broker-a", "broker-b"))
            date = a.market(self.made.market).business_date
            for number in range(DEALS):
                message = dvp(
                    self.made.market,
                    f"P-{number}",
                    date,
                    seller=(a, self.made.accounts["broker-a"]),
                    buyer=(b, self.made.accounts["broker-b"]),
                    instrument=self.made.share,
                    quantity=1,
                    asset=self.made.euro,
                    amount=100,
                )
                draft = a.draft(message, signers=[a.keys[0].address, b.keys[0].address])
                height = a.submit(draft.sign(a.keys[0], b.keys[0])).height
                self.drafts.append((draft, height))
                self.balances[height] = held(a, self.made)
            self.last = node.height
            self.trust = Trust.in_genesis(node.genesis_bytes)
            self.root = node.state.root()
        self.below = self.drafts[DEALS // 2][1]

    def prune(self) -> Pruned:
        return prune_ledger(self.folder, self.below, kept_least=KEPT)


def held(client: Client, made: Fixtures, at: int | str = "") -> int:
    lines = client.holdings(made.accounts["broker-a"], at=str(at)).balances
    return next(
        line.available + line.earmarked for line in lines if line.instrument.instrument_id == made.share
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "l")


@pytest.fixture
def pruned(world: World) -> Iterator[tuple[World, Client]]:
    world.prune()
    with open_ledger(world.folder, workers=0) as node:
        yield world, persona_client(LocalConnection(node), "broker-a")


def test_blocks_and_receipts_go_and_the_root_stays(world: World) -> None:
    before = sum(path.stat().st_size for path in (world.folder / "log").glob("*.log"))
    found = world.prune()
    assert found.below == world.below
    assert found.segments > 1
    assert 1 < found.log_from <= world.below
    assert sum(path.stat().st_size for path in (world.folder / "log").glob("*.log")) < before
    with open_ledger(world.folder, workers=0) as node:
        assert (node.height, node.state.root()) == (world.last, world.root)
        assert node.state.blob("receipts", world.below - 1) is not None, "results stay"
        assert not node.machine.block_results(world.below - 1).receipts
        assert node.machine.block_results(world.below).receipts
        assert not node.state.blob("sealed", world.below - 1)
        assert node.state.blob("sealed", world.below)
        first = next(node.blocks()).block.height
        assert first == found.log_from
    again = world.prune()
    assert (again.blocks, again.segments) == (0, 0)


def test_what_was_on_the_ledger_at_any_height_is_still_read_and_proven(pruned: tuple[World, Client]) -> None:
    world, client = pruned
    for height, quantity in world.balances.items():
        assert held(client, world.made, height) == quantity
    for _, height in (world.drafts[2], world.drafts[-3]):
        for at in (height, height - 1):
            file = client.proof(
                "holding", account=world.made.accounts["broker-a"], instrument=world.made.share, at=str(at)
            )
            proven = verify_proof(file, world.trust)
            assert proven.height == at
            assert proven.records


def test_a_first_result_is_remembered_for_ever(pruned: tuple[World, Client]) -> None:
    world, client = pruned
    for draft, height in (world.drafts[0], world.drafts[-1]):
        answer = client.wait(draft, seconds=0)
        assert answer is not None
        assert (answer.height, answer.number) == (height, 0)


def test_what_went_is_refused_by_name_and_what_stayed_is_told(pruned: tuple[World, Client]) -> None:
    world, client = pruned
    account = world.made.accounts["broker-a"]
    old, new = world.drafts[1], world.drafts[-2]
    for ask in (
        lambda: client.history(account=account),
        lambda: client.history(account=account, first_height=world.below - 1),
        lambda: client.read("receipts"),
        lambda: client.read("sealed_receipts", first=world.below - 1),
        lambda: client.read("sealed_blocks"),
        lambda: client.proof("receipt", business=old[0].id, at=str(old[1])),
    ):
        with pytest.raises(LedgerError) as refused:
            ask()
        assert refused.value.name == NodeRefusal.HISTORY_IS_PRUNED.name
        assert refused.value.facts["first_height"] == str(world.below)
    told = client.history(account=account, first_height=world.below)
    assert [line.height for line in told][:2] == [
        world.drafts[DEALS // 2][1],
        world.drafts[DEALS // 2 + 1][1],
    ]
    assert all(line.authors for line in told), "the blocks of what is told are there"
    shown = list(client.sealed_receipts(world.below))
    assert [block.header.height for block in shown] == list(range(world.below, world.last + 1))
    for block in shown:
        check_sealed_receipts(block.header, block.receipts)
    file = client.proof("receipt", business=new[0].id, at=str(new[1]))
    assert verify_proof(file, world.trust).receipts


def test_what_needs_the_beginning_says_that_it_is_gone(world: World, tmp_path: Path) -> None:
    world.prune()
    with (
        open_ledger(world.folder, workers=0, start=False) as node,
        pytest.raises(TransferFileError, match="begins with"),
    ):
        export_ledger(node, tmp_path / "export", bytes(32))
    with pytest.raises(TransferFileError, match="begins with"):
        replay_ledger(world.folder, workers=0)
    with pytest.raises(CorruptStorage, match="does not begin with the founding"):
        rebuild_store(world.folder)
    with open_ledger(world.folder, workers=0) as node:
        assert node.state.root() == world.root, "the store that cannot be made again is still there"


def test_what_must_stay_is_not_pruned(world: World) -> None:
    for below, kept in ((world.last, KEPT), (0, KEPT), (-1, KEPT), (world.below, 10_000)):
        with pytest.raises(CannotPrune):
            prune_ledger(world.folder, below, kept_least=kept)
    assert pruning.KEPT_LEAST >= 1_000


def test_a_crash_in_the_middle_is_gone_on_from(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After receipts have gone, after the log's mark was made, and after some of its files went."""

    def crash(self: BlockLog, height: int) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(BlockLog, "prune", crash)
        world.prune()
    with open_ledger(world.folder, workers=0, start=False) as node:
        assert node.state.receipts_from == world.below
        assert node.log.first_height() == 1
    unlink, gone = Path.unlink, []

    def unlink_once(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".log":
            if gone:
                raise KeyboardInterrupt
            gone.append(self)
        unlink(self, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", unlink_once)
        world.prune()
    assert len(gone) == 1
    with open_ledger(world.folder, workers=0) as node:
        assert node.state.root() == world.root
        assert node.log.first_height() > 1
    assert world.prune().segments == 0


def test_a_log_that_lost_its_beginning_otherwise_is_damaged(tmp_path: Path) -> None:
    log = BlockLog(tmp_path, Checksums(), segment_size=SEGMENT)
    for height in range(1, 40):
        log.append(height, bytes(1_000))
    log.sync()
    assert log.prune(1) == 0
    assert log.prune(20) > 0
    kept = [height for height, _ in log.read_from(1)]
    assert kept == list(range(log.first_height(), 40))
    log.append(40, b"x")
    log.close()
    again = BlockLog(tmp_path, Checksums(), segment_size=SEGMENT)
    assert [height for height, _ in again.read_from(1)] == [*kept, 40]
    for height in range(41, 60):
        again.append(height, bytes(1_000))
    again.close()
    BlockLog(tmp_path, Checksums(), segment_size=SEGMENT).close()
    (tmp_path / PRUNED_NAME).write_text("x")
    with pytest.raises(CorruptStorage, match="where the log begins"):
        BlockLog(tmp_path, Checksums())
    (tmp_path / PRUNED_NAME).unlink()
    with pytest.raises(CorruptStorage, match="missing"):
        BlockLog(tmp_path, Checksums())


def test_the_command_says_what_may_go(world: World) -> None:
    done = CliRunner().invoke(app, ["prune", str(world.folder), "--below", str(world.below)])
    assert done.exit_code == Exit.USAGE
    assert "1000 are kept in any case" in done.output


PRUNE = """
import sys
from pathlib import Path
from tests.faults import test_pruning as here
here.LedgerFolder.open_log = here.open_small_log
here.prune_ledger(Path(sys.argv[1]), int(sys.argv[2]), kept_least=here.KEPT)
"""


@pytest.mark.parametrize("point", PRUNING_POINTS)
def test_killed_while_it_is_pruned(world: World, point: str) -> None:
    """It opens as it was, and pruning it again ends what was begun."""
    before = {path.name for path in (world.folder / "log").glob("*.log")}
    environment = {**ENVIRONMENT, "COUNTERFOIL_FAULT_POINT": point}
    command = [sys.executable, "-c", PRUNE, str(world.folder), str(world.below)]
    ended = subprocess.run(command, cwd=PROJECT, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert {path.name for path in (world.folder / "log").glob("*.log")} == before
    with open_ledger(world.folder, workers=0) as node:
        assert (node.height, node.state.root()) == (world.last, world.root)
    world.prune()
    with open_ledger(world.folder, workers=0) as node:
        assert (node.height, node.state.root()) == (world.last, world.root)
        assert 1 < next(node.blocks()).block.height <= world.below
    assert {path.name for path in (world.folder / "log").glob("*.log")} < before
