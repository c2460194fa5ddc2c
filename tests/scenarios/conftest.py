"""Every story begins on a seeded sandbox: `sandbox_ledger`, the fixture that comes with the package."""

from __future__ import annotations

import pytest

from counterfoil.sdk import Sandbox
from tests.scenarios.floor import Floor


@pytest.fixture
def floor(sandbox_ledger: Sandbox) -> Floor:
    return Floor(sandbox_ledger)
