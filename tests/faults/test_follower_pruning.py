"""A follower that lets old blocks go keeps every header and its owner's receipts, and is killed while it does so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli.main import app
from counterfoil.node.follower import FetchedReceipts, Follower, create_follower, open_follower
from counterfoil.node.network.settings import FOLLOWER_FILE, FollowerSettings, write_settings
from counterfoil.node.pruning import CannotPrune, Pruned, prune_follower
from counterfoil.node.restoring import restore
from counterfoil.state.headers import Header
from counterfoil.storage import fault_points
from counterfoil.storage import folder as folders
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.fault_points import AFTER_PRUNING_MARK, LOG_POINTS
from counterfoil.storage.folder import LedgerFolder
from counterfoil.verify import Trust
from tests.vectors.cometbft.followed import ListedSource, followed_blocks, handover
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.replayed import newest_signed, prover, replayed

BLOCKS = followed_blocks()
LAST, KEPT = len(BLOCKS), 10
BELOW = LAST - KEPT + 1
SEGMENT = 8_192


class Killed(BaseException):
    """In place of a killed process: nothing that comes after it runs."""


def open_small_log(
    self: LedgerFolder, name: str = folders.LOG_NAME, *, segment_size: int = SEGMENT
) -> BlockLog:
    (self.path / name).mkdir(exist_ok=True)
    return BlockLog(self.path / name, self.cipher, segment_size=segment_size)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(LedgerFolder, "open_log", open_small_log)
    yield
    fault_points.install(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a follower that has all blocks but the last two, and a receipt of an early one."""
    path = tmp_path / "follower"
    real = recorded()
    create_follower(path, real.genesis, encrypted=False)
    settings = FollowerSettings(
        "follower", Trust.in_genesis(real.genesis).chain_id, real.first, ("http://127.0.0.1:1",)
    )
    write_settings(path / FOLLOWER_FILE, settings)
    with open_follower(path) as follower:
        follower.believe(handover())
        follower.catch_up(ListedSource(BLOCKS[:-2]))
        follower.keep_receipts(receipts_of(2))
    return path


def receipts_of(height: int) -> FetchedReceipts:
    proof = prover(replayed()).receipts(height, [0], sealed=newest_signed())
    (shown,) = [found for found in proof.blocks if found.header.height == height]
    return FetchedReceipts(height, proof.receipts, shown.receipt_siblings)


def prune(folder: Path) -> Pruned:
    return prune_follower(folder, BELOW - 2, kept_least=KEPT)


def headers(follower: Follower) -> list[Header | None]:
    return [follower.header_of(block.block.height) for block in BLOCKS[: follower.height]]


def check(folder: Path) -> None:
    """All that a follower is for, after whatever happened to its folder."""
    with open_follower(folder) as follower:
        assert headers(follower) == [block.header for block in BLOCKS[: follower.height]]
        assert [follower.seal_of(one.block.height) for one in BLOCKS[: follower.height]] == [
            one.seal for one in BLOCKS[: follower.height]
        ]
        assert list(follower.fetched()) == [receipts_of(2)]
        assert follower.keep_receipts(receipts_of(2)), "checked against a header that alone is left"
        assert list(follower.blocks()) == list(BLOCKS[follower.blocks_from - 1 : follower.height])
        follower.catch_up(ListedSource(BLOCKS))
        assert follower.height == LAST


def test_headers_and_receipts_stay_and_the_log_shrinks(folder: Path) -> None:
    before = size(folder)
    found = prune(folder)
    assert found.segments > 1
    assert 1 < found.log_from <= found.below == BELOW - 2
    assert size(folder) < before
    with open_follower(folder) as follower:
        assert follower.blocks_from == found.log_from
        assert follower.light_block_of(found.log_from - 1) is None
        assert follower.light_block_of(LAST - 2) == BLOCKS[LAST - 3].light_block
    check(folder)
    again = prune_follower(folder, BELOW, kept_least=KEPT)
    assert again.log_from >= found.log_from
    with open_follower(folder) as follower:
        assert headers(follower) == [block.header for block in BLOCKS]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.log"))


@pytest.mark.parametrize("point", [*LOG_POINTS, AFTER_PRUNING_MARK])
@pytest.mark.parametrize("times", [1, 3])
def test_killed_anywhere_it_has_all_of_it_and_goes_on(folder: Path, point: str, times: int) -> None:
    left = times

    def handle(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left <= 0:
                raise Killed

    fault_points.install(handle)
    try:
        prune(folder)
    except Killed:
        assert left <= 0
    finally:
        fault_points.install(None)
    assert left <= 0 or times > 1, "the place was reached"
    with open_follower(folder) as follower:
        assert headers(follower) == [block.header for block in BLOCKS[:-2]]
    prune(folder)
    check(folder)


@pytest.mark.parametrize("below", [0, BELOW - 1, LAST])
def test_what_is_asked_for_most_stays(folder: Path, below: int) -> None:
    with pytest.raises(CannotPrune):
        prune_follower(folder, below, kept_least=KEPT)
    with pytest.raises(CannotPrune, match="kept in any case"):
        prune_follower(folder, 2)
    check(folder)


def test_a_pruned_followers_backup_is_restored(folder: Path, tmp_path: Path) -> None:
    prune(folder)
    target = tmp_path / "copy"
    done = CliRunner().invoke(app, ["backup", str(folder), str(target)])
    assert done.exit_code == 0, done.output
    assert restore(target, tmp_path / "back").height > 0
    check(tmp_path / "back")


def test_the_command_knows_a_follower(folder: Path) -> None:
    done = CliRunner().invoke(app, ["prune", str(folder), "--below", "3"])
    assert done.exit_code == 2
    assert "kept in any case" in done.output
