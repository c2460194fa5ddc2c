"""A whole ledger whose disk betrays it: full, torn, flipped, mixed up. It is detected and named, and never served."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from counterfoil.engine.port import EngineStopped
from counterfoil.node.ledger import LAYOUTS, create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state.port import WriteBatch
from counterfoil.storage import files
from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.errors import CorruptStorage, StorageError, StorageFull
from counterfoil.storage.folder import open_folder
from tests.faults.ledgers import (
    KEY,
    PARAMETERS,
    Acknowledged,
    check_sound,
    content,
    hurt,
    make_ledger,
    opened,
    transactions,
)
from tests.faults.victim import STOPPED
from tests.model.desk import SECRETS

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
FLIPS = 400 if DEEP else 12
"""In each file; small files are flipped at every byte in the deep profile."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["encrypted", "plain"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its store written, then some blocks that only the log has."""
    path = Path(tmp_path_factory.mktemp(request.param)) / "ledger"
    make_ledger(path, encrypted=request.param == "encrypted")
    raws = transactions(path, 40, 7)
    found = hurt(path, raws, kill_after=lambda count: count >= 30)
    assert found.acknowledged
    return path


def copied(ledger: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ledger, tmp_path / "ledger"))


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def truth(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the undamaged ledger says."""
    with opened(copied(ledger, tmp_path_factory.mktemp("truth"))) as node:
        return content(node)


# Full


def test_a_full_disk_stops_the_ledger_and_loses_nothing(ledger: Path, tmp_path: Path) -> None:
    """No file may grow beyond a limit, as on a full disk: at some of them the log meets it first, at some the store."""
    sizes = [(ledger / name).stat().st_size for name in ("log/00000001.log", "store/data.mdb")]
    stopped = 0
    for limit in (sizes[0] + 3_000, sizes[0] + 60_000, sizes[1] + 50_000, max(sizes) + 200_000):
        folder = copied(ledger, tmp_path / str(limit))
        raws = transactions(folder, 300, 8)
        found = hurt(folder, raws, "--file-bytes", str(limit))
        if found.status == STOPPED:
            stopped += 1
            assert "no room" in found.words
            assert str(folder) in found.words
        check_sound(folder, found.acknowledged)
        again = hurt(folder, raws)
        assert again.status == 0, again.words
        check_sound(folder, [*found.acknowledged, *again.acknowledged])
    assert stopped


def failing(times: int, error: OSError) -> Callable[..., int]:
    """The file operation, which fails from its n-th call on."""
    genuine, calls = files.write_at, [0]

    def write(*arguments: Any) -> int:
        calls[0] += 1
        if calls[0] >= times:
            raise error
        return genuine(*arguments)

    return write


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_a_write_that_fails_stops_the_ledger_before_anybody_is_told(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    folder = copied(ledger, tmp_path)
    raws = transactions(folder, 30, 9)
    told = []
    node = open_ledger(folder, workers=0, scheduled=False)
    monkeypatch.setattr(files, "write_at", failing(times, OSError(28, "No space left on device")))
    for raw in raws:
        try:
            height, outcome = node.engine.submit(raw).result(30)
        except EngineStopped:
            break
        told.append((outcome.result.id, height, outcome.result.number))
    assert isinstance(node.engine.failure, StorageFull)
    monkeypatch.undo()
    node.close()
    check_sound(folder, [Acknowledged(*one) for one in told])


# Torn


def test_a_torn_tail_is_cut_off_and_told(ledger: Path, tmp_path: Path, truth: dict[str, Any]) -> None:
    folder = copied(ledger, tmp_path)
    log = folder / "log" / "00000001.log"
    whole = log.read_bytes()
    for tail in (b"\0", b"\0" * 5_000, whole[200:500], Random(1).randbytes(700)):
        log.write_bytes(whole + tail)
        with opened(folder) as node:
            assert node.log.torn_tail is not None
            assert node.log.torn_tail.last_height == node.height
            assert "interrupted write" in str(node.log.torn_tail)
            assert content(node) == truth


def test_a_log_that_lost_blocks_which_the_store_has_is_refused(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with opened(folder) as node:
        height = node.height
        blocks = [len(payload) for _, payload in node.log.read_from(height - 2)]
    log = folder / "log" / "00000001.log"
    log.write_bytes(log.read_bytes()[: -sum(blocks)])
    with (
        pytest.raises((InvariantViolation, CorruptStorage), match="missing|not what was written"),
        opened(folder),
    ):
        pass


# Flipped


def named(folder: Path, name: str, error: BaseException) -> None:
    """The error is one of those that say what is wrong and where."""
    assert isinstance(error, StorageError | InvariantViolation | ValueError), repr(error)
    words = (name.split("/")[0], "block", "genesis", "network secret", str(folder))
    assert any(word in str(error) for word in words), str(error)


def flips(folder: Path, name: str) -> Iterator[int]:
    size = (folder / name).stat().st_size
    chance = Random(name)
    if DEEP and size <= 8_192:
        yield from range(size)
    else:
        yield from sorted(chance.sample(range(size), min(FLIPS, size)))


def test_a_flipped_bit_in_any_file_is_named_or_harmless(
    ledger: Path, tmp_path: Path, truth: dict[str, Any]
) -> None:
    """Everything that the ledger can say is asked; nothing but the truth may come, or a named error."""
    folder = copied(ledger, tmp_path)
    chance = Random(11)
    found = dict.fromkeys(files_of(folder), 0)
    for name in found:
        if name == "lock":
            continue
        for at in flips(ledger, name):
            shutil.rmtree(folder)
            shutil.copytree(ledger, folder)
            data = bytearray((folder / name).read_bytes())
            data[at] ^= 1 << chance.randrange(8)
            (folder / name).write_bytes(data)
            try:
                with opened(folder) as node:
                    assert content(node) == truth, f"{name}: a flip at {at} was served"
            except AssertionError:
                raise
            except Exception as error:
                found[name] += 1
                named(folder, name, error)
    for name in ("genesis.json", "node-secrets", "FORMAT", "log/00000001.log"):
        assert found[name], f"{name}: no flip was noticed"


def test_a_flip_that_shows_only_while_it_works_stops_the_ledger(
    ledger: Path, tmp_path: Path, truth: dict[str, Any]
) -> None:
    """A record that is read for the first time by a rule: the ledger does not go on as if the rule had failed."""
    stopped = 0
    chance = Random(13)
    raws = transactions(ledger, 12, 10)
    for turn in range(60 if DEEP else 15):
        folder = copied(ledger, tmp_path / str(turn))
        path = folder / "store" / "data.mdb"
        data = bytearray(path.read_bytes())
        for _ in range(40):
            data[chance.randrange(8_192, len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            node = open_ledger(folder, workers=0, scheduled=False)
        except (StorageError, InvariantViolation):
            continue
        answered = []
        try:
            for raw in raws:
                _, outcome = node.engine.submit(raw).result(30)
                answered.append(outcome.result.number)
        except EngineStopped:
            stopped += 1
            assert isinstance(node.engine.failure, StorageError | InvariantViolation), node.engine.failure
        finally:
            try:
                node.close()
            except StorageError:
                stopped += 1
        assert 1099 not in answered, "damage was taken for a failing rule"


def test_a_saved_tree_that_is_not_the_last_blocks_is_refused(ledger: Path, tmp_path: Path) -> None:
    """Bytes that are whole, but not of this state: an older copy of a part, say."""
    os.environ[VARIABLE] = KEY
    for what in ("top", "count", "free"):
        folder = copied(ledger, tmp_path / what)
        with open_folder(folder) as place:
            store = place.open_store(LAYOUTS)
            batch = WriteBatch()
            batch.height, batch.first_version = store.height(), store.versions_end()
            if what == "top":
                level = max(level for level in range(8) if store.blob("tree", level << 40) is not None)
                found = store.blob("tree", level << 40)
                assert found is not None
                batch.blobs.append(("tree", level << 40, bytes([found[0] ^ 1]) + found[1:]))
            else:
                sizes = store.entry("meta", b"sizes")
                assert sizes is not None
                at = 0 if what == "count" else 8
                changed = int.from_bytes(sizes[at : at + 8], "big") + (1 if what == "count" else -1)
                if changed < 0:
                    continue
                batch.entries.append(
                    ("meta", b"sizes", sizes[:at] + changed.to_bytes(8, "big") + sizes[at + 8 :])
                )
            store.write(batch)
            store.close()
        with pytest.raises((InvariantViolation, StorageError)), opened(folder):
            pass


# Mixed up


@pytest.mark.parametrize("name", ["genesis.json", "node-secrets", "log", "store"])
def test_a_part_of_another_ledger_is_refused(ledger: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    encrypted = "aes" in (ledger / "at-rest").read_text(errors="replace")
    create_ledger(
        other, sandbox_genesis("other", parameters=PARAMETERS), encrypted=encrypted, secrets=SECRETS
    )
    folder = copied(ledger, tmp_path)
    target = folder / name
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(other / name, target)
    else:
        shutil.copy(other / name, target)
    if name == "node-secrets" and not encrypted:
        return  # they are the same secrets, and nothing hides them
    with pytest.raises((StorageError, InvariantViolation, ValueError)), opened(folder):
        pass


@pytest.mark.parametrize("name", ["genesis.json", "node-secrets", "FORMAT", "log/00000001.log", "at-rest"])
def test_a_part_that_is_gone_is_named_or_done_without(
    ledger: Path, tmp_path: Path, name: str, truth: dict[str, Any]
) -> None:
    folder = copied(ledger, tmp_path)
    (folder / name).unlink()
    try:
        with opened(folder) as node:
            assert content(node) == truth
    except (StorageError, InvariantViolation, ValueError) as error:
        named(folder, name, error)
        return
    assert name == "at-rest", "there is a second copy of it"


def test_a_lost_store_is_made_again_from_the_log(ledger: Path, tmp_path: Path, truth: dict[str, Any]) -> None:
    folder = copied(ledger, tmp_path)
    shutil.rmtree(folder / "store")
    with opened(folder) as node:
        found = content(node)
    assert {key: found[key] for key in truth if key != "rows"} == {
        key: truth[key] for key in truth if key != "rows"
    }
    assert found["rows"] == truth["rows"]
