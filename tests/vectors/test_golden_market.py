"""The bytes, roots and results of a scripted market day are what they were.

Where they are not meant to change, a failure here is a fork: nodes of two versions would part at that height. Where
they are, see `golden_market.py` for how the file is written anew.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.golden_market import pinned, read

CHANGED = "see tests/vectors/golden_market.py before you write the golden file anew"


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    return pinned()


@pytest.mark.parametrize("name", ["chain_id", "genesis_digest", "party", "first_item"])
def test_what_the_ledger_begins_with(now: dict[str, Any], name: str) -> None:
    assert now[name] == read()[name], CHANGED


def test_every_block_leads_to_the_same_header(now: dict[str, Any]) -> None:
    golden = read()["blocks"]
    for block, expected in zip(now["blocks"], golden, strict=False):
        assert block == expected, f"from height {expected['height']} on; {CHANGED}"
    assert len(now["blocks"]) == len(golden), CHANGED


def test_the_last_header_has_the_same_bytes(now: dict[str, Any]) -> None:
    assert now["last_header"] == read()["last_header"], CHANGED
