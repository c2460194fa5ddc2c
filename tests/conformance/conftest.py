"""CometBFT's grammar of calls, where the foreign vectors are present."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.abnf import Grammar

VECTOR = "abci_call_grammar_abnf.txt"


@pytest.fixture(scope="session")
def call_grammar(shared_data: Path) -> Grammar:
    path = shared_data / "vectors" / VECTOR
    if not path.is_file():
        pytest.skip(f"no vector at {path}")
    return Grammar(path.read_text())
