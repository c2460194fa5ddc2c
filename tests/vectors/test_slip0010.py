"""The test vectors of SLIP-0010 for Ed25519: secrets, chain codes and public keys along each path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.custody import derivation
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.primitives.signatures import public_key_of


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> list[dict[str, Any]]:
    found = json.loads((shared_data / "vectors" / "slip0010_vectors.json").read_text("utf-8"))
    return [vector for vector in found if vector["title"].endswith("for ed25519")]


def path_of(chain: str) -> tuple[int, ...]:
    steps = chain.split("/")[1:]
    assert all(step.endswith("'") for step in steps), "Ed25519 has hardened steps only"
    return tuple(int(step[:-1]) for step in steps)


def test_every_node_is_as_published(vectors: list[dict[str, Any]]) -> None:
    checked = 0
    for vector in vectors:
        for expected in vector["nodes"]:
            node = derivation.derive(bytes.fromhex(vector["seed"]), path_of(expected["chain"]))
            assert node.secret.hex() == expected["private"]
            assert node.chain_code.hex() == expected["chain_code"]
            assert public_key_of(node.secret).hex() == "01" + expected["public"][2:]
            checked += 1
    assert (len(vectors), checked) == (2, 12)


def test_the_ledgers_path_is_its_own(vectors: list[dict[str, Any]]) -> None:
    seed = bytes.fromhex(vectors[0]["seed"])
    assert derivation.ledger_secret(seed, 7) == derivation.derive(seed, (0x4346, 0, 7)).secret
    assert len({derivation.ledger_secret(seed, index) for index in range(20)}) == 20


@pytest.mark.parametrize("index", [-1, 1 << 31, 1 << 32])
def test_a_number_that_is_no_step_is_refused(index: int) -> None:
    with pytest.raises(KeyStoreError):
        derivation.ledger_secret(bytes(16), index)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyStoreError, match="16 to 64"):
        derivation.master(bytes(size))


def test_a_path_has_an_end() -> None:
    with pytest.raises(KeyStoreError, match="at most 255"):
        derivation.derive(bytes(16), (0,) * 256)
