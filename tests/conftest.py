"""What every test can use: the depth of generated examples, and the folder of real data where it is present."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from counterfoil.node.logs import JsonFormatter, SafeFormatter

PROJECT = Path(__file__).resolve().parent.parent

_shared_machine = [HealthCheck.too_slow]
settings.register_profile(
    "fast", max_examples=60, deadline=None, print_blob=True, suppress_health_check=_shared_machine
)
settings.register_profile(
    "deep", max_examples=5_000, deadline=None, print_blob=True, suppress_health_check=_shared_machine
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(autouse=True)
def no_log_of_another() -> Iterator[None]:
    """A node that a test started in this process logs no further, least of all to a stream that is closed since."""
    root, asked = logging.getLogger(), logging.raiseExceptions
    level = root.level
    yield
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, SafeFormatter | JsonFormatter):
            root.removeHandler(handler)
    root.setLevel(level)
    logging.raiseExceptions = asked


@pytest.fixture(autouse=True, scope="module")
def environment_of_this_file_alone() -> Iterator[None]:
    """A storage key that one file's ledgers are opened with is not there for those of the next."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data and foreign test vectors; a test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("COUNTERFOIL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set COUNTERFOIL_DATA to its folder")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos", action="store_true", help="run the long fault tests of networks too (make chaos)"
    )
    parser.addoption(
        "--samples",
        type=int,
        default=30,
        help="how many replies of a kind the timing tests take first (make timing takes 1,000)",
    )


LONG = ("network", "e2e", "faults")
"""Folders whose files take long, most of it waiting, with few tests each: they are begun first, so that at the end of a
run no worker waits for another's."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long fault tests are a run of their own; in any other the long files come first."""
    if config.getoption("--chaos"):
        return
    left_out = [item for item in items if item.get_closest_marker("chaos")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return LONG.index(folder) if folder in LONG else len(LONG)
