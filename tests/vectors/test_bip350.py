"""The test vectors of BIP-350: which texts are bech32m, and which segregated-witness addresses they carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.primitives import bech32m


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (shared_data / "vectors" / "bip350_bech32m_vectors.json").read_text("utf-8")
    )
    return found


def test_valid_strings_decode_and_encode_back(vectors: dict[str, Any]) -> None:
    assert len(vectors["valid_bech32m"]) == 7
    for vector in vectors["valid_bech32m"]:
        text = vector["string"]
        prefix, groups = bech32m.decode_groups(text)
        assert bech32m.encode_groups(prefix, groups) == text.lower()


def test_invalid_strings_are_refused(vectors: dict[str, Any]) -> None:
    assert len(vectors["invalid_bech32m"]) == 14
    for vector in vectors["invalid_bech32m"]:
        with pytest.raises(ValueError, match="[a-z]"):
            bech32m.decode_groups(vector["string"])


def test_segwit_addresses_of_version_1_and_up(vectors: dict[str, Any]) -> None:
    """The witness program behind the address; version 0 keeps the older checksum, so its texts are refused here."""
    carried = 0
    for vector in vectors["valid_segwit"]:
        script = bytes.fromhex(vector["note"])
        if script[0] == 0:
            with pytest.raises(ValueError, match="checksum"):
                bech32m.decode_groups(vector["string"])
            continue
        _, groups = bech32m.decode_groups(vector["string"])
        assert groups[0] == script[0] - 0x50
        assert bech32m.to_bytes(groups[1:]) == script[2:]
        assert bech32m.to_groups(script[2:]) == groups[1:]
        carried += 1
    assert carried == 5


def test_segwit_addresses_with_a_wrong_checksum_case_or_padding(vectors: dict[str, Any]) -> None:
    """Of the invalid addresses, those that fail by bech32m itself and not by Bitcoin's own rules."""
    ours = ("Bech32 instead of Bech32m", "character", "Mixed case", "padding")
    refused = 0
    for vector in vectors["invalid_segwit"]:
        if not any(reason in vector["note"] for reason in ours):
            continue
        with pytest.raises(ValueError, match="[a-z]"):
            _, groups = bech32m.decode_groups(vector["string"])
            bech32m.to_bytes(groups[1:])
            pytest.fail(f"accepted: {vector}")
        refused += 1
    assert refused == 7
