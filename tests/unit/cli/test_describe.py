"""Proven records in words: quantities as people read them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from counterfoil.cli.describe import describe
from counterfoil.modules.holdings.records import HOLDINGS, Holding
from counterfoil.modules.instruments.records import INSTRUMENTS
from counterfoil.primitives.codec import encode
from counterfoil.verify.verified import ProvenRecord
from tests.unit.policy.world import _instrument

ACCOUNT, CONTRA, BOND = bytes([1]) * 20, bytes([2]) * 20, bytes([3]) * 20


@pytest.mark.parametrize(
    ("scale", "account", "told"),
    [
        (2, ACCOUNT, "held 100,000.00 units available, 5.00 earmarked"),
        (0, ACCOUNT, "held 10,000,000 units available, 500 earmarked"),
        (2, CONTRA, "stood against 100,000.00 units issued"),
        (None, ACCOUNT, "held 10,000,000 smallest parts of a unit available, 500 earmarked"),
    ],
)
def test_a_holding_has_the_decimals_of_its_instrument(scale: int | None, account: bytes, told: str) -> None:
    """Where the proof shows the instrument; else it says that it does not know them."""
    named = []
    if scale is not None:
        bond = replace(_instrument(ACCOUNT, ACCOUNT), scale=scale, issuance_account=CONTRA)
        named.append(ProvenRecord(INSTRUMENTS.number, BOND, encode(bond), 1, 1))
    text = describe(named).record(HOLDINGS.number, account + BOND, encode(Holding(10_000_000, 500)))
    assert told in text
