"""One ledger with the cast of the visibility matrix for all tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.node.cast import Cast


@pytest.fixture(scope="session")
def cast() -> Iterator[Cast]:
    made = Cast()
    yield made
    made.close()
