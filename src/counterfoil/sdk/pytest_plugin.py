"""Fixtures for the tests of those who build on the ledger; pytest finds them once the package is installed.

`sandbox_ledger` is a seeded sandbox in memory, fresh for each test and made in about a tenth of a second. A test that
needs an empty one makes it: `with Sandbox(seeded=False) as ledger: ...`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from counterfoil.sdk.sandbox import Sandbox


@pytest.fixture
def sandbox_ledger() -> Iterator[Sandbox]:
    """A seeded sandbox: personas, an open market, a share, a bond, and money."""
    from counterfoil.sdk.sandbox import Sandbox  # only where it is used: every test run loads this file

    with Sandbox() as ledger:
        yield ledger
