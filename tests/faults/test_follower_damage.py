"""A follower that is killed at any place, or whose folder is damaged, goes on from what it had checked, or says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.follower import SYNC_BLOCKS, Follower, create_follower, open_follower
from counterfoil.node.following import FollowedBlock
from counterfoil.storage import fault_points
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.fault_points import LOG_POINTS
from tests.vectors.cometbft.followed import ListedSource, followed_blocks, handover
from tests.vectors.cometbft.recorded import recorded

BLOCKS = followed_blocks()


class Killed(BaseException):
    """In place of a killed process: nothing that comes after it runs."""


@pytest.fixture(autouse=True)
def no_handler_left() -> Iterator[None]:
    yield
    fault_points.install(None)


def made(path: Path) -> Path:
    folder = path / "follower"
    create_follower(folder, recorded().genesis, encrypted=False)
    with open_follower(folder) as follower:
        follower.believe(handover())
    return folder


def killed_at(folder: Path, point: str, times: int) -> bool:
    """Catch up until the `times`-th time that a point is reached; whether that happened."""
    left = times

    def handle(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left <= 0:
                raise Killed

    follower: Follower | None = None
    try:
        follower = open_follower(folder)
        fault_points.install(handle)
        follower.catch_up(ListedSource(BLOCKS))
    except Killed:
        return True
    finally:
        fault_points.install(None)
        if follower is not None:
            follower.close()
    return False


@pytest.mark.parametrize("point", LOG_POINTS)
@pytest.mark.parametrize("times", [1, 2, 9])
def test_killed_anywhere_it_goes_on(tmp_path: Path, point: str, times: int) -> None:
    folder = made(tmp_path)
    killed_at(folder, point, times)
    with open_follower(folder) as follower:
        before = follower.height
        kept = list(follower.blocks())
        assert kept == list(BLOCKS[:before])
        source = ListedSource(BLOCKS)
        assert follower.catch_up(source) == len(BLOCKS) - before
        assert source.asked == list(range(before + 1, len(BLOCKS) + 1))
        assert list(follower.blocks()) == list(BLOCKS)


def test_a_torn_tail_is_fetched_again(tmp_path: Path) -> None:
    folder = made(tmp_path)
    with open_follower(folder) as follower:
        follower.catch_up(ListedSource(BLOCKS))
    file = next((folder / "log").glob("*.log"))
    whole = file.read_bytes()
    for cut in (1, 50, 700):
        file.write_bytes(whole[:-cut])
        with open_follower(folder) as follower:
            assert follower.height in (len(BLOCKS) - 1, len(BLOCKS))
            follower.catch_up(ListedSource(BLOCKS))
            assert list(follower.blocks()) == list(BLOCKS)


def test_damage_in_what_was_kept_is_named(tmp_path: Path) -> None:
    folder = made(tmp_path)
    with open_follower(folder) as follower:
        follower.catch_up(ListedSource(BLOCKS))
    file = next((folder / "log").glob("*.log"))
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(bytes(whole))
    with pytest.raises(CorruptStorage, match="is damaged"):
        open_follower(folder)


def test_half_a_handover_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "follower"
    create_follower(folder, recorded().genesis, encrypted=False)
    (folder / "handover.json.new").write_bytes(b"{")
    with open_follower(folder) as follower:
        assert follower.trust.handover is None
        follower.believe(handover())
        assert follower.catch_up(ListedSource(BLOCKS)) == len(BLOCKS)
    assert not (folder / "handover.json.new").exists()


def test_a_source_that_breaks_down_loses_nothing(tmp_path: Path) -> None:
    class Breaking(ListedSource):
        def followed_block(self, height: int) -> FollowedBlock:
            if height == 9:
                raise ConnectionError("gone")
            return super().followed_block(height)

    folder = made(tmp_path)
    with open_follower(folder) as follower:
        with pytest.raises(ConnectionError):
            follower.catch_up(Breaking(BLOCKS))
        assert follower.height == 8
    with open_follower(folder) as follower:
        assert follower.height == 8
    assert SYNC_BLOCKS > 8, "what was checked is synced before the failure is told"
